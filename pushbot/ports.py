"""Every seam of pushbot, on one page: what the core asks of chats, executors, repositories and stores.

Each seam is a Protocol with the few values that cross it. Implementations come in by the one door
of `plugins.py` (docs/plugins.md). All times are aware datetimes in UTC, all durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pushbot.fleet.model import AT_ONCE, Host, Rollout
from pushbot.queue.commands import Notify

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pushbot.fleet.model import HostVersion, Tally, VersionProbe
    from pushbot.queue.commands import RunState
    from pushbot.queue.model import Person, Queue, RunKind
    from pushbot.views import HomeView, LaneBoard, PushView


class Clock(Protocol):
    """The time, so that tests can drive it by hand."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` later."""
        ...


class Timetable(Protocol):
    """What is to be done at a time. Nothing of it is kept: whoever needs a job puts it up anew at start.

    A job has the place of one of the same name. What goes wrong in a job is logged, and costs nothing else.
    """

    async def run(self) -> None:
        """Have things done as they are due, until cancelled."""
        ...

    def at(self, name: str, when: datetime, act: Callable[[], Awaitable[None]]) -> None:
        """Have `act` done when the wall clock shows `when`, at once if that is over."""
        ...

    def every(self, name: str, often: float | str, act: Callable[[], Awaitable[None]]) -> None:
        """Have `act` done every so many seconds, or as the five fields of a crontab say, in UTC.

        Turns that were missed are made up for by one. Raises PushbotError for fields that cannot be read.
        """
        ...

    def cancel(self, name: str) -> None:
        """Forget the job of that name, if there is one."""
        ...


# --- chats -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody said something. `room` is None in private.

    `addressed` is True in private and when the bot was called by name, which is then no longer
    part of `text`. `text` is one line of valid Unicode without control characters.

    A chat that knows more tells it: `spot` is where in the room it was said (a thread), in the chat's own words, and an
    answer goes there. `lane` is what the place speaks of (the thread of a push, a button of a board), `seen` the
    `mark` of the board whose button it was. `id` names what was said, for ever: then `tell` returns when all that
    follows is on record; with `again` it may have been told before, and what is on record is not done twice. `late`: it
    was said so long ago that nobody expects it to be done any more.
    """

    chat: str
    room: str | None
    person: Person
    text: str
    addressed: bool = False
    spot: str = ""
    lane: str = ""
    seen: str = ""
    id: str = ""
    again: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class TopicEdited:
    """Somebody other than the bot changed a room's topic while the bot was there.

    `before` is what the room showed until then, in the order of the server: what the editor can have seen.
    `id` and `again` are as those of Heard.
    """

    chat: str
    room: str
    person: Person
    text: str
    before: str | None = None
    id: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class RoomEntered:
    """The bot has (re)joined a room; `topic` is what it found there.

    `setter` is the name of who had set it, None when that is not known or was the bot itself.
    """

    chat: str
    room: str
    topic: str
    setter: str | None = None


@dataclass(frozen=True, slots=True)
class TopicRefused:
    """The chat does not let the bot set the topic of `room`; told once for each time it enters the room.

    `cure` is what people there can do about it, in words; left out, it is what helps on IRC.
    """

    chat: str
    room: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Renamed:
    """A person is now known as another."""

    chat: str
    old: Person
    new: Person


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """A person looks at their own page, which `Displays.show_home` is to draw."""

    chat: str
    person: Person


Notice = Heard | TopicEdited | RoomEntered | TopicRefused | Renamed | HomeOpened
"""What a chat tells the bot. Notices of one chat are handed over in the order in which they happened."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a line is meant, for a chat that can do more than say it in a room; any other just says it.

    `whom` is the address of the person whom it answers, `alone` that nobody else need see it (a refusal), `spot` where
    in the room it was asked. `push` is the journey that it is about (`web/12`), which may have a thread of its own;
    `loud` lines are for the whole room all the same. `calls` are the people called at the start of the text: the name
    as it stands there, and their address in this chat. `quote` is a line of a run's output, `output` the end of the log
    of `run`, which the line is about. `id` names the line on the record (0: it is not), `again` that it may have been
    said before.
    """

    whom: str = ""
    alone: bool = False
    spot: str = ""
    push: str = ""
    loud: bool = False
    calls: tuple[tuple[str, str], ...] = ()
    quote: bool = False
    output: tuple[str, ...] = ()
    run: str = ""
    id: int = 0
    again: bool = False


PLAIN = Manner()
"""A line for everybody there, about which there is nothing more to know."""


class Chat(Protocol):
    """One connection to one chat, kept up for ever.

    Constructed as `Type(name, options, rooms)`, `options` being an instance of its `Options` model.
    """

    name: str

    async def run(self, tell: Callable[[Notice], Awaitable[None]]) -> None:
        """Connect, enter the rooms and serve until cancelled, reconnecting for ever.

        `tell` may wait when the bot is busy; a chat then stops reading. On cancellation the chat
        signs off within two seconds. Raises PushbotError only for what no retry can cure.
        """
        ...

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> Future[None]:
        """Queue one line for a room or a person's address; lines go out in order, before any topic.

        The future is done when the server has confirmed that it got the line. It raises
        DeliveryUncertain when the link broke after the line was written and before that; a line not
        yet written is kept over a reconnect and stays waiting. Long text goes out as several lines,
        confirmed as one. Control characters are removed.
        """
        ...

    def draw(self, room: str, topic: str) -> None:
        """Make `topic` the room's topic: at once when alone, else the latest within the server's limit.

        Remembered, and set again after a reconnect, a kick, or being made operator.
        """
        ...

    def topic_limit(self, room: str) -> int:
        """How many bytes of UTF-8 a topic may have there now."""
        ...

    def fold(self, name: str) -> str:
        """`name` in the form in which two names of one person are equal (IRC: the server's casemapping)."""
        ...

    def person(self, name: str) -> Person:
        """The person of that name, as far as the chat knows (used for names in hand-edited topics)."""
        ...


@runtime_checkable
class Displays(Protocol):
    """What a chat may have beside: it shows boards, pushes and people's own pages, each in its place.

    Of one that is shown again only the latest counts; all are remembered, and shown again after a reconnect.
    """

    def show_board(self, room: str, board: LaneBoard) -> None:
        """Make this the lane's board in `room`."""
        ...

    def show_push(self, room: str, push: PushView) -> None:
        """Make this what `room` shows of the push; lines of that push that are said from now on belong to it.

        After a restart it is told again of what is under way and of what ended lately: of a push that has ended and
        was never shown there, nothing need be shown unless lines of it follow.
        """
        ...

    def show_home(self, address: str, home: HomeView) -> None:
        """Make this the own page of the person whom the chat reaches at `address`."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """What a chat took from its server and has not dealt with yet: `id` is the server's own, `body` the chat's.

    `at` is when it was taken in, where the store tells.
    """

    id: str
    body: str
    at: datetime | None = field(default=None, compare=False)


class Memory(Protocol):
    """A chat's own drawer in the store: letters that wait, and notes that outlive the bot.

    All methods raise PushbotError when the disk does not take it, or does not give it.
    """

    async def take_in(self, letter: Letter) -> bool:
        """Keep a letter, for good before this returns; False when one of that id was taken in within the last days."""
        ...

    async def waiting(self) -> Sequence[Letter]:
        """The letters that were not dealt with, in the order in which they were taken in."""
        ...

    async def dealt_with(self, letter: str) -> None:
        """The letter of that id is done; that it came is remembered for some days."""
        ...

    async def note(self, name: str, text: str | None) -> None:
        """Keep a text under a name; None to keep it no longer."""
        ...

    async def notes(self) -> Mapping[str, str]:
        """All that was noted."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """What a chat may have beside: a `memory`, None when made, which the bot gives it before `run` is called."""

    memory: Memory | None


@runtime_checkable
class Groups(Protocol):
    """What a chat may have beside: it knows groups of people, which may be in roles (`[roles.NAME] groups`)."""

    async def members(self, group: str) -> frozenset[str]:
        """The addresses of those in the group that the configuration names so; nobody, where there is no such group.

        May be asked before `run`, and while it is not connected. Raises PushbotError when the chat cannot tell.
        """
        ...


class Worth(StrEnum):
    """What it means for the bot that something of its chat is as it was found."""

    GOOD = "good"
    WARNING = "warning"
    MISTAKE = "mistake"
    UNSEEN = "not looked at"


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that a look at a chat found: one plain sentence, with what to do about it where it is not good."""

    worth: Worth
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration counts on in a chat beside its rooms: accounts of people and groups, as it names them."""

    people: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@runtime_checkable
class Inspecting(Protocol):
    """What a chat may have beside: before it is run, it can look whether it would find all that it needs."""

    def look(self, wanted: Wanted) -> AsyncIterator[Sight]:
        """Ask the server, and change nothing there; each thing as it is found. Whoever asks sets the time limit.

        No secret is in what it says. Raises PushbotError when the server cannot be asked any further.
        """
        ...


def recalls(chat: Chat) -> bool:
    """Whether `chat` can tell if a line was said before: it has `recalls = True`.

    It is then told so by `Manner.again`, and says only what was not; for any other, the text says that it may be a
    repetition.
    """
    return getattr(chat, "recalls", False) is True


# --- runs --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One named step of a stage: an argument list, or a script for `/bin/sh` given by the operator.

    `after` is waited before the step, `timeout` bounds each try, `retries` is how many more tries
    a failing step gets, `retry_delay` the wait between them; all in seconds. Text from chat is only
    ever in the environment. On a stage with hosts a step is for each of them, run there; `once` is
    a step that is run once, on the bot's machine.
    """

    name: str
    run: tuple[str, ...] = ()
    script: str | None = None
    timeout: float = 600.0
    retries: int = 0
    retry_delay: float = 1.0
    after: float = 0.0
    env: tuple[tuple[str, str], ...] = ()
    once: bool = False


class ProbeKind(StrEnum):
    """How a health check looks at a service."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Probe:
    """One health check, tried every `interval` until it has passed `passes` times in a row.

    Healthy when that happens within `window`; with `watch` it must then go on passing for so long.
    `target` is a URL, `host:port`, or for a command the argument list in `run`. `expect` is a text
    that the answer or output must contain; `status` the HTTP status wanted. Both may hold
    `{revision}` and the other names of the step environment.
    """

    kind: ProbeKind
    name: str
    target: str = ""
    run: tuple[str, ...] = ()
    expect: str | None = None
    status: int = 200
    interval: float = 0.5
    timeout: float = 5.0
    window: float = 30.0
    passes: int = 1
    watch: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """All that an executor needs to carry out one run of one stage.

    The order is `steps`, then `health`, then `post`; the run has succeeded when all have. `directory`
    is the run's own, made by the bot; output goes to `output.log` in it, secrets masked. `env` is
    what the operator configured: values may be references `env:NAME` or `file:PATH`, to be resolved
    late and masked. `facts` are the PUSHBOT_* variables of the run, as plain text. `workdir` is where
    steps start. `grace` is how long a process group may take to end after TERM before it gets KILL.
    `hosts` are what the run is for, in the order of the inventory, and `rollout` how it goes over them;
    after a restart of the bot `hosts` is empty, as the executor was given them before. `continues` is the
    directory of an earlier run of the stage: hosts that were finished there are left alone. `called` is what people
    named the stage, where a template made it: `ann` of `staging-ann`.
    """

    run: str
    kind: RunKind
    lane: str
    stage: str
    revision: str | None
    previous: str | None
    branch: str | None
    driver: str
    riders: tuple[str, ...]
    directory: Path
    workdir: Path
    steps: tuple[Step, ...] = ()
    health: tuple[Probe, ...] = ()
    post: tuple[Step, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    timeout: float = 3600.0
    grace: float = 5.0
    hosts: tuple[Host, ...] = ()
    rollout: Rollout = AT_ONCE
    continues: Path | None = None
    called: str = ""

    def facts(self) -> dict[str, str]:
        """The environment that tells a step what it is part of."""
        return {
            "PUSHBOT_RUN": self.run,
            "PUSHBOT_KIND": self.kind,
            "PUSHBOT_LANE": self.lane,
            "PUSHBOT_STAGE": self.stage,
            "PUSHBOT_REVISION": self.revision or "",
            "PUSHBOT_PREVIOUS_REVISION": self.previous or "",
            "PUSHBOT_BRANCH": self.branch or "",
            "PUSHBOT_DRIVER": self.driver,
            "PUSHBOT_RIDERS": " ".join(self.riders),
            **({"PUSHBOT_NAME": self.called} if self.called else {}),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: SUCCEEDED, FAILED or CANCELLED; where and why if not well; its last lines.

    `changed` is whether anything was changed where it ran, None when the step at which it failed tells that.
    """

    state: RunState
    step: str | None = None
    reason: str | None = None
    tail: tuple[str, ...] = ()
    changed: bool | None = None


@dataclass(frozen=True, slots=True)
class Traits:
    """What sets an executor apart.

    `steps`: its stages say in `steps` what to do. `reverts`: it can bring back an earlier revision without
    `rollback_steps`. `hosts`: its stages name the hosts that they are for.
    """

    steps: bool = True
    reverts: bool = False
    hosts: bool = False


class Executor(Protocol):
    """Carries out runs. It keeps no state of its own that a restart of the bot would lose.

    Constructed as `Type(options)`, `options` being an instance of its `Options` model. It may have an
    attribute `traits: Traits`; without one, those that `Traits()` gives are meant.
    """

    async def start(self, job: Job) -> str:
        """Begin the run and return a token by which it can be found again, also after a restart.

        Called at most once for each run. Raises PushbotError when the run could not be begun at all.
        """
        ...

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:
        """Follow the run to its end; may be called again, by another process, after a restart.

        `token` is None when the bot ended while `start` was under way. `progress` is told each step
        as it begins ("migrate 3/8"), and with hosts how many of them are done and failed, as that changes.
        Cancelling this call leaves the run alone. Raises RunLost when
        nobody can tell what became of the run.
        """
        ...

    async def abort(self, job: Job, token: str | None) -> None:
        """Ask the run to stop, with all its processes; `wait` then returns CANCELLED. Safe to repeat.

        Raises PushbotError when it cannot be stopped, with what a person could do.
        """
        ...


@runtime_checkable
class Versions(Protocol):
    """What an executor may have beside: it can ask hosts what they run."""

    async def versions(self, hosts: Sequence[Host], probe: VersionProbe) -> Sequence[HostVersion]:
        """The version of each host, in the order given; a host that does not tell is in it with its trouble.

        Raises PushbotError when no host at all can be asked.
        """
        ...


def traits_of(executor: Executor) -> Traits:
    """What sets `executor` apart."""
    found = getattr(executor, "traits", None)
    return found if isinstance(found, Traits) else Traits()


# --- hosts -------------------------------------------------------------------------------------


class Inventory(Protocol):
    """A list of hosts that is kept somewhere. Constructed as `Type(options)`."""

    async def hosts(self) -> Sequence[Host]:
        """The hosts of this moment, in the order in which they are kept, without `env`.

        Raises PushbotError when the list cannot be had or read.
        """
        ...


# --- revisions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """One commit: full id, author's name, time, first line of its message."""

    id: str
    author: str
    at: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What lies between two revisions: the newest commits, how many in all, and the size of the change."""

    commits: tuple[CommitInfo, ...]
    total: int
    authors: tuple[str, ...]
    files: int
    insertions: int
    deletions: int


class Repository(Protocol):
    """Where revisions come from. Constructed as `Type(options)`."""

    async def resolve(self, ref: str) -> str:
        """The full id of the commit that `ref` (branch, tag or id) names now.

        Raises PushbotError when there is none or the repository cannot be reached.
        """
        ...

    async def changes(self, old: str | None, new: str, *, path: str | None = None, limit: int = 20) -> ChangeSet:
        """What `new` has and `old` lacks (all of `new`'s history when `old` is None), only under `path` if given.

        When `old` is ahead (a rollback) that is nothing. Raises PushbotError when a revision is unknown.
        """
        ...


@dataclass(frozen=True, slots=True)
class Touched:
    """One file that differs between two revisions; lines of a binary file are not counted."""

    path: str
    insertions: int = 0
    deletions: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a revision stands to a branch: how many commits of it are missing, and the files that do not merge."""

    behind: int
    conflicts: tuple[str, ...] = ()


@runtime_checkable
class Inspectable(Protocol):
    """What a repository may have beside: it can be looked into, for checks."""

    async def touched(self, old: str | None, new: str) -> tuple[Touched, ...]:
        """The files that differ when `new` takes the place of `old`; all of `new`'s when `old` is None.

        A file that was moved is in it under both names. Raises PushbotError when a revision is unknown.
        """
        ...

    async def standing(self, revision: str, branch: str) -> Standing:
        """How `revision` stands to what `branch` is now. Raises PushbotError when one of them is unknown."""
        ...

    async def export(self, revision: str, folder: Path) -> None:
        """Write the files of `revision` into `folder`. Raises PushbotError when that cannot be done."""
        ...


# --- checks ------------------------------------------------------------------------------------


class Finding(StrEnum):
    """What a check found: all is well; it must not go; or a person has to say yes to it first."""

    PASSED = "passed"
    FAILED = "failed"
    ASKS = "asks"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, and why, in one line for people."""

    finding: Finding
    why: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a check looks at: the revision that is to go to a stage, and what is there now (None: not known).

    `branch` is what people named, `driver` and `riders` who brings it. `repository` is the lane's, `incident` the
    title of the one that is open. `directory` is a place of its own to work in, gone afterwards. `patience` is how many
    seconds the check has: it may say itself what it still waits for then, and is ended a little later. `called` is as
    that of a Job.
    """

    lane: str
    stage: str
    revision: str | None
    previous: str | None
    branch: str | None
    driver: str
    riders: tuple[str, ...]
    directory: Path
    repository: Repository | None = None
    incident: str | None = None
    patience: float = 300.0
    called: str = ""

    def facts(self) -> dict[str, str]:
        """The environment that tells a command what it looks at: as that of a step, without a run."""
        return {
            "PUSHBOT_LANE": self.lane,
            "PUSHBOT_STAGE": self.stage,
            "PUSHBOT_REVISION": self.revision or "",
            "PUSHBOT_PREVIOUS_REVISION": self.previous or "",
            "PUSHBOT_BRANCH": self.branch or "",
            "PUSHBOT_DRIVER": self.driver,
            "PUSHBOT_RIDERS": " ".join(self.riders),
            **({"PUSHBOT_NAME": self.called} if self.called else {}),
        }


class Check(Protocol):
    """Looks at a change before it goes to a stage. Constructed as `Type(options)`; the bot bounds its time."""

    async def look(self, change: Change) -> Verdict:
        """What it finds. Raises PushbotError when it cannot tell, which counts as not passed unless configured so."""
        ...


# --- store -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as it is remembered. `id` is `LANE-NUMBER`; `lock` is the exclusive claim it holds while not final.

    `continues` is the run whose unfinished hosts it takes up (`.retry failed`), `hosts` how many it is for. `size` is
    how large the change is, in words. `override` is why an operator lets it pass what stands in the way. `asks` are the
    questions of checks that kept it from beginning, `confirmed` those that were answered with yes, and `notes` what
    checks said that did not. `took` are its steps and the seconds of each, where it was followed from its beginning.
    """

    id: str
    lane: str
    train: int
    stage: str
    kind: RunKind
    state: RunState
    lock: str
    driver: str
    riders: tuple[str, ...]
    requested_at: datetime
    ref: str | None = None
    revision: str | None = None
    previous: str | None = None
    token: str | None = None
    starting: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    step: str | None = None
    reason: str | None = None
    continues: str | None = None
    hosts: int = 0
    size: str | None = None
    override: str | None = None
    asks: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    took: tuple[tuple[str, float], ...] = ()


class PushState(StrEnum):
    """How a train's journey stands."""

    UNDERWAY = "underway"
    DONE = "done"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class PushRecord:
    """A train's journey, from its first stage to done; `stages` are those reached, in order.

    `aside` is a stage that was run from the command line, beside the line. `joined_at` is when the train came into the
    line, `up_at` when its turn came; None where that was not recorded.
    """

    lane: str
    number: int
    state: PushState
    driver: str
    riders: tuple[str, ...]
    began_at: datetime
    ended_at: datetime | None = None
    revision: str | None = None
    stages: tuple[str, ...] = ()
    aside: bool = False
    joined_at: datetime | None = None
    up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line that the bot owes somebody: `chat` and `to` say where, `kind` what sort of word it is."""

    id: int
    chat: str
    to: str
    kind: str
    text: str
    manner: Manner = PLAIN


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: who asked or what reported, the words of it, and what came of it.

    `who` is the person's key, `name` what they were called, `proof` what vouched for them, `where` the place they
    spoke in (`irc/#push`). `outcome` is `done`, or the code of the refusal.
    """

    at: datetime
    who: str
    what: str
    outcome: str
    name: str = ""
    proof: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of an incident's timeline."""

    at: datetime
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An incident, from the word that opened it to the one that ended it; one may be open at a time.

    `lanes` are those that were held for it, `report` the file with what was gathered at the end.
    """

    number: int
    title: str
    by: str
    opened_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    how: str | None = None
    lanes: tuple[str, ...] = ()
    timeline: tuple[Moment, ...] = ()
    report: str | None = None


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """What is remembered of a person: since when they ride, and when and how they want to be called."""

    key: str
    first_at: datetime | None = None
    notify: Notify = Notify.UP
    ahead: int = 0
    privately: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a webhook, or one command in a letter of a chat, that was taken: it is not taken again."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """All that follows from a batch of commands on one lane, committed in one transaction.

    `runs`, `pushes`, `incidents` and `people` replace the record of the same id, number or key; `spoken` are the ids
    of lines that were confirmed meanwhile. `queue` is None when only the rest changed. `careful` asks that it survive
    a power cut too, not only a crash of the process.
    """

    lane: str
    queue: Queue | None = None
    entries: tuple[Entry, ...] = ()
    runs: tuple[RunRecord, ...] = ()
    pushes: tuple[PushRecord, ...] = ()
    lines: tuple[Line, ...] = ()
    spoken: tuple[int, ...] = ()
    incidents: tuple[IncidentRecord, ...] = ()
    people: tuple[PersonRecord, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    careful: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the store holds of a lane at start: its queue (None if the lane is new) and its unfinished runs."""

    queue: Queue | None
    runs: tuple[RunRecord, ...] = field(default=())


class Store(Protocol):
    """The record. One process has it open at a time."""

    async def open(self) -> None:
        """Open or make the database and bring it to this version.

        Raises PushbotError when it is newer than this bot, damaged, not writable, or open elsewhere.
        """
        ...

    async def close(self) -> None:
        """Finish writing and close; safe to repeat."""
        ...

    async def remember(self, lane: str) -> Remembered:
        """What is known of the lane from before."""
        ...

    async def unfinished(self) -> Sequence[RunRecord]:
        """The runs of all lanes that came to no end yet, oldest first; also of lanes that are no longer configured."""
        ...

    async def commit(self, work: Work) -> None:
        """Write all of it or nothing. Raises PushbotError when the disk does not take it."""
        ...

    async def owed(self) -> Sequence[Line]:
        """The lines not yet confirmed, oldest first."""
        ...

    async def last_line(self) -> int:
        """The highest line id ever given, or 0."""
        ...

    async def run(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        ...

    async def runs(
        self, lane: str, *, stage: str | None = None, state: RunState | None = None, limit: int = 20
    ) -> Sequence[RunRecord]:
        """The lane's runs, newest first."""
        ...

    async def pushes(self, lane: str, *, limit: int = 20) -> Sequence[PushRecord]:
        """The lane's pushes, newest first, those under way included."""
        ...

    async def push(self, lane: str, number: int) -> PushRecord | None:
        """The lane's push of that number."""
        ...

    async def journal(self, lane: str, *, limit: int = 50) -> Sequence[Entry]:
        """The lane's journal, newest first; that of the bot itself under the name ""."""
        ...

    async def incidents(self, *, limit: int = 20) -> Sequence[IncidentRecord]:
        """The incidents, newest first."""
        ...

    async def people(self) -> Sequence[PersonRecord]:
        """All that is remembered of people."""
        ...

    async def delivered(self, delivery: str) -> bool:
        """Whether what has that id was taken before, see Delivery."""
        ...

    def memory(self, chat: str) -> Memory:
        """The drawer of the chat of that name."""
        ...
