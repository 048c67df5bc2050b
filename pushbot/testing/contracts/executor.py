"""The contract of an `Executor`, as tests for the author of one to subclass.

    class TestMine(ExecutorContract, FailureContract, AbortContract):
        def executor(self) -> Executor:
            return MyExecutor(MyExecutor.Options(host="localhost"))

Run it with pytest and pytest-asyncio. The steps given are `true`, `false` and `sleep`; override
`good`, `bad` and `long` when yours needs others. Leave out a suite that makes no sense for it: a
dry run cannot fail.
"""

# ruff: noqa: S101 - asserts are what a test is made of

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import RunLost
from pushbot.fleet.model import Tally
from pushbot.ports import Job, Step
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Executor

LIMIT = 60.0
"""Seconds that any one test may take."""


def job_in(directory: Path, *steps: Step) -> Job:
    """A deploy of stage `princess` with these steps, its run directory and workdir being `directory`."""
    return Job(
        run="web-12",
        kind=RunKind.DEPLOY,
        lane="web",
        stage="princess",
        revision="6957bb87c0ffee00000000000000000000000000",
        previous="1111111111111111111111111111111111111111",
        branch="main",
        driver="alice",
        riders=("alice", "bob"),
        directory=directory,
        workdir=directory,
        steps=steps,
        grace=2.0,
    )


class ExecutorContract:
    """What every executor does."""

    def executor(self) -> Executor:
        """A new executor; two of them stand for the bot before and after a restart."""
        raise NotImplementedError

    def good(self, directory: Path) -> Job:
        """A job that succeeds."""
        return job_in(directory, Step("build", run=("true",)), Step("publish", run=("true",)))

    @pytest.mark.asyncio
    async def test_a_good_run_succeeds(self, tmp_path: Path) -> None:
        """It has a token, tells each step as one line, and succeeds."""
        job, told = self.good(tmp_path), list[str | Tally]()
        async with asyncio.timeout(LIMIT):
            executor = self.executor()
            token = await executor.start(job)
            outcome = await executor.wait(job, token, told.append)
        assert token
        assert outcome.state is RunState.SUCCEEDED
        assert all(text and text.isprintable() for text in map(str, told))

    @pytest.mark.asyncio
    async def test_a_run_is_found_again_after_a_restart(self, tmp_path: Path) -> None:
        """Another executor follows it by its token, also for a second time."""
        job = self.good(tmp_path)
        async with asyncio.timeout(LIMIT):
            token = await self.executor().start(job)
            first = await self.executor().wait(job, token, _ignore)
            second = await self.executor().wait(job, token, _ignore)
        assert first.state is RunState.SUCCEEDED
        assert first == second

    @pytest.mark.asyncio
    async def test_a_run_that_was_never_begun_is_lost(self, tmp_path: Path) -> None:
        """Without a token, and without a trace of the run, it does not guess, and does not begin it."""
        async with asyncio.timeout(LIMIT):
            with pytest.raises(RunLost):
                await self.executor().wait(self.good(tmp_path), None, _ignore)

    @pytest.mark.asyncio
    async def test_who_stops_waiting_leaves_the_run_alone(self, tmp_path: Path) -> None:
        """A cancelled `wait` ends at once, and the run goes on to its own end."""
        job, executor = self.good(tmp_path), self.executor()
        async with asyncio.timeout(LIMIT):
            token = await executor.start(job)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await executor.wait(job, token, _ignore)
            outcome = await executor.wait(job, token, _ignore)
        assert outcome.state is RunState.SUCCEEDED

    @pytest.mark.asyncio
    async def test_aborting_what_is_over_changes_nothing(self, tmp_path: Path) -> None:
        """Neither with the token nor without."""
        job, executor = self.good(tmp_path), self.executor()
        async with asyncio.timeout(LIMIT):
            token = await executor.start(job)
            before = await executor.wait(job, token, _ignore)
            await executor.abort(job, token)
            await executor.abort(job, None)
            after = await executor.wait(job, token, _ignore)
        assert before == after

    @pytest.mark.asyncio
    async def test_a_secret_is_written_nowhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What `env:NAME` refers to is in no file of the run's directory."""
        monkeypatch.setenv("CONTRACT_SECRET", "correct horse battery staple")
        job = replace(self.good(tmp_path), env=(("PASSWORD", "env:CONTRACT_SECRET"),))
        executor = self.executor()
        async with asyncio.timeout(LIMIT):
            token = await executor.start(job)
            await executor.wait(job, token, _ignore)
        assert not [path for path in _files(tmp_path) if b"horse battery" in path.read_bytes()]


class FailureContract:
    """What an executor does whose runs can fail."""

    def executor(self) -> Executor:
        """As in `ExecutorContract`."""
        raise NotImplementedError

    def bad(self, directory: Path) -> Job:
        """A job that fails."""
        return job_in(directory, Step("build", run=("true",)), Step("migrate", run=("false",)))

    @pytest.mark.asyncio
    async def test_a_failed_run_says_why(self, tmp_path: Path) -> None:
        """The reason is one line for people, and stays the same when asked again."""
        job, executor = self.bad(tmp_path), self.executor()
        async with asyncio.timeout(LIMIT):
            token = await executor.start(job)
            first = await executor.wait(job, token, _ignore)
            second = await self.executor().wait(job, token, _ignore)
        assert first.state is RunState.FAILED
        assert first.reason
        assert first.reason.isprintable()
        assert all(line.isprintable() for line in first.tail)
        assert first == second


class AbortContract:
    """What an executor does whose runs take time."""

    def executor(self) -> Executor:
        """As in `ExecutorContract`."""
        raise NotImplementedError

    def long(self, directory: Path) -> Job:
        """A job that would run for minutes."""
        return job_in(directory, Step("build", run=("sleep", "600")))

    @pytest.mark.asyncio
    async def test_an_aborted_run_is_cancelled(self, tmp_path: Path) -> None:
        """At once after it was begun, and no matter how often it is asked for."""
        job, executor = self.long(tmp_path), self.executor()
        async with asyncio.timeout(LIMIT):
            token = await executor.start(job)
            await executor.abort(job, token)
            await executor.abort(job, token)
            outcome = await executor.wait(job, token, _ignore)
        assert outcome.state is RunState.CANCELLED

    @pytest.mark.asyncio
    async def test_a_run_is_aborted_while_it_is_followed(self, tmp_path: Path) -> None:
        """By another executor than the one which began it."""
        job, begun = self.long(tmp_path), asyncio.Event()
        async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
            token = await self.executor().start(job)
            waiting = group.create_task(self.executor().wait(job, token, lambda _: begun.set()))
            await begun.wait()
            await self.executor().abort(job, token)
            outcome = await waiting
        assert outcome.state is RunState.CANCELLED


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def _ignore(_progress: str | Tally) -> None:
    """Nobody looks at the progress."""
