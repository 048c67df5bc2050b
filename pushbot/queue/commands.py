"""What may be asked of the bot: a closed set of commands, as data.

`Command` is what changes a queue and is decided by the rules; `Question` is what is answered
from the record; `Report` is what the world tells about runs and names, decided by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pushbot.queue.model import Person, Ticket


@dataclass(frozen=True, slots=True)
class Join:
    """`.join [config|askme|hold] [with N] [before N] [last] ["message"]` or `.join hotfix "reason"`."""

    ticket: Ticket = Ticket.NONE
    companion: str | None = None
    before: str | None = None
    last: bool = False
    message: str | None = None
    hotfix: bool = False


@dataclass(frozen=True, slots=True)
class Good:
    """`.good`: my change is good on the current stage."""


@dataclass(frozen=True, slots=True)
class Uhoh:
    """`.uhoh`: something is wrong; the train does not advance."""


@dataclass(frozen=True, slots=True)
class Go:
    """`.go [REF]`: good to go; from the head's driver it starts the next stage once all are good."""

    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Drive:
    """`.drive`: take the wheel of the first train I am in."""


@dataclass(frozen=True, slots=True)
class At:
    """`.at STAGE`: set the head's stage by hand."""

    stage: str


@dataclass(frozen=True, slots=True)
class Done:
    """`.done`: the head train is finished."""


@dataclass(frozen=True, slots=True)
class Nevermind:
    """`.nevermind`: leave every train."""


@dataclass(frozen=True, slots=True)
class Pop:
    """`.pop`: leave the last train I am in."""


@dataclass(frozen=True, slots=True)
class Kick:
    """`.kick NAME`: take somebody off every train."""

    name: str


@dataclass(frozen=True, slots=True)
class PutHold:
    """`.hold ["why"]`: stop the lane."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Unhold:
    """`.unhold`: release the lane."""


@dataclass(frozen=True, slots=True)
class SetMessage:
    """`.message "text"` or `.message -`: the lane's note in the topic."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Abort:
    """`.abort`: stop what runs now; on a failed stage, give the push up. With `run`: stop that run and nothing else."""

    run: int | None = None


@dataclass(frozen=True, slots=True)
class Rollback:
    """`.rollback [STAGE]`: bring back the last good revision."""

    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """`.retry [failed]`: run again what failed; `failed`: only where that is not done yet."""

    failed: bool = False


@dataclass(frozen=True, slots=True)
class Deploy:
    """`pushbot stage`, from the command line: run one stage aside from the queue, without a train in the line.

    `failed` goes on with what the stage's last deploy left undone, at its revision.
    """

    stage: str
    ref: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class EditTopic:
    """Somebody wrote the topic by hand; `text` is this lane's part of it, `drawn` what stood there."""

    text: str
    drawn: str


Command = (
    Join
    | Good
    | Uhoh
    | Go
    | Drive
    | At
    | Done
    | Nevermind
    | Pop
    | Kick
    | PutHold
    | Unhold
    | SetMessage
    | Abort
    | Rollback
    | Retry
    | Deploy
    | EditTopic
)


@dataclass(frozen=True, slots=True)
class Status:
    """`.status [LANE]`."""

    lane: str | None = None


@dataclass(frozen=True, slots=True)
class Eta:
    """`.eta`."""


@dataclass(frozen=True, slots=True)
class Blame:
    """`.blame [STAGE] [PATH]`; `words` are the arguments as written, at most two."""

    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """`.changes`."""


@dataclass(frozen=True, slots=True)
class Versions:
    """`.versions [STAGE]`: what the hosts of a stage run."""

    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """`.log [RUN]`."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """`.history [N]`."""

    count: int = 5


@dataclass(frozen=True, slots=True)
class Help:
    """`.help [COMMAND]`."""

    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Whoami:
    """`.whoami`."""


Question = Status | Eta | Blame | Changes | Versions | Log | History | Help | Whoami


class RunState(StrEnum):
    """Where a run stands; the last four are final."""

    REQUESTED = "requested"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to a run in this state."""
        return self not in (RunState.REQUESTED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class RunCounted:
    """The hosts of run `run` are known, and it is about to start: `summary` says how many and in which batches.

    `mismatches` are the lists of hosts that do not agree, a sentence each.
    """

    train: int
    run: int
    summary: str
    mismatches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunBegan:
    """The executor has taken up run `run` of train `train`, with its revision resolved."""

    train: int
    run: int
    revision: str | None


@dataclass(frozen=True, slots=True)
class AbortRefused:
    """Run `run` of train `train` was to be stopped, and cannot be, for `reason`; it goes on."""

    train: int
    run: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """Run `run` of train `train` came to the final state `state`.

    `step` and `reason` say where and why it did not succeed, or not everywhere; `undo` asks for the stage's rollback
    (its policy is automatic and something had been changed).
    """

    train: int
    run: int
    state: RunState
    step: str | None = None
    reason: str | None = None
    tail: tuple[str, ...] = ()
    undo: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rename:
    """A person is now known as another: a new nick, or logged in."""

    old: Person
    new: Person


Report = RunCounted | RunBegan | AbortRefused | RunEnded | Rename
