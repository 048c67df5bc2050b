"""Stopping a lane, releasing it, and its note in the topic.

Several holds may stand before the head: what is held for a cause (an incident) stands before what a person holds, and
each is released by itself. A second hold of the same kind takes the place of the first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from pushbot.queue.events import Event, Held, NoteSet, Released
from pushbot.queue.model import Hold
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts, moved_up

if TYPE_CHECKING:
    from pushbot.queue.commands import PutHold
    from pushbot.queue.model import Person, Queue


def standing(queue: Queue) -> tuple[Hold, ...]:
    """The holds before the head."""
    return tuple(item for item in takewhile(lambda item: isinstance(item, Hold), queue.items) if isinstance(item, Hold))


def held(queue: Queue, hold: Hold) -> Queue:
    """`queue` with `hold` before the head, in place of one of the same cause, or of none if it has none."""
    there = standing(queue)
    others = [one for one in there if one.cause != hold.cause]
    front = (hold, *others) if hold.cause is not None else (*others, hold)
    return replace(queue, items=(*front, *queue.items[len(there) :]))


def hold(queue: Queue, command: PutHold, facts: Facts) -> Decision:
    """Stop the lane, or keep it stopped for longer, as then said."""
    before = next((one for one in standing(queue) if one.cause == command.cause), None)
    again = before is not None and before.by is not None and before.by.same(facts.by)
    seconds = command.seconds
    put = Hold(
        reason=command.reason or (before.reason if before is not None and again else None),
        by=facts.by,
        since=(before.since if before is not None and again else None) or facts.now,
        until=facts.now + timedelta(seconds=seconds) if seconds is not None else None,
        cause=command.cause,
        reminded=seconds is None or seconds <= facts.patience.remind,
    )
    word = Held(put.reason, facts.by, replaced=queue.hold is not None, until=put.until)
    return Decision(held(queue, put), (word,))


def unhold(queue: Queue, cause: str | None, facts: Facts) -> Decision | Refusal:
    """Release what was held for `cause`; without one, the hold in front, whatever it is."""
    holds = [item for item in queue.items if isinstance(item, Hold)]
    gone = queue.hold if cause is None else next((one for one in holds if one.cause == cause), None)
    return Refusal(Code.NOT_HELD) if gone is None else released(queue, gone, facts.by)


def released(queue: Queue, gone: Hold, by: Person | None) -> Decision:
    """`queue` without that hold, and word of what that changes: another one may stand behind it."""
    after = replace(queue, items=tuple(item for item in queue.items if item is not gone))
    if after.hold is None:
        events: tuple[Event, ...] = (Released(by, gone), *moved_up(queue, after)) if queue.hold is not None else ()
    elif queue.hold is gone:
        events = (Held(after.hold.reason, after.hold.by, replaced=True, until=after.hold.until),)
    else:
        events = ()
    return Decision(after, events)


def note(queue: Queue, text: str | None) -> Decision | Refusal:
    """Set or clear the note in the topic."""
    if text is None and queue.message is None:
        return Refusal(Code.NO_MESSAGE)
    return Decision(replace(queue, message=text), (NoteSet(text),))
