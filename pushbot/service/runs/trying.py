"""`.try REF [STAGE]`: the checks of a stage on a branch, for whoever wants to know.

Nobody queues for that, and nothing is claimed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.ports import Change
from pushbot.service.lane.history import HISTORY, previous
from pushbot.service.runs.checking import Effect, look, open_incident, worst
from pushbot.service.runs.preparing import RESOLVE_WITHIN
from pushbot.service.voice.phrases import clip, shown, to
from pushbot.service.voice.plain import short

if TYPE_CHECKING:
    from pushbot.ports import Repository, Store
    from pushbot.queue.commands import Try
    from pushbot.queue.model import Person
    from pushbot.service.runs.checking import Checked
    from pushbot.service.spec import LaneSpec, StageSpec

AT_ONCE = 2
"""Trials under way at the same time in one lane: each may be a whole test suite."""
MOST = 12
"""Checks that are told each in a line of its own."""
_FOUND = {Effect.NONE: "passed", Effect.TOLD: "only tells", Effect.ASKS: "asks", Effect.BLOCKS: "did not pass"}
_WOULD = {
    Effect.NONE: "would be let on {}",
    Effect.TOLD: "would be let on {}",
    Effect.ASKS: "would be let on {} after a .confirm",
    Effect.BLOCKS: "would not be let on {}",
}


@dataclass(slots=True)
class Trials:
    """The trials under way, by lane."""

    store: Store
    _under_way: Counter[str] = field(default_factory=Counter)

    async def tried(self, question: Try, lane: LaneSpec, person: Person) -> tuple[str, ...]:
        """What the checks say: whether it would be let in, then a line for each of them.

        It takes as long as the checks may. Raises PushbotError when the repository has no such revision.
        """
        wide = lane.widened((question.stage,))
        names = [stage.name for stage in wide.stages]
        if question.stage is not None and question.stage not in names:
            known = ", ".join(names) or "none"
            return (f"{to(person)}: {lane.name} has no stage called {shown(question.stage)}; it has {known}",)
        checked = [stage for stage in wide.stages if stage.checks and question.stage in (None, stage.name)]
        if not checked:
            where = question.stage or f"any stage of {lane.name}"
            return (f"{to(person)}: nothing is checked before {where}, so there is nothing to try",)
        if lane.repository is None:
            return (f"{to(person)}: {lane.name} has no repository, so I cannot tell what {shown(question.ref)} is",)
        if self._under_way[lane.name] >= AT_ONCE:
            return (f"{to(person)}: {AT_ONCE} branches of {lane.name} are being tried already; please ask again later",)
        self._under_way[lane.name] += 1
        try:
            return await self._tried(question.ref, lane, checked[0], lane.repository, person)
        finally:
            self._under_way[lane.name] -= 1

    async def _tried(
        self, ref: str, lane: LaneSpec, stage: StageSpec, repository: Repository, person: Person
    ) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(RESOLVE_WITHIN):
                revision = await repository.resolve(ref)
        except TimeoutError:
            raise PushbotError(f"the repository did not say within {RESOLVE_WITHIN:.0f} s what {ref} is") from None
        past = await self.store.runs(lane.name, stage=stage.name, limit=HISTORY)
        change = Change(
            lane=lane.name,
            stage=stage.name,
            revision=revision,
            previous=previous([run for run in past if run.state.final]),
            branch=ref,
            driver=person.name,
            riders=(person.name,),
            called=stage.called,
            directory=Path(),
            repository=repository,
            incident=await open_incident(self.store),
        )
        found = await look(stage.checks, change)
        what = f"{shown(ref)} ({short(revision)})"
        first = f"{to(person)}: {what} {_WOULD[worst(found)].format(stage.name)}"
        more = (f"and {len(found) - MOST} more checks",) if len(found) > MOST else ()
        return (clip(first), *(_line(one) for one in _worst_first(found)[:MOST]), *more)


def _worst_first(found: tuple[Checked, ...]) -> list[Checked]:
    return sorted(found, key=lambda one: -list(Effect).index(one.effect))


def _line(one: Checked) -> str:
    return clip(f"  {one.name} {_FOUND[one.effect]}{f': {one.why}' if one.why else ''}")
