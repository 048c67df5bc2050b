"""Stage directions about who may do what.

Before the bot starts:

    * alice and bob are operators                    also: `alice is an operator`
    * .go at production is for release, operator     the roles that may use a verb; `at STAGE` may be left out
    * production wants a second word                 also: `... of a release`

At any time, of somebody who is not there yet or whom the server tells of:

    * bob is not logged in
    * bob logs in as robert
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pushbot.queue.access import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushbot.testing.playground import Playground

    Words = re.Match[str]
    Prepare = Callable[[Playground, Words], None]


def default_lane(play: Playground) -> None:
    """Give a playground that has no lane the usual one."""
    if not play.lanes:
        play.add_lane("web", stages=("princess", "production"))


def _operators(play: Playground, words: Words) -> None:
    play.operators.update(re.split(r", | and ", words["names"]))


def _is_for(play: Playground, words: Words) -> None:
    default_lane(play)
    said = {words["verb"]: frozenset(words["roles"].split(", "))}
    if words["stage"]:
        play.change_stage(words["stage"], lambda of: replace(of, access={**of.access, **said}))
    else:
        play.access = replace(play.access, policy=play.access.policy.but(said))


def _second(play: Playground, words: Words) -> None:
    default_lane(play)
    role = words["role"] or Role.ANYONE.value
    play.change_stage(words["stage"], lambda of: replace(of, second=role))


def _logged_in(play: Playground, words: Words) -> None:
    play.server.log_in(words["name"], words["account"])


BEFORE: Final[Mapping[str, Prepare]] = {
    r"(?P<names>\S+(?:(?:, | and )\S+)*) (?:is an operator|are operators)": _operators,
    r"\.(?P<verb>\S+)(?: at (?P<stage>\S+))? is for (?P<roles>\S+(?:, \S+)*)": _is_for,
    r"(?P<stage>\S+) wants a second word(?: of an? (?P<role>\S+))?": _second,
}
"""Directions that describe the world before the bot starts."""

EITHER: Final[Mapping[str, Prepare]] = {
    r"(?P<name>\S+) (?:is not logged in|logs in as (?P<account>\S+))": _logged_in,
}
"""Directions for any time."""
