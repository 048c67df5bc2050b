"""Checks as they are run: at the same time, bounded, whatever they do; and what follows from what they find."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Finding, Verdict
from pushbot.service.runs import checking
from pushbot.service.runs.checking import Effect, look, worst
from pushbot.service.spec import CheckSpec, OnError, OnFail
from pushbot.testing.check import HandCheck
from pushbot.testing.contracts.check import change_in
from pushbot_plugins.checks.command import CommandCheck

if TYPE_CHECKING:
    from pushbot.ports import Change


def hand(finding: Finding = Finding.PASSED, why: str = "") -> HandCheck:
    return HandCheck(Verdict(finding, why))


@pytest.mark.parametrize(
    ("finding", "on_fail", "effect"),
    [
        (Finding.PASSED, OnFail.BLOCK, Effect.NONE),
        (Finding.FAILED, OnFail.BLOCK, Effect.BLOCKS),
        (Finding.FAILED, OnFail.ASK, Effect.ASKS),
        (Finding.FAILED, OnFail.WARN, Effect.TOLD),
        (Finding.ASKS, OnFail.BLOCK, Effect.ASKS),
        (Finding.ASKS, OnFail.ASK, Effect.ASKS),
        (Finding.ASKS, OnFail.WARN, Effect.TOLD),
    ],
)
async def test_the_configuration_says_what_a_finding_does(
    tmp_path: Path, finding: Finding, on_fail: OnFail, effect: Effect
) -> None:
    (found,) = await look([CheckSpec("tests", hand(finding, "3 red"), on_fail=on_fail)], change_in(tmp_path))
    assert found.effect is effect
    assert str(found) == "tests: 3 red"


async def test_all_look_at_the_same_time_each_in_a_folder_of_its_own(tmp_path: Path) -> None:
    slow, quick = hand(), hand(Finding.FAILED, "no")
    slow.answering.clear()
    told = list[str]()

    def progress(text: str) -> None:
        told.append(text)
        if text == "checks 1/2":
            slow.answering.set()

    found = await look([CheckSpec("suite", slow), CheckSpec("quick", quick)], change_in(tmp_path), progress)
    assert [one.name for one in found] == ["suite", "quick"]
    assert told == ["checks 0/2", "checks 1/2", "checks 2/2"]
    folders = {check.looked[0].directory for check in (slow, quick)}
    assert len(folders) == 2
    assert not any(folder.exists() for folder in folders)
    assert worst(found) is Effect.BLOCKS


async def test_what_a_check_leaves_in_its_folder_is_gone(tmp_path: Path) -> None:
    options = CommandCheck.Options.model_validate({"run": ["sh", "-c", "mkdir -p a/b; touch a/b/c; pwd; exit 1"]})
    (found,) = await look([CheckSpec("mess", CommandCheck(options))], change_in(tmp_path))
    folder = tmp_path.parent / found.why.partition(" ")[0]
    assert "pushbot-check-" in folder.name
    assert not folder.exists()


@dataclass
class Wild:
    """A check with a bug of some kind."""

    how: str
    stubborn: asyncio.Event

    async def look(self, change: Change) -> Verdict:  # noqa: ARG002
        match self.how:
            case "raises":
                raise ZeroDivisionError
            case "hangs":
                await asyncio.sleep(600)
            case "does not stop":
                while not self.stubborn.is_set():
                    try:
                        await self.stubborn.wait()
                    except asyncio.CancelledError:
                        continue
            case "times out":
                raise TimeoutError
            case "cannot tell":
                raise PushbotError("no such host\x07\x1b[31m")
            case "cancels itself":
                raise asyncio.CancelledError
            case _:
                pass
        return None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("raises", "it cannot tell, as something broke in it, see fault-"),
        ("hangs", "it cannot tell, as it gave no answer within 0s"),
        ("does not stop", "it cannot tell, as it gave no answer within 0s"),
        ("times out", "it cannot tell, as something took it too long"),
        ("cannot tell", "it cannot tell, as no such host"),
        ("gives nothing", "it cannot tell, as it gave no verdict"),
        ("cancels itself", "it cannot tell, as it gave up"),
    ],
)
async def test_a_broken_check_blocks_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, why: str
) -> None:
    monkeypatch.setattr(checking, "LET_GO", 0.05)
    wild = Wild(how, asyncio.Event())
    spec = CheckSpec("wild", wild, timeout=0.05)
    (found, other) = await look([spec, CheckSpec("tests", hand())], change_in(tmp_path))
    assert found.effect is Effect.BLOCKS
    assert found.why.startswith(why)
    assert found.why.isprintable()
    assert other.effect is Effect.NONE
    (found,) = await look([replace(spec, on_error=OnError.WARN)], change_in(tmp_path))
    assert found.effect is Effect.TOLD
    wild.stubborn.set()
    async with asyncio.timeout(60):
        while checking._stuck:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)


async def test_who_stops_waiting_ends_what_was_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    options = CommandCheck.Options.model_validate(
        {"run": ["sh", "-c", f"echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 600"]}
    )
    looking = asyncio.ensure_future(look([CheckSpec("long", CommandCheck(options))], change_in(tmp_path)))
    async with asyncio.timeout(60):
        while not pid.exists():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)
    looking.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await looking
    assert not alive(pid)


def alive(pid: Path) -> bool:
    return Path(f"/proc/{pid.read_text().strip()}/cwd").exists()
