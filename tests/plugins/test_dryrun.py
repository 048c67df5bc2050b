"""What a dry run writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.ports import Probe, ProbeKind, Step
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.dryrun import DryRunExecutor

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_writes_what_would_be_done_and_does_nothing(tmp_path: Path) -> None:
    job = replace(
        job_in(
            tmp_path,
            Step("migrate", run=("touch", "a b"), env=(("LEVEL", "2"),), retries=2),
            Step("restart", script="touch c", after=125),
        ),
        health=(Probe(ProbeKind.HTTP, "web", target="http://127.0.0.1:8001/"),),
        post=(Step("clean up", run=("true",)),),
        env=(("PASSWORD", "hunter2"),),
    )
    told: list[str] = []
    executor = DryRunExecutor(DryRunExecutor.Options())
    await executor.wait(job, await executor.start(job), told.append)
    assert _names(tmp_path) == ["output.log"]
    lines = (tmp_path / "output.log").read_text().splitlines()
    assert lines[0] == "dry run of web-12: deploy princess 6957bb87c0ffee00000000000000000000000000"
    assert lines[1].startswith("environment: PUSHBOT_RUN ")
    assert lines[1].endswith(" PASSWORD")
    assert lines[2:] == [
        "step migrate: LEVEL=... touch 'a b' (after 0 s, 600 s a try, retries 2)",
        "step restart: /bin/sh -e -c 'touch c' (after 125 s, 600 s a try, retries 0)",
        "health web: http http://127.0.0.1:8001/ (1 in a row within 30 s)",
        "step clean up: true (after 0 s, 600 s a try, retries 0)",
    ]
    assert told == ["migrate 1/4", "restart 2/4", "health: web 3/4", "clean up 4/4"]


def _names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]
