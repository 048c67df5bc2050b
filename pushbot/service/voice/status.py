"""Answers to `.status`: where every lane and stage is, what blocks, who waits and about how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pushbot.calendar.model import opening
from pushbot.queue.model import Hold, Mark, Phase, RunKind, Ticket, Train
from pushbot.service.lane.history import not_let_in
from pushbot.service.snapshot import BEGINNING
from pushbot.service.voice.checks import kept_out
from pushbot.service.voice.keeping import clock_time, why
from pushbot.service.voice.phrases import NAME, about, ago, clip, ended, names, shown, trouble
from pushbot.service.voice.plain import counted, lasting, short, ways_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pushbot.calendar.model import Calendar
    from pushbot.ports import PushRecord, RunRecord
    from pushbot.queue.model import Lock
    from pushbot.service.snapshot import Snapshot

MOST_LINES = 12
"""Lines that `.status` says at most, however many lanes there are."""
MOST_TRAINS = 4
"""Waiting trains that `.status` names, and runs aside from the line."""


@dataclass(frozen=True, slots=True)
class StageNow:
    """A stage: the run that brought what is there, a later one that did not succeed, another lane's that has it now.

    `closed` is why it is outside its hours, in words; empty when it is open. `kept` is a person's lock on it.
    """

    name: str
    there: RunRecord | None = None
    failed: RunRecord | None = None
    claimed: RunRecord | None = None
    closed: str = ""
    kept: Lock | None = None


@dataclass(frozen=True, slots=True)
class LaneNow:
    """All that `.status` tells of a lane. `push` is the head's, `seconds` what a push takes, None when unknown.

    `beside` are stages beside the line that were used lately. `calendars` are those of the lane and its stages, None
    when nobody knows when it is open.
    """

    snapshot: Snapshot
    stages: tuple[StageNow, ...]
    now: datetime
    push: PushRecord | None = None
    seconds: float | None = None
    calendars: tuple[Calendar, ...] | None = ()
    beside: tuple[StageNow, ...] = ()

    @property
    def name(self) -> str:
        """The lane's name."""
        return self.snapshot.spec.name

    def stage(self, name: str | None) -> StageNow | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def after(self, name: str | None) -> StageNow | None:
        """The stage that follows `name`, the first one for None."""
        known = [stage.name for stage in self.stages]
        at = known.index(name) + 1 if name in known else 0 if name is None else len(known)
        return self.stages[at] if at < len(known) else None


def status(lanes: Sequence[LaneNow]) -> tuple[str, ...]:
    """At most four lines a lane and `MOST_LINES` in all; lanes for which there is no room share one line."""
    lines: list[str] = []
    for index, lane in enumerate(lanes):
        own = lane_lines(lane)
        room = MOST_LINES - len(lines) - (index + 1 < len(lanes))
        if len(own) > room:
            rest = "; ".join(f"{each.name} {_gist(each)}" for each in lanes[index:])
            return (*lines, clip(f"also {rest} (.status LANE tells more)"))
        lines += own
    return tuple(lines)


def lane_lines(lane: LaneNow) -> tuple[str, ...]:
    """What is on the stages, what the first train does, who comes after it, and what runs aside from the line."""
    places = " | ".join(_place(stage, lane.now) for stage in lane.stages)
    waiting = _waiting(lane)
    parts = (places, first_of(lane), f"next {waiting}" if waiting else "", _aside(lane))
    return tuple(clip(f"{lane.name}: {part}") for part in parts if part)


def _gist(lane: LaneNow) -> str:
    queue = lane.snapshot.queue
    held = "on hold" if queue.hold is not None else ""
    trains = counted(len(queue.trains), "train") if queue.trains else "clear"
    return f"{held}, {trains}" if held else trains


def _place(stage: StageNow, now: datetime) -> str:
    text = f"{stage.name}: nothing yet"
    if (run := stage.there) is not None:
        what = f"{stage.name} {short(run.revision)}" if run.revision else stage.name
        how = ", rolled back" if run.kind is RunKind.ROLLBACK else ""
        text = f"{what}{how} by {shown(run.driver, NAME)} {ago(ended(run), now)}"
    if stage.failed is not None:
        text += f" ({stage.failed.id} {stage.failed.state} {ago(ended(stage.failed), now)})"
    if stage.claimed is not None:
        text += f", taken by {_claim(stage.claimed, now)}"
    if stage.kept is not None:
        text += f", kept by {shown(stage.kept.owner.name, NAME)} until {clock_time(stage.kept.until, now)}"
    return text


def _claim(run: RunRecord, now: datetime) -> str:
    since = run.started_at or run.requested_at
    return f"{run.lane} ({run.id} by {shown(run.driver, NAME)}, {ago(since, now)})"


def first_of(lane: LaneNow) -> str:
    """The hold in front, and what the first train does or waits for."""
    head, hold = lane.snapshot.queue.head, lane.snapshot.queue.hold
    train = "nobody is in the queue" if head is None else _head(head, lane)
    return f"{_held(hold, lane.now)}; {train}" if hold is not None else train


def _held(hold: Hold, now: datetime) -> str:
    by = f" by {shown(hold.by.name, NAME)}" if hold.by is not None else ""
    until = f" until {clock_time(hold.until, now)}" if hold.until is not None else ""
    return f"on hold{by}{until}{why(hold.reason)}"


def _people(train: Train) -> str:
    known = [shown(rider.person.name, NAME) + _ticket(rider.ticket) for rider in train.riders]
    return " + ".join(known[:8] if len(known) <= 8 else [*known[:7], f"{len(known) - 7} more"])  # noqa: PLR2004 - a train


def _ticket(ticket: Ticket) -> str:
    return f" ({ticket})" if ticket else ""


def _head(train: Train, lane: LaneNow) -> str:
    if train.running:
        return _running(train, lane)
    if train.phase is Phase.FAILED:
        return _failed(train, lane)
    where = f"on {train.stage}" if train.stage else "first in line"
    return f"{_people(train)} {where}, {_wanted(train, lane)}"


def _running(train: Train, lane: LaneNow) -> str:
    run = next((each for each in lane.snapshot.active if each.train == train.number), None)
    verb = "rolling back" if train.run_kind is RunKind.ROLLBACK else "deploying to"
    text = f"{_people(train)} {verb} {train.stage}"
    if run is None:
        return text
    revision = f" ({', '.join(filter(None, (short(run.revision), run.size)))})" if run.revision else ""
    how_far = lane.snapshot.progress.get(run.id, BEGINNING)
    at = f"at {shown(how_far.step, NAME)}" if how_far.step else run.state.value
    hosts = f", {how_far.tally}" if how_far.tally is not None else ""
    lasts = lasting((lane.now - (run.started_at or run.requested_at)).total_seconds())
    return f"{text}{revision}: {run.id} {at}{hosts}, for {lasts}"


def _aside(lane: LaneNow) -> str:
    """What runs beside the line, and what is on the stages there."""
    trains = lane.snapshot.queue.aside
    told = [_running(train, lane) for train in trains[:MOST_TRAINS]]
    more = [f"{len(trains) - MOST_TRAINS} more"] if len(trains) > MOST_TRAINS else []
    there = [_place(stage, lane.now) for stage in lane.beside]
    return f"aside, {'; '.join([*told, *more, *there])}" if told or there else ""


def _failed(train: Train, lane: LaneNow) -> str:
    """What went wrong with the head's stage, and what its people can do."""
    stage = lane.stage(train.stage)
    failed = stage.failed if stage is not None else None
    if failed is not None and train.run is not None and not_let_in(failed):
        return f"{_people(train)} {kept_out(failed, train.confirmed)}"
    what = f"{failed.id} {trouble(failed)}" if failed is not None else f"the {train.run_kind} failed"
    how = what if train.run is not None else "it was rolled back"
    spec = lane.snapshot.spec.stage(train.stage) if train.stage is not None else None
    reverts = spec.reverts if spec is not None else not lane.snapshot.spec.stages
    ways = ways_on(train, hosts=failed is not None and failed.hosts > 0, reverts=reverts)
    return f"{_people(train)} on {train.stage}, {how}; {ways}"


def _wanted(train: Train, lane: LaneNow) -> str:
    """What keeps the head from going on: people first, then a stage that is taken."""
    bad = [rider.person.name for rider in train.riders if rider.mark is Mark.BAD]
    silent = [rider.person.name for rider in train.riders[1:] if rider.mark is Mark.NONE]
    holder = next((rider.person.name for rider in train.riders if rider.ticket is Ticket.HOLD), None)
    driver = shown(train.driver.name, NAME)
    following = lane.after(train.stage)
    if bad:
        return f"stopped by the uh-oh of {names(bad)}"
    if silent:
        return f"waiting for {names(silent)} to say .good"
    if holder is not None:
        return f"{shown(holder, NAME)} holds this place until .done"
    if following is None:
        return f"waiting for {driver} to say .done"
    if following.claimed is not None:
        return f"waiting for {following.name}, which {_claim(following.claimed, lane.now)} has"
    if following.kept is not None and train.seat(following.kept.owner) is None:
        until = clock_time(following.kept.until, lane.now)
        return f"waiting for {following.name}, which {shown(following.kept.owner.name, NAME)} keeps until {until}"
    closed = f", which is {following.closed}" if following.closed else ""
    return f"waiting for {driver} to say .go for {following.name}{closed}"


def _waiting(lane: LaneNow) -> str:
    """Who comes after the head: `carol + dave (about 15m), then erin (about 30m)`."""
    queue = lane.snapshot.queue
    head = queue.head
    if head is None:
        return ""
    after = queue.items[queue.position(head) + 1 :]
    turns = dict(guesses(lane))
    told: list[str] = []
    for index, item in enumerate(after):
        if index == MOST_TRAINS:
            rest = [each for each in after[index:] if isinstance(each, Train)]
            people = sum(len(train.riders) for train in rest)
            told.append(f"{counted(len(rest), 'more train')} ({people} aboard)")
            break
        if isinstance(item, Hold):
            told.append(f"a hold{_held(item, lane.now).removeprefix('on hold')}")
        else:
            guess = turns.get(item.number)
            told.append(f"{_people(item)} ({about(guess)})" if guess is not None else _people(item))
    return ", then ".join(told)


def guesses(lane: LaneNow) -> Iterator[tuple[int, float]]:
    """For each train by its number, in how many seconds it may be up; 0 stands for a new one.

    Whose turn would come when the lane is closed is up when it opens. Nothing is known behind a hold, without history,
    or when it does not open.
    """
    if lane.seconds is None or lane.calendars is None:
        return
    turn = opening(lane.calendars, lane.now)
    for item in lane.snapshot.queue.items:
        if isinstance(item, Hold) or turn is None:
            return
        yield item.number, (turn - lane.now).total_seconds()
        elapsed = (lane.now - lane.push.began_at).total_seconds() if lane.push and item.begun else 0.0
        turn = opening(lane.calendars, turn + timedelta(seconds=max(0.0, lane.seconds - elapsed)))
    if turn is not None:
        yield 0, (turn - lane.now).total_seconds()
