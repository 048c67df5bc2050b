"""An incident as a value, from the word that opens it to the one that ends it, and what the record knows at that time.

Nothing here is done: `house.py` does it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pushbot.ports import IncidentRecord, Moment
from pushbot.queue.commands import PutHold, Unhold
from pushbot.queue.model import Hold
from pushbot.queue.topic import clean_text
from pushbot.service.house.postmortem import BEFORE, IN_FLIGHT, LINE
from pushbot.service.people.remembered import key_of
from pushbot.service.runs.dispatcher import BOT
from pushbot.service.voice.incident import flying, name_of, push_line
from pushbot.service.voice.phrases import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pushbot.ports import PushRecord, RunRecord, Store
    from pushbot.queue.model import Person, Queue
    from pushbot.service.asks import Ask
    from pushbot.service.lane.runbook import Outputs
    from pushbot.service.snapshot import Snapshot

MOST_LINES: Final = 2000
"""Lines of a timeline."""
KEPT_FREE: Final = 200
"""Those that mere talk may not take, so that there is room for `.note`, and for what the lanes do."""
LAST_PUSHES: Final = 5
_CAUSE = re.compile(r"incident \d+")


def begun(number: int, title: str, by: Person, now: datetime) -> IncidentRecord:
    """A new incident; its first line is who opened it."""
    return IncidentRecord(number, title, key_of(by), now, timeline=(Moment(now, _name(by.name), f"opens it: {title}"),))


def with_moments(incident: IncidentRecord, lines: Iterable[Moment], *, talk: bool = False) -> IncidentRecord:
    """`incident` with more lines in its timeline, as far as there is room; each is one line that can be shown."""
    room = MOST_LINES - len(incident.timeline) - (KEPT_FREE if talk else 0)
    clean = (replace(line, who=line.who and _name(line.who), text=clean_text(line.text, LINE)) for line in lines)
    more = tuple(line for line in clean if line.text)[: max(0, room)]
    return replace(incident, timeline=(*incident.timeline, *more)) if more else incident


def over(incident: IncidentRecord, by: Person, how: str | None, now: datetime) -> IncidentRecord:
    """`incident` at its end. Its last line is who ended it, and finds a place in any case."""
    last = Moment(now, _name(by.name), f"resolves it: {how}" if how else "resolves it")
    timeline = (*incident.timeline[: MOST_LINES - 1], last)
    return replace(incident, resolved_at=now, resolved_by=key_of(by), how=how, timeline=timeline)


def _name(name: str) -> str:
    """A person's name as a timeline has it: never empty, as the bot's own lines are without one."""
    return clean_text(name, 64) or "?"


def causes(queue: Queue) -> frozenset[str]:
    """The incidents for which a lane is held."""
    found = (item.cause for item in queue.items if isinstance(item, Hold) and item.cause is not None)
    return frozenset(cause for cause in found if _CAUSE.fullmatch(cause))


def cause_of(ask: Ask) -> str | None:
    """The incident for which the bot asked a lane for something; None for all that others ask."""
    if ask.by.key != BOT.key or not isinstance(ask.what, PutHold | Unhold):
        return None
    return ask.what.cause


def reason(incident: IncidentRecord) -> str:
    """Why a lane is held, as its topic shows it."""
    return clip(f"{name_of(incident)}: {incident.title}", 120)


async def scene(
    lanes: Sequence[Snapshot], store: Store, outputs: Outputs, now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is in flight, a line for each run, and the last pushes of all lanes, newest first, with their logs.

    Raises PushbotError when the record cannot be read.
    """
    under_way = tuple(line for lane in lanes for line in flying(lane, now))
    pushes: list[PushRecord] = []
    for lane in lanes:
        pushes += [push for push in await store.pushes(lane.spec.name, limit=2 * LAST_PUSHES) if push.stages]
    newest = sorted(pushes, key=lambda push: push.ended_at or push.began_at, reverse=True)[:LAST_PUSHES]
    told = []
    for push in newest:
        runs = [run for run in await store.runs(push.lane, limit=50) if run.train == push.number]
        told.append(push_line(push, now, _log(runs, outputs)))
    return under_way, tuple(told)


def _log(runs: Sequence[RunRecord], outputs: Outputs) -> str | None:
    """Where the output of the newest of `runs` is."""
    return next((outputs.shown(run.id) for run in runs if run.token is not None), None)


def gathered(under_way: Iterable[str], pushes: Iterable[str], now: datetime) -> tuple[Moment, ...]:
    """The same as lines of a timeline, where the post-mortem finds them."""
    return (
        *(Moment(now, "", f"{IN_FLIGHT}{line}") for line in under_way),
        *(Moment(now, "", f"{BEFORE}{line}") for line in pushes),
    )
