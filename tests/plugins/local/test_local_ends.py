"""How runs are stopped, bounded, found again, and lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome, Probe, ProbeKind, Step
from pushbot.queue.commands import RunState
from pushbot_plugins.local.supervisor.files import RunFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job
    from tests.plugins.local.conftest import Bench

WELL = Outcome(RunState.SUCCEEDED)
FAMILY = "echo $$ > step.pid; sh -c 'echo $$ > child.pid; sleep 60' & sleep 60"
DEAF = "trap '' TERM; echo $$ > step.pid; while :; do sleep 0.01; done"

# The bot of before: it begins the run that it finds on its standard input, says so, and waits until it is killed.
BOT = """
import asyncio, pathlib, sys
from pushbot.testing.contracts.executor import job_in
from pushbot.ports import Step
from pushbot_plugins.local import LocalExecutor

async def main():
    job = job_in(pathlib.Path(sys.argv[1]), Step("build", script=sys.argv[2]), Step("next", run=("echo", "well")))
    print(await LocalExecutor(LocalExecutor.Options()).start(job), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("with_token", [True, False])
async def test_abort_ends_the_grandchildren_too(
    bench: Bench, alive: Callable[[int], bool], *, with_token: bool
) -> None:
    job = bench.job(Step("build", script=FAMILY))
    token = await bench.executor.start(job)
    step, child = await bench.pid("step"), await bench.pid("child")
    await bench.executor.abort(job, token if with_token else None)
    outcome = await bench.wait(job, token)
    assert outcome == Outcome(RunState.CANCELLED, "build", "stopped on request")
    assert not alive(step)
    assert not alive(child)


async def test_who_does_not_hear_term_is_killed_after_the_grace(bench: Bench, alive: Callable[[int], bool]) -> None:
    job = replace(bench.job(Step("build", script=DEAF)), grace=0.2)
    token = await bench.executor.start(job)
    step = await bench.pid("step")
    began = time.monotonic()
    await bench.executor.abort(job, token)
    assert (await bench.wait(job, token)).state is RunState.CANCELLED
    assert 0.2 <= time.monotonic() - began < 20
    assert not alive(step)


async def test_in_its_grace_a_step_can_clean_up_and_say_so(bench: Bench) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo $$ > step.pid; while :; do sleep 0.01; done"
    job = bench.job(Step("build", script=script))
    token = await bench.executor.start(job)
    await bench.pid("step")
    await bench.executor.abort(job, token)
    outcome = await bench.wait(job, token)
    assert outcome.state is RunState.CANCELLED
    assert outcome.tail[-1] == "bye"


async def test_term_to_the_supervisor_is_an_abort(bench: Bench) -> None:
    job = bench.job(Step("build", script=FAMILY))
    token = await bench.executor.start(job)
    await bench.pid("child")
    os.kill(int(token), signal.SIGTERM)
    assert (await bench.wait(job, token)).state is RunState.CANCELLED


async def test_abort_before_the_beginning(bench: Bench) -> None:
    job = bench.job(Step("build", script="touch begun"))
    await bench.executor.abort(job, None)
    assert (await bench.run(job)).state is RunState.CANCELLED
    assert not (bench.directory / "begun").exists()


@pytest.mark.parametrize(
    "waits",
    [
        Step("build", run=("true",), after=60),
        Step("build", run=("false",), retries=5, retry_delay=60),
        Probe(ProbeKind.COMMAND, "web", run=("false",), interval=60, window=60),
        Probe(ProbeKind.COMMAND, "web", run=("true",), interval=60, watch=60),
        Probe(ProbeKind.COMMAND, "web", run=("sleep", "60"), timeout=60, window=60),
    ],
    ids=["after", "retry", "health", "watch", "probe"],
)
async def test_abort_while_it_waits(bench: Bench, waits: Step | Probe) -> None:
    job = bench.job(waits) if isinstance(waits, Step) else replace(bench.job(), health=(waits,))
    token = await bench.executor.start(job)
    await bench.until(lambda: "1/1" in bench.log)
    began = time.monotonic()
    await bench.executor.abort(job, token)
    assert (await bench.wait(job, token)).state is RunState.CANCELLED
    assert time.monotonic() - began < 20


async def test_a_step_has_its_time(bench: Bench, alive: Callable[[int], bool]) -> None:
    outcome = await bench.run(bench.job(Step("build", script=f"echo begun; {FAMILY}", timeout=1.5)))
    assert outcome == Outcome(RunState.FAILED, "build", "step build ran longer than its 1.5 s", ("begun",))
    assert not alive(await bench.pid("step"))
    assert not alive(await bench.pid("child"))


@pytest.mark.parametrize(
    "step",
    [
        Step("build", run=("sleep", "60"), retries=5),
        Step("build", after=60),
        Step("build", run=("false",), retries=10**6),
    ],
    ids=["step", "after", "retries"],
)
async def test_a_run_has_its_time(bench: Bench, step: Step) -> None:
    outcome = await bench.run(replace(bench.job(replace(step, retry_delay=0.01)), timeout=1.0))
    assert outcome == Outcome(RunState.FAILED, "build", "the run took longer than its 1 s")


async def test_a_run_outlives_the_bot(bench: Bench, zombies: Callable[[], list[str]]) -> None:
    script = "echo $$ > step.pid; until test -e go; do sleep 0.01; done; echo went"
    job = _begun_by_a_bot_that_was_killed(bench, script)
    await bench.pid("step")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(bench.wait(job, None))
        await bench.until(lambda: bench.told)
        (bench.directory / "go").touch()
    assert waiting.result() == WELL
    assert bench.told == ["build 1/2", "next 2/2"]
    assert "went" in bench.log
    assert zombies() == []


async def test_a_run_that_ended_without_the_bot_is_found(bench: Bench) -> None:
    job = _begun_by_a_bot_that_was_killed(bench, "true")
    await bench.until(lambda: RunFiles(bench.directory).outcome())
    assert await bench.wait(job, None) == WELL


async def test_a_run_begun_on_paper_only_is_lost(bench: Bench) -> None:
    # The bot ended after it wrote the job and before there was a supervisor.
    job = bench.job(Step("build", run=("true",)))
    files = RunFiles(bench.directory)
    os.close(files.claim())
    files.put_job(job)
    with pytest.raises(RunLost, match="lost its supervisor"):
        await bench.wait(job, None)


async def test_without_its_supervisor_a_run_is_lost_and_ended(bench: Bench, alive: Callable[[int], bool]) -> None:
    daemon = "setsid sh -c 'echo $$ > app.pid; exec sleep 60' > app.log 2>&1 < /dev/null &"
    plain = "sh -c 'echo $$ > app2.pid; exec sleep 60' > app.log 2>&1 < /dev/null &"
    job = bench.job(Step("restart", script=daemon + plain), Step("build", script=FAMILY))
    token = await bench.executor.start(job)
    step, child = await bench.pid("step"), await bench.pid("child")
    os.kill(int(token), signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(RunLost, match=r"web-12 lost its supervisor process .* see .*/output\.log"):
            await bench.wait(job, token)
    assert not alive(step)
    assert not alive(child)
    assert alive(await bench.pid("app"))
    assert alive(await bench.pid("app2"))


async def test_what_a_killed_supervisor_left_gets_kill_when_it_is_deaf(
    bench: Bench, alive: Callable[[int], bool]
) -> None:
    job = replace(bench.job(Step("build", script=DEAF)), grace=0.1)
    token = await bench.executor.start(job)
    step = await bench.pid("step")
    os.kill(int(token), signal.SIGKILL)
    with pytest.raises(RunLost):
        await bench.wait(job, token)
    assert not alive(step)


async def test_without_a_record_of_its_group_no_step_begins(bench: Bench) -> None:
    (bench.directory / "group").mkdir()
    outcome = await bench.run(bench.job(Step("build", script="touch begun")))
    assert outcome.state is RunState.FAILED
    assert not (bench.directory / "begun").exists()


async def test_a_number_that_was_used_again_is_left_alone(bench: Bench) -> None:
    job = bench.job(Step("build", run=("true",)))
    files = RunFiles(bench.directory)
    os.close(files.claim())
    files.put_job(job)
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: ASYNC220 - no need to follow it
    try:
        files.group.write_text(str(other.pid))
        with pytest.raises(RunLost):
            await bench.wait(job, None)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_an_abort_of_a_lost_run_harms_nobody(bench: Bench) -> None:
    job = bench.job(Step("build", script=FAMILY))
    token = await bench.executor.start(job)
    await bench.pid("child")
    os.kill(int(token), signal.SIGKILL)
    await bench.until(lambda: not RunFiles(bench.directory).supervised())
    await bench.executor.abort(job, token)
    with pytest.raises(RunLost):
        await bench.wait(job, token)


async def test_without_a_log_nothing_is_begun(bench: Bench) -> None:
    (bench.directory / "output.log").mkdir()
    job = bench.job(Step("build", script="touch begun"))
    with pytest.raises(PushbotError, match=r"did not start \(IsADirectoryError"):
        await bench.executor.start(job)
    assert not (bench.directory / "begun").exists()


async def test_a_full_disk_costs_output_and_neither_the_step_nor_its_outcome(bench: Bench) -> None:
    # A limit on the size of files stands for the disk.
    script = (
        "prlimit --fsize=1000 --pid $PPID; head -c 100000 /dev/zero | tr '\\0' x; touch done; echo; echo bye; exit 3"
    )
    outcome = await bench.run(bench.job(Step("migrate", script=script)))
    assert (outcome.state, outcome.step) == (RunState.FAILED, "migrate")
    assert outcome.reason == "step migrate ended with exit code 3"
    assert outcome.tail[-1] == "bye"
    assert (bench.directory / "done").exists()
    assert (bench.directory / "output.log").stat().st_size <= 1000


def _begun_by_a_bot_that_was_killed(bench: Bench, script: str) -> Job:
    roots = f"{Path(__file__).parents[3]}:{Path(__file__).parents[3] / 'plugins'}"
    with subprocess.Popen(
        [sys.executable, "-c", BOT, str(bench.directory), script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": roots},
    ) as bot:
        assert bot.stdout
        assert bot.stdout.readline()
        bot.kill()
    return bench.job(Step("build", script=script), Step("next", run=("echo", "well")))
