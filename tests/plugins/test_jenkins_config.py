"""A job's configuration, changed by the jenkins executor for a run, is put back whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.jenkins import JenkinsExecutor
from tests.rig.jenkins import CONFIG, TOKEN, USER, FakeJenkins, Plan, jenkins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BUILD = "POST /job/team/job/web/buildWithParameters"
BRANCH = ".//hudson.plugins.git.BranchSpec/name"
CHILD = """
import asyncio, sys
from pathlib import Path
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.jenkins import JenkinsExecutor

async def main():
    job = job_in(Path(sys.argv[2]))
    executor = JenkinsExecutor(JenkinsExecutor.Options.model_validate_json(sys.argv[1]))
    token = await executor.start(job)
    print(token, flush=True)
    await executor.wait(job, token, lambda text: print(text, flush=True))

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JENKINS_TOKEN", TOKEN)


@pytest.fixture
async def server() -> AsyncIterator[FakeJenkins]:
    async with jenkins() as fake:
        yield fake


def options_for(server: FakeJenkins, **options: object) -> JenkinsExecutor.Options:
    given: dict[str, object] = {
        "url": server.url,
        "user": USER,
        "token": "env:JENKINS_TOKEN",
        "job": "team/web",
        "config": {BRANCH: "{revision}"},
        "poll": 0.01,
        "answer": 0.5,
        "patience": 2.0,
    }
    return JenkinsExecutor.Options.model_validate(given | options)


def executor_for(server: FakeJenkins, **options: object) -> JenkinsExecutor:
    return JenkinsExecutor(options_for(server, **options))


def ignore(_text: object) -> None:
    """Nobody looks."""


def as_it_was(server: FakeJenkins) -> bool:
    """Whether the job's configuration says what it said at first."""
    now, before = (ET.canonicalize(xml.decode(), strip_text=True) for xml in (server.job().config, CONFIG))
    return now == before


def edited(server: FakeJenkins) -> bytes:
    """Somebody sets another description in Jenkins' own pages."""
    config = server.job().config
    server.job().config = config.replace(b"git.example", b"git2.example")
    return server.job().config


async def test_the_build_sees_the_branch_and_the_job_is_then_as_it_was(server: FakeJenkins, tmp_path: Path) -> None:
    executor, job = executor_for(server), job_in(tmp_path)
    token = await executor.start(job)
    assert b"[pushbot changed this for run web-12, and puts it back after it]" in server.job().config
    assert not as_it_was(server)
    assert await executor.wait(job, token, ignore) == Outcome(RunState.SUCCEEDED)
    assert server.job().builds[0].branch == job.revision
    assert as_it_was(server)
    later = edited(server)
    assert await executor.wait(job, token, ignore) == Outcome(RunState.SUCCEEDED)
    assert server.job().config == later


@pytest.mark.parametrize("result", ["FAILURE", "ABORTED"])
async def test_a_failed_run_puts_it_back_too(server: FakeJenkins, tmp_path: Path, result: str) -> None:
    server.job().plan = Plan(result=result)
    executor, job = executor_for(server), job_in(tmp_path)
    assert (await executor.wait(job, await executor.start(job), ignore)).state is not RunState.SUCCEEDED
    assert as_it_was(server)


async def test_so_does_one_that_is_stopped_in_the_queue_or_by_its_time_limit(
    server: FakeJenkins, tmp_path: Path
) -> None:
    executor = executor_for(server)
    for name, plan, timeout in (("a", Plan(waits=None), 60.0), ("b", Plan(takes=None), 1.0)):
        server.job().plan = plan
        directory = tmp_path / name
        directory.mkdir()
        job = replace(job_in(directory), timeout=timeout)
        token = await executor.start(job)
        if name == "a":
            await executor.abort(job, token)
        await executor.wait(job, token, ignore)
        assert as_it_was(server)


@pytest.mark.parametrize("faults", [[403, 0], [400]])
async def test_so_does_one_that_jenkins_does_not_take(server: FakeJenkins, tmp_path: Path, faults: list[int]) -> None:
    server.job().parameters = None
    hook = asyncio.Event()

    async def refuse() -> None:
        server.faults.append(faults[0])
        hook.set()

    server.on["POST /job/team/job/web/config.xml"] = refuse  # the look at what Jenkins made of it fails
    with pytest.raises(PushbotError):
        await executor_for(server).start(job_in(tmp_path))
    assert hook.is_set()
    assert as_it_was(server)
    assert not server.items


async def test_a_change_by_somebody_else_is_left_alone_and_told(server: FakeJenkins, tmp_path: Path) -> None:
    executor, job = executor_for(server), job_in(tmp_path)
    token = await executor.start(job)
    theirs = edited(server)
    outcome = await executor.wait(job, token, ignore)
    assert server.job().config == theirs
    assert outcome.state is RunState.SUCCEEDED
    assert outcome.reason
    assert outcome.reason.startswith(f"the configuration of {server.url}/job/team/job/web was changed by somebody else")
    assert f"what it was before is in {tmp_path / 'config.before.xml'}" in outcome.reason
    assert (tmp_path / "config.before.xml").read_bytes() == CONFIG
    assert (tmp_path / "config.before.xml").stat().st_mode & 0o077 == 0
    assert (
        "was changed by somebody else during the run, so it was not put back" in (tmp_path / "output.log").read_text()
    )
    assert await executor_for(server).wait(job, token, ignore) == outcome


async def test_two_runs_do_not_change_one_job_at_the_same_time(server: FakeJenkins, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = job_in(tmp_path / "a"), replace(job_in(tmp_path / "b"), run="api-3")
    executor = executor_for(server)
    token = await executor.start(first)
    with pytest.raises(PushbotError, match="is changed for run web-12: wait for its end"):
        await executor.start(second)
    await executor.wait(first, token, ignore)
    assert as_it_was(server)
    assert (await executor.wait(second, await executor.start(second), ignore)).state is RunState.SUCCEEDED
    assert as_it_was(server)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG.replace(b"BranchSpec", b"Branch"), "has nothing at .//hudson.plugins.git.BranchSpec/name"),
        (b"<project><oops></project>", "cannot be read: mismatched tag"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "has a DOCTYPE"),
    ],
)
async def test_a_configuration_that_cannot_be_changed_is_not_touched(
    server: FakeJenkins, tmp_path: Path, config: bytes, words: str
) -> None:
    server.job().config = config
    with pytest.raises(PushbotError) as caught:
        await executor_for(server).start(job_in(tmp_path))
    assert words in str(caught.value)
    assert server.job().config == config
    assert not server.items


async def test_a_revision_is_a_value_and_no_xml(server: FakeJenkins, tmp_path: Path) -> None:
    executor, job = executor_for(server), replace(job_in(tmp_path), revision="</name><evil/>&amp;")
    await executor.wait(job, await executor.start(job), ignore)
    assert server.job().builds[0].branch == "&lt;/name&gt;&lt;evil/&gt;&amp;amp;"


async def test_a_jenkins_that_falls_silent_after_the_change_gets_it_back_when_it_speaks(
    server: FakeJenkins, tmp_path: Path
) -> None:
    executor, job = executor_for(server, patience=0.05), job_in(tmp_path)

    async def fall_ill() -> None:
        server.faults.extend([503] * 1000)

    server.on["POST /job/team/job/web/config.xml"] = fall_ill
    token = await executor.start(job)
    assert not as_it_was(server)
    server.on.clear()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(executor.wait(job, token, ignore))
        asked = len(server.asked)
        while len(server.asked) < asked + 5:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0)
        server.faults.clear()
    outcome = await waiting
    assert outcome.state is RunState.FAILED
    assert "answered 503" in (outcome.reason or "")
    assert as_it_was(server)
    assert not server.items


async def killed(server: FakeJenkins, directory: Path, until: str) -> str | None:
    """Start and follow a run in a process of its own, and kill -9 it when it says or Jenkins is asked for `until`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        options_for(server).model_dump_json(),
        str(directory),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout
    said: list[str] = []
    async with asyncio.timeout(60):
        if until in server.on:
            while until not in server.asked:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
        else:
            while not any(line.startswith(until) for line in said):
                said.append((await process.stdout.readline()).decode())
                assert said[-1], f"the process ended before {until}: {said}"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    return said[0].strip() if said else None


async def test_killed_while_it_waits_for_the_build(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().plan = Plan(takes=None)
    token = await killed(server, tmp_path, "build 1")
    assert not as_it_was(server)
    server.job().plan = Plan()
    server.job().builds[0].ended, server.job().builds[0].result = 0.0, "SUCCESS"
    assert await executor_for(server).wait(job_in(tmp_path), token, ignore) == Outcome(RunState.SUCCEEDED)
    assert as_it_was(server)
    assert len(server.job().builds) == 1


async def test_killed_between_the_change_and_the_build(server: FakeJenkins, tmp_path: Path) -> None:
    """The change came to Jenkins, the build was never asked for: the run is lost, the configuration is not."""
    hang = asyncio.Event()

    async def hung() -> None:
        await hang.wait()

    server.on["POST /job/team/job/web/config.xml"] = hung
    assert await killed(server, tmp_path, "POST /job/team/job/web/config.xml") is None
    assert not as_it_was(server)
    server.on.clear()
    hang.set()
    with pytest.raises(RunLost, match="it is not known whether Jenkins took it"):
        await executor_for(server).wait(job_in(tmp_path), None, ignore)
    assert as_it_was(server)
    assert not server.items
