"""A release of 10 MB in 200 files to many hosts over SSH: the first one, and the next with one file changed.

Beside it rsync at its best (the cheapest cipher and key exchange, whole files, --link-dest for the second), by
xargs. Connections are made anew each time on both sides. Our hosts check every digest; rsync compares sizes and times.

PUSHBOT_BENCH_HOSTS says how many hosts there are, 20 by default; with 100 it takes a minute and 4 GB of disk.
"""

from __future__ import annotations

import asyncio
import os
import random
import shlex
import statistics
import subprocess
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from benchmarks.report import Figure, Peer
from pushbot_plugins.ssh.worker.net import Network
from tests.rig.shellhost import Origin
from tests.rig.sshd import SshdRig, user

if TYPE_CHECKING:
    from pushbot.fleet.model import Host

HOSTS = int(os.environ.get("PUSHBOT_BENCH_HOSTS", "20"))
FILES = 200
SIZE = 50 * 2**10
ROUNDS = 3 if HOSTS <= 20 else 1
AT_ONCE = 16
"""How many rsyncs at a time: more did not make them faster, on 2 cores."""
SSH = "ssh -F none -T -x -c aes128-gcm@openssh.com -o KexAlgorithms=curve25519-sha256 -o Compression=no"
TARGETS = {"first": (5.0, 0.8), "changed": (1.8, 0.7)}
"""Seconds at 100 hosts, or else so much of what rsync takes."""


def measure() -> list[Figure]:
    """Seconds until the release is on all hosts."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="pushbot-bench-") as name, SshdRig(Path(name) / "rig") as rig:
        hosts = rig.shared(HOSTS)
        for number in range(ROUNDS):
            folder = Path(name) / f"round{number}"
            for what, seconds in _round(rig, hosts, folder).items():
                found.setdefault(what, []).append(seconds)
            subprocess.run(("rm", "-rf", folder), check=True)
    middle = {what: statistics.median(seconds) for what, seconds in found.items()}
    return [
        _figure("the first one", middle, "first"),
        _figure("the next, one file changed", middle, "changed"),
    ]


def _figure(what: str, middle: dict[str, float], kind: str) -> Figure:
    seconds, share = TARGETS[kind]
    rsync = middle[f"rsync {kind}"]
    at_most = max(seconds * HOSTS / 100, share * rsync)
    return Figure(what, middle[kind], "s", Peer("rsync, tuned", rsync), at_most=at_most)


def _round(rig: SshdRig, hosts: list[Host], folder: Path) -> dict[str, float]:
    origin = Origin(folder)
    chance = random.Random(7)  # noqa: S311 - the same bytes each time, which cannot be compressed
    for number in range(FILES):
        path = origin.folder / f"folder{number % 10}" / f"file{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(chance.randbytes(SIZE))
    found = {"first": _ours(rig, origin, hosts, folder)}
    found["rsync first"] = _rsync(rig, origin, hosts, folder, "one")
    (origin.folder / "folder3" / "file3").write_bytes(chance.randbytes(SIZE))
    found["changed"] = _ours(rig, origin, hosts, folder)
    found["rsync changed"] = _rsync(rig, origin, hosts, folder, "two", "--link-dest=../one")
    wanted = _digest(origin.folder)
    for host in hosts:
        newest = max((folder / host.name / "app" / "releases").iterdir())
        assert _digest(newest) == wanted == _digest(folder / host.name / "two"), host.name
    return found


def _ours(rig: SshdRig, origin: Origin, hosts: list[Host], folder: Path) -> float:
    """Ship what is in the repository now."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_shipped(rig, origin, hosts, folder))


async def _shipped(rig: SshdRig, origin: Origin, hosts: list[Host], folder: Path) -> float:
    releasing = origin.releasing(folder / "{host}" / "app")
    recipe = origin.recipe(releasing, origin.commit())
    await recipe.prepare()
    os.sync()  # what was written before is not to be paid for now
    began = time.perf_counter()
    async with Network(rig.connecting()) as network, asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(recipe.ship(network.remote(host)))
    seconds = time.perf_counter() - began
    await recipe.close()
    return seconds


def _rsync(rig: SshdRig, origin: Origin, hosts: list[Host], folder: Path, to: str, *options: str) -> float:
    """Have rsync bring it to each host."""
    remote = f"{SSH} -i {rig.keys.key} -o UserKnownHostsFile={rig.known_hosts} -o GlobalKnownHostsFile=/dev/null"
    lines: list[str] = []
    for host in hosts:
        address, _, port = host.reached_at.rpartition(":")
        words = ("-e", f"{remote} -p {port}", f"{origin.folder}/", f"{user()}@{address}:{folder / host.name / to}/")
        lines.append(shlex.join(words))
        (folder / host.name).mkdir(exist_ok=True)
    command = ("rsync", "-aW", "--exclude=/.git", *options)
    os.sync()
    began = time.perf_counter()
    subprocess.run(
        ("xargs", "-P", str(AT_ONCE), "-L", "1", *command),
        input="\n".join(lines),
        text=True,
        check=True,
    )
    return time.perf_counter() - began


def _digest(folder: Path) -> str:
    """Of all names and contents below a folder."""
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".git" not in path.parts:
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
