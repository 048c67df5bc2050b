"""Every executor we know of keeps the contract: the bundled ones, and the example of the docs."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pushbot.testing.contracts.executor import AbortContract, ExecutorContract, FailureContract, job_in
from pushbot_plugins.dryrun import DryRunExecutor
from pushbot_plugins.local import LocalExecutor

if TYPE_CHECKING:
    from types import ModuleType

    from pushbot.ports import Executor, Job

EXAMPLE = Path(__file__).parents[1] / "plugins" / "example_executor.py"

# A deploy tool that never ends by itself on stage `princess-slow`, and fails on `princess-bad`.
TOOL = """
tickets=$1; shift
case $1 in
  start) ticket=$(mktemp "$tickets/XXXXXX"); echo "$2" > "$ticket"; echo "$ticket" ;;
  stop) grep -qx princess-slow "$2" && echo cancelled > "$2"; exit 0 ;;
  status) case $(cat "$2") in
      princess) echo succeeded ;;
      princess-bad) echo "failed disk full" ;;
      princess-slow) echo "running on 3 hosts" ;;
      *) cat "$2" ;;
    esac ;;
esac
"""


class TestLocal(ExecutorContract, FailureContract, AbortContract):
    def executor(self) -> Executor:
        return LocalExecutor(LocalExecutor.Options())


class TestDryRun(ExecutorContract):
    def executor(self) -> Executor:
        return DryRunExecutor(DryRunExecutor.Options())


class TestExample(ExecutorContract, FailureContract, AbortContract):
    @pytest.fixture(autouse=True)
    def _tool(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.module = _module(EXAMPLE)
        self.tickets = str(tmp_path_factory.mktemp("tickets"))

    def executor(self) -> Executor:
        kind = self.module.ToolExecutor
        executor: Executor = kind(kind.Options(tool=("/bin/sh", "-c", TOOL, "tool", self.tickets)))
        return executor

    def bad(self, directory: Path) -> Job:
        return _at("princess-bad", directory)

    def long(self, directory: Path) -> Job:
        return _at("princess-slow", directory)


def _at(stage: str, directory: Path) -> Job:
    return replace(job_in(directory), stage=stage)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
