"""Checks whose findings are given by hand, and the stage directions about them.

Before the bot starts:

    * production is checked by tests and lint        each passes unless something else is said
    * tests of production only warns / only asks     when it fails
    * tests of production does not matter when it breaks

At any time:

    * the check tests passes
    * the check tests fails: 3 red
    * the check tests asks: 2 files in migrations/**
    * the check tests breaks: no such host
    * the check tests takes its time / answers
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pushbot.errors import PushbotError
from pushbot.ports import Finding, Verdict
from pushbot.service.spec import CheckSpec, OnError, OnFail

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from pushbot.ports import Change
    from pushbot.service.spec import StageSpec
    from pushbot.testing.playground import Playground

PASSES: Final = Verdict(Finding.PASSED)


@dataclass(slots=True)
class HandCheck:
    """A `Check` that finds what it is told to. `trouble` is raised instead; while `answering` is cleared it waits.

    `looked` are the changes it was shown, in order.
    """

    verdict: Verdict = PASSES
    trouble: Exception | None = None
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    looked: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answering.set()

    async def look(self, change: Change) -> Verdict:
        """What it was told to find."""
        self.looked.append(change)
        await self.answering.wait()
        if self.trouble is not None:
            raise self.trouble
        return self.verdict


def _checked_by(play: Playground, words: re.Match[str]) -> None:
    names = words["names"].split(" and ")
    specs = tuple(CheckSpec(name, play.check(name)) for name in names)
    play.change_stage(words["stage"], lambda of: replace(of, checks=specs))


def _lenient(play: Playground, words: re.Match[str]) -> None:
    def spec(of: CheckSpec) -> CheckSpec:
        if of.name != words["name"]:
            return of
        if words["how"] is None:
            return replace(of, on_error=OnError.WARN)
        return replace(of, on_fail=OnFail.WARN if words["how"] == "warns" else OnFail.ASK)

    def stage(of: StageSpec) -> StageSpec:
        return replace(of, checks=tuple(map(spec, of.checks)))

    play.change_stage(words["stage"], stage)


def _finds(play: Playground, words: re.Match[str]) -> None:
    check, why = play.check(words["name"]), words["why"] or ""
    finding = {"passes": Finding.PASSED, "fails": Finding.FAILED, "asks": Finding.ASKS}.get(words["how"])
    check.trouble = PushbotError(why) if finding is None else None
    check.verdict = Verdict(finding or Finding.PASSED, why)


def _takes_time(play: Playground, words: re.Match[str]) -> None:
    answering = play.check(words["name"]).answering
    if words["how"] == "answers":
        answering.set()
    else:
        answering.clear()


BEFORE: Final[Mapping[str, Callable[[Playground, re.Match[str]], None]]] = {
    r"(?P<stage>\S+) is checked by (?P<names>\S+(?: and \S+)*)": _checked_by,
    r"(?P<name>\S+) of (?P<stage>\S+) (?:only (?P<how>warns|asks)|does not matter when it breaks)": _lenient,
}
"""Directions about the world before the bot starts."""

EITHER: Final[Mapping[str, Callable[[Playground, re.Match[str]], None]]] = {
    r"the check (?P<name>\S+) (?P<how>passes|fails|asks|breaks)(?:: (?P<why>.+))?": _finds,
    r"the check (?P<name>\S+) (?P<how>takes its time|answers)": _takes_time,
}
"""Directions for any time."""
