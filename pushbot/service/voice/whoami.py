"""Answers to `.whoami`: who the bot takes somebody for, why, and what they may not do, with who could."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue.access import Role, who_may
from pushbot.queue.model import LINKED
from pushbot.service.voice.phrases import NAME, clip, shown, to
from pushbot.service.voice.plain import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.queue.model import Person
    from pushbot.service.people.access import Standing
    from pushbot.service.snapshot import Snapshot

_MOST = 12
"""Verbs that are named in one breath."""


def whoami(person: Person, snapshots: Sequence[Snapshot], standing: Standing, lane: str) -> tuple[str, ...]:
    """Who somebody is taken for, where they sit, their roles in `lane`, and what is not for them there."""
    where = "on this machine" if person.key.startswith("uid:") else f"on {person.chat}"
    known = f"in the configuration as {person.key.removeprefix(LINKED)}" if person.linked else f"as {_account(person)}"
    vouched = f"proof: {shown(person.proof) or 'none'}"
    name = shown(person.name, NAME)
    first = f"{to(person)}: you are {name} {where}, known {shown(known)}; {vouched}; {_seats(person, snapshots)}"
    roles = sorted(standing.roles - {Role.GUEST, Role.ANYONE})
    if not person.trusted:
        held = "you may ask, and do nothing before you log in"
    else:
        held = f"your roles in {lane} now: {', '.join(roles)}" if roles else f"you have no role in {lane} now"
    lacking = [
        f"{' '.join(verbs[:_MOST])}{' …' if len(verbs) > _MOST else ''} for {shown(who_may(roles, standing.trains))}"
        for roles, verbs in standing.lacking
    ]
    if not person.trusted or not lacking:
        return (clip(first), clip(f"{to(person)}: {held}"))
    return (clip(first), clip(f"{to(person)}: {held}; not yours: {'; '.join(lacking)}"))


def _account(person: Person) -> str:
    """Who that is: on Slack as `[people]` wants it, `slack/U024BE7LH`; on IRC by what makes it so, `account:alice`."""
    kind, _, rest = person.key.partition(":")
    return f"{person.chat}/{rest}" if kind == "user" else person.key


def _seats(person: Person, snapshots: Sequence[Snapshot]) -> str:
    seats = [
        f"{'driving' if not train.seat(person) else 'aboard'} {_place(ahead)} of {lane.spec.name}"
        for lane in snapshots
        for ahead, train in enumerate(lane.queue.trains)
        if train.seat(person) is not None
    ]
    return listed(seats) if seats else "aboard no train"


def _place(ahead: int) -> str:
    return f"a train with {ahead} before it in the queue" if ahead else "the first train"
