"""The GitHub executor and its workflows, against a GitHub that keeps to the published API (`tests/rig/github.py`)."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from pydantic import ValidationError

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome, Probe, ProbeKind, Step
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.github import GitHubExecutor, executor, rest, workflow
from pushbot_plugins.remote_api import Limits
from tests.plugins.github_runs import GitHubContract, at, carried_out
from tests.rig.github import HEAD, TOKEN, Fault, GitHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.fleet.model import Tally
    from pushbot.ports import Executor

MINE = "/repos/acme/shop/actions"


@pytest_asyncio.fixture
async def github(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GitHub]:
    monkeypatch.setenv("GITHUB_DEPLOY_TOKEN", TOKEN)
    monkeypatch.setattr(rest, "LIMITS", Limits(first=0.01, longest=0.1))
    monkeypatch.setattr(executor, "APPEARS", 0.4)
    server = GitHub()
    await server.start()
    yield server
    await server.close()


def made(github: GitHub, **options: object) -> GitHubExecutor:
    """The executor of a stage on that GitHub."""
    settings: dict[str, object] = {
        "mode": "workflow",
        "repository": "acme/shop",
        "token": "env:GITHUB_DEPLOY_TOKEN",
        "api": github.url,
        "poll": 0.01,
        "patience": 5.0,
        "workflow": "deploy.yml",
        "inputs": {"revision": "{revision}", "environment": "{stage}"},
    }
    return GitHubExecutor(GitHubExecutor.Options.model_validate(settings | options))


def written(directory: Path, text: str) -> list[Path]:
    """The files that have this text in them."""
    return [path for path in directory.iterdir() if text.encode() in path.read_bytes()]


class TestWorkflow(GitHubContract):
    def executor(self) -> Executor:
        return made(self.github)


async def test_the_workflow_gets_the_revision_and_the_name_of_the_run(github: GitHub, tmp_path: Path) -> None:
    outcome, told = await carried_out(made(github), at("princess", tmp_path))
    assert outcome == Outcome(RunState.SUCCEEDED)
    assert [line for line in told if ":" in line] == [
        "build: Set up job 1/3",
        "build: checkout 2/3",
        "build: compile 3/3",
        "deploy: Set up job 1/3",
        "deploy: migrate 2/3",
        "deploy: restart 3/3",
    ]
    ((method, path, asked),) = github.asked
    assert (method, path) == ("POST", f"{MINE}/workflows/deploy.yml/dispatches")
    assert isinstance(asked, dict)
    assert asked["ref"] == "main"
    assert asked["inputs"].pop("run").startswith("web-12-")
    assert asked["inputs"] == {"revision": HEAD, "environment": "princess"}
    assert github.seen["GET", f"{MINE}/runs/9001", 304] > 0, "what has not changed is not sent again"


async def test_a_rollback_asks_for_the_older_revision(github: GitHub, tmp_path: Path) -> None:
    github.inputs.add("kind")
    job = replace(at("princess", tmp_path), kind=RunKind.ROLLBACK, revision="1" * 40)
    outcome, _ = await carried_out(made(github, inputs={"revision": "{revision}", "kind": "{kind}"}), job)
    assert outcome.state is RunState.SUCCEEDED
    (_, _, asked) = github.asked[0]
    assert isinstance(asked, dict)
    assert (asked["inputs"]["revision"], asked["inputs"]["kind"]) == ("1" * 40, "rollback")


async def test_a_failure_names_the_step_and_shows_its_last_lines(github: GitHub, tmp_path: Path) -> None:
    github.log = "".join(f"2026-11-01T10:00:00.0000001Z line {n}\n" for n in range(5000)) + github.log
    outcome, _ = await carried_out(made(github), at("princess-bad", tmp_path))
    assert (outcome.state, outcome.step) == (RunState.FAILED, "deploy: migrate")
    assert outcome.reason is not None
    assert "ended with failure: https://github.example/acme/shop/actions/runs/9001" in outcome.reason
    assert outcome.tail[-1] == "Error: Process completed with exit code 1."
    assert outcome.tail[-3] == "migrating the database"
    log = (tmp_path / "output.log").read_text()
    assert "line 4999" in log
    assert "line 100\n" not in log


async def test_who_comes_after_writes_no_line_again(github: GitHub, tmp_path: Path) -> None:
    """The bot ends at the first step, and then once more as it gets the log of the job that failed."""
    job, log, asked = at("princess-bad", tmp_path), tmp_path / "output.log", asyncio.Event()

    def written_of(text: str) -> int:
        return log.read_text().count(text) if log.exists() else 0

    token = await made(github).start(job)
    for text, fault in (
        ("build: Set up job", Fault(path="none")),
        ("deploy: migrate", Fault(path="/logs", hold=asked)),
    ):
        github.faults = [fault]
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            before = group.create_task(made(github).wait(job, token, lambda _: None))
            while not written_of(text) or (fault.hold is not None and fault.times):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.005)
            before.cancel()
    asked.set()
    async with asyncio.timeout(60):
        assert (await made(github).wait(job, token, lambda _: None)).state is RunState.FAILED
    lines = log.read_text().splitlines()
    assert len(lines) > 8
    assert sorted(lines) == sorted(set(lines))


async def test_no_half_secret_stands_where_a_log_is_cut(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "correct-horse-battery"
    monkeypatch.setenv("DEPLOY_KEY", secret)
    monkeypatch.setattr(workflow, "_KEPT", 500)
    inputs = {"revision": "env:DEPLOY_KEY", "environment": "{stage}"}
    github.log = f"{secret * 2} and\n{'x' * 20}\n{'y' * 454}{secret[:9]}"  # the end of it did not come
    outcome, _ = await carried_out(made(github, inputs=inputs), at("princess-bad", tmp_path))
    assert outcome.state is RunState.FAILED
    said = (tmp_path / "output.log").read_text()
    assert f"{'x' * 20}\n{'y' * 454}***\n" in said
    assert not any(secret[at : at + 5] in said for at in range(len(secret) - 4))


async def test_the_end_is_told_also_without_a_log(github: GitHub, tmp_path: Path) -> None:
    github.faults = [Fault(path="/logs", status=404, times=99)]
    outcome, _ = await carried_out(made(github), at("princess-bad", tmp_path))
    assert (outcome.state, outcome.tail) == (RunState.FAILED, ())


async def test_a_run_that_waits_says_for_what(github: GitHub, tmp_path: Path) -> None:
    executor, job, told = made(github), at("princess", tmp_path), list[str]()

    def tell(how_far: str | Tally) -> None:
        told.append(str(how_far))
        github.runner.set()

    github.runner.clear()
    token = await executor.start(job)
    async with asyncio.timeout(60):
        await executor.wait(job, token, tell)
    assert told[:2] == ["waiting for a runner", "build: Set up job 1/3"]


# --- who it was: lost answers, restarts, older servers ---------------------------------------------


async def test_an_older_enterprise_server_is_asked_without_what_it_does_not_know(
    github: GitHub, tmp_path: Path
) -> None:
    github.run_details = False
    job = at("princess", tmp_path)
    github.begin("main", {"revision": HEAD, "run": "web-12", "environment": "princess-bad"})
    token = await made(github).start(job)
    assert token.startswith("web-12-")
    github.begin("main", {"revision": HEAD, "run": "web-12-somebody-else", "environment": "princess-bad"})
    outcome = await made(github).wait(job, token, lambda _: None)
    assert outcome.state is RunState.SUCCEEDED


async def test_a_dispatch_whose_answer_is_lost_is_found_by_its_name_and_not_made_again(
    github: GitHub, tmp_path: Path
) -> None:
    github.faults = [Fault("POST", "/dispatches", drop="after")]
    outcome, _ = await carried_out(made(github), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert len(github.runs) == 1


async def test_a_dispatch_with_an_answer_that_makes_no_sense_is_found_by_its_name(
    github: GitHub, tmp_path: Path
) -> None:
    github.faults = [Fault("POST", "/dispatches", drop="garble")]
    outcome, _ = await carried_out(made(github), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert len(github.runs) == 1


async def test_an_end_that_is_a_failure_because_it_was_stopped_is_a_cancelled_run(
    github: GitHub, tmp_path: Path
) -> None:
    """A job that runs `always()` and fails makes a failure of a run that is cancelled."""
    executor, job = made(github), at("princess-deaf", tmp_path)
    token = await executor.start(job)
    await executor.abort(job, token)
    github.runs[int(token)].conclusion = "failure"
    assert (await executor.wait(job, token, lambda _: None)).state is RunState.CANCELLED


async def test_an_abort_that_fails_lets_the_run_go_on(github: GitHub, tmp_path: Path) -> None:
    executor, job = made(github), at("princess-slow", tmp_path)
    token = await executor.start(job)
    github.faults = [Fault("POST", "/cancel", status=403, message="Resource not accessible")]
    with pytest.raises(PushbotError, match="may the token do this"):
        await executor.abort(job, token)
    github.runs[int(token)].conclusion = "failure"
    assert (await executor.wait(job, token, lambda _: None)).state is RunState.FAILED, "it was not stopped"


@pytest.mark.parametrize("place", ["https://[::1", "https://", "ftp://x.example/", "", "https://x.example:99999999/"])
async def test_a_log_that_is_nowhere_changes_no_end(github: GitHub, tmp_path: Path, place: str) -> None:
    github.faults = [Fault(path="/logs", status=302, headers={"Location": place}, times=9)]
    outcome, _ = await carried_out(made(github), at("princess-bad", tmp_path))
    assert outcome.step == "deploy: migrate"
    assert "its log cannot be had" in (tmp_path / "output.log").read_text()


async def test_secrets_among_inputs_are_masked(github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step without a name is called by its command, with what is filled into that."""
    monkeypatch.setenv("DEPLOY_KEY", "correct horse")
    monkeypatch.setattr(GitHub, "JOBS", (("deploy", ("Set up job", "Run ./deploy correct horse", "restart")),))
    github.log = "2026-11-01T10:00:00.1234567Z KEY: correct horse\n"
    inputs = {"revision": "env:DEPLOY_KEY", "environment": "{stage}"}
    outcome, told = await carried_out(made(github, inputs=inputs), at("princess-bad", tmp_path))
    assert outcome.step == "deploy: Run ./deploy ***"
    assert "deploy: Run ./deploy *** 2/3" in told
    assert not written(tmp_path, "correct horse")


async def test_half_a_secret_in_a_long_name_of_a_step_is_masked(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_KEY", "correct-horse-battery")
    step = f"Run ./deploy {'x' * 85} correct-horse-battery"
    monkeypatch.setattr(GitHub, "JOBS", (("deploy", ("Set up job", step, "restart")),))
    inputs = {"revision": "env:DEPLOY_KEY", "environment": "{stage}"}
    outcome, told = await carried_out(made(github, inputs=inputs), at("princess-bad", tmp_path))
    assert outcome.state is RunState.FAILED
    assert any(line.endswith("x ***...") for line in told)
    assert not any("correct" in line for line in (*told, outcome.step or "", (tmp_path / "output.log").read_text()))


@pytest.mark.parametrize("fault", [Fault("POST", drop="before"), Fault("POST", status=502)])
async def test_a_dispatch_that_may_have_come_to_nothing_is_lost(github: GitHub, tmp_path: Path, fault: Fault) -> None:
    github.faults = [fault]
    with pytest.raises(RunLost, match=r"has the name web-12-\w+: look at its runs, and give the workflow a run-name"):
        await carried_out(made(github), at("princess", tmp_path))
    assert not github.runs


async def test_a_run_without_a_name_in_its_title_is_never_guessed(github: GitHub, tmp_path: Path) -> None:
    github.run_details = github.run_name = False
    with pytest.raises(RunLost):
        await carried_out(made(github), at("princess", tmp_path))
    assert len(github.runs) == 1


async def test_a_bot_that_ended_while_it_began_a_run_finds_it_again(github: GitHub, tmp_path: Path) -> None:
    job, starting = at("princess", tmp_path), asyncio.Event()
    github.faults = [Fault("POST", "/dispatches", drop="after")]
    await made(github).start(job)
    starting.set()
    outcome = await made(github).wait(job, None, lambda _: None)
    assert outcome.state is RunState.SUCCEEDED


async def test_aborting_is_possible_before_github_told_the_number(github: GitHub, tmp_path: Path) -> None:
    job = at("princess-slow", tmp_path)
    github.faults = [Fault("POST", "/dispatches", drop="after")]
    token = await made(github).start(job)
    await made(github).abort(job, None)
    assert (await made(github).wait(job, token, lambda _: None)).state is RunState.CANCELLED


async def test_a_run_that_was_deleted_is_lost(github: GitHub, tmp_path: Path) -> None:
    job = at("princess-slow", tmp_path)
    token = await made(github).start(job)
    github.runs.clear()
    with pytest.raises(RunLost, match="workflow run 9001 of acme/shop is no longer there"):
        await made(github).wait(job, token, lambda _: None)


# --- a server that has its moods ------------------------------------------------------------------


async def test_blips_change_nothing(github: GitHub, tmp_path: Path) -> None:
    github.faults = [
        Fault(status=502, times=2),
        Fault(path="/jobs", status=503, headers={"Retry-After": "0"}),
        Fault(path="/jobs", drop="before"),
        Fault(path="/runs/", drop="after"),
    ]
    outcome, _ = await carried_out(made(github), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert len(github.runs) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", status=429, headers={"Retry-After": "0"}, message="You have exceeded a secondary rate limit"),
        Fault("POST", status=403, headers={"Retry-After": "0"}, message="You have exceeded a secondary rate limit"),
        Fault("GET", status=403, message="You have exceeded a secondary rate limit. Please wait."),
        Fault("POST", status=429, message="Too many requests"),
        Fault("GET", status=429, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, message="Slow down"),
    ],
)
async def test_a_rate_limit_is_waited_out_also_when_something_is_to_be_done(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(rest, "MINUTE", 0.05)
    github.faults = [replace(fault, times=2)]
    outcome, _ = await carried_out(made(github), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert len(github.runs) == 1


async def test_a_limit_of_an_hour_is_said_and_not_waited_for(github: GitHub, tmp_path: Path) -> None:
    github.remaining, github.reset = 0, 2**31
    with pytest.raises(PushbotError, match=r"has a rate limit on us, for [0-9]+ s more: try again then"):
        await made(github).start(at("princess", tmp_path))
    assert not github.runs


@pytest.mark.parametrize(
    ("fault", "options", "said"),
    [
        (Fault("POST", status=401, message="Bad credentials"), {}, "no entry .401.: check the user and the secret"),
        (Fault("POST", status=403, message="Resource not accessible"), {}, "may the token do this"),
        (None, {"workflow": "other.yml"}, "does it exist, and is it among what the token may see"),
        (None, {"ref": "gone"}, "No ref found for: gone"),
        (None, {"inputs": {"colour": "red"}}, 'Unexpected inputs provided: ."colour"'),
        (None, {"version": "2020-01-01"}, "the API version is not supported"),
    ],
)
async def test_what_github_refuses_is_said_in_its_words(
    github: GitHub, tmp_path: Path, fault: Fault | None, options: dict[str, object], said: str
) -> None:
    github.faults = [fault] if fault else []
    with pytest.raises(PushbotError, match=said):
        await made(github, **options).start(at("princess", tmp_path))
    assert not github.runs


async def test_who_is_not_there_is_told(github: GitHub, tmp_path: Path) -> None:
    away = made(github, api="http://127.0.0.1:1")
    with pytest.raises(PushbotError, match=r"GitHub at http://127\.0\.0\.1:1 cannot be reached"):
        await away.start(at("princess", tmp_path))


async def test_a_run_past_its_time_is_cancelled_and_has_failed(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot_plugins.remote_run._LEAST", 0.2)
    outcome, _ = await carried_out(made(github), replace(at("princess-slow", tmp_path), timeout=0.1))
    assert (outcome.state, outcome.step) == (RunState.FAILED, "time limit")
    assert github.asked[-1][1] == f"{MINE}/runs/9001/cancel"
    lines = (tmp_path / "output.log").read_text().splitlines()
    assert sorted(lines) == sorted(set(lines)), "it is followed twice, and written down once"


# --- what people and the world may write ------------------------------------------------------------


async def test_odd_names_reach_the_workflow_as_they_are_and_nothing_else(github: GitHub, tmp_path: Path) -> None:
    odd = 'x"}, "ref": "fix"; $(touch /tmp/x) {token} \u2028'
    job = replace(at("princess", tmp_path), revision=odd, branch="../../../user")
    outcome, _ = await carried_out(made(github), job)
    assert outcome.state is RunState.SUCCEEDED
    ((_, _, asked),) = github.asked
    assert isinstance(asked, dict)
    assert (asked["ref"], asked["inputs"]["revision"]) == ("main", odd)


async def test_what_github_writes_is_shown_as_one_harmless_line(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitHub, "JOBS", (("a\r\nQUIT :b\x1b[31m", ("\x00" * 50 + "s" * 500,)),))
    _, told = await carried_out(made(github), at("princess", tmp_path))
    assert all(line.isprintable() and len(line) <= 120 for line in told)


async def test_the_token_is_in_no_file_and_in_no_log(
    github: GitHub, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    github.log = f"2026-11-01T10:00:00.0000001Z Authorization: Bearer {TOKEN}\n"
    github.faults = [Fault(status=502, message=f"you sent {TOKEN}")]
    await carried_out(made(github), at("princess-bad", tmp_path))
    assert "Authorization: Bearer ***" in (tmp_path / "output.log").read_text()
    assert not written(tmp_path, TOKEN)
    assert TOKEN not in caplog.text + "".join(capsys.readouterr())


async def test_a_redirect_elsewhere_than_for_logs_is_not_followed(github: GitHub, tmp_path: Path) -> None:
    github.faults = [Fault(status=302, headers={"Location": "http://127.0.0.1:1/steal"})]
    with pytest.raises(PushbotError, match=r"a redirect to http://127\.0\.0\.1:1/steal, which is not followed"):
        await carried_out(made(github), at("princess", tmp_path))


# --- configuration ---------------------------------------------------------------------------------


async def test_an_enterprise_server_has_its_own_address(tmp_path: Path, github: GitHub) -> None:
    await github.close()
    enterprise = GitHub(prefix="/api/v3")
    await enterprise.start()
    outcome, _ = await carried_out(made(enterprise), at("princess-bad", tmp_path))
    await enterprise.close()
    assert outcome.state is RunState.FAILED
    assert outcome.tail


async def test_steps_and_checks_are_refused(github: GitHub, tmp_path: Path) -> None:
    job = replace(job_in(tmp_path, Step("a", run=("true",))), health=(Probe(ProbeKind.TCP, "b", "x:1"),))
    with pytest.raises(PushbotError, match="the github executor cannot do the steps and health of stage princess"):
        await made(github).start(job)
    assert not os.listdir(tmp_path)  # noqa: PTH208 - there is nothing


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workflow": None}, 'workflow = "FILE"'),
        ({"workflow": "../../user"}, "workflow"),
        ({"repository": "acme/shop/../../x"}, "repository"),
        ({"token": TOKEN}, "token"),
        ({"contexts": ["ci"]}, "no 'contexts', which does not go with mode = \"workflow\""),
        ({"inputs": {"run": "x"}}, "inputs without 'run'"),
        ({"inputs": {f"i{n}": "x" for n in range(25)}}, "at most 25 inputs, run_input among them"),
        ({"inputs": {f"i{n}": "x" for n in range(26)}, "run_input": ""}, "at most 25 inputs"),
        ({"inputs": {"x": "{revison}"}}, "revision"),
    ],
)
def test_mistakes_are_told_before_anything_runs(options: dict[str, object], said: str) -> None:
    base = {"mode": "workflow", "repository": "acme/shop", "token": "env:X", "workflow": "deploy.yml"}
    with pytest.raises(ValidationError, match=said):
        GitHubExecutor.Options.model_validate(base | options)
