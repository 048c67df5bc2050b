"""What is said of incidents and of who is on call; and what the bot itself puts into an incident's timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import PushState
from pushbot.queue import events as e
from pushbot.queue.model import Mark, Phase, RunKind
from pushbot.service.snapshot import BEGINNING
from pushbot.service.voice.phrases import NAME, ago, clip, crew, names, shown
from pushbot.service.voice.plain import counted, lasting, listed, riders, short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pushbot.ports import IncidentRecord, PushRecord, RunRecord
    from pushbot.queue.model import Person, Train
    from pushbot.service.house.oncall import Duty
    from pushbot.service.snapshot import Snapshot

TITLE = 120
"""Characters of an incident's title within a line."""


def name_of(incident: IncidentRecord) -> str:
    """`incident 3`, which is also what its holds are put for."""
    return f"incident {incident.number}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def titled(incident: IncidentRecord) -> str:
    """`incident 3 "checkout errors"`."""
    return f'{name_of(incident)} "{shown(incident.title, TITLE)}"'


def opener(incident: IncidentRecord) -> str:
    """What they were called who opened it."""
    return shown(next((moment.who for moment in incident.timeline if moment.who), incident.by), NAME)


def opened(incident: IncidentRecord, lanes: Sequence[str]) -> str:
    """The first line to everybody."""
    held = f"No stage starts in {names(lanes, 10)} until it is over" if lanes else "There is no lane to hold"
    return clip(
        f"INCIDENT {incident.number}, says {opener(incident)}: {shown(incident.title, TITLE)}. {held}. "
        f'I keep what is said here; .note TEXT from elsewhere, .resolved "how" at the end'
    )


def knows(incident: IncidentRecord, rooms: Sequence[str]) -> str:
    """For who opened it somewhere else."""
    where = f" {listed(list(rooms))} knows of it." if rooms else ""
    how = '.note TEXT keeps a line, .resolved "how" ends it'
    return _capital(f"{titled(incident)} is open, and every lane is held.{where} {how}")


def flying(lane: Snapshot, now: datetime) -> tuple[str, ...]:
    """What is under way in a lane, a line each: its runs, and the first train between two stages."""
    head = lane.queue.head
    runs = [_flight(run, lane, now) for run in lane.active]
    if head is not None and head.begun and not head.running:
        what = f" ({short(head.revision)})" if head.revision else ""
        how = ", where it failed" if head.phase is Phase.FAILED else ""
        runs.append(f"{lane.spec.name}: {_crew(head)} on {head.stage}{how}{what}")
    return tuple(clip(line) for line in runs)


def _flight(run: RunRecord, lane: Snapshot, now: datetime) -> str:
    since = run.started_at or run.requested_at
    far = lane.progress.get(run.id, BEGINNING)
    step = f"at {shown(far.step, NAME)}" if far.step else run.state.value
    hosts = f", {far.tally}" if far.tally is not None else ""
    what = f" ({short(run.revision)})" if run.revision else ""
    doing = f"{run.kind} {'of' if run.kind is RunKind.ROLLBACK else 'to'} {run.stage}"
    lasts = lasting((now - since).total_seconds())
    return f"{lane.spec.name}: {doing}{what} by {crew(run.driver, run.riders)}, {run.id} {step}{hosts}, for {lasts}"


def _crew(train: Train) -> str:
    return crew(train.driver.name, [rider.person.name for rider in train.riders])


def push_line(push: PushRecord, now: datetime, log: str | None) -> str:
    """One of the last pushes: what, who, how far it came, when, and where its output is."""
    what = f" ({short(push.revision)})" if push.revision else ""
    reached = " > ".join(push.stages) or "no stage reached"
    how = "under way" if push.state is PushState.UNDERWAY else f"{push.state} {ago(push.ended_at, now)}"
    where = f"; log: {log}" if log else ""
    return clip(f"{push.lane} push {push.number}{what} by {crew(push.driver, push.riders)}, {reached}, {how}{where}")


def standing(incident: IncidentRecord, now: datetime) -> str:
    """How an open incident stands, in one line."""
    since = ago(incident.opened_at, now)
    held = f"; held: {names(incident.lanes, 10)}" if incident.lanes else ""
    lines = counted(len(incident.timeline), "line")
    return clip(_capital(f"{titled(incident)}, opened by {opener(incident)} {since}; {lines} in its timeline{held}"))


def last_one(incident: IncidentRecord, now: datetime) -> str:
    """What is known of the one before, when none is open."""
    how = f": {shown(incident.how)}" if incident.how else ""
    where = f"; see {incident.report}" if incident.report else ""
    text = (
        f"No incident is open. The last one was {titled(incident)}, over {ago(incident.resolved_at, now)}{how}{where}"
    )
    return clip(text)


def resolved(incident: IncidentRecord, who: str, report: str) -> str:
    """The last line to everybody; `report` says where the post-mortem is, or why there is none."""
    took = lasting(((incident.resolved_at or incident.opened_at) - incident.opened_at).total_seconds())
    how = f": {shown(incident.how)}" if incident.how else ""
    return clip(_capital(f"{titled(incident)} is over after {took}, says {shown(who, NAME)}{how}. {report}".rstrip()))


def moments(lane: str, event: e.Event) -> tuple[str, str] | None:  # noqa: C901 - one case an event
    """Who did what, for the timeline; an empty name for the bot itself, None for what does not matter there."""
    match event:
        case e.RunStarted(train, stage, kind):
            what = "rollback of" if kind is RunKind.ROLLBACK else "deploy to"
            return "", f"{lane}: {what} {stage} began, with {riders(train)}"
        case e.StageSucceeded(train, stage):
            return "", f"{lane}: deployed to {stage}, with {riders(train)}"
        case e.RolledBack(_, stage):
            return "", f"{lane}: {stage} is rolled back"
        case e.RunFailed(_, stage, kind, step, reason):
            at = f" at {step}" if step else ""
            return "", f"{lane}: the {kind} on {stage} FAILED{at}: {reason or 'no reason known'}"
        case e.RunCancelled(_, stage, kind):
            return "", f"{lane}: the {kind} on {stage} was stopped"
        case e.RunWasLost(_, stage, kind, reason):
            return "", f"{lane}: the {kind} on {stage} is lost: {reason or 'no reason known'}"
        case e.Held(reason, by):
            return _who(by), f"{lane} is held: {reason or 'no reason given'}"
        case e.Released(by):
            return _who(by), f"{lane} is released"
        case e.Overridden(_, by, reason):
            return by.name, f"{lane}: lets the next start go in spite of what stands in the way: {reason}"
        case e.Marked(person, _, Mark.BAD):
            return person.name, f"{lane}: says uh-oh"
        case _:
            return None


def _who(by: Person | None) -> str:
    return by.name if by is not None and not by.bot else ""


def on_call(
    duties: Sequence[Duty], called_here: Callable[[str], str], pager: Callable[[str], str | None] = lambda _: None
) -> tuple[str, ...]:
    """Who is on call, a line for each team: `dev: carol (L1, +44 20) until Mon 23 Nov 10:00 GMT, dave (L2)`."""
    teams = dict.fromkeys(duty.team for duty in duties)
    lines = []
    for team in teams:
        own = [duty for duty in duties if duty.team == team]
        levels = len({duty.level for duty in own}) > 1
        told = ", ".join(_duty(duty, called_here(duty.who), pager(duty.who), level=levels) for duty in own)
        lines.append(clip(f"{shown(team, NAME)}: {told}" if team else f"On call: {told}"))
    return tuple(lines) or ("Nobody is on call by my roster",)


def _duty(duty: Duty, name: str, pager: str | None, *, level: bool) -> str:
    more = ", ".join([*([f"L{duty.level}"] if level else []), *([shown(pager, NAME)] if pager else [])])
    until = f" until {duty.until:%a %d %b %H:%M %Z}" if duty.until is not None else ""
    return f"{shown(name, NAME)}{f' ({more})' if more else ''}{until}"


def ping(duties: Sequence[Duty], called_here: Callable[[str], str], what: str) -> str:
    """The line by which those on call are called."""
    people = dict.fromkeys(f"{shown(called_here(duty.who), NAME)}" for duty in duties)
    return clip(f"{', '.join(people)}: you are on call. {what}")


def no_oncall(why: str) -> str:
    """It cannot be found out who is on call."""
    return clip(f"I cannot find out who is on call: {shown(why, 300)}")
