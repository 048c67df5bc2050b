"""What CI says: GitHub's statuses and check runs, the last build of a job of Jenkins, each on loopback."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pushbot.errors import PushbotError
from pushbot.ports import Change, Check, Finding, Verdict
from pushbot.testing.contracts.check import CheckContract, PatientContract, change_in
from pushbot_plugins.checks.github import GitHubCheck
from pushbot_plugins.checks.jenkins import JenkinsCheck
from pushbot_plugins.github import rest
from pushbot_plugins.remote_api import Limits
from tests.rig.github import HEAD, Fault, GitHub
from tests.rig.github import TOKEN as GITHUB_TOKEN
from tests.rig.jenkins import TOKEN, USER, FakeBuild, FakeItem, FakeJenkins, Plan, jenkins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest_asyncio.fixture
async def github(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GitHub]:
    monkeypatch.setenv("GITHUB_CHECK_TOKEN", GITHUB_TOKEN)
    monkeypatch.setattr(rest, "LIMITS", Limits(first=0.01, longest=0.1))
    server = GitHub()
    await server.start()
    yield server
    await server.close()


def asks(server: GitHub, *required: str) -> GitHubCheck:
    options = {"repository": "acme/shop", "token": "env:GITHUB_CHECK_TOKEN", "api": server.url, "poll": 0.02}
    return GitHubCheck(GitHubCheck.Options.model_validate({**options, "required": required}))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)


def change(directory: Path, patience: float = 10.0) -> Change:
    return change_in(directory, HEAD, patience=patience)


class TestGitHub(CheckContract, PatientContract):
    @pytest.fixture(autouse=True)
    def _server(self, github: GitHub) -> None:
        self.github = github
        github.statuses = {"lint": "success", "old": "failure"}
        github.checks = [("suite", "completed", "success"), ("slow", "in_progress", None)]

    def good(self, directory: Path) -> tuple[Check, Change]:
        return asks(self.github, "lint", "suite"), change(directory)

    def bad(self, directory: Path) -> tuple[Check, Change]:
        return asks(self.github, "lint", "old"), change(directory)

    def long(self, directory: Path) -> tuple[Check, Change]:
        return asks(self.github, "slow"), change(directory, 600)


async def test_all_that_is_reported_counts_when_nothing_is_required(github: GitHub, tmp_path: Path) -> None:
    github.statuses = {"lint": "success"}
    github.checks = [("suite", "completed", "neutral"), ("docs", "completed", "skipped")]
    assert (await asks(github).look(change(tmp_path))).finding is Finding.PASSED
    github.checks += [("suite", "completed", "timed_out")]
    found = await asks(github).look(change(tmp_path))
    assert found == Verdict(Finding.FAILED, "of 6957bb87 GitHub says: suite (timed_out)")


async def test_what_goes_on_is_waited_for_and_named_in_the_end(github: GitHub, tmp_path: Path) -> None:
    github.checks = [("suite", "in_progress", None), ("lint", "completed", "success")]
    found = await asks(github, "suite", "lint", "qa").look(change(tmp_path, 0.2))
    assert found == Verdict(Finding.FAILED, "GitHub has no result of suite, qa for 6957bb87, still after 0.2 s")
    nothing = await asks(github).look(change_in(tmp_path, "f" * 40, patience=0.1))
    assert nothing.why == "GitHub knows of no status and no check of ffffffff, still after 0.1 s"


async def test_a_result_that_comes_meanwhile_is_seen(github: GitHub, tmp_path: Path) -> None:
    github.checks = [("suite", "queued", None)]
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(asks(github).look(change(tmp_path)))
        await until(lambda: any("check-runs" in path for _, path, _ in github.seen))
        github.checks = [("suite", "completed", "success")]
    assert looking.result().finding is Finding.PASSED


async def test_more_than_a_page_of_checks_is_read(github: GitHub, tmp_path: Path) -> None:
    github.checks = [(f"job {at}", "completed", "success") for at in range(150)]
    github.checks.append(("last", "completed", "failure"))
    found = await asks(github).look(change(tmp_path))
    assert found.why == "of 6957bb87 GitHub says: last (failure)"


async def test_github_in_trouble_is_no_verdict(github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    github.statuses = {"lint": "success"}
    github.faults = [Fault(path="/status", status=502, times=2)]
    assert (await asks(github).look(change(tmp_path))).finding is Finding.PASSED
    monkeypatch.setenv("GITHUB_CHECK_TOKEN", "wrong-token-of-mine")
    with pytest.raises(PushbotError, match="401") as failure:
        await asks(github).look(change(tmp_path))
    assert "wrong-token" not in str(failure.value)
    with pytest.raises(PushbotError, match="no revision to look at"):
        await asks(github).look(change_in(tmp_path, None))


@dataclass
class Builds:
    """A job with builds, put there by hand."""

    fake: FakeJenkins

    def put(self, result: str | None, *, sha: str | None = None, revision: str = "") -> FakeBuild:
        job = self.fake.job()
        item = FakeItem(900 + len(job.builds), "team/web", {"REVISION": revision}, 0.0, Plan(takes=None), left=0.0)
        ended = None if result is None else 1.0
        build = FakeBuild(len(job.builds) + 1, item, 0.0, "main", ended, result, sha)
        job.builds.append(build)
        return build

    def check(self, **more: object) -> JenkinsCheck:
        options = {
            "url": self.fake.url,
            "user": USER,
            "token": "env:JENKINS_CHECK_TOKEN",
            "job": "team/web",
            "poll": 0.02,
        }
        return JenkinsCheck(JenkinsCheck.Options.model_validate({**options, **more}))


@pytest_asyncio.fixture
async def builds(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Builds]:
    monkeypatch.setenv("JENKINS_CHECK_TOKEN", TOKEN)
    async with jenkins() as fake:
        yield Builds(fake)


class TestJenkins(CheckContract, PatientContract):
    @pytest.fixture(autouse=True)
    def _server(self, builds: Builds) -> None:
        self.builds = builds

    def good(self, directory: Path) -> tuple[Check, Change]:
        self.builds.put("SUCCESS")
        return self.builds.check(), change(directory)

    def bad(self, directory: Path) -> tuple[Check, Change]:
        self.builds.put("FAILURE")
        return self.builds.check(), change(directory)

    def long(self, directory: Path) -> tuple[Check, Change]:
        self.builds.put(None)
        return self.builds.check(), change(directory, 600)


async def test_the_build_of_the_revision_counts_where_jenkins_tells(builds: Builds, tmp_path: Path) -> None:
    builds.put("SUCCESS", sha=HEAD)
    builds.put("FAILURE", sha="f" * 40)
    assert (await builds.check().look(change(tmp_path))).finding is Finding.PASSED
    other = await builds.check().look(change_in(tmp_path, "f" * 40))
    assert other == Verdict(Finding.FAILED, f"{builds.fake.url}/job/team/job/web/2/ is FAILURE")
    none = await builds.check().look(change_in(tmp_path, "a" * 40, patience=0.1))
    assert none.why == "team/web for aaaaaaaa has no result yet, after 0.1 s"


async def test_a_parameter_tells_the_revision_too(builds: Builds, tmp_path: Path) -> None:
    builds.put("SUCCESS", revision=HEAD)
    builds.put("FAILURE", revision="other")
    assert (await builds.check(parameter="REVISION").look(change(tmp_path))).finding is Finding.PASSED
    assert (await builds.check().look(change(tmp_path))).finding is Finding.FAILED


async def test_a_build_that_goes_on_is_waited_for(builds: Builds, tmp_path: Path) -> None:
    build = builds.put(None)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(builds.check().look(change(tmp_path)))
        await until(lambda: bool(builds.fake.asked))
        build.ended, build.result = 1.0, "UNSTABLE"
    assert looking.result().finding is Finding.FAILED
    assert (await builds.check(unstable="succeeded").look(change(tmp_path))).finding is Finding.PASSED


async def test_jenkins_in_trouble_is_no_verdict(builds: Builds, tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="404"):
        await builds.check(job="team/{branch}").look(change(tmp_path))
    assert builds.fake.asked[-1] == "GET /job/team/job/main/api/json"
    evil = Change("web", "production", HEAD, None, "../../x", "alice", (), tmp_path)
    with pytest.raises(PushbotError, match="404"):
        await builds.check(job="team/{branch}").look(evil)
    assert builds.fake.asked[-1] == "GET /job/team/job/..%252F..%252Fx/api/json"
