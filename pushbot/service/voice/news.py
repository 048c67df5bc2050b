"""What is said of events: to those concerned in the lane's rooms, and as news where the configuration wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.queue import events as e
from pushbot.queue.model import Mark, Person, Phase, RunKind, Train
from pushbot.service.lane.history import not_let_in
from pushbot.service.people.directory import CONTROL
from pushbot.service.spec import News
from pushbot.service.voice.builds import build_failed, build_queued, given_up
from pushbot.service.voice.checks import noted, sized, turned_away
from pushbot.service.voice.keeping import kept
from pushbot.service.voice.plain import GO_ON, Said, counted, going, lasting, listed, riders, short, ways_on
from pushbot.service.voice.refusals import refused

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.ports import RunRecord


@dataclass(frozen=True, slots=True)
class Setting:
    """Where an event happened: the lane, its branch, who asked.

    Of a run: its id, its log, what it brings back, whether it is for hosts, whether its stage can be rolled back, and
    whether people asked for its end; and all that is on record of it. `now` is when it happened.
    """

    lane: str
    by: Person | None = None
    branch: str | None = None
    run: str | None = None
    log: str | None = None
    target: str | None = None
    links: tuple[tuple[str, str], ...] = ()
    hosts: bool = False
    reverts: bool = True
    asked_to_stop: bool = False
    record: RunRecord | None = None
    now: datetime | None = None


def told(event: e.Event, at: Setting) -> tuple[Said, ...]:  # noqa: C901, PLR0912 - one case an event
    """The lines that `event` is worth, in the order in which they are said."""
    match event:
        case e.Joined():
            return joined(event, at)
        case e.Marked():
            return marked(event, at)
        case e.TrainReady(train, next_stage):
            return () if train.quiet else (ready(train, next_stage),)
        case e.Blocked(_, refusal):
            return (Said(refused(at.by, refusal), reply=True, alone=True),)
        case e.BuildQueued():
            return (build_queued(event),)
        case e.BuildFailed():
            return (build_failed(event),)
        case e.HeadChanged(train) if train.by_itself:
            return ()
        case e.HeadChanged(train, waiting):
            return (up_next(train) if waiting else you_are_up(train),)
        case e.DriverChanged(train):
            return (Said(f"{train.driver.name} is driving now."),)
        case e.Left():
            return (left(event),)
        case e.StageSet(train, by):
            return (Said(f"{riders(train)}: you're on {train.stage}, says {by.name}. Check your change and say .good"),)
        case e.StageRequested():
            return (requested(event, at),)
        case e.AbortRequested(train, by):
            return (Said(f"{by.name} stops the deploy to {train.stage}.", news=News.DEPLOY_STOPPED),)
        case e.AbortFailed(_, stage, kind, reason):
            what = the_run(stage, kind, at)
            return (Said(f"{what} cannot be stopped, and goes on: {reason}", news=News.DEPLOY_STOPPED),)
        case e.HostsCounted():
            return hosts_counted(event)
        case e.RunStarted(train, stage, kind):
            return (run_started(train, stage, kind, at), *noted(at.record))
        case e.StageSucceeded():
            return succeeded(event, at)
        case e.RolledBack():
            return rolled_back(event, at)
        case e.RunFailed():
            return failed(event, at)
        case e.RunCancelled(train, stage, kind, reason):
            return (cancelled(stage, kind, reason, at), choice(train, at))
        case e.RunWasLost():
            return (lost(event, at),)
        case e.Finished(train):
            return () if train.by_itself else (finished(train),)
        case e.GivenUp(train, by):
            return (given_up(train, by),)
        case e.NoteSet(text):
            return (Said("The note is set." if text else "The note is gone.", reply=True, aside=True),)
        case e.Renamed():
            return ()
        case e.TopicTaken(by):
            return (Said(f"{by.name}: got it, the queue is as you wrote it.", reply=True, aside=True),)
        case _:
            return kept(event, at.lane, at.now)


def joined(event: e.Joined, at: Setting) -> tuple[Said, ...]:
    """Who got on, and, for a hotfix, the word to everybody."""
    if event.hotfix:
        why = (event.train.message or "").removeprefix("hotfix: ")
        return (Said(f'{event.person.name} goes next in {at.lane} with a hotfix: "{why}"', news=News.HOTFIX),)
    company = [r.person.name for r in event.train.riders if not r.person.same(event.person)]
    beside = f" with {listed(company)}" if company else ""
    ahead = f", {counted(event.ahead, 'train')} ahead of you" if event.ahead else ", first in line"
    return (Said(f"{event.person.name}: you are aboard{beside}{ahead}.", reply=True, aside=True),)


def marked(event: e.Marked, at: Setting) -> tuple[Said, ...]:
    """A rider's word; trouble on the head goes to everybody."""
    if event.mark is not Mark.BAD:
        return () if event.train.quiet else (Said(f"{event.person.name}: noted.", reply=True, aside=True),)
    where = f" on {event.train.stage}" if event.train.stage else ""
    if not event.head:
        return (Said(f"{event.person.name} says uh-oh: {riders(event.train)}, talk to each other."),)
    return (Said(f"{at.lane}: {event.person.name} says uh-oh{where}; the train waits.", news=News.UHOH),)


def ready(train: Train, next_stage: str | None) -> Said:
    """Everyone aboard is good; what the driver can do now."""
    then = f"{train.driver.name}, say .go for {next_stage}" if next_stage else f"{train.driver.name}, say .done"
    if train.stage is None and next_stage is None:
        return Said(f"{riders(train)}: everyone is ready.")
    return Said(f"{riders(train)}: everyone is ready. {then}")


def you_are_up(train: Train) -> Said:
    """The first train is called."""
    return Said(f"{riders(train)}: You're up")


def up_next(train: Train) -> Said:
    """The first train is called, but a hold stands before it."""
    return Said(f"{riders(train)}: you're next, once the hold is released")


def left(event: e.Left) -> Said:
    """Who got off, by themselves or not."""
    if event.person.same(event.by):
        return Said(f"{event.person.name}: you are off {counted(event.trains, 'train')}.", reply=True, aside=True)
    return Said(f"{event.by.name} took {event.person.name} off {counted(event.trains, 'train')}.")


def requested(event: e.StageRequested, at: Setting) -> Said:
    """What was asked for; a rollback by a person is told to everybody with who asked."""
    if event.kind is RunKind.ROLLBACK and event.by is not None:
        return Said(f"{event.by.name} asks for {at.lane} on {event.stage} to be rolled back", news=News.ROLLBACK)
    return Said(f"{event.stage} it is.", reply=True, aside=True)


def finished(train: Train) -> Said:
    """The end of a journey, a happy one or not."""
    if train.phase is Phase.FAILED and train.run is None:
        return Said(f"Done. {train.stage} stays rolled back.")
    if train.phase is Phase.FAILED:
        return Said(f"The push of {riders(train)} is over, without {train.stage}.")
    return Said(f"Done. Thanks for driving, {train.driver.name}!")


def subject(train: Train, at: Setting) -> str:
    """What is deployed: `web/main (6957bb87)`, or the lane alone where revisions come from no repository."""
    return going(at.lane, at.branch, train.revision)


def run_started(train: Train, stage: str, kind: RunKind, at: Setting) -> Said:
    """The form of Hailo's deployer: `web/main (6957bb87) is being deployed to princess by alice`."""
    if kind is RunKind.ROLLBACK:
        text = f"{at.lane} on {stage} is being rolled back to {short(at.target)}"
        return Said(f"{text} by {at.by.name}" if at.by else text, news=News.ROLLBACK)
    text = f"{subject(train, at)} is being deployed to {stage} by {train.driver.name}"
    company = [rider.person.name for rider in train.riders[1:]]
    typed = train.aside and train.driver.chat == CONTROL
    more = f", with {listed(company)}" if company else ", from the command line" if typed else ""
    return Said(f"{text}{more}{sized(at.record)}", news=News.DEPLOY_STARTED)


def succeeded(event: e.StageSucceeded, at: Setting) -> tuple[Said, ...]:
    """It is there; who has to look at it now, and where."""
    took = lasting(event.seconds)
    news = f"{subject(event.train, at)} successfully deployed to {event.stage} in {took}"
    links = "".join(f" {name}: {url}" for name, url in at.links)
    then = "Watch your graphs, say .good, then .done" if event.last else "Check your change and say .good"
    if event.train.aside:
        then = "Check your change"
    if event.note and at.hosts:
        again = "pushbot stage --failed" if event.train.aside else ".retry failed"
        then += f"; {again} goes on with the hosts that are left"
    call = f"{riders(event.train)}: you're on {event.stage}.{links} {then}"
    if event.train.by_itself:
        call = f"{subject(event.train, at)} is on {event.stage} now.{links}"
    return (Said(news, news=News.DEPLOY_SUCCEEDED), *but(event, at), Said(call))


def but(event: e.StageSucceeded | e.RolledBack, at: Setting) -> tuple[Said, ...]:
    """What did not go well in a run that did: hosts that failed, fewer than are allowed to."""
    return (Said(f"{at.lane} on {event.stage}: {event.note}", news=News.DEPLOY_FAILED),) if event.note else ()


def rolled_back(event: e.RolledBack, at: Setting) -> tuple[Said, ...]:
    """The last good revision is back."""
    took = lasting(event.seconds)
    back = f"{at.lane} on {event.stage} is back on {short(at.target)}, in {took}"
    return (Said(back, news=News.ROLLBACK), *but(event, at))


def failed(event: e.RunFailed, at: Setting) -> tuple[Said, ...]:
    """What failed, where, its last lines, where the log is, and what can be done."""
    if at.record is not None and not_let_in(at.record):
        return turned_away(at.record, at.branch, event.train)
    what = f"{subject(event.train, at)} failed on {event.stage}"
    if event.kind is RunKind.ROLLBACK:
        what = f"The rollback of {at.lane} on {event.stage} FAILED"
    step = f" at {event.step}" if event.step else ""
    why = f": {event.reason}" if event.reason else ""
    log = f" (log of {at.run}: {at.log})" if at.log else ""
    tail = tuple(Said(f"  | {line}", news=News.DEPLOY_FAILED, quote=True) for line in event.tail[-3:])
    head = Said(f"{what}{step}{why}{log}", news=News.DEPLOY_FAILED, output=event.tail, run=at.run or "")
    if event.undo:
        return (head, *tail)
    return (head, *tail, choice(event.train, at))


def choice(train: Train, at: Setting) -> Said:
    """What the driver of a train that failed can do; with the bot alone aboard, what others can."""
    whom = at.lane if train.by_itself else train.driver.name
    return Said(f"{whom}: {ways_on(train, hosts=at.hosts, reverts=at.reverts)}")


def the_run(stage: str, kind: RunKind, at: Setting) -> str:
    """A run as a noun."""
    return f"The {kind} of {at.lane} {'on' if kind is RunKind.ROLLBACK else 'to'} {stage}"


def cancelled(stage: str, kind: RunKind, reason: str | None, at: Setting) -> Said:
    """A run that was stopped: how far it was, or why when nobody here asked for it."""
    why = f": {reason}" if reason and (at.hosts or not at.asked_to_stop) else ""
    return Said(f"{the_run(stage, kind, at)} was stopped{why}", news=News.DEPLOY_STOPPED)


def hosts_counted(event: e.HostsCounted) -> tuple[Said, ...]:
    """How many hosts a run is for, and where the lists of them do not agree."""
    return (
        *(Said(f"{event.stage}: {mismatch}", news=News.MISMATCH) for mismatch in event.mismatches),
        Said(f"{event.stage}: {event.summary}"),
    )


def lost(event: e.RunWasLost, at: Setting) -> Said:
    """Nobody knows how a run ended: a person has to look."""
    why = f" ({event.reason})" if event.reason else ""
    again = f"{'.retry' if event.kind is RunKind.ROLLBACK else '.go'} runs it again"
    if at.hosts and event.kind is RunKind.DEPLOY:
        again = GO_ON
    back = ", .rollback goes back" if at.reverts else ""
    ways = f"{again}{back}, .at {event.stage} says that it is fine, .abort gives up"
    if event.train.aside:
        ways = ways_on(event.train, hosts=at.hosts)
    return Said(
        f"I lost {at.run}, the {event.kind} of {at.lane} on {event.stage}{why}: it may have happened, in part or not "
        f"at all. {event.train.driver.name}: look at {event.stage}, then {ways}",
        news=News.DEPLOY_FAILED,
    )


def stray(run: RunRecord) -> str:
    """A run whose lane is gone: nobody follows it any more."""
    return f"I lost {run.id}, the {run.kind} of {run.stage}: {run.reason}. Look at {run.stage}; the run may go on"
