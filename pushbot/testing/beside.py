"""The stage direction about stages beside the line, which people name.

Before the bot starts:

    * staging-* makes stages, seen at http://{name}.example
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pushbot.testing.trust import default_lane

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from pushbot.testing.playground import Playground

    Words = re.Match[str]
    Prepare = Callable[[Playground, Words], None]


def _makes(play: Playground, words: Words) -> None:
    """Give every lane a template that is like its first stage."""
    default_lane(play)
    name, links = words["name"], (("see", words["url"]),) if words["url"] else ()
    play.lanes[:] = [
        replace(lane, templates=(replace(lane.stages[0], name=name, lock=f"{lane.name}/{name}", links=links),))
        for lane in play.lanes
    ]


BEFORE: Final[Mapping[str, Prepare]] = {r"(?P<name>\S+-\*) makes stages(?:, seen at (?P<url>\S+))?": _makes}
"""Directions that describe the world before the bot starts."""
