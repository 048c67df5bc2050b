"""`make soak`: three days of 150 people in a minute, on the real record.

    python -m tests.soak [--seed N] [--days N] [--steps N] [--crashes N] [--memory] [--in-memory]

Tells of each day. Exits with 1 when an invariant breaks, or memory does not stay flat, with the seed and the last
steps: the same seed plays the same days again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tracemalloc
from pathlib import Path

from tests.soak.soak import CRASHES, DAYS, STEPS, Soak, play
from tests.soak.world import World


def main() -> int:
    """Play the days, and tell of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of a day")
    parser.add_argument("--crashes", type=int, default=CRASHES)
    parser.add_argument("--memory", action="store_true", help="trace memory, and see that it stays flat")
    parser.add_argument("--in-memory", action="store_true", help="keep the record in memory, and not in SQLite")
    given = parser.parse_args()
    if given.memory:
        tracemalloc.start()
    with tempfile.TemporaryDirectory(prefix="pushbot-soak-") as folder:
        world = World(given.seed, Path(folder), given.days, sqlite=not given.in_memory)
        soak = Soak(world, given.steps, given.crashes, tell=_say)
        _say(f"seed {given.seed}: {given.days} days of {given.steps} steps")
        try:
            play(soak)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told with how to see it again
            notes = "\n".join(getattr(error, "__notes__", ()))
            _say(f"BROKEN: {type(error).__name__}: {error}\n{notes}")
            return 1
        _say(f"well: {dict(sorted(soak.world.kinds.items()))}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
