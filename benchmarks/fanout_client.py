"""Runs `true` on hosts over the engine of the ssh executor, in a process as lean as its worker.

The hosts come as JSON on standard input, the measures go as JSON to standard output.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

import uvloop

from pushbot.fleet.model import Host
from pushbot_plugins.ssh.settings import Connecting
from pushbot_plugins.ssh.worker.net import Network


async def measure(connecting: Connecting, hosts: list[Host], rounds: int) -> dict[str, object]:
    """A command on every host, over new connections and then `rounds` times over those."""
    warm: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    async with Network(connecting) as network:
        await _everywhere(network, hosts)
        cold, cold_cpu = time.perf_counter() - began, time.process_time() - cpu
        gc.freeze()
        for _ in range(rounds):
            began = time.perf_counter()
            await _everywhere(network, hosts)
            warm.append(time.perf_counter() - began)
    return {"cold": cold, "cpu": cold_cpu, "warm": warm, "memory": _peak()}


async def _everywhere(network: Network, hosts: list[Host]) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(network.remote(host).run("true", limit=60, take=_unexpected)) for host in hosts]
    assert not any(task.result() for task in tasks)


def _peak() -> float:
    """MiB of memory at most so far; getrusage(2) would count those of our parent."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    return float(status.partition("VmHWM:")[2].split()[0]) / 2**10


def _unexpected(output: bytes) -> None:
    raise AssertionError(f"true said {output!r}")


def main() -> None:
    """Measure what standard input asks for, in JSON, and print the figures in JSON."""
    given = json.load(sys.stdin)
    connecting = Connecting(**given["connecting"])
    hosts = [Host(name, address) for name, address in given["hosts"]]
    json.dump(uvloop.run(measure(connecting, hosts, given["rounds"])), sys.stdout)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
