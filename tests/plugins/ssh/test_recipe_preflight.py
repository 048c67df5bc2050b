"""Hosts that lack what a release needs: tools, versions, ports, room, rights; each said in words, and nothing begun."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.fleet.model import Host
from pushbot_plugins.ssh.worker.seams import HostTrouble
from tests.rig.shellhost import Origin, ShellHost, content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pushbot_plugins.ssh.settings import Releasing


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def host(tmp_path: Path) -> ShellHost:
    return ShellHost(tmp_path / "web1")


def tool(host: ShellHost, name: str, text: str) -> None:
    """A program on the host's PATH."""
    folder = host.home / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    host.env["PATH"] = f"{folder}:/usr/bin:/bin"


async def shipped(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    await origin.recipe(releasing, origin.commit(index="one")).ship(host)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("openjdk 17.0.9 2023-10-17", None),
        ("openjdk 21 2023-09-19", None),
        ("openjdk 11.0.21 2023-10-17", "found 11.0.21"),
        ("v16.20.1", "found 16.20.1"),
        ("tool (GNU) 17", None),
        ("nothing", "does not tell its version"),
    ],
)
async def test_versions_are_compared(origin: Origin, host: ShellHost, said: str, found: str | None) -> None:
    tool(host, "java", f'[ "$1" = --version ] && echo "{said}"')
    releasing = origin.releasing(host.root, needs=("java>=17",))
    if found is None:
        await shipped(origin, host, releasing)
    else:
        with pytest.raises(HostTrouble, match=f"java 17 or newer is wanted.*{found}") as caught:
            await shipped(origin, host, releasing)
        assert caught.value.phase == "preflight"


async def test_an_old_java_is_asked_as_it_can_be(origin: Origin, host: ShellHost) -> None:
    tool(host, "java", 'if [ "$1" = -version ]; then echo "java version \\"1.8.0_292\\"" >&2; else exit 1; fi')
    await shipped(origin, host, origin.releasing(host.root, needs=("java>=1.8",)))
    with pytest.raises(HostTrouble, match=r"java 17 or newer is wanted, found 1\.8\.0"):
        await shipped(origin, host, origin.releasing(host.root, needs=("java>=17", "sh", "tar>=1.2")))


async def test_all_that_is_missing_is_named(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, needs=("nowhere>=2", "tar>=99", "$(touch x)>=1"))
    with pytest.raises(HostTrouble) as caught:
        await shipped(origin, host, releasing)
    assert re.fullmatch(
        r"nowhere 2 or newer is wanted, and there is none on the PATH; tar 99 or newer is wanted, found 1\.\d+;"
        r" \$\(touch x\) 1 or newer is wanted, and there is none on the PATH",
        str(caught.value),
    )
    assert not (host.home / "x").exists()


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[tuple[int, int]]:
    """A process that listens, started in that folder; its port and number."""
    text = "import socket,sys; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1],flush=True); input()"
    with subprocess.Popen(
        (sys.executable, "-c", text), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.kill()


async def test_ports_are_free_or_ours(origin: Origin, host: ShellHost, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    await shipped(origin, host, origin.releasing(host.root, ports=(port,)))
    with listening(host.root) as (ours, _), listening(tmp_path) as (theirs, pid):
        await shipped(origin, host, origin.releasing(host.root, ports=(port, ours)))
        with pytest.raises(HostTrouble, match=f"port {theirs} is taken by process {pid} \\(python.*none of ours"):
            await shipped(origin, host, origin.releasing(host.root, ports=(ours, theirs)))


async def test_tools_of_ours_that_are_missing(origin: Origin, host: ShellHost) -> None:
    folder = host.home / "few"
    folder.mkdir()
    for name in ("sh", "stat", "readlink", "mv", "ln", "xargs"):
        (folder / name).symlink_to(f"/bin/{name}")
    host.env["PATH"] = str(folder)
    with pytest.raises(HostTrouble, match=r"tar, b2sum is missing on the host"):
        await shipped(origin, host, origin.releasing(host.root))


async def test_room_is_looked_for_first(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, free=10**18)
    with pytest.raises(HostTrouble, match=rf"no space left on {host.root} \(needs 1000000000000 MB, has \d+ MB\)"):
        await shipped(origin, host, releasing)
    assert not list((host.root / ".pushbot").iterdir())


async def test_files_that_do_not_fit(origin: Origin, host: ShellHost) -> None:
    tool(host, "stat", "echo left 9999999 4096 2 9999")
    with pytest.raises(HostTrouble, match=rf"no inodes left on {host.root} \(needs 3, has 2\)"):
        await origin.recipe(origin.releasing(host.root, free=1), origin.commit(a="", b="", c="")).ship(host)


async def test_a_file_that_is_too_large(origin: Origin, host: ShellHost) -> None:
    recipe = origin.recipe(origin.releasing(host.root), origin.commit(index="one", large="x" * 200_000))
    host.wrapped = ["/bin/sh", "-c", 'ulimit -f 100; trap "" XFSZ; exec "$@"', "sh"]
    with pytest.raises(HostTrouble, match=f"a file could not be written in full below {host.root}"):
        await recipe.ship(host)
    assert not list((host.root / "releases").iterdir())
    assert not list((host.root / ".pushbot").iterdir())
    host.wrapped = []
    await recipe.ship(host)


@pytest.mark.parametrize("size", [3, 8])
async def test_a_disk_that_is_full(origin: Origin, host: ShellHost, size: int) -> None:
    recipe = origin.recipe(origin.releasing(host.root), origin.commit(index="one", large="x" * size * 1_000_000))
    # This host has a file system of its own of 1 MiB: a tmpfs in a mount namespace. 8 MB are refused before they come.
    host.wrapped = ["unshare", "--map-root-user", "--mount", "/bin/sh", "-c", TMPFS, str(host.root)]
    with pytest.raises(HostTrouble, match=rf"no space left on {host.root} \(needs {size} MB, has [01](\.\d)? MB\)"):
        await recipe.ship(host)
    host.wrapped = []
    await recipe.ship(host)


TMPFS = 'mkdir -p "$0" && mount -t tmpfs -o size=1m tmpfs "$0" || exit 99; exec "$@"'
"""`$0` is where."""


async def test_a_folder_that_cannot_be_written(origin: Origin, host: ShellHost) -> None:
    host.root.mkdir(mode=0o555)
    if os.getuid() == 0:  # who may write everywhere, so that it has to be somebody else
        host.wrapped = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with pytest.raises(HostTrouble, match=r"cannot write to /\S+, where the releases are to be"):
        await shipped(origin, host, origin.releasing(host.root))


async def test_a_folder_in_the_way_of_the_link(origin: Origin, host: ShellHost) -> None:
    (host.root / "current").mkdir(parents=True)
    with pytest.raises(HostTrouble, match="current is no link; move it away"):
        await shipped(origin, host, origin.releasing(host.root))


async def test_the_root_is_filled_in_for_each_host(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.home / "{host}" / "{region}")
    host._host = Host("web1", "", (("region", "lon"),))
    recipe = origin.recipe(releasing, origin.commit(index="one"))
    await recipe.ship(host)
    await recipe.switch(host)
    assert content((host.home / "web1" / "lon" / "current").resolve()) == {"index": "one"}
    host._host = replace(host.host, labels=(("region", "../../.."),))
    with pytest.raises(HostTrouble, match="which is no path"):
        await recipe.ship(host)
    host._host = Host("web2")
    with pytest.raises(HostTrouble, match="it has no label region"):
        await recipe.look(host)
    assert not (host.home / "web2").exists()
