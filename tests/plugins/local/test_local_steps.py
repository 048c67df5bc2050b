"""What steps get, how they fail, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Outcome, Probe, ProbeKind, Step
from pushbot.queue.commands import RunState
from pushbot_plugins.supervised import Boot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.plugins.local.conftest import Bench

WELL = Outcome(RunState.SUCCEEDED)


async def test_steps_health_and_post_run_in_order(bench: Bench) -> None:
    job = replace(
        bench.job(Step("build", script="echo one"), Step("publish", script="echo two")),
        health=(Probe(ProbeKind.COMMAND, "web", run=("echo", "three")),),
        post=(Step("clean up", script="echo four"),),
    )
    assert await bench.run(job) == WELL
    assert bench.told == ["build 1/4", "publish 2/4", "health: web 3/4", "clean up 4/4"]
    lines = bench.log.splitlines()
    assert [line for line in lines if not line.startswith("==")] == ["one", "two", "three", "four"]
    assert lines[0].startswith("== ")
    assert lines[0].endswith(" build 1/4")


async def test_a_step_knows_what_it_is_part_of(bench: Bench) -> None:
    job = bench.job(Step("show", script="env | grep PUSHBOT_ | sort; pwd; echo $HOME"))
    assert await bench.run(job) == WELL
    shown = bench.log.splitlines()[1:]
    assert shown == [*sorted(f"{k}={v}" for k, v in job.facts().items()), str(bench.directory), os.environ["HOME"]]


async def test_an_argument_list_meets_no_shell(bench: Bench) -> None:
    assert await bench.run(bench.job(Step("say", run=("echo", "$HOME;", "`id`", "*")))) == WELL
    assert "\n$HOME; `id` *\n" in bench.log


async def test_text_from_chat_is_neither_run_nor_resolved(bench: Bench) -> None:
    evil = "$(touch owned); `touch owned`"
    job = replace(bench.job(Step("say", script='echo "$PUSHBOT_DRIVER"; echo $PUSHBOT_BRANCH')), driver=evil)
    assert await bench.run(replace(job, branch="env:HOME")) == WELL
    assert bench.log.splitlines()[1:] == [evil, "env:HOME"]
    assert not (bench.directory / "owned").exists()


async def test_a_script_ends_at_its_first_failure(bench: Bench) -> None:
    outcome = await bench.run(
        bench.job(Step("migrate", script="echo trying\n(exit 3)\necho not reached"), Step("next"))
    )
    assert outcome == Outcome(RunState.FAILED, "migrate", "step migrate ended with exit code 3", ("trying",))
    assert bench.told == ["migrate 1/2"]


async def test_a_signal_is_called_by_its_name(bench: Bench) -> None:
    outcome = await bench.run(bench.job(Step("migrate", script="kill -SEGV $$")))
    assert outcome.reason == "step migrate was ended by signal SIGSEGV"


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (
            Step("build", run=("no-such-tool",)),
            "step build could not be started: no-such-tool: No such file or directory",
        ),
        (Step("build", run=("/etc/passwd",)), "step build could not be started: /etc/passwd: Permission denied"),
        (Step("build", run=("echo", "a\0b")), "step build could not be started: echo: embedded null byte"),
        (Step("build"), "step build has nothing to run: give it `run` or `script`"),
    ],
)
async def test_what_cannot_be_started_is_said(bench: Bench, step: Step, reason: str) -> None:
    assert await bench.run(bench.job(step)) == Outcome(RunState.FAILED, "build", reason)


async def test_a_missing_workdir_is_said(bench: Bench) -> None:
    job = replace(bench.job(Step("build", run=("true",))), workdir=bench.directory / "gone")
    reason = f"step build could not be started: its directory {bench.directory}/gone cannot be entered"
    assert (await bench.run(job)).reason == f"{reason} (No such file or directory)"


async def test_a_failing_step_is_tried_again(bench: Bench) -> None:
    flaky = Step("build", script="echo x >> tries; test $(wc -l < tries) -eq 3", retries=2, retry_delay=0.01)
    assert await bench.run(bench.job(flaky)) == WELL
    assert "build, try 3 of 3" in bench.log


async def test_after_the_last_try_it_has_failed(bench: Bench) -> None:
    outcome = await bench.run(bench.job(Step("build", run=("false",), retries=1, retry_delay=0.0)))
    assert outcome.reason == "step build ended with exit code 1, in the last of 2 tries"


async def test_a_background_child_with_the_output_does_not_hold_the_run(bench: Bench) -> None:
    step = Step("restart", script="setsid sh -c 'echo $$ > app.pid; exec sleep 60' &\necho started")
    assert await bench.run(bench.job(step)) == WELL
    assert "\nstarted\n" in bench.log
    assert "redirect the output" in bench.log


async def test_a_daemon_survives_success(bench: Bench, alive: Callable[[int], bool]) -> None:
    script = "setsid sh -c 'echo $$ > app.pid; exec sleep 60' > app.log 2>&1 < /dev/null &"
    plain = "sh -c 'echo $$ > app2.pid; exec sleep 60' > app.log 2>&1 < /dev/null &"
    assert await bench.run(bench.job(Step("restart", script=script), Step("again", script=plain))) == WELL
    assert alive(await bench.pid("app"))
    assert alive(await bench.pid("app2"))
    assert "redirect the output" not in bench.log


async def test_a_run_is_begun_only_once(bench: Bench) -> None:
    job = bench.job(Step("build", script="echo x >> runs"))
    token = await bench.executor.start(job)
    with pytest.raises(PushbotError, match="begun only once"):
        await bench.executor.start(job)
    assert await bench.wait(job, token) == WELL
    with pytest.raises(PushbotError, match="begun only once"):
        await bench.executor.start(job)
    assert (bench.directory / "runs").read_text() == "x\n"


async def test_where_nothing_can_be_written_nothing_is_begun(bench: Bench) -> None:
    job = replace(bench.job(), directory=bench.directory / "gone")
    with pytest.raises(PushbotError, match=r"web-12 cannot be begun in .*gone \(No such file or directory\)"):
        await bench.executor.start(job)


async def test_a_supervisor_that_cannot_start_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushbot_plugins.local.executor._BOOT", Boot((), "import nowhere", ()))
    with pytest.raises(PushbotError, match=r"did not start \(ModuleNotFoundError: .*\)"):
        await bench.executor.start(bench.job())


async def test_the_job_is_for_the_bots_user_alone(bench: Bench) -> None:
    assert await bench.run(bench.job()) == WELL
    assert stat.S_IMODE((bench.directory / "job.json").stat().st_mode) == 0o600


async def test_runs_go_on_side_by_side(tmp_path: Path, bench: Bench) -> None:
    # Each waits for the other's file: one after the other would never end.
    meet = "touch {}; until test -e {}; do sleep 0.01; done"
    jobs = []
    for mine, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"run-{mine}").mkdir()
        step = Step("meet", script=meet.format(mine, other))
        jobs.append(replace(bench.job(step), directory=tmp_path / f"run-{mine}"))
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(bench.run(job)) for job in jobs]
    assert [run.result() for run in runs] == [WELL, WELL]


async def test_nothing_is_left_of_a_run(bench: Bench, zombies: Callable[[], list[str]]) -> None:
    orphan = "(sleep 0.01 &) ; (sh -c 'exit 1' &)"
    assert await bench.run(bench.job(Step("build", script=orphan), Step("next", run=("true",)))) == WELL
    assert zombies() == []
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    (bench.directory / "more").mkdir()
    assert await bench.run(replace(bench.job(Step("a", run=("true",))), directory=bench.directory / "more")) == WELL
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_steps_inherit_nothing_of_the_supervisors(bench: Bench) -> None:
    script = f"{sys.executable} -c 'import os; print(sorted(map(int, os.listdir(\"/proc/self/fd\"))))'; cat; trap"
    assert await bench.run(bench.job(Step("look", script=script))) == WELL
    assert bench.log.splitlines()[1:] == ["[0, 1, 2, 3]"]  # 3 is the listing's own


async def test_a_closed_pipe_ends_a_step_as_usual(bench: Bench) -> None:
    assert await bench.run(bench.job(Step("look", script="yes | head -n 1"))) == WELL
    assert bench.log.splitlines()[1:] == ["y"]
