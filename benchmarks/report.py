"""A measured figure, beside its target and a peer of the same run, as a line of a table or of JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADINGS = ("", "measured", "target", "", "in the same run", "ratio")


@dataclass(frozen=True, slots=True)
class Peer:
    """What stood beside it in the same run, by the same yardstick."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. A target is a limit in the same unit, of which at most one is given."""

    what: str
    value: float
    unit: str
    peer: Peer | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the peer's."""
        return self.value / self.peer.value if self.peer is not None and self.peer.value else None

    @property
    def verdict(self) -> str:
        """`ok`, or on which side of the target it lies; empty without a target."""
        if self.at_most is not None and self.value > self.at_most:
            return "over"
        if self.at_least is not None and self.value < self.at_least:
            return "under"
        return "" if self.at_most is None and self.at_least is None else "ok"

    def row(self) -> tuple[str, ...]:
        """Its cells in the table."""
        target = ""
        if self.at_most is not None:
            target = f"<= {number(self.at_most)}"
        elif self.at_least is not None:
            target = f">= {number(self.at_least)}"
        peer = f"{self.peer.name} {number(self.peer.value)}" if self.peer is not None else ""
        ratio = f"{self.ratio:.2f}x" if self.ratio is not None else ""
        return (self.what, f"{number(self.value)} {self.unit}", target, self.verdict, peer, ratio)


def number(value: float) -> str:
    """Three digits that count, and thousands kept apart."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(results: Mapping[str, Sequence[Figure]]) -> str:
    """All figures as text, under the titles of their benchmarks."""
    rows = {title: [figure.row() for figure in figures] for title, figures in results.items()}
    cells = [HEADINGS, *(row for group in rows.values() for row in group)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]

    def line(row: Sequence[str]) -> str:
        placed = [row[0].ljust(widths[0])]
        placed += [row[column].rjust(widths[column]) for column in (1, 2)]
        placed += [row[3].ljust(widths[3]), row[4].ljust(widths[4]), row[5].rjust(widths[5])]
        return "  " + "  ".join(placed).rstrip()

    text = [machine(), "", line(HEADINGS)]
    for title, group in rows.items():
        text += ["", title, *map(line, group)]
    return "\n".join(text)


def as_json(results: Mapping[str, Sequence[Figure]]) -> str:
    """All figures as one JSON object."""
    return json.dumps(
        {
            "machine": machine(),
            "figures": [
                {"benchmark": title, **asdict(figure), "ratio": figure.ratio, "verdict": figure.verdict}
                for title, figures in results.items()
                for figure in figures
            ],
        },
        indent=2,
    )


def machine() -> str:
    """What it was measured on."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
