"""What keeps a lane or a stage, until when and by whom; and what is said to people who are waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue import events as e
from pushbot.queue.model import Hold, Lock, Phase
from pushbot.service.spec import News
from pushbot.service.voice.checks import asking
from pushbot.service.voice.phrases import NAME, clip, shown
from pushbot.service.voice.plain import Said, called, lasting, riders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pushbot.queue.refusals import Refusal

Event = (
    e.Held
    | e.Released
    | e.Locked
    | e.Unlocked
    | e.EndsSoon
    | e.Seconded
    | e.Confirmed
    | e.Overridden
    | e.Quieted
    | e.DriverAsked
    | e.RidersAsked
    | e.Overtaken
)


def kept(event: Event, lane: str, now: datetime | None = None) -> tuple[Said, ...]:  # noqa: C901, PLR0912 - one case an event
    """The lines that `event` in `lane` is worth. A train that wants quiet is spared what it is asked."""
    match event:
        case e.Held():
            return (held(event, lane, now),)
        case e.Released(by, hold) if hold is not None and hold.cause is not None and by is not None and by.bot:
            return (Said(f"{lane} goes on: {hold.cause} is over."),)  # which is news by itself
        case e.Released(by, hold):
            return (released(by.name if by is not None else None, hold, lane),)
        case e.Locked(lock, extended):
            how = "keeps" if not extended else "goes on keeping"
            text = f"{shown(lock.owner.name, NAME)} {how} {lock.stage} until {clock_time(lock.until, now)}"
            return (Said(f"{text}{why(lock.reason)}", news=News.LOCK),)
        case e.Unlocked():
            return (unlocked(event),)
        case e.EndsSoon(what):
            return (ends_soon(what, lane, now),)
        case e.Seconded(train, stage, by):
            return (Said(f"{riders(train)}: {by.name} seconds you for {stage}."),)
        case e.Confirmed(_, checks, by):
            return (Said(f"{by.name} says yes to {shown(asking(checks))}. Say .go"),)
        case e.Overridden(train, by, reason):
            text = f"{lane}: {by.name} lets the next start of {riders(train)} go in spite of what stands in the way"
            return (Said(f"{text}{why(reason)}", news=News.OVERRIDE),)
        case e.Quieted(train):
            text = "I keep quiet about your train." if train.quiet else "I talk about your train again."
            return (Said(f"{train.driver.name}: {text}", reply=True),)
        case e.DriverAsked():
            return () if event.train.quiet else (driver_asked(event),)
        case e.RidersAsked(train, people):
            where = f" on {train.stage}" if train.stage else ""
            text = f"{called(people)}: is your change good{where}? Say .good or .uhoh"
            return () if train.quiet else (Said(text),)
        case e.Overtaken(train, sleeper):
            text = f"{sleeper.driver.name} does not answer, so {riders(train)} goes first"
            return (Said(f"{text}; {riders(sleeper)} comes right after that."),)


def why(reason: str | None) -> str:
    """A reason in quotes, if there is one."""
    return f': "{shown(reason)}"' if reason else ""


def clock_time(at: datetime, now: datetime | None = None) -> str:
    """A time of the day as people say it, with the day where it is another one than that of `now`: `14:30 UTC`."""
    day = "" if now is not None and at.date() == now.date() else f"{at:%a} {at.day} {at:%b} "
    return f"{day}{at:%H:%M} UTC"


def held(event: e.Held, lane: str, now: datetime | None) -> Said:
    """A lane was stopped."""
    who = f" by {event.by.name}" if event.by is not None else ""
    until = f" until {clock_time(event.until, now)}" if event.until is not None else ""
    reason = f': "{event.reason}"' if event.reason else ""
    if event.by is not None and event.by.bot:  # for an incident, of which everybody hears anyway
        return Said(f"{lane} is on hold{until}{reason}")
    return Said(f"{lane} is on hold{who}{until}{reason}", news=News.HOLD)


def released(by: str | None, hold: Hold | None, lane: str) -> Said:
    """A lane goes on, because somebody says so or the time is over."""
    if by is not None:
        return Said(f"{lane} goes on, says {by}.", news=News.UNHOLD)
    whose = f" of {shown(hold.by.name, NAME)}" if hold is not None and hold.by is not None else ""
    return Said(f"{lane} goes on: the hold{whose} is over.", news=News.UNHOLD)


def unlocked(event: e.Unlocked) -> Said:
    """A stage is free again; when it was taken from somebody, everybody is to know."""
    owner, stage = shown(event.lock.owner.name, NAME), event.lock.stage
    if event.by is None:
        return Said(f"{stage} is free again: the time of {owner} is over.", news=News.LOCK)
    if event.by.same(event.lock.owner):
        return Said(f"{owner} gives {stage} back.", news=News.LOCK)
    return Said(f"{event.by.name} takes {stage} from {owner}{why(event.reason)}", news=News.OVERRIDE)


def ends_soon(what: Lock | Hold, lane: str, now: datetime | None) -> Said:
    """To the owner of something that ends by itself."""
    if isinstance(what, Lock):
        longer = f".lock {what.stage} 1h keeps it longer"
        return Said(f"{what.owner.name}: your lock of {what.stage} ends at {clock_time(what.until, now)}; {longer}")
    end = f"at {clock_time(what.until, now)}" if what.until is not None else "soon"
    whose = f"{what.by.name}: your" if what.by is not None else "The"
    return Said(f"{whose} hold of {lane} ends {end}; .hold 1h makes it longer")


def driver_asked(event: e.DriverAsked) -> Said:
    """To a driver who says nothing: what is waited for, and what follows."""
    train = event.train
    if train.phase is Phase.FAILED:
        return Said(f"{train.driver.name}: {train.stage} failed and waits for you; .status tells what you can do")
    if train.begun:
        return Said(f"{train.driver.name}: everyone is good, and waits for you: .go, or .done after the last stage")
    after = f" In {lasting(event.grace)} the next train that is ready goes first" if event.grace else ""
    return Said(f"{train.driver.name}: are you there? You're up: say .good or .go.{after}")


# --- refusals ----------------------------------------------------------------------------------


def in_the_way(refusal: Refusal) -> str:
    """A lock or a hold that stands in the way: whose, for how long now, until when, and why."""
    what, now = refusal.kept, refusal.now
    if isinstance(what, Lock):
        text = f"{refusal.subject} is kept by {shown(what.owner.name, NAME)}{_span(what, now)}{why(what.reason)}"
        return clip(f"{text}; ask them, or take it away")
    person = what.by if what is not None and what.by is not None and not what.by.bot else None
    by = f" by {shown(person.name, NAME)}" if person is not None else ""
    span = _span(what, now) if what is not None else ""
    cause = what.cause if what is not None else None
    reason = refusal.subject.removeprefix(f"{cause}: ")
    return f"the lane is held{by}{f' for {cause}' if cause else ''}{span}{why(reason)}"


def _span(what: Lock | Hold, now: datetime | None) -> str:
    """For how long now, and until when."""
    if now is None or what.since is None:
        return ""
    seconds = round((now - what.since).total_seconds())
    age = f" for {lasting(seconds)}" if seconds > 0 else ""
    if what.until is None:
        return age
    comma, left = "," if age else "", lasting((what.until - now).total_seconds())
    return f"{age}{comma} until {clock_time(what.until, now)} ({left} more)"


def locks(lane: str, there: Iterable[tuple[str, Lock]], now: datetime) -> tuple[str, ...]:
    """The answer to `.locks`: each place that somebody keeps, by what it is called."""
    lines = tuple(
        clip(f"{place}: kept by {shown(lock.owner.name, NAME)}{_span(lock, now)}{why(lock.reason)}")
        for place, lock in there
    )
    return lines or (f"{lane}: nobody keeps a stage",)
