"""Checks before a stage: all at the same time, each bounded, and what follows from what they found.

A check that passes is not spoken of. One that fails keeps the run from beginning, unless the configuration has it ask a
person or only tell; one that cannot tell (it raises, hangs, is broken) counts as failed, and says that it cannot tell.
What a check asks is answered for one revision alone: a question is the check's name and that revision.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.ports import Change, Finding, Verdict
from pushbot.queue.model import RunKind
from pushbot.service.lane.history import HISTORY, STEP
from pushbot.service.runs.downtime import spent
from pushbot.service.spec import CheckSpec, OnError, OnFail
from pushbot.service.voice.phrases import shown
from pushbot.service.voice.plain import lasting, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pushbot.ports import RunRecord, Store
    from pushbot.service.spec import LaneSpec, StageSpec

LOG = structlog.get_logger()
DOWNTIME = "downtime budget"
"""What is told as a check of that name is the stage's own."""
LET_GO = 5.0
"""Seconds in which a check that is told to stop has ended what it started; after that nobody waits for it."""
WHY = 200
"""Characters of what a check says that are told."""
_stuck: set[asyncio.Future[Verdict]] = set()
"""Checks that do not let themselves be stopped: kept, so that what becomes of them is seen."""


class Effect(StrEnum):
    """What a check does to a run."""

    NONE = "none"
    TOLD = "told"
    ASKS = "asks"
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check found, in words that follow its name, and what that does to a run."""

    name: str
    effect: Effect
    why: str = ""

    def __str__(self) -> str:
        """As people read it: `tests: 3 red`."""
        return f"{self.name}: {self.why}" if self.why else self.name


class CannotTell(PushbotError):  # noqa: N818 - it says what is known
    """A check did not come to a verdict."""


def change_of(record: RunRecord, lane: LaneSpec, incident: str | None) -> Change:
    """What the checks of a run look at; each gets a directory of its own when it looks."""
    beside = lane.beside(record.stage)
    return Change(
        lane=record.lane,
        stage=record.stage,
        revision=record.revision,
        previous=record.previous,
        branch=record.ref,
        driver=record.driver,
        riders=record.riders,
        directory=Path(),
        repository=lane.repository,
        incident=incident,
        called=beside.called if beside is not None else "",
    )


async def checked_run(
    record: RunRecord, lane: LaneSpec, stage: StageSpec, store: Store, progress: Callable[[str], None]
) -> tuple[RunRecord, str | None]:
    """The run with what its checks said, and why it may not begin (None: it may).

    A rollback is not checked. With an `override` nothing is looked at, which is told.
    """
    names = [spec.name for spec in stage.checks] + [DOWNTIME] * (stage.downtime is not None)
    if not names or record.kind is RunKind.ROLLBACK:
        return record, None
    if record.override is not None:
        return replace(record, notes=(f'not checked by {listed(names)}: "{shown(record.override)}"',)), None
    if stage.downtime is not None:
        past = await store.runs(record.lane, stage=stage.name, limit=HISTORY)
        if (why := spent(past, stage.downtime, record.requested_at)) is not None:
            return record, str(Checked(DOWNTIME, Effect.BLOCKS, why))
    change = change_of(record, lane, await open_incident(store))
    found = [answered(one, record) for one in await look(stage.checks, change, progress)]
    stops = [one for one in found if one.effect in (Effect.BLOCKS, Effect.ASKS)]
    notes = tuple(str(one) for one in found if one.effect is Effect.TOLD)
    asks = tuple(question(one.name, record.revision) for one in found if one.effect is Effect.ASKS)
    return replace(record, asks=asks, notes=notes), "; ".join(map(str, stops)) or None


def question(name: str, revision: str | None) -> str:
    """What `.confirm` says yes to: the check, and the revision it looked at."""
    return f"{name}@{revision or ''}"


def answered(found: Checked, record: RunRecord) -> Checked:
    """The same once a person has said yes to it."""
    if found.effect is Effect.ASKS and question(found.name, record.revision) in record.confirmed:
        return Checked(found.name, Effect.TOLD, f"{found.why} (confirmed)" if found.why else "confirmed")
    return found


async def open_incident(store: Store) -> str | None:
    """The title of the incident that is open, if one is."""
    newest = next(iter(await store.incidents(limit=1)), None)
    return newest.title if newest is not None and newest.resolved_at is None else None


async def look(
    specs: Sequence[CheckSpec], change: Change, progress: Callable[[str], None] = lambda _: None
) -> tuple[Checked, ...]:
    """What each check found, in their order; `progress` hears `checks 2/4` as they come to an end."""
    found: dict[int, Checked] = {}

    async def one(place: int, spec: CheckSpec) -> None:
        found[place] = await _found(spec, change)
        progress(f"{STEP} {len(found)}/{len(specs)}")

    progress(f"{STEP} 0/{len(specs)}")
    async with asyncio.TaskGroup() as group:
        for place, spec in enumerate(specs):
            group.create_task(one(place, spec), name=f"check {spec.name}")
    return tuple(found[place] for place in range(len(specs)))


async def _found(spec: CheckSpec, change: Change) -> Checked:
    """What one check found; whatever it does, there is an answer within its time."""
    try:
        verdict = await _bounded(spec, change)
    except PushbotError as error:
        LOG.warning("check_cannot_tell", check=spec.name, stage=change.stage, error=str(error))
        effect = Effect.BLOCKS if spec.on_error is OnError.BLOCK else Effect.TOLD
        return Checked(spec.name, effect, f"it cannot tell, as {shown(str(error), WHY)}")
    return Checked(spec.name, _effect(verdict.finding, spec.on_fail), shown(verdict.why, WHY))


def _effect(finding: Finding, on_fail: OnFail) -> Effect:
    match finding:
        case Finding.PASSED:
            return Effect.NONE
        case Finding.FAILED:
            return {OnFail.BLOCK: Effect.BLOCKS, OnFail.ASK: Effect.ASKS, OnFail.WARN: Effect.TOLD}[on_fail]
        case Finding.ASKS:
            return Effect.TOLD if on_fail is OnFail.WARN else Effect.ASKS
        case _:
            assert_never(finding)


async def _bounded(spec: CheckSpec, change: Change) -> Verdict:
    """The verdict. Raises PushbotError when there is none in time; `.abort` ends it as well, with all that it started.

    It is a future of its own, and not awaited as it stands: a plugin may ignore that it is cancelled.
    """
    try:
        directory = Path(tempfile.mkdtemp(prefix="pushbot-check-"))
    except OSError as error:
        raise CannotTell(f"there is no room for it to work in: {error.strerror}") from error
    own = replace(change, directory=directory, patience=spec.timeout)
    looking = asyncio.ensure_future(_guarded(spec, own))
    try:
        done, _ = await asyncio.wait({looking}, timeout=spec.timeout + LET_GO)
        if looking.cancelled():
            raise CannotTell("it gave up")
        if done:
            return looking.result()
        raise CannotTell(f"it gave no answer within {lasting(spec.timeout)}")
    finally:
        await _stop(looking, spec)
        await _removed(directory)


async def _guarded(spec: CheckSpec, change: Change) -> Verdict:
    try:
        verdict = await spec.check.look(change)
    except PushbotError:
        raise
    except TimeoutError:
        raise CannotTell("something took it too long") from None
    except (Exception, SystemExit) as error:
        reference = fault_reference()
        LOG.exception("check_broke", check=spec.name, reference=reference)
        raise CannotTell(f"something broke in it, see {reference} in my log") from error
    if not isinstance(verdict, Verdict):
        raise CannotTell("it gave no verdict")
    return verdict


async def _stop(looking: asyncio.Future[Verdict], spec: CheckSpec) -> None:
    if looking.done():
        return
    looking.cancel()
    await asyncio.wait({looking}, timeout=LET_GO)
    if looking.done():
        with suppress(asyncio.CancelledError, PushbotError):
            looking.result()
        return
    LOG.error("check_does_not_stop", check=spec.name)
    _stuck.add(looking)
    looking.add_done_callback(_ended_at_last)


def _ended_at_last(looking: asyncio.Future[Verdict]) -> None:
    _stuck.discard(looking)
    if not looking.cancelled():
        looking.exception()


async def _removed(directory: Path) -> None:
    """An empty folder is gone at once; one with a whole checkout in it, beside everything else."""
    if not _gone(directory):
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _gone(empty: Path) -> bool:
    try:
        empty.rmdir()
    except OSError:
        return False
    return True


def worst(found: Iterable[Checked]) -> Effect:
    """What checks do to a run together."""
    order = list(Effect)
    return max((one.effect for one in found), key=order.index, default=Effect.NONE)
