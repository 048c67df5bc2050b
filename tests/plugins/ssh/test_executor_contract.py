"""The ssh executor keeps the contract of all executors, on real servers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.testing.contracts.executor import AbortContract, ExecutorContract, FailureContract
from pushbot_plugins.ssh.executor import SshExecutor
from tests.plugins.ssh.bench import options

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Executor, Job
    from tests.rig.sshd import SshdRig


class TestSsh(ExecutorContract, FailureContract, AbortContract):
    @pytest.fixture(autouse=True)
    def _hosts(self, rig: SshdRig) -> None:
        self.rig = rig
        self.hosts = tuple(each.host for each in rig.start(2))

    def executor(self) -> Executor:
        return SshExecutor(options(self.rig))

    def good(self, directory: Path) -> Job:
        return self._there(super().good(directory))

    def bad(self, directory: Path) -> Job:
        return self._there(super().bad(directory))

    def long(self, directory: Path) -> Job:
        return self._there(super().long(directory))

    def _there(self, job: Job) -> Job:
        directory = job.directory / "run"
        directory.mkdir(exist_ok=True)
        return replace(job, hosts=self.hosts, directory=directory)
