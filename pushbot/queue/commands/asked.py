"""What is asked of a lane and may change its queue."""

from __future__ import annotations

from dataclasses import dataclass

from pushbot.queue.model import Ticket


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
    """`.hold [2h] ["why"]`: stop the lane, for so many seconds or until somebody releases it.

    `cause` is what asks for it when that is not a person alone (`incident 3`), and is then what releases it.
    """

    reason: str | None = None
    seconds: float | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Unhold:
    """`.unhold`: release the lane; with `cause`, only from the hold that was put for it."""

    cause: str | None = None


@dataclass(frozen=True, slots=True)
class LockStage:
    """`.lock STAGE [2h] ["why"]`: keep a stage for yourself, or keep it longer."""

    stage: str
    seconds: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Unlock:
    """`.unlock STAGE`: give your lock back. `.unlock! STAGE "why"` (`force`): take somebody else's away."""

    stage: str
    force: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Second:
    """`.second`: your word, as another person than the driver, for the head's next stage."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """`.confirm`: yes to what the checks of the head's next stage asked about."""


@dataclass(frozen=True, slots=True)
class Override:
    """`.override "why"`: the head's next start may go in spite of hours, locks, checks and a missing second word."""

    reason: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """`.quiet`: no chatter and no reminders for your train; once more takes it back."""


@dataclass(frozen=True, slots=True)
class SetMessage:
    """`.message "text"` or `.message -`: the lane's note in the topic."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Abort:
    """`.abort [STAGE]`: stop what runs now; on a failed stage, give the push up.

    With `run`: stop that run and nothing else; with a `stage` that a template made: what runs there.
    """

    run: int | None = None
    stage: str | None = None


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
    """`.deploy REF to STAGE`, and `pushbot stage`: run one stage aside from the queue, without a train in the line.

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
    | LockStage
    | Unlock
    | Second
    | Confirm
    | Override
    | Quiet
    | SetMessage
    | Abort
    | Rollback
    | Retry
    | Deploy
    | EditTopic
)
