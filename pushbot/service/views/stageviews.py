"""Stages as views: what is on them, for a board; how far a journey has come there, for a push."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import PushState
from pushbot.queue.commands import RunState
from pushbot.queue.model import Phase, RunKind
from pushbot.service.snapshot import BEGINNING
from pushbot.service.voice.phrases import NAME, ended, shown, took, trouble
from pushbot.service.voice.plain import short
from pushbot.service.voice.status import StageNow
from pushbot.views import StageState, StageView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pushbot.ports import PushRecord, RunRecord
    from pushbot.queue.model import Train
    from pushbot.service.snapshot import Progress, Snapshot
    from pushbot.service.voice.status import LaneNow


def of_lane(lane: LaneNow) -> tuple[StageView, ...]:
    """The stages of a lane as they are now, those of the line first, then those beside it that something runs on."""
    known = {one.name: one for one in (*lane.stages, *lane.beside)}
    aside = (train.stage for train in lane.snapshot.queue.aside if train.stage is not None)
    names = dict.fromkeys((*(one.name for one in lane.stages), *aside))
    return tuple(_as_it_is(known.get(name) or StageNow(name), lane) for name in names)


def _as_it_is(stage: StageNow, lane: LaneNow) -> StageView:
    here, there = lane.snapshot, stage.there
    spec, run = here.spec.stage(stage.name), _running(here, stage.name)
    how_far = here.progress.get(run.id, BEGINNING) if run is not None else BEGINNING
    state = StageState.RUNNING if run is not None else _standing(stage, lane)
    return StageView(
        stage.name,
        state,
        revision=there.revision if there is not None else None,
        by=there.driver if there is not None else None,
        at=ended(there) if there is not None else None,
        step=how_far.step,
        tally=how_far.tally,
        note="; ".join(_in_the_way(stage)) if run is None else "",
        links=spec.links if spec is not None else (),
        how=_how(run or stage.failed or there, state),
    )


def _how(run: RunRecord | None, state: StageState) -> str:
    """What a run does or did, where that is not to bring something, or to fail."""
    if run is None or run.state.final is (state is StageState.RUNNING):
        return ""  # the run of that state is another one, which is not on record yet
    if run.kind is RunKind.ROLLBACK and run.state is RunState.SUCCEEDED:
        return "rolled back"
    if run.kind is RunKind.ROLLBACK and not run.state.final:
        return "rolling back"
    return "stopped" if run.state is RunState.CANCELLED else ""


def _running(here: Snapshot, stage: str) -> RunRecord | None:
    return next((run for run in here.active if run.stage == stage), None)


def _standing(stage: StageNow, lane: LaneNow) -> StageState:
    """Where nothing runs: seen from the first train if that is on its way, else by what is there."""
    head = lane.snapshot.queue.head
    if head is not None and head.stage is not None:
        if head.stage == stage.name:
            return StageState.FAILED if head.phase is Phase.FAILED else StageState.HERE
        names = [one.name for one in lane.stages]
        if head.stage in names and stage.name in names:
            return StageState.DONE if names.index(stage.name) < names.index(head.stage) else StageState.WAITING
    if stage.failed is not None:
        return StageState.FAILED
    return StageState.DONE if stage.there is not None else StageState.WAITING


def _in_the_way(stage: StageNow) -> Iterator[str]:
    if stage.failed is not None:
        yield f"{stage.failed.id} {trouble(stage.failed)}"
    elif stage.there is not None and stage.there.kind is RunKind.ROLLBACK:
        yield "rolled back"
    if stage.claimed is not None:
        yield f"taken by {stage.claimed.lane} ({stage.claimed.id} by {shown(stage.claimed.driver, NAME)})"
    if stage.closed:
        yield stage.closed


def of_push(
    push: PushRecord, train: Train | None, runs: Mapping[str, RunRecord], here: Snapshot
) -> tuple[StageView, ...]:
    """How far a push has come: `train` is its own while it is in the queue, `runs` the last of each stage."""
    reached = (*push.stages, *runs, *((train.stage,) if train is not None and train.stage is not None else ()))
    line = () if push.aside else tuple(stage.name for stage in here.spec.stages)
    names = dict.fromkeys((*line, *reached))
    return tuple(_on_its_way(name, push, train, runs.get(name), here) for name in names)


def _on_its_way(name: str, push: PushRecord, train: Train | None, run: RunRecord | None, here: Snapshot) -> StageView:
    state, spec = _reached(name, push, train, run), here.spec.stage(name)
    running = run is not None and state is StageState.RUNNING
    how_far: Progress = here.progress.get(run.id, BEGINNING) if running and run is not None else BEGINNING
    return StageView(
        name,
        state,
        revision=run.revision if run is not None else None,
        by=run.driver if run is not None else None,
        at=ended(run) if run is not None else None,
        step=how_far.step,
        tally=how_far.tally,
        note=_went_wrong(run, state),
        links=spec.links if spec is not None else (),
        took=took(run) if run is not None else None,
        hosts=run.hosts if run is not None else 0,
        how=_how(run, state),
    )


def _reached(name: str, push: PushRecord, train: Train | None, run: RunRecord | None) -> StageState:
    if train is not None and train.stage == name:
        running, failed = train.running, train.phase is Phase.FAILED
        return StageState.RUNNING if running else StageState.FAILED if failed else StageState.DONE
    if run is not None and not run.state.final:
        return StageState.RUNNING
    finished = push.state is PushState.DONE and name in push.stages  # perhaps set by hand after a failure
    if run is not None and not finished:
        good = run.state is RunState.SUCCEEDED and run.kind is RunKind.DEPLOY
        return StageState.DONE if good else StageState.FAILED
    return StageState.DONE if name in push.stages else StageState.WAITING


def _went_wrong(run: RunRecord | None, state: StageState) -> str:
    if run is None:
        return ""
    if run.kind is RunKind.ROLLBACK:
        if not run.state.final:
            return f"rolling back to {short(run.revision)}" if run.revision else "rolling back"
        if run.state is RunState.SUCCEEDED:
            return f"rolled back to {short(run.revision)}" if run.revision else "rolled back"
        return f"the rollback {trouble(run)}"
    if state is StageState.FAILED and run.state.final:
        return trouble(run)
    return shown(run.reason) if run.state is RunState.SUCCEEDED and run.reason else ""  # hosts that failed
