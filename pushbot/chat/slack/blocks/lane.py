"""A lane in pieces: what goes on, its trains, what holds it and what people keep, each as lines of rich text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from pushbot.chat.slack.blocks.pieces import at_time, emoji, italic, joined, name, remark
from pushbot.chat.slack.blocks.text import said, words
from pushbot.queue.model import Mark, Phase, RunKind, Ticket
from pushbot.service.voice.phrases import SOON, about, names
from pushbot.service.voice.plain import counted

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.chat.slack.blocks.pieces import Run
    from pushbot.queue.model import Hold, Lock, Rider, Train
    from pushbot.views import LaneBoard


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is shown of what may be long: trains, riders in each, stages and locks, links, characters of a text."""

    trains: int
    riders: int
    stages: int
    links: int
    text: int


SCALES: Final = (
    Scale(trains=10, riders=10, stages=15, links=5, text=300),
    Scale(trains=10, riders=8, stages=12, links=2, text=120),
    Scale(trains=6, riders=5, stages=8, links=1, text=80),
    Scale(trains=3, riders=3, stages=4, links=0, text=40),
)
"""From what there is room for nearly always to what there is room for in any case."""


def title(lane: str, branch: str | None) -> str:
    """The lane and what of it goes out."""
    return f"{lane}/{branch}" if branch else lane


# --- what goes on ------------------------------------------------------------------------------


def headline(board: LaneBoard) -> str:
    """What goes on at the head, or what it waits for, in one line."""
    if not board.trains:
        return "Nobody is in the queue"
    head = board.trains[0]
    now = next((stage for stage in board.stages if stage.name == head.stage), None)
    match head.phase:
        case Phase.RUNNING:
            verb = "Rolling back" if head.run_kind is RunKind.ROLLBACK else "Deploying to"
            far = f": {now.tally}" if now is not None and now.tally is not None else ""
            return f"{verb} {head.stage}{far}"
        case Phase.FAILED:
            if head.run_kind is RunKind.ROLLBACK and head.run is None:  # as the rules leave one that went well
                return f"{head.stage} was rolled back"
            if head.run_kind is not RunKind.ROLLBACK and now is not None and now.how:
                return f"{head.stage} was {now.how}"
            return f"{'The rollback of ' if head.run_kind is RunKind.ROLLBACK else ''}{head.stage} failed"
        case Phase.AT:
            held = "On hold. " if board.hold is not None else ""
            return f"{held}{f'On {head.stage}' if head.stage else 'First in line'}: {_awaited(head, board)}"
        case _:
            assert_never(head.phase)


def _awaited(head: Train, board: LaneBoard) -> str:
    """Who or what a train waits for that is neither running nor failed; people first."""
    bad = [rider.person.name for rider in head.riders if rider.mark is Mark.BAD]
    silent = [rider.person.name for rider in head.riders[1:] if rider.mark is Mark.NONE]
    if bad:
        return f"stopped by the uh-oh of {names(bad)}"
    if silent:
        return f"waiting for {names(silent)} to be ready"
    driver = names([head.driver.name])
    if board.hold is not None:
        return f"{driver} may go on, once the hold is released"
    shown = {offer.command for offer in board.offers}
    if ".go" in shown or not board.stages:
        return f"{driver} may go on"
    if ".second" in shown:
        return "waiting for a second word"
    if ".done" in shown:
        return f"{driver} may finish"
    names_of = [stage.name for stage in board.stages]
    at = names_of.index(head.stage) + 1 if head.stage in names_of else 0
    return f"waiting for {names_of[at]}" if at < len(names_of) else f"{driver} may go on"  # it is closed, or kept


# --- trains ------------------------------------------------------------------------------------


def trains(board: LaneBoard, scale: Scale) -> tuple[list[Run], str]:
    """A line for each train, head first; and in words how many more there are, "" for none."""
    waits = [*board.waits, *[None] * len(board.trains)]
    waiting = [wait if at or (wait or 0) >= SOON else None for at, wait in enumerate(waits)]
    lines = [_train(train, wait, scale) for train, wait in zip(board.trains[: scale.trains], waiting, strict=False)]
    rest = board.trains[scale.trains :]
    people = sum(len(train.riders) for train in rest)
    crowd = "1 person" if people == 1 else f"{people} people"
    return lines, f"+ {counted(len(rest), 'more train')} ({crowd})" if rest else ""


def _train(train: Train, wait: float | None, scale: Scale) -> Run:
    aboard = [_rider(rider, drives=seat == 0) for seat, rider in enumerate(train.riders[: scale.riders])]
    hidden = len(train.riders) - len(aboard)
    line = joined([*aboard, [words(f"{hidden} more")] if hidden else []], ", ")
    if wait is not None and not train.begun:
        line += [words(" — "), italic(about(wait))]
    if train.message:
        line += [words("\n"), italic(f"“{said(train.message, scale.text)}”")]
    return line


def _rider(rider: Rider, *, drives: bool) -> Run:
    return [name(rider.person.name), *([words(" drives")] if drives else []), *_ticket(rider), *_mark(rider)]


def _ticket(rider: Rider) -> Run:
    match rider.ticket:
        case Ticket.NONE:
            return []
        case Ticket.CONFIG:
            return [words(" (config)")]
        case Ticket.ASKME:
            return [words(" (ask me)")]
        case Ticket.HOLD:
            return [words(" (holds this place)")]
        case _:
            assert_never(rider.ticket)


def _mark(rider: Rider) -> Run:
    """The word that somebody gave, with a picture beside the words."""
    match rider.mark:
        case Mark.NONE:
            return []
        case Mark.GOOD:
            return [words(" "), emoji("white_check_mark"), words(" good")]
        case Mark.BAD:
            return [words(" "), emoji("warning"), words(" uh-oh")]
        case _:
            assert_never(rider.mark)


# --- what stands in the way --------------------------------------------------------------------


def hold(held: Hold, now: datetime, scale: Scale) -> Run:
    """Who holds the lane, why, since when and until when."""
    run = [emoji("no_entry"), words("  "), words("On hold", bold=True)]
    if held.cause:
        run += [words(" for "), *remark(held.cause, scale.text)]
    if held.by is not None:
        run += [words(" by "), name(held.by.name)]
    if held.since is not None:
        run += [words(" since "), at_time(held.since, now)]
    if held.until is not None:
        run += [words(" until "), at_time(held.until, now)]
    return [*run, words(": "), *remark(held.reason, scale.text)] if held.reason else run


def lock(kept: Lock, now: datetime, scale: Scale) -> Run:
    """Who keeps a stage, until when and why."""
    run = [emoji("lock"), words("  "), name(kept.owner.name), words(" keeps "), name(kept.stage)]
    run += [words(" until "), at_time(kept.until, now)]
    return [*run, words(": "), *remark(kept.reason, scale.text)] if kept.reason else run
