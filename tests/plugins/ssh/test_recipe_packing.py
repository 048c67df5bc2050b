"""What is in a package, byte for byte: odd names, modes and links, the same bytes each time; and what is left out."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from pushbot_plugins.ssh.settings import Layout
from pushbot_plugins.ssh.worker.recipe import package as packages
from pushbot_plugins.ssh.worker.recipe.cache import Cache
from pushbot_plugins.ssh.worker.seams import StepFailed
from tests.rig.shellhost import Origin, ShellHost, content

if TYPE_CHECKING:
    from pathlib import Path

ODD = [
    b"-",
    b"with space",
    b"with\nnewline",
    b"newline at the end\n",
    b"tab\tand 'quotes' \"double\" `back` $HOME $(id)",
    b"-rf",
    b"--checkpoint-action=exec=sh x",
    b"back\\slash\\n",
    b"*",
    b"#comment",
    b"~",
    b"carriage\rreturn",
    b"return at the end\r",
    b"\x01\x1b[31mred",
    b"umlaut-\xc3\xa4",
    b"latin-\xe4\xff",
    b"x" * 255,
    b"d/-/--",
    b"new/files/base/new",
    b"/".join([b"deep" * 20] * 12),
    b"list",
    b"end",
    b"files",
    b"record",
    b"%s %d {host}",
    b"a: FAILED",
]


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def host(tmp_path: Path) -> ShellHost:
    return ShellHost(tmp_path / "web1")


async def live(origin: Origin, host: ShellHost, **more: object) -> Path:
    """What is live after a deploy of what was committed last."""
    recipe = origin.recipe(origin.releasing(host.root, **more), origin.git("rev-parse", "HEAD"))
    await recipe.ship(host)
    await recipe.switch(host)
    await recipe.good(host)
    return host.live


def everything(folder: Path) -> dict[bytes, tuple[int, bytes | None]]:
    """Mode and content of all below a folder."""
    found: dict[bytes, tuple[int, bytes | None]] = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        text: bytes | None = None
        if stat.S_ISLNK(mode):
            text = os.fsencode(path.readlink())
        elif stat.S_ISREG(mode):
            text = path.read_bytes()
        found[os.fsencode(path.relative_to(folder))] = (mode, text)
    return found


def written(folder: Path, name: bytes, text: bytes) -> None:
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


@pytest.mark.parametrize("layout", list(Layout))
async def test_odd_names_survive_first_and_next(origin: Origin, host: ShellHost, layout: Layout) -> None:
    for number, name in enumerate(ODD):
        written(origin.folder, name, b"%d" % number)
    origin.commit()
    first = everything(await live(origin, host, layout=layout))
    assert {name for name in first if stat.S_ISREG(first[name][0])} == set(ODD)
    for name in ODD[::2]:
        written(origin.folder, name, b"changed")
    origin.commit()
    second = everything(await live(origin, host, layout=layout))
    assert second == first | {name: (first[name][0], b"changed") for name in ODD[::2]}
    assert len(host.fed) == 2
    await live(origin, host, layout=layout, verify_all=True)
    assert len(host.fed) == 2


async def test_modes_links_and_empty_folders_survive(origin: Origin, host: ShellHost) -> None:
    build = """
        umask 022
        mkdir empty closed open; chmod 777 open; chmod 555 closed; mkdir -p a/b/c
        echo x >run; chmod 755 run; echo x >private; chmod 600 private; echo x >secret; chmod 000 secret
        ln -s run link; ln -s /etc/hostname outside; ln -s ../../.. up; ln -s nowhere dangling; ln -s a/b folder
        ln -s 'odd
        target' odd; ln run twice
    """
    origin.commit(index="one")
    found = everything(await live(origin, host, build=build))
    modes = {name.decode(): stat.S_IMODE(mode) for name, (mode, _) in found.items() if not stat.S_ISLNK(mode)}
    assert modes == {
        "a": 0o755,
        "a/b": 0o755,
        "a/b/c": 0o755,
        "empty": 0o755,
        "closed": 0o755,
        "open": 0o777,
        "index": 0o644,
        "run": 0o755,
        "twice": 0o755,
        "private": 0o600,
        "secret": 0o400,
    }
    links = {name.decode(): text for name, (mode, text) in found.items() if stat.S_ISLNK(mode)}
    assert {name: text for name, text in links.items() if name != "odd"} == {
        "link": b"run",
        "outside": b"/etc/hostname",
        "up": b"../../..",
        "dangling": b"nowhere",
        "folder": b"a/b",
    }
    before = found
    origin.commit(index="two")
    found = everything(await live(origin, host, build=build + "chmod 700 a/b; rm dangling; ln -s elsewhere dangling"))
    assert found[b"a/b"][0] == stat.S_IFDIR | 0o700
    assert found[b"dangling"][1] == b"elsewhere"
    assert {each for each in before if before[each] != found[each]} == {b"a/b", b"dangling", b"index"}


async def test_what_was_one_kind_may_become_another(origin: Origin, host: ShellHost) -> None:
    origin.commit(**{"a/one": "1", "b": "file", "c/d": "x"})
    first = await live(origin, host, build="ln -s a link")
    origin.git("rm", "-rq", ".")
    origin.commit(**{"a": "file", "b/one": "1", "link/one": "not through the link"})
    second = await live(origin, host)
    assert content(second) == {"a": "file", "b/one": "1", "link/one": "not through the link"}
    assert content(first) == {"a/one": "1", "b": "file", "c/d": "x", "link": "-> a"}
    assert len(host.fed) == 2


async def test_many_unchanged_files_come_compressed(
    origin: Origin, host: ShellHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "MANY", 10_000)
    origin.commit(**{f"file{number}": "same" for number in range(50)})
    await live(origin, host)
    origin.commit(file1="changed")
    assert content(await live(origin, host)) == {f"file{n}": "changed" if n == 1 else "same" for n in range(50)}
    assert host.fed[1] < 3000


async def test_only_the_subfolder_and_without_what_is_excluded(origin: Origin, host: ShellHost) -> None:
    origin.commit(
        **{"dist/index": "1", "dist/a/x.map": "m", "dist/a/x.js": "j", "dist/tmp/y": "t", "dist/a/tmp": "t", "src": "s"}
    )
    found = content(await live(origin, host, subfolder="dist", exclude=("*.map", "/tmp")))
    assert found == {"index": "1", "a/x.js": "j", "a/tmp": "t"}


@pytest.mark.parametrize("subfolder", ["dist", "a/dist"])
async def test_a_subfolder_that_leads_out_is_not_shipped(origin: Origin, host: ShellHost, subfolder: str) -> None:
    (origin.folder / "a").mkdir()
    (origin.folder / subfolder).symlink_to("/etc")
    origin.commit(index="1")
    with pytest.raises(StepFailed, match="there is no folder"):
        await live(origin, host, subfolder=subfolder)


async def test_what_cannot_be_shipped_is_named(origin: Origin, host: ShellHost) -> None:
    origin.commit(index="1")
    with pytest.raises(StepFailed, match="'run/pipe' is neither a file, a folder nor a link"):
        await live(origin, host, build="mkdir run; mkfifo run/pipe")
    assert content(await live(origin, host, build="mkdir run; mkfifo run/pipe", exclude=("pipe",)))
    with pytest.raises(StepFailed, match="nothing to ship"):
        await live(origin, host, exclude=("*",))


async def test_the_same_revision_makes_the_same_bytes(tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    revision = origin.commit(**{"b/c": "1", "a": "2", "z": "3"})
    bodies = []
    for number in range(2):
        origin.cache = tmp_path / f"cache{number}"
        recipe = origin.recipe(origin.releasing(tmp_path / "app"), revision)
        await recipe.prepare()
        (body,) = origin.cache.glob("*/packages/*.body")
        bodies.append(body.read_bytes())
    assert bodies[0] == bodies[1]


async def test_a_file_keeps_its_time_until_it_changes(origin: Origin, host: ShellHost) -> None:
    origin.commit(a="1", b="1", when="2026-01-01T00:00:00Z")
    first = await live(origin, host)
    origin.commit(a="1", b="2", when="2026-01-02T00:00:00Z")
    second = await live(origin, host)
    origin.commit(a="1", b="1", when="2026-01-03T00:00:00Z")
    third = await live(origin, host)
    day = [
        [int((folder / name).stat().st_mtime - 1767225600) / 86400 for name in "ab"]
        for folder in (first, second, third)
    ]
    assert day == [[0, 0], [0, 1], [0, 2]]


async def test_a_damaged_package_is_made_again(origin: Origin, host: ShellHost) -> None:
    origin.commit(index="one")
    await live(origin, host)
    (body,) = origin.cache.glob("*/packages/*.body")
    body.write_bytes(body.read_bytes().replace(b"one", b"ONE"))
    other = ShellHost(host.home.with_name("web2"))
    assert content(await live(origin, other)) == {"index": "one"}


async def test_old_packages_go(origin: Origin, tmp_path: Path) -> None:
    for number in range(5):
        recipe = origin.recipe(origin.releasing(tmp_path / "app", keep=2), origin.commit(index=f"{number}"))
        await recipe.prepare()
    assert len(list(origin.cache.glob("*/packages/*.body"))) == 2
    assert len(list(origin.cache.glob("*/manifests/*"))) == 5
    assert not list(origin.cache.glob("*/new-*"))


async def test_a_cache_in_use_is_waited_for(origin: Origin) -> None:
    cache = Cache(str(origin.cache), str(origin.folder), 5)
    waits: list[str] = []
    async with cache.locked(1, lambda: waits.append("first")):
        with pytest.raises(StepFailed, match=r"another run has used .* for 0\.2s"):
            async with Cache(str(origin.cache), str(origin.folder), 5).locked(0.2, lambda: waits.append("second")):
                pytest.fail("both have it")
    assert waits == ["second"]


async def test_a_damaged_stream_is_named(origin: Origin, host: ShellHost, monkeypatch: pytest.MonkeyPatch) -> None:
    origin.commit(index="one", other="two")
    recipe = origin.recipe(origin.releasing(host.root), origin.git("rev-parse", "HEAD"))
    await recipe.prepare()
    original = packages.Stream.slices

    def damaged(stream: packages.Stream) -> list[bytes]:
        return [bytes(piece).replace(b"two", b"TWO") for piece in original(stream)]

    monkeypatch.setattr(packages.Stream, "slices", damaged)
    with pytest.raises(Exception, match="other is not what was sent"):
        await recipe.ship(host)
    assert not list((host.root / "releases").iterdir())


async def test_git_attributes_do_not_hide_files(origin: Origin, host: ShellHost) -> None:
    origin.commit(**{".gitattributes": "hidden export-ignore\n", "hidden": "here"})
    assert (await live(origin, host)).joinpath("hidden").read_text() == "here"
