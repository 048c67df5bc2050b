"""One command on many hosts, beside OpenSSH by xargs and beside what the servers themselves need for it.

The servers are on this machine too. So there is a floor below which nobody gets: the processor time that they use for
`true` on every host, over the number of processors. `PUSHBOT_BENCH_HOSTS` is how many hosts there are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from tests.rig.sshd import SshdRig, ssh_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host

HOSTS = int(os.environ.get("PUSHBOT_BENCH_HOSTS", "100"))
TIMES = 3
"""How often each is tried, in turns; the best counts, as other things on the machine only ever make it slower."""
ROUNDS = 15
LEAN = ("-o", "KexAlgorithms=curve25519-sha256", "-o", "Ciphers=aes128-gcm@openssh.com")
PROCESSES = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds on the clock, and of the servers' processor time."""

    wall: float
    servers: float


def measure() -> list[Figure]:
    """`true` on every host, over new connections and over those that are there."""
    with tempfile.TemporaryDirectory(prefix="pushbot-bench-") as folder, SshdRig(Path(folder) / "rig") as rig:
        hosts = rig.shared(HOSTS)
        ours: list[dict[str, object]] = []
        theirs: list[_Taken] = []
        for number in range(TIMES):
            ours.append(_pushbot(rig, hosts))
            theirs.append(_xargs(rig, hosts, PROCESSES[number % len(PROCESSES)]))
        shared = _over_masters(rig, hosts, Path(folder))
    floor = min(each.servers for each in theirs) / (os.cpu_count() or 1)
    cold = min(float(str(each["cold"])) for each in ours)
    warm = min(min(each["warm"]) for each in ours if isinstance(each["warm"], list))
    peak = max(float(str(each["memory"])) for each in ours)
    ssh = min(each.wall for each in theirs)
    return [
        Figure(f"`true` on {HOSTS} hosts, cold", cold, "s", Peer("ssh by xargs", ssh)),
        Figure(
            "the same, in what the servers need", cold / floor, "x", Peer("ssh by xargs", ssh / floor), at_most=1.35
        ),
        Figure("processor time of ours for it", min(float(str(each["cpu"])) for each in ours), "s"),
        Figure(
            "one more command, warm",
            warm * 1000,
            "ms",
            Peer("ssh over ControlMaster", shared * 1000),
            at_most=0.32 * HOSTS,
        ),
        Figure("peak memory of the process", peak, "MiB", at_most=64),
    ]


def _pushbot(rig: SshdRig, hosts: Sequence[Host]) -> dict[str, object]:
    connecting = replace(rig.connecting(), connect_timeout=60.0, login_timeout=60.0)
    given = {
        "connecting": asdict(connecting),
        "hosts": [(host.name, host.address) for host in hosts],
        "rounds": ROUNDS,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fanout_client"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    _at_rest(rig)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def _xargs(rig: SshdRig, hosts: Sequence[Host], processes: int, *options: str) -> _Taken:
    """`ssh HOST true` for every host, so many at a time."""
    before = sum(server.cpu() for server in rig.servers)
    *command, _, _, _ = ssh_command(rig, hosts[0])
    began = time.perf_counter()
    subprocess.run(
        ["xargs", "-P", str(processes), "-L1", "sh", "-c", 'exec "$@" true', "sh", *command, *LEAN, *options],
        input="".join(f"{' '.join(ssh_command(rig, host)[-3:])}\n" for host in hosts),
        capture_output=True,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - began
    if not options:
        _at_rest(rig)
    return _Taken(wall, sum(server.cpu() for server in rig.servers) - before)


def _over_masters(rig: SshdRig, hosts: Sequence[Host], folder: Path) -> float:
    """Seconds that one more command takes over connections that ssh keeps (ControlMaster)."""
    sockets = folder / "masters"
    sockets.mkdir(mode=0o700)
    kept = ("-o", f"ControlPath={sockets}/%h", "-o", "ControlMaster=auto", "-o", "ControlPersist=600")
    _xargs(rig, hosts, PROCESSES[0], *kept)
    return min(_xargs(rig, hosts, processes, *kept).wall for processes in PROCESSES)


def _at_rest(rig: SshdRig) -> None:
    end = time.monotonic() + 60
    while any(server.connections() for server in rig.servers):
        assert time.monotonic() < end, "the servers do not come to rest"
        time.sleep(0.05)
