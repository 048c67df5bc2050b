"""The contract of a `Check`, as tests for the author of one to subclass.

    class TestMine(CheckContract):
        def good(self, directory: Path) -> tuple[Check, Change]:
            return MyCheck(MyCheck.Options(limit=100)), change_in(directory)

        def bad(self, directory: Path) -> tuple[Check, Change]:
            return MyCheck(MyCheck.Options(limit=1)), change_in(directory)

Run it with pytest and pytest-asyncio. Add `PatientContract` for one that may wait for something.
"""

# ruff: noqa: S101 - asserts are what a test is made of

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from pushbot.ports import Change, Finding

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Check, Repository

LIMIT = 60.0
"""Seconds that any one test may take."""
SOON = 4.0
"""Seconds in which a check that is told to stop has stopped: the bot waits for five."""


def change_in(
    directory: Path,
    revision: str | None = "6957bb87c0ffee00000000000000000000000000",
    previous: str | None = None,
    repository: Repository | None = None,
    patience: float = 10.0,
) -> Change:
    """A change that is to go to `production`."""
    return Change(
        lane="web",
        stage="production",
        revision=revision,
        previous=previous,
        branch="main",
        driver="alice",
        riders=("alice", "bob"),
        directory=directory,
        repository=repository,
        patience=patience,
    )


class CheckContract:
    """What every check does."""

    def good(self, directory: Path) -> tuple[Check, Change]:
        """A check, and a change that passes it."""
        raise NotImplementedError

    def bad(self, directory: Path) -> tuple[Check, Change]:
        """A check, and a change that does not pass it."""
        raise NotImplementedError

    @pytest.mark.asyncio
    async def test_what_is_good_passes(self, tmp_path: Path) -> None:
        """Also when it is looked at again, as after a restart."""
        async with asyncio.timeout(LIMIT):
            check, change = self.good(tmp_path)
            found = [await check.look(change), await check.look(change)]
        assert [verdict.finding for verdict in found] == [Finding.PASSED] * 2

    @pytest.mark.asyncio
    async def test_what_is_not_says_why(self, tmp_path: Path) -> None:
        """The reason is one line for people."""
        async with asyncio.timeout(LIMIT):
            check, change = self.bad(tmp_path)
            verdict = await check.look(change)
        assert verdict.finding is not Finding.PASSED
        assert verdict.why
        assert verdict.why.isprintable()

    @pytest.mark.asyncio
    async def test_two_look_at_the_same_time(self, tmp_path: Path) -> None:
        """One check serves all runs and trials of its stage."""
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
            looks = [self.bad(folder) for folder in folders]
            found = [group.create_task(check.look(change)) for check, change in looks]
        assert {task.result().finding is Finding.PASSED for task in found} == {False}


class PatientContract:
    """What a check does that may wait for something."""

    def long(self, directory: Path) -> tuple[Check, Change]:
        """A check, and a change for which it would wait for minutes."""
        raise NotImplementedError

    @pytest.mark.asyncio
    async def test_it_lets_itself_be_stopped(self, tmp_path: Path) -> None:
        """Soon after it is told to."""
        check, change = self.long(tmp_path)
        async with asyncio.timeout(LIMIT):
            looking = asyncio.ensure_future(check.look(change))
            await asyncio.sleep(0.2)
            assert not looking.done()
            looking.cancel()
            async with asyncio.timeout(SOON):
                with contextlib.suppress(asyncio.CancelledError):
                    await looking
