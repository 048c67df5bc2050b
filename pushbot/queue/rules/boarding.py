"""Getting on: every form of `.join`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.called import called
from pushbot.queue.events import Event, HeadChanged, Joined
from pushbot.queue.model import Queue, Rider, Ticket, Train
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts, moved_up

if TYPE_CHECKING:
    from pushbot.queue.commands import Join


def join(queue: Queue, command: Join, facts: Facts) -> Decision | Refusal:
    """Put the asker on a train, as `command` says where."""
    if command.companion is not None:
        return _with(queue, command, command.companion, facts)
    if len(queue.trains) >= facts.max_trains:
        return Refusal(Code.QUEUE_FULL, subject=str(facts.max_trains), fix=".join with NAME")
    if command.hotfix:
        head = queue.head
        at = len(queue.items) if head is None else queue.position(head) + 1
        return _own_train(queue, at, command, facts)
    if command.before is not None:
        return _before(queue, command, command.before, facts)
    if not command.last and command.ticket in (Ticket.NONE, Ticket.CONFIG):
        return _convenient(queue, command, facts)
    return _own_train(queue, len(queue.items), command, facts)


def _convenient(queue: Queue, command: Join, facts: Facts) -> Decision | Refusal:
    """The earliest train behind the head that takes such a ticket, none of the bot's, else a new one at the end."""
    for train in (one for one in queue.trains[1:] if not one.driver.bot):
        if len(train.riders) < facts.max_riders and all(rider.ticket is command.ticket for rider in train.riders):
            return _board(queue, train, command, facts)
    return _own_train(queue, len(queue.items), command, facts)


def _with(queue: Queue, command: Join, name: str, facts: Facts) -> Decision | Refusal:
    train = find(queue, name, facts)
    if isinstance(train, Refusal):
        return train
    if train.begun:
        return Refusal(Code.HEAD_BEGUN, subject=train.driver.name, fix=".join")
    return _board(queue, train, command, facts)


def _before(queue: Queue, command: Join, name: str, facts: Facts) -> Decision | Refusal:
    train = find(queue, name, facts)
    if isinstance(train, Refusal):
        return train
    if train.begun:
        return Refusal(Code.HEAD_BEGUN, subject=train.driver.name, fix=".join hotfix" if command.hotfix else ".join")
    return _own_train(queue, queue.position(train), command, facts)


def find(queue: Queue, name: str, facts: Facts) -> Train | Refusal:
    """The first train with somebody of that name aboard, however it is spelt."""
    seats = called(queue, name, facts.fold, facts.people)
    if isinstance(seats, Refusal):
        return seats
    found = next((train for train in queue.trains if any(rider.person in seats for rider in train.riders)), None)
    return found or Refusal(Code.NOBODY_BY_THAT_NAME, subject=name, fix=".join")


def _board(queue: Queue, train: Train, command: Join, facts: Facts) -> Decision | Refusal:
    if train.seat(facts.by) is not None:
        return Refusal(Code.ALREADY_ABOARD, subject=train.driver.name, fix=".join last")
    boarded = replace(
        train, riders=(*train.riders, Rider(facts.by, command.ticket)), message=command.message or train.message
    )
    after = queue.with_train(boarded)
    return Decision(after, (_joined(after, boarded, command, facts, alone=False), *moved_up(queue, after)))


def _own_train(queue: Queue, at: int, command: Join, facts: Facts) -> Decision:
    ticket = Ticket.ASKME if command.hotfix else command.ticket
    message = f"hotfix: {command.message}" if command.hotfix else command.message
    after, train = queue.inserted(at, Train(riders=(Rider(facts.by, ticket),), message=message))
    events: tuple[Event, ...] = (_joined(after, train, command, facts, alone=True),)
    if after.head == train and after.head.number == train.number:
        events = (*events, HeadChanged(train, held=after.hold is not None))
    return Decision(after, events)


def _joined(after: Queue, train: Train, command: Join, facts: Facts, *, alone: bool) -> Joined:
    ahead = next(i for i, t in enumerate(after.trains) if t.number == train.number)
    return Joined(facts.by, train, ahead=ahead, alone=alone, hotfix=command.hotfix)
