"""What people say for the head's next start: a second word, a yes to a check, an override; and a wish for silence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.events import Confirmed, Overridden, Quieted, Seconded
from pushbot.queue.model import Phase, RunKind, Train, Word
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.aboard import next_stage, not_aboard
from pushbot.queue.rules.decision import Decision, Facts

if TYPE_CHECKING:
    from pushbot.queue.model import Queue


def second(queue: Queue, facts: Facts) -> Decision | Refusal:
    """Another person than the driver, aboard or not, stands by what goes to the head's next stage."""
    head = _starting(queue)
    if isinstance(head, Refusal):
        return head
    if head.driver.same(facts.by):
        return Refusal(Code.OWN_WORD, subject=head.driver.name)
    stage = next_stage(head, facts)
    if stage is None:
        return Refusal(Code.LANE_HAS_NO_STAGES) if not facts.stages else Refusal(Code.NOTHING_TO_CONFIRM, fix=".done")
    after = replace(head, second=Word(facts.by, stage))
    return Decision(queue.with_train(after), (Seconded(after, stage, facts.by),))


def confirm(queue: Queue, facts: Facts) -> Decision | Refusal:
    """A rider of the head says yes to what its checks asked."""
    head = _starting(queue)
    if isinstance(head, Refusal):
        return head
    if head.seat(facts.by) is None:
        return not_aboard(queue)
    open_ones = facts.asking.get(next_stage(head, facts) or "", ())
    checks = tuple(name for name in open_ones if name not in head.confirmed)
    if not checks:
        return Refusal(Code.NOTHING_TO_CONFIRM, fix=".go")
    after = replace(head, confirmed=(*head.confirmed, *checks))
    return Decision(queue.with_train(after), (Confirmed(after, checks, facts.by),))


def override(queue: Queue, reason: str, facts: Facts) -> Decision | Refusal:
    """The head's next start goes in spite of what stands in the way."""
    head = _starting(queue)
    if isinstance(head, Refusal):
        return head
    after = replace(head, override=Word(facts.by, reason))
    return Decision(queue.with_train(after), (Overridden(after, facts.by, reason),))


def quiet(queue: Queue, facts: Facts) -> Decision | Refusal:
    """The driver of a train wants no chatter, or wants it again."""
    train = next((one for one in queue.trains if one.driver.same(facts.by)), None)
    if train is None:
        aboard = any(one.seat(facts.by) is not None for one in queue.trains)
        why = "only the driver of a train can have it quiet"
        return Refusal(Code.NOT_PERMITTED, subject=why, fix=".drive") if aboard else not_aboard(queue)
    after = replace(train, quiet=not train.quiet)
    return Decision(queue.with_train(after), (Quieted(after),))


def _starting(queue: Queue) -> Train | Refusal:
    """The head, which has something to start."""
    head = queue.head
    if head is None:
        return Refusal(Code.EMPTY_QUEUE, fix=".join")
    return Refusal(Code.RUN_IN_FLIGHT, subject=head.stage or "", fix=".status") if head.running else head


def with_words(before: Queue, after: Queue) -> Queue:
    """`after` without the words that no longer fit what they were said for."""
    for train in [one for one in after.trains if one.second is not None or one.confirmed or one.override is not None]:
        was = before.train(train.number)
        now = _fitting(was, train) if was is not None and was is not train else train
        after = after.with_train(now) if now is not train else after
    return after


def _fitting(was: Train, train: Train) -> Train:
    """A word is for one stage and one revision; it is used up when the stage was reached, or rolled back.

    An override is for the driver to whom it was given, or who gave it: nobody gets it by getting the wheel.
    """
    override = train.override
    if override is not None and not any(one.same(train.driver) for one in (was.driver, override.by)):
        train = replace(train, override=None)
    changed = was.ref != train.ref or (was.revision is not None and was.revision != train.revision)
    if changed and train.confirmed:
        train = replace(train, confirmed=())
    word = train.second
    if word is None:
        return train
    over = was.running and (train.phase is Phase.AT or train.run_kind is RunKind.ROLLBACK)
    moved = train.stage not in (was.stage, word.text)
    set_by_hand = was.stage != train.stage and not train.running
    own = word.by.same(train.driver)
    return replace(train, second=None) if changed or over or moved or set_by_hand or own else train
