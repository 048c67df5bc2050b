"""Builds: what has passed rides with the bot, what has failed is told to those whose work it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.events import BuildFailed, BuildQueued
from pushbot.queue.model import Queue, Rider, Train
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts, moved_up

if TYPE_CHECKING:
    from pushbot.queue.commands import Built


def built(queue: Queue, command: Built, facts: Facts) -> Decision | Refusal:
    """What a build means for the line. The one who asks, the bot, rides with what has passed.

    A train of the bot that has not begun takes the newer revision over, and keeps its place.
    """
    if not command.passed:
        return _failed(queue, command)
    if not command.wanted:
        return Decision(queue)
    own = [train for train in queue.trains if train.driver.same(facts.by)]
    if any(command.revision in (train.ref, train.revision) for train in own):
        return Decision(queue)
    message = f"{command.branch} {command.revision[:8]}"
    waiting = next((train for train in own if not train.begun), None)
    if waiting is not None:
        newer = replace(waiting, ref=command.revision, message=message)
        return Decision(queue.with_train(newer), (BuildQueued(newer, command.branch, command.revision, newer=True),))
    if len(queue.trains) >= facts.max_trains:
        return Refusal(Code.QUEUE_FULL, subject=str(facts.max_trains))
    train = Train((Rider(facts.by),), message=message, ref=command.revision)
    after, train = queue.inserted(len(queue.items), train)
    event = BuildQueued(train, command.branch, command.revision)
    return Decision(after, (event, *moved_up(queue, after)))


def _failed(queue: Queue, command: Built) -> Decision:
    """Riders are those who bring the branch or the revision, and those whose commits are in it."""
    riders = {
        rider.person.key: rider.person
        for train in queue.trains
        for rider in train.riders
        if rider.person.key in command.people or {command.branch, command.revision} & {train.ref, train.revision}
    }
    failed = BuildFailed(
        command.name, command.branch, command.revision, command.url, tuple(riders.values()), command.authors
    )
    return Decision(queue, (failed,))
