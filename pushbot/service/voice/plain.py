"""Small pieces of language that the messages share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.queue.model import RunKind, Ticket
from pushbot.service.people.directory import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.queue.model import Person, Train
    from pushbot.service.spec import News

SHORT_REVISION = 8
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MAYBE = "(maybe again) "
GO_ON = ".retry failed goes on with the hosts that are left, .go does all again"
"""How a deploy over hosts is tried again."""


@dataclass(frozen=True, slots=True)
class Said:
    """One line. `news` is announced where the configuration wants it; a `reply` goes to who asked.

    Neither: it is said in the lane's rooms, or in private `to` somebody. `aside`: a reply that is left out in a room,
    as everybody can see in the topic what happened. `alone`: a reply that nobody else need see. `quote`: a line of a
    run's output; `output` is the end of the log of `run`, which it is about. `people` may be called by name at its
    start, those in `known` without a notification, for they know; and `push` is the journey that it is about, in whose
    thread it stands where there is one, unless it is `loud`.
    """

    text: str
    news: News | None = None
    reply: bool = False
    aside: bool = False
    to: Person | None = None
    alone: bool = False
    quote: bool = False
    output: tuple[str, ...] = ()
    run: str = ""
    people: tuple[Person, ...] = ()
    known: tuple[Person, ...] = ()
    push: str = ""
    loud: bool = False


def listed(names: Sequence[str]) -> str:
    """Names as a person writes them: `alice`, `alice and bob`, `alice, bob and carol`."""
    if len(names) < 2:  # noqa: PLR2004 - one or none need no `and`
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def called(people: Sequence[Person]) -> str:
    """Names to call people by, so that their chat lights up: `alice, bob`."""
    return ", ".join(person.name for person in people)


def riders(train: Train) -> str:
    """Everyone aboard, the driver first."""
    return called([rider.person for rider in train.riders])


def ways_on(train: Train, *, hosts: bool = False, reverts: bool = True) -> str:
    """What can be done on a train that failed; `hosts` when its stage is for several, `reverts` when it can go back."""
    if train.aside:
        again = "pushbot stage --failed goes on with the hosts that are left, " if hosts else ""
        if train.ref is not None and train.driver.chat != CONTROL and train.run_kind is RunKind.DEPLOY:
            again += f".deploy {train.ref} to {train.stage} tries again, "
        return f"{again}.rollback {train.stage} brings the last good one back"
    if train.run_kind is RunKind.ROLLBACK and train.run is not None:
        return ".retry tries the rollback again, .abort gives up"
    if any(rider.ticket is Ticket.HOLD for rider in train.riders):
        return ".done ends it"
    if train.by_itself:
        return f"operators may say {'.rollback, which brings the last good one back, or ' if reverts else ''}.abort"
    back = ", .rollback brings the last good one back" if reverts else ""
    return f"{GO_ON if hosts else '.go tries again'}{back}, .abort gives up"


def short(revision: str | None) -> str:
    """A revision as people quote it: the first eight characters of a commit's id, other names as they are."""
    name = revision or "?"
    return name[:SHORT_REVISION] if COMMIT.fullmatch(name) else name


def counted(number: int, noun: str) -> str:
    """`1 train`, `2 trains`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def going(lane: str, branch: str | None, revision: str | None) -> str:
    """What goes out: `web/main (6957bb87)`; `web (6957bb87)` when a commit was named, `web` when nothing is known."""
    if branch is None:
        return lane
    named = f"{lane}/{branch}" if COMMIT.fullmatch(branch) is None else lane
    return f"{named} ({short(revision or branch)})" if revision or named == lane else named


def lasting(seconds: float) -> str:
    """A length of time in the two largest units: `23s`, `4m05s`, `2h10m`, `3d4h`."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m{whole % MINUTE:02}s"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02}m"
    return f"{whole // DAY}d{whole % DAY // HOUR}h"


def again(text: str) -> str:
    """A line that may have been said before the bot or its link went down; marked once, however often that was."""
    return text if text.startswith(MAYBE) else MAYBE + text
