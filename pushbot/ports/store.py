"""The record: what the bot keeps, and how it is asked for and added to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pushbot.ports.chat import PLAIN
from pushbot.queue.commands import Notify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.ports.chat import Manner, Memory
    from pushbot.queue.commands import RunState
    from pushbot.queue.model import Queue, RunKind


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as it is remembered. `id` is `LANE-NUMBER`; `lock` is the exclusive claim it holds while not final.

    `train` is the train's number in its lane, `token` what the executor finds the run by. `starting`: the executor was
    told, so it may have begun, and is never begun again; true until its end. `step` is where it failed, `reason` why.
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
    """How a train's journey stands. `failed` ends only what was run beside the line: in the line people give up."""

    UNDERWAY = "underway"
    DONE = "done"
    FAILED = "failed"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class PushRecord:
    """A train's journey, from its first stage to done; `stages` are those reached, in order.

    `aside`: it was one stage that no train in the line brought, by `.deploy` or `pushbot stage`. `joined_at` is when
    the train came into the line, `up_at` when its turn came; None where that was not recorded. `people` are the keys of
    the riders, in order: `person:alice` for one of `[people]`, else with the chat (`slack/user:U024BE7LH`); none where
    only their names were recorded.
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
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line that the bot owes somebody: `chat` and `to` say where (a room, or a person's address).

    `kind` is what sort of word it is: a kind of news, as `[announce]` names them, `talk`, or `reply`.
    """

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
        """The lane's runs, newest first, at most `limit` of them; of one stage, or in one state, if that is given."""
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
        """Whether what has that id was taken within the last 90 days, see Delivery."""
        ...

    def memory(self, chat: str) -> Memory:
        """The drawer of the chat of that name."""
        ...
