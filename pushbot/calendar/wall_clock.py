"""Wall clocks: which moments are those at which the clock on the wall of a zone shows a time of a window.

A window is what the clock shows, so daylight saving needs no rule of its own. An hour that the clock skips
in spring is no time at all; one that it shows twice in autumn counts twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

_STEP = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, both in UTC; `why` is the reason, if it is a closed time and has one."""

    start: datetime
    end: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wall:
    """From `start` to before `end` as a clock on the wall shows them, both without a zone."""

    start: datetime
    end: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time in which a zone keeps one offset from UTC."""

    start: datetime
    end: datetime
    offset: timedelta


def on_the_wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows at a moment."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def shown(wall: Wall, pieces: Sequence[Piece]) -> list[Span]:
    """The moments within the pieces at which the clock shows a time of the window, in order."""
    spans: list[Span] = []
    for piece in pieces:
        first = max((wall.start - piece.offset).replace(tzinfo=UTC), piece.start)
        last = min((wall.end - piece.offset).replace(tzinfo=UTC), piece.end)
        if first < last:
            spans.append(Span(first, last, wall.why))
    return spans


def pieces(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Piece]:
    """The stretches between two changes of the clock, looked for once a day: no zone has had two in one."""
    begun, at = start, start
    while at < end:
        following = min(at + _STEP, end)
        if _offset(zone, at) != _offset(zone, following):
            change = _change(zone, at, following)
            yield Piece(begun, change, _offset(zone, at))
            begun = change
        at = following
    if begun < end:
        yield Piece(begun, end, _offset(zone, begun))


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset of `after` begins to hold."""
    old, first, seconds = _offset(zone, before), 0, (after - before) // _SECOND + 1
    while seconds - first > 1:
        middle = (first + seconds) // 2
        if _offset(zone, min(before + middle * _SECOND, after)) == old:
            first = middle
        else:
            seconds = middle
    return min(before + seconds * _SECOND, after)
