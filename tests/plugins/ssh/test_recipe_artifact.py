"""Packages made elsewhere: fetched over real HTTP, the next place tried, and unpacked so that nothing gets out."""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pushbot_plugins.ssh.settings import Artifact
from pushbot_plugins.ssh.worker.recipe import unpacking
from pushbot_plugins.ssh.worker.seams import StepFailed
from tests.rig.shellhost import Origin, ShellHost, content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {"index": "one", "bin/run": "#!/bin/sh\n", "empty/": ""}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server:
    """A folder, served."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    made = [Server(tmp_path / f"served{number}") for number in range(2)]
    yield made
    for each in made:
        each.close()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def host(tmp_path: Path) -> ShellHost:
    return ShellHost(tmp_path / "web1")


def tarred(mode: str = "w:gz", **files: str) -> bytes:
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
            for name, text in (files or FILES).items():
                info = tarfile.TarInfo(name)
                info.mode, info.mtime = 0o755, 1767225600
                if name.endswith("/"):
                    info.type = tarfile.DIRTYPE
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        return out.getvalue()


def zipped() -> bytes:
    with io.BytesIO() as out:
        with zipfile.ZipFile(out, "w") as packed:
            for name, text in FILES.items():
                info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                info.external_attr = (stat.S_IFREG | 0o755) << 16 if not name.endswith("/") else 0x10
                packed.writestr(info, text)
            link = zipfile.ZipInfo("link", (2026, 1, 1, 0, 0, 0))
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            packed.writestr(link, "bin/run")
        return out.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def live(origin: Origin, host: ShellHost, artifact: Artifact, revision: str = "v1.2") -> Path:
    releasing = origin.releasing(host.root, repository="", artifact=artifact)
    recipe = origin.recipe(releasing, revision)
    await recipe.ship(host)
    await recipe.switch(host)
    await recipe.good(host)
    return host.live


@pytest.mark.parametrize("name", ["app.tar", "app.tar.gz", "app.zip"])
async def test_an_artifact_becomes_a_release(origin: Origin, host: ShellHost, servers: list[Server], name: str) -> None:
    data = {"app.tar": tarred("w"), "app.tar.gz": tarred(), "app.zip": zipped()}[name]
    folder = servers[0].folder / "v1.2"
    folder.mkdir()
    (folder / name).write_bytes(data)
    (folder / f"{name}.sha256").write_text(f"{sha256(data)}  {name}\n")
    url = f"{servers[0].url}/{{revision}}/{name}"
    found = await live(origin, host, Artifact(urls=(url,), sha256=f"{url}.sha256"))
    wanted = {"index": "one", "bin/run": "#!/bin/sh\n", "empty": "(empty)"}
    assert content(found) == wanted | ({"link": "-> bin/run"} if name == "app.zip" else {})
    assert stat.S_IMODE((found / "bin" / "run").stat().st_mode) == 0o755
    assert (found / "index").stat().st_mtime == 1767225600
    (folder / name).unlink()
    await live(origin, host, Artifact(urls=(url,), sha256=f"{url}.sha256"))
    assert len(host.fed) == 1


async def test_the_next_place_is_tried_when_one_is_corrupt_or_silent(
    origin: Origin, host: ShellHost, servers: list[Server], tmp_path: Path
) -> None:
    data = tarred()
    corrupt = data[:-20] + b"x" * 20
    (servers[0].folder / "app.tgz").write_bytes(corrupt)
    (tmp_path / "app.tgz").write_bytes(data)
    gone = Server(tmp_path / "gone")
    gone.close()
    urls = (f"{gone.url}/app.tgz", f"{servers[1].url}/app.tgz", f"{servers[0].url}/app.tgz", str(tmp_path / "app.tgz"))
    await live(origin, host, Artifact(urls=urls, sha256=sha256(data)))
    notes = [each for each in origin.told.notes if "next place" in each]
    assert [each.split(": ", 1)[1] for each in notes] == [
        "it cannot be reached: [Errno 111] Connection refused; the next place is tried",
        "it answers 404; the next place is tried",
        f"it is corrupt (SHA-256 {sha256(corrupt)[:12]}…, wanted {sha256(data)[:12]}…); the next place is tried",
    ]


async def test_no_place_has_it(origin: Origin, host: ShellHost, servers: list[Server]) -> None:
    (servers[0].folder / "app.zip").write_bytes(zipped())
    (servers[0].folder / "sum").write_text("not a digest")
    url = f"{servers[0].url}/app.zip"
    with pytest.raises(StepFailed, match=r"no place has the artifact of v1\.2: .* it is corrupt"):
        await live(origin, host, Artifact(urls=(url,), sha256="0" * 64))
    with pytest.raises(StepFailed, match="its digest cannot be had"):
        await live(origin, host, Artifact(urls=(url,), sha256=f"{servers[0].url}/sum"))
    with pytest.raises(StepFailed, match=r"its digest cannot be had \(it answers 404"):
        await live(origin, host, Artifact(urls=(url,), sha256=f"{servers[0].url}/none"))
    assert not host.fed


@pytest.mark.parametrize("revision", ["../../etc/passwd", "a b", "", "x\ny"])
async def test_a_revision_is_no_way_out(origin: Origin, host: ShellHost, tmp_path: Path, revision: str) -> None:
    with pytest.raises(StepFailed) as caught:
        await live(origin, host, Artifact(urls=(f"{tmp_path}/{{revision}}.zip",), sha256="0" * 64), revision)
    assert caught.value.step == "identify"


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", text: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(text), 0o777
    return info


HOSTILE = {
    "leads out of the release": [
        [member("/etc/cron.d/x")],
        [member("../x")],
        [member("a/../../x")],
        [member("a", tarfile.SYMTYPE, "/etc")],
        [member("a/b/c", tarfile.SYMTYPE, "../../../x")],
        [member("a", tarfile.SYMTYPE, "..")],
        [member("a", tarfile.LNKTYPE, "../../etc/passwd")],
    ],
    "is no folder": [
        [member("a", tarfile.SYMTYPE, "b"), member("a/x")],
        [member("a"), member("a/x")],
    ],
    "twice": [
        [member("a", tarfile.SYMTYPE, "b"), member("a")],
        [member("a"), member("a", tarfile.DIRTYPE)],
    ],
    "no file before it": [[member("a", tarfile.LNKTYPE, "b")], [member("a", tarfile.LNKTYPE, "/etc/passwd")]],
    "neither a file": [
        [member("a", tarfile.CHRTYPE)],
        [member("a", tarfile.FIFOTYPE)],
    ],
}


@pytest.mark.parametrize(
    ("why", "number"), [(why, number) for why, all_of in HOSTILE.items() for number in range(len(all_of))]
)
def test_what_would_get_out_is_refused(tmp_path: Path, why: str, number: int) -> None:
    archive, folder = tmp_path / "x.tar", tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    with tarfile.open(archive, "w") as tar:
        for info in [member("fine"), *HOSTILE[why][number]]:
            tar.addfile(info, io.BytesIO())
    with pytest.raises(unpacking.Refused, match=f"{why}|leads out"):
        unpacking.unpack(archive, "", folder)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["side"]
    assert not any(path.is_symlink() for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_zips_do_not_get_out_either(tmp_path: Path, name: str) -> None:
    archive, folder = tmp_path / "x.zip", tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(name, "x")
    with pytest.raises(unpacking.Refused, match="leads out"):
        unpacking.unpack(archive, "zip", folder)


@pytest.mark.parametrize("packed", ["", "gz", "zip"])
def test_what_is_damaged_is_refused(tmp_path: Path, packed: str) -> None:
    data = {"": tarred("w"), "gz": tarred(), "zip": zipped()}[packed]
    for cut in (0, 10, {"": 600, "gz": len(data) // 2, "zip": len(data) - 5}[packed]):
        archive, folder = tmp_path / "x", tmp_path / f"in{cut}"
        archive.write_bytes(data[:cut])
        folder.mkdir()
        with pytest.raises(unpacking.Refused, match="damaged"):
            unpacking.unpack(archive, packed, folder)


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "x.tgz"
    archive.write_bytes(tarred(**{f"file{number}": "0" * 1000 for number in range(20)}))
    (tmp_path / "in").mkdir()
    monkeypatch.setattr(unpacking, "LARGEST", 5000)
    with pytest.raises(unpacking.Refused, match="more than"):
        unpacking.unpack(archive, "gz", tmp_path / "in")
    monkeypatch.setattr(unpacking, "LARGEST", 50_000)
    monkeypatch.setattr(unpacking, "MOST", 10)
    (tmp_path / "again").mkdir()
    with pytest.raises(unpacking.Refused, match="more than 10 members"):
        unpacking.unpack(archive, "gz", tmp_path / "again")


def test_hard_links_and_rights(tmp_path: Path) -> None:
    archive, folder = tmp_path / "x.tar", tmp_path / "in"
    folder.mkdir()
    with tarfile.open(archive, "w") as tar:
        info = member("a", text="text")
        info.mode = 0o6777
        tar.addfile(info, io.BytesIO(b"text"))
        tar.addfile(member("./b/c", tarfile.LNKTYPE, "a"))
        tar.addfile(member("l", tarfile.SYMTYPE, "b/c"))
    unpacking.unpack(archive, "", folder)
    assert content(folder) == {"a": "text", "b/c": "text", "l": "-> b/c"}
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o755
