"""What the record keeps of events: runs as they are asked for and end, pushes as they go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.ports import PushRecord, PushState, RunRecord
from pushbot.queue import events as e
from pushbot.queue.commands import RunEnded, RunState
from pushbot.queue.model import Phase, RunKind
from pushbot.service.lane.runbook import run_id
from pushbot.service.people.remembered import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pushbot.queue.commands import Command, Report
    from pushbot.queue.model import Train
    from pushbot.service.spec import LaneSpec


@dataclass(slots=True)
class Pushes:
    """The pushes under way in one lane, by the number of their train."""

    lane: str
    underway: dict[int, PushRecord] = field(default_factory=dict)

    def take(self, records: dict[int, PushRecord]) -> None:
        """Remember what was committed."""
        for number, record in records.items():
            if record.state is PushState.UNDERWAY:
                self.underway[number] = record
            else:
                self.underway.pop(number, None)

    def has(self, train: Train, changed: dict[int, PushRecord]) -> bool:
        """Whether `train` has begun, even if somebody took its stage out of the topic since."""
        return train.begun or train.number in self.underway or train.number in changed

    def now(self, train: Train, changed: dict[int, PushRecord], at: datetime) -> PushRecord:
        """The push of `train` with its riders of this moment, begun `at` if it is new."""
        known = changed.get(train.number) or self.underway.get(train.number)
        riders = tuple(rider.person.name for rider in train.riders)
        people = tuple(key_of(rider.person) for rider in train.riders)
        if known is None:
            return PushRecord(
                self.lane,
                train.number,
                PushState.UNDERWAY,
                riders[0],
                riders,
                at,
                revision=train.revision,
                aside=train.aside,
                joined_at=train.joined_at,
                up_at=train.up_at,
                people=people,
            )
        return replace(known, driver=riders[0], riders=riders, revision=train.revision, people=people)


def push_after(event: e.Event, pushes: Pushes, changed: dict[int, PushRecord], at: datetime) -> PushRecord | None:
    """The push that `event` begins, moves on or ends; None when it does none of these."""
    match event:
        case e.StageRequested(train) | e.RunStarted(train):
            return pushes.now(train, changed, at)
        case e.StageSucceeded(train) | e.StageSet(train):
            push = _reached(pushes.now(train, changed, at), train)
            return replace(push, state=PushState.DONE, ended_at=at) if train.aside else push
        case e.RolledBack(train) if train.aside:
            push = pushes.now(train, changed, at)
            if train.ref is None and train.revision is None:  # nothing was deployed: to go back is what was asked for
                return replace(_reached(push, train), state=PushState.DONE, ended_at=at)
            return replace(push, state=PushState.FAILED, ended_at=at)
        case e.RunFailed(train, undo=False) if train.aside:
            return replace(pushes.now(train, changed, at), state=PushState.FAILED, ended_at=at)
        case e.Finished(train) if train.begun:
            state = PushState.GIVEN_UP if train.phase is Phase.FAILED else PushState.DONE
            return replace(pushes.now(train, changed, at), state=state, ended_at=at)
        case e.GivenUp(train) if train.begun:
            return replace(pushes.now(train, changed, at), state=PushState.GIVEN_UP, ended_at=at)
        case _:
            return None


def _reached(push: PushRecord, train: Train) -> PushRecord:
    return replace(push, stages=tuple(dict.fromkeys((*push.stages, train.stage or ""))))


def pushes_over(
    gone: Iterable[Train], pushes: Pushes, changed: dict[int, PushRecord], at: datetime
) -> list[PushRecord]:
    """The pushes given up because everyone left their train, or it was edited out of the topic."""
    left = [pushes.now(train, changed, at) for train in gone if pushes.has(train, changed)]
    return [replace(push, state=PushState.GIVEN_UP, ended_at=at) for push in left if push.state is PushState.UNDERWAY]


def run_asked(event: e.StageRequested, lane: LaneSpec, at: datetime) -> RunRecord:
    """The record of a run that is to be started."""
    stage = lane.stage(event.stage)
    train = event.train
    return RunRecord(
        id=run_id(lane.name, event.run),
        lane=lane.name,
        train=train.number,
        stage=event.stage,
        kind=event.kind,
        state=RunState.REQUESTED,
        lock=stage.lock if stage else f"{lane.name}/{event.stage}",
        driver=train.driver.name,
        riders=tuple(rider.person.name for rider in train.riders),
        requested_at=at,
        ref=train.ref or lane.branch,
        revision=train.revision if event.kind is RunKind.DEPLOY else None,
        continues=run_id(lane.name, event.continues) if event.continues is not None else None,
        override=event.override,
        confirmed=train.confirmed,
    )


def run_over(command: Command | Report, record: RunRecord | None, at: datetime) -> RunRecord | None:
    """`record` as the report of its end leaves it; None for anything else."""
    if not isinstance(command, RunEnded) or record is None:
        return None
    return replace(record, state=command.state, ended_at=at, step=command.step, reason=command.reason, starting=False)
