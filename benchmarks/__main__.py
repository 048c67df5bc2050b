"""Measures pushbot beside a bare bot and plain floors, all in one run on this machine.

    python benchmarks/run.py                  everything, in about three minutes
    python benchmarks/run.py topic crowd      these two
    python benchmarks/run.py --json           for programs (`python -m benchmarks` is the same)

How to read a line:

    back to back, median      0.7 ms   <= 1  ok   bare bot, nothing stored 0.2     3.5x

pushbot took 0.7 ms, which is within its target of 1 ms, and 3.5 times what the bare bot took in the
same run. A target that is missed says `over` or `under`. The exit code is 0 whatever the figures
are, and 1 only when something broke: how fast a machine is, is no error.

Needs ngircd, sshd, ssh and rsync (`make system` installs them), Linux, and a machine with nothing else to do. All
takes place on 127.0.0.1, on free ports, in temporary folders.
"""

from __future__ import annotations

import argparse
import compileall
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import apply, crowd, fanout, mailbox, plan, process, shipping, slack, topic
from benchmarks.report import Figure, as_json, table

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "topic": topic.measure,
    "crowd": crowd.measure,
    "mailbox": mailbox.measure,
    "slack": slack.measure,
    "process": process.measure,
    "apply": apply.measure,
    "plan": plan.measure,
    "fanout": fanout.measure,
    "shipping": shipping.measure,
}
TITLES = {
    "topic": "From .join to the TOPIC that another client sees, commit to disk included",
    "crowd": f"{crowd.PEOPLE} people say .join at the same moment",
    "mailbox": "Committed commands a second through a lane's mailbox, on disk",
    "slack": "From .join in a Slack channel to the topic that others see, on a Slack without limits",
    "process": "Start and memory",
    "apply": "pushbot apply --jsonl",
    "plan": "pushbot plan, from the start of the process to its end",
    "fanout": f"One command on {fanout.HOSTS} hosts over SSH (PUSHBOT_BENCH_HOSTS)",
    "shipping": f"A release of 10 MB in 200 files to {shipping.HOSTS} hosts over SSH, connections included",
}


def main() -> int:
    """Run the benchmarks that were named, or all; the exit code says whether one broke."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended then too
    for folder in ("pushbot", "plugins"):  # else each bot does it, where Python may not keep what it has compiled
        compileall.compile_dir(Path(__file__).parents[1] / folder, quiet=2)
    results: dict[str, list[Figure]] = {}
    broken = 0
    for name in arguments.names or BENCHMARKS:
        print(f"{name} ...", end="", file=sys.stderr, flush=True)
        began = time.perf_counter()
        try:
            results[TITLES[name]] = BENCHMARKS[name]()
        except Exception:  # noqa: BLE001 - the others are worth measuring all the same
            broken = 1
            print(" broke", file=sys.stderr)
            traceback.print_exc()
        else:
            print(f" {time.perf_counter() - began:.0f} s", file=sys.stderr)
    print(as_json(results) if arguments.json else table(results))
    return broken


def _arguments() -> argparse.Namespace:
    names = "\n".join(f"  {name:8} {TITLES[name]}" for name in BENCHMARKS)
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description=__doc__,
        epilog=f"benchmarks:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure; everything if left out")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    arguments = parser.parse_args()
    for name in set(arguments.names) - BENCHMARKS.keys():
        parser.error(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    return arguments


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
