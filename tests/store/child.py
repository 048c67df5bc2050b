"""A process with a store of its own, to be killed, refused or left to end: `child.py MODE PATH`.

hold    open the store, say so, and keep it until killed
commit  commit work 1, 2, 3 ... (after what is there), telling each number once it is taken
leave   open the store, commit, and end without closing it
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from pushbot.ports import Entry, Line, PushRecord, PushState, RunRecord, Work
from pushbot.queue.commands import RunState
from pushbot.queue.model import Queue, RunKind
from pushbot.store import SqliteStore

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LEFT: list[SqliteStore] = []  # what a module holds is not cleaned up before the end


def work(number: int) -> Work:
    """A work in which everything tells the number of it; some are large, and every third is careful."""
    run = RunRecord(
        f"web-{number}", "web", number, "prod", RunKind.DEPLOY, RunState.REQUESTED, "prod", "alice", ("alice",), AT
    )
    before = RunRecord(
        f"web-{number - 1}", "web", number - 1, "prod", RunKind.DEPLOY, RunState.LOST, "prod", "a", ("a",), AT
    )
    return Work(
        "web",
        Queue(message="x" * (number % 7) * 3000, next_run=number),
        (Entry(AT, "irc/alice", str(number), "ok"),),
        (run, before),
        (PushRecord("web", number, PushState.UNDERWAY, "alice", ("alice",), AT),),
        (Line(number, "irc", "#push", "reply", str(number)),),
        (number - 1,),
        careful=number % 3 == 0,
    )


async def main(mode: str, path: Path) -> None:
    store = SqliteStore(path)
    LEFT.append(store)
    await store.open()
    sys.stdout.write("open\n")
    sys.stdout.flush()
    match mode:
        case "hold":
            await asyncio.Event().wait()
        case "leave":
            await store.commit(work(1))
        case _:
            queue = (await store.remember("web")).queue
            number = queue.next_run if queue else 0
            while True:
                number += 1
                await store.commit(work(number))
                sys.stdout.write(f"{number}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
