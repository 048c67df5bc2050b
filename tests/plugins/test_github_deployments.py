"""The GitHub executor's deployments, which another tool carries out, against the same GitHub as its workflows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from pydantic import ValidationError

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.github import GitHubExecutor, executor, rest
from pushbot_plugins.remote_api import Limits
from tests.plugins.github_runs import GitHubContract, at, carried_out
from tests.rig.github import HEAD, TOKEN, Fault, GitHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Executor


@pytest_asyncio.fixture
async def github(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GitHub]:
    monkeypatch.setenv("GITHUB_DEPLOY_TOKEN", TOKEN)
    monkeypatch.setattr(rest, "LIMITS", Limits(first=0.01, longest=0.1))
    monkeypatch.setattr(executor, "APPEARS", 0.5)
    server = GitHub()
    await server.start()
    yield server
    await server.close()


def made(github: GitHub, **options: object) -> GitHubExecutor:
    settings: dict[str, object] = {
        "mode": "deployment",
        "repository": "acme/shop",
        "token": "env:GITHUB_DEPLOY_TOKEN",
        "api": github.url,
        "poll": 0.01,
        "patience": 5.0,
    }
    return GitHubExecutor(GitHubExecutor.Options.model_validate(settings | options))


class TestDeployment(GitHubContract):
    def executor(self) -> Executor:
        return made(self.github)


async def test_a_deployment_is_of_the_revision_and_followed_by_its_statuses(github: GitHub, tmp_path: Path) -> None:
    outcome, told = await carried_out(made(github), at("princess", tmp_path))
    assert outcome == Outcome(RunState.SUCCEEDED)
    assert told == ["queued: in line", "in_progress: copying", "in_progress: restarting", "success: done"]
    ((_, path, asked),) = github.asked
    assert path == "/repos/acme/shop/deployments"
    assert isinstance(asked, dict)
    assert asked["payload"].pop("pushbot_call").startswith("web-12-")
    assert asked == {
        "ref": HEAD,
        "task": "deploy",
        "environment": "princess",
        "auto_merge": False,
        "description": "deploy of web to princess by alice",
        "payload": {"run": "web-12", "kind": "deploy", "previous": "1" * 40},
    }


async def test_a_failure_says_what_the_tool_said(github: GitHub, tmp_path: Path) -> None:
    outcome, _ = await carried_out(made(github), at("princess-bad", tmp_path))
    assert outcome.step == "deployment"
    assert outcome.reason == "its tool reports failure: no space left on device: https://ci.example/log/1"


async def test_one_that_another_pushed_aside_has_failed(github: GitHub, tmp_path: Path) -> None:
    job = at("princess-slow", tmp_path)
    token = await made(github).start(job)
    newer = github.announce({"ref": "main", "environment": "princess-slow"})
    github.report(newer, "success", "done")
    outcome = await made(github).wait(job, token, lambda _: None)
    assert outcome == Outcome(RunState.FAILED, "deployment", "it was made inactive before it was over")


async def test_a_later_deployment_does_not_change_how_this_one_ended(github: GitHub, tmp_path: Path) -> None:
    job = at("princess", tmp_path)
    token = await made(github).start(job)
    deployment = github.deployments[int(token)]
    async with asyncio.timeout(60):
        while len(deployment.statuses) < 4:  # noqa: ASYNC110 - the server's own pace
            await asyncio.sleep(0.01)
    github.report(github.announce({"ref": "main", "environment": "princess"}), "success", "done")
    assert deployment.statuses[-1]["state"] == "inactive"
    assert (await made(github).wait(job, token, lambda _: None)).state is RunState.SUCCEEDED


async def test_an_older_deployment_that_gets_through_later_pushes_none_aside(github: GitHub, tmp_path: Path) -> None:
    older = github.announce({"ref": "main", "environment": "princess-slow"})
    job = at("princess-slow", tmp_path)
    token = await made(github).start(job)
    github.report(older, "success", "done")
    github.report(github.deployments[int(token)], "success", "done")
    assert (await made(github).wait(job, token, lambda _: None)).state is RunState.SUCCEEDED


async def test_an_abort_tells_the_tool_by_a_status(github: GitHub, tmp_path: Path) -> None:
    job = at("princess-slow", tmp_path)
    token = await made(github).start(job)
    await made(github).abort(job, None)
    assert github.asked[-1][2] == {"state": "error", "description": "stopped through pushbot: run web-12"}
    outcome = await made(github).wait(job, token, lambda _: None)
    assert outcome.state is RunState.CANCELLED
    asked = len(github.asked)
    await made(github).abort(job, token)
    assert len(github.asked) == asked


@pytest.mark.parametrize(("contexts", "sent"), [(None, "nothing"), ([], []), (["ci/test"], ["ci/test"])])
async def test_which_checks_must_have_passed_is_the_operators_choice(
    github: GitHub, tmp_path: Path, contexts: list[str] | None, sent: object
) -> None:
    options = {} if contexts is None else {"contexts": contexts}
    await made(github, **options).start(at("princess", tmp_path))
    asked = github.asked[0][2]
    assert isinstance(asked, dict)
    assert asked.get("required_contexts", "nothing") == sent


async def test_failing_checks_are_told(github: GitHub, tmp_path: Path) -> None:
    github.failing_contexts = {"ci/test"}
    with pytest.raises(PushbotError, match="Commit status checks failed for main: ci/test"):
        await made(github).start(at("princess", tmp_path))
    await made(github, contexts=[]).start(at("princess", tmp_path))


async def test_a_merge_is_no_deployment(github: GitHub, tmp_path: Path) -> None:
    github.merged = True
    with pytest.raises(PushbotError, match="made no deployment of it: Auto-merged main into fix"):
        await made(github, auto_merge=True).start(at("princess", tmp_path))


async def test_one_whose_answer_is_lost_is_found_by_its_payload(github: GitHub, tmp_path: Path) -> None:
    for _ in range(250):
        github.announce({"ref": "main", "task": "other"})
    for _ in range(150):
        github.announce({"ref": "main", "task": "deploy", "payload": '{"text": 1}'})
    github.faults = [Fault("POST", "/deployments", drop="after")]
    job = at("princess-bad", tmp_path)
    token = await made(github).start(job)
    assert token.startswith("web-12-")
    for _ in range(120):
        github.announce({"ref": "main", "task": "deploy"})
    assert (await made(github).wait(job, None, lambda _: None)).state is RunState.FAILED


async def test_one_that_was_never_made_is_lost(github: GitHub, tmp_path: Path) -> None:
    github.faults = [Fault("POST", "/deployments", status=500)]
    with pytest.raises(RunLost, match=r"has the name web-12-\w+: look at its deployments"):
        await carried_out(made(github), at("princess", tmp_path))


async def test_one_that_was_deleted_is_lost(github: GitHub, tmp_path: Path) -> None:
    job = at("princess-slow", tmp_path)
    token = await made(github).start(job)
    github.deployments.clear()
    with pytest.raises(RunLost, match="no longer there"):
        await made(github).wait(job, token, lambda _: None)


async def test_one_past_its_time_is_called_off_and_has_failed(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot_plugins.remote_run._LEAST", 0.2)
    outcome, _ = await carried_out(made(github), replace(at("princess-slow", tmp_path), timeout=0.1))
    assert (outcome.state, outcome.step) == (RunState.FAILED, "time limit")
    (_, _, asked) = github.asked[-1]
    assert asked == {
        "state": "error",
        "description": "stopped through pushbot: run web-12 took longer than 0.1 s",
    }


async def test_odd_names_are_data(github: GitHub, tmp_path: Path) -> None:
    job = replace(at("princess", tmp_path), driver='al"ice\n\x1b[31m' + "x" * 300, revision='main", "task": "x')
    with pytest.raises(PushbotError, match="No ref found for: main"):
        await made(github).start(job)
    asked = github.asked[0][2]
    assert isinstance(asked, dict)
    assert asked["task"] == "deploy"
    assert len(asked["description"]) == 140
    assert asked["description"].isprintable()


async def test_a_run_without_a_revision_is_refused(github: GitHub, tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="has no revision"):
        await made(github).start(replace(at("princess", tmp_path), revision=None))


def test_options_of_workflows_are_refused() -> None:
    base = {"mode": "deployment", "repository": "acme/shop", "token": "env:X"}
    with pytest.raises(ValidationError, match="no 'inputs', which does not go with mode"):
        GitHubExecutor.Options.model_validate(base | {"inputs": {}})
