"""How long trains wait for their turn: since when each stands in the line, and when it was up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.queue.model import Queue


def stamped(queue: Queue, at: datetime) -> Queue:
    """The queue as it became `at`: trains that are new in it have the time, and so has a head whose turn came.

    The same queue when there is nothing to note.
    """
    up = queue.head.number if queue.head is not None and queue.hold is None else None
    for train in queue.trains:
        joined, turn = train.joined_at or at, train.up_at or (at if train.number == up else None)
        if (joined, turn) != (train.joined_at, train.up_at):
            queue = queue.with_train(replace(train, joined_at=joined, up_at=turn))
    return queue
