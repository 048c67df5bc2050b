"""Stopping a lane, releasing it, and its note in the topic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.events import Held, NoteSet, Released
from pushbot.queue.model import Hold
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts, moved_up

if TYPE_CHECKING:
    from pushbot.queue.model import Person, Queue


def held(queue: Queue, reason: str | None, by: Person | None) -> Queue:
    """`queue` with one hold in front; a second one replaces the reason of the first."""
    rest = queue.items[1:] if queue.hold else queue.items
    return replace(queue, items=(Hold(reason, by), *rest))


def hold(queue: Queue, reason: str | None, facts: Facts) -> Decision:
    """Stop the lane."""
    return Decision(held(queue, reason, facts.by), (Held(reason, facts.by, replaced=queue.hold is not None),))


def unhold(queue: Queue, facts: Facts) -> Decision | Refusal:
    """Release the hold in front."""
    if queue.hold is None:
        return Refusal(Code.NOT_HELD)
    after = replace(queue, items=queue.items[1:])
    if after.hold is not None:  # one more, put there by hand in the topic
        return Decision(after, (Held(after.hold.reason, after.hold.by, replaced=True),))
    return Decision(after, (Released(facts.by), *moved_up(queue, after)))


def note(queue: Queue, text: str | None) -> Decision | Refusal:
    """Set or clear the note in the topic."""
    if text is None and queue.message is None:
        return Refusal(Code.NO_MESSAGE)
    return Decision(replace(queue, message=text), (NoteSet(text),))
