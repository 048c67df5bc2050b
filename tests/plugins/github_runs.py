"""What the tests of the GitHub executor's two ways of working share: their runs, and the contract on a GitHub."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.testing.contracts.executor import AbortContract, ExecutorContract, FailureContract, job_in

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Executor, Job, Outcome
    from tests.rig.github import GitHub


def at(stage: str, directory: Path) -> Job:
    """A run of that stage."""
    return replace(job_in(directory), stage=stage)


async def carried_out(executor: Executor, job: Job) -> tuple[Outcome, list[str]]:
    """How the run ended, and what was told of its progress."""
    told: list[str] = []
    async with asyncio.timeout(60):
        token = await executor.start(job)
        return await executor.wait(job, token, lambda how_far: told.append(str(how_far))), told


class GitHubContract(ExecutorContract, FailureContract, AbortContract):
    """The contract of an executor whose runs end as the rig's GitHub has it for their stage."""

    @pytest.fixture(autouse=True)
    def _github(self, github: GitHub) -> None:
        self.github = github

    def good(self, directory: Path) -> Job:
        """One that succeeds."""
        return at("princess", directory)

    def bad(self, directory: Path) -> Job:
        """One that fails."""
        return at("princess-bad", directory)

    def long(self, directory: Path) -> Job:
        """One that goes on until it is stopped."""
        return at("princess-slow", directory)
