"""Sets of time: lists of spans in order, none of which touches another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.calendar.wall_clock import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def union(spans: Iterable[Span]) -> list[Span]:
    """All the time that is in one of the spans, given in any order."""
    together: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
        if together and span.start <= together[-1].end:
            together[-1] = Span(together[-1].start, max(together[-1].end, span.end))
        else:
            together.append(Span(span.start, span.end))
    return together


def without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """The time of one set that is not in the other."""
    left: list[Span] = []
    rest = iter(taken)
    cut = next(rest, None)
    for span in spans:
        start = span.start
        while cut is not None and cut.end <= start:
            cut = next(rest, None)
        while cut is not None and cut.start < span.end:
            if start < cut.start:
                left.append(Span(start, cut.start))
            start = max(start, cut.end)
            if cut.end > span.end:
                break  # it may reach into the next one too
            cut = next(rest, None)
        if start < span.end:
            left.append(Span(start, span.end))
    return left


def common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """The time that is in both sets."""
    both: list[Span] = []
    i = j = 0
    while i < len(spans) and j < len(others):
        start, end = max(spans[i].start, others[j].start), min(spans[i].end, others[j].end)
        if start < end:
            both.append(Span(start, end))
        if spans[i].end < others[j].end:
            i += 1
        else:
            j += 1
    return both
