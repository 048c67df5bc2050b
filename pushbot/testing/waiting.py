"""Stage directions about waiting: how long people are waited for, and time that passes.

Before the bot starts:

    * people are waited for 10 minutes, and 5 more

At any time; what is due meanwhile is done when it is due:

    * 23 seconds pass, * 2 hours pass
    * the clock is set 3 hours back                  or forward: nothing passes
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pushbot.queue.rules import Patience
from pushbot.testing.trust import default_lane

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Mapping

    from pushbot.testing.playground import Playground

    Words = re.Match[str]
    Prepare = Callable[[Playground, Words], None]
    Direct = Callable[[Playground, Words], Awaitable[None] | None]

_UNITS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}


def _patience(play: Playground, words: Words) -> None:
    default_lane(play)
    patience = Patience(ask_after=60.0 * int(words["ask"]), grace=60.0 * int(words["grace"]))
    play.lanes[:] = [replace(lane, patience=patience) for lane in play.lanes]


def _span(words: Words) -> float:
    return float(words["count"]) * _UNITS[words["unit"]]


async def _time(play: Playground, words: Words) -> None:
    await play.pass_time(_span(words))


async def _set(play: Playground, words: Words) -> None:
    play.clock.jump(-_span(words) if words["how"] == "back" else _span(words))
    await play.settle()


BEFORE: Final[Mapping[str, Prepare]] = {
    r"people are waited for (?P<ask>\d+) minutes, and (?P<grace>\d+) more": _patience,
}
DURING: Final[Mapping[str, Direct]] = {
    r"(?P<count>\d+) (?P<unit>second|minute|hour|day)s? pass(?:es)?": _time,
    r"the clock is set (?P<count>\d+) (?P<unit>second|minute|hour|day)s? (?P<how>back|forward)": _set,
}
