"""The http executor with a service on loopback that is as careful as docs/executors.md asks (tests/rig/http_api.py)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pushbot.errors import PushbotError, RunLost
from pushbot.fleet.model import Tally
from pushbot.ports import Executor, Job, Outcome, Step, traits_of
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.testing.contracts.executor import AbortContract, ExecutorContract, FailureContract, job_in
from pushbot_plugins.http import HttpExecutor
from tests.rig.http_api import BEARER, SECRET, FakeService, Plan, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LONG = Plan(takes=None)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARED", SECRET)
    monkeypatch.setenv("BEARER", BEARER)


@pytest.fixture
async def server() -> AsyncIterator[FakeService]:
    async with service() as fake:
        yield fake


def executor_for(server: FakeService, **options: object) -> HttpExecutor:
    given: dict[str, object] = {
        "url": server.url,
        "secret": "env:SHARED",
        "status": "runs/{id}",
        "abort": "runs/{id}/abort",
        "poll": 0.01,
        "answer": 0.5,
        "patience": 2.0,
    }
    return HttpExecutor(HttpExecutor.Options.model_validate(given | options))


async def carried_out(executor: HttpExecutor, job: Job, told: list[str | Tally] | None = None) -> Outcome:
    seen: list[str | Tally] = [] if told is None else told
    return await executor.wait(job, await executor.start(job), seen.append)


def ignore(_text: object) -> None:
    """Nobody looks."""


def output(directory: Path) -> str:
    return (directory / "output.log").read_text("utf-8")


class TestContract(ExecutorContract, FailureContract, AbortContract):
    plans: dict[str, Plan]

    @pytest.fixture(autouse=True)
    async def _server(self) -> AsyncIterator[None]:
        async with service() as self.server:
            yield

    def executor(self) -> Executor:
        return executor_for(self.server)

    def good(self, directory: Path) -> Job:
        self.server.plan = Plan(more={"progress": "going\non"})
        return job_in(directory)

    def bad(self, directory: Path) -> Job:
        self.server.plan = Plan(state="failed", lines=("a\tb",), more={"reason": "disk\nfull", "step": "copy"})
        return job_in(directory)

    def long(self, directory: Path) -> Job:
        self.server.plan = LONG
        return job_in(directory)


async def test_the_service_is_told_what_the_run_is(server: FakeService, tmp_path: Path) -> None:
    job = replace(job_in(tmp_path), kind=RunKind.ROLLBACK, branch="a/b&c", env=(("REGION", "lon"),))
    parameters = {"where": "{REGION}-{stage}", "from": "{branch}"}
    executor = executor_for(server, parameters=parameters, token="env:BEARER")
    assert await carried_out(executor, job) == Outcome(RunState.SUCCEEDED)
    (run,) = server.runs
    key = run.order.pop("key")
    assert isinstance(key, str)
    assert key.startswith("web-12-")
    assert run.order == {
        "action": "start",
        "run": "web-12",
        "kind": "rollback",
        "lane": "web",
        "stage": "princess",
        "revision": "6957bb87c0ffee00000000000000000000000000",
        "previous_revision": "1111111111111111111111111111111111111111",
        "branch": "a/b&c",
        "driver": "alice",
        "riders": ["alice", "bob"],
        "parameters": {"where": "lon-princess", "from": "a/b&c"},
    }
    assert output(tmp_path) == "one\ntwo\nthree\n"


@pytest.mark.parametrize("status", ["runs/{id}", "runs/{id}?after={seen}", "/deploy/runs/{key}", None])
async def test_lines_come_once_wherever_they_are_asked_for_and_whoever_asks(
    server: FakeService, tmp_path: Path, status: str | None
) -> None:
    lines = tuple(f"line {number}" for number in range(200))
    server.plan, server.placed, server.named = Plan(takes=0.4, lines=lines), status is None, status is not None
    job = job_in(tmp_path)
    token = await executor_for(server, status=status).start(job)
    for _ in range(4):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.08):
                await executor_for(server, status=status).wait(job, token, ignore)
    assert (await executor_for(server, status=status).wait(job, token, ignore)).state is RunState.SUCCEEDED
    assert output(tmp_path) == "".join(f"{line}\n" for line in lines)
    assert len(server.runs) == 1


async def test_lines_that_a_killed_bot_wrote_and_did_not_put_down_are_written_once(
    server: FakeService, tmp_path: Path
) -> None:
    lines = tuple(f"line {number}" for number in range(50))
    server.plan = Plan(takes=0.2, lines=lines)
    job, state = job_in(tmp_path), tmp_path / "remote.json"
    token = await executor_for(server).start(job)
    begun = state.read_bytes()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        following = group.create_task(executor_for(server).wait(job, token, ignore))
        while not (tmp_path / "output.log").exists() or "line 3" not in output(tmp_path):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.005)
        following.cancel()
    state.write_bytes(begun)
    assert (await executor_for(server).wait(job, token, ignore)).state is RunState.SUCCEEDED
    assert output(tmp_path) == "".join(f"{line}\n" for line in lines)


async def test_progress_is_told_as_words_and_as_a_tally(server: FakeService, tmp_path: Path) -> None:
    server.plan = Plan(takes=None, more={"step": "restart", "done": 42, "total": 120, "failed": 1})
    told: list[str | Tally] = []

    def tell(what: str | Tally) -> None:
        told.append(what)
        (tmp_path / "abort").touch()

    executor, job = executor_for(server), job_in(tmp_path)
    assert (await executor.wait(job, await executor.start(job), tell)).state is RunState.CANCELLED
    assert told[:2] == ["restart", Tally(42, 120, 1)]


async def test_a_failure_says_where_and_why(server: FakeService, tmp_path: Path) -> None:
    server.plan = Plan(state="failed", lines=("a", "b"), more={"step": "copy", "reason": "disk\x1b[31m full"})
    outcome = await carried_out(executor_for(server), job_in(tmp_path))
    assert outcome == Outcome(RunState.FAILED, "copy", "disk full", ("a", "b"))


@pytest.mark.parametrize(("said", "state"), [("DONE", RunState.SUCCEEDED), ("oops", RunState.FAILED)])
async def test_a_service_may_have_words_of_its_own(
    server: FakeService, tmp_path: Path, said: str, state: RunState
) -> None:
    server.plan = Plan(state=said)
    executor = executor_for(server, states={"DONE": "succeeded", "oops": "failed", "QUEUED": "running"})
    assert (await carried_out(executor, job_in(tmp_path))).state is state


async def test_a_state_it_does_not_know_is_no_end(server: FakeService, tmp_path: Path) -> None:
    server.plan = Plan(state="sulking")
    told: list[str | Tally] = []
    outcome = await carried_out(executor_for(server), replace(job_in(tmp_path), timeout=1.0, grace=0.05), told)
    assert (outcome.state, outcome.step) == (RunState.FAILED, "time limit")
    assert "sulking" in told
    assert server.stops


async def test_a_call_that_broke_off_is_made_again_and_begins_nothing_twice(
    server: FakeService, tmp_path: Path
) -> None:
    server.deaf = 3
    server.faults = [503, 429, 0.0]
    assert (await carried_out(executor_for(server, patience=20.0), job_in(tmp_path))).state is RunState.SUCCEEDED
    assert len(server.runs) == 1
    assert server.asked.count("POST /deploy/runs") == 7


async def test_troubles_pass_while_it_is_followed(server: FakeService, tmp_path: Path) -> None:
    executor, job = executor_for(server, patience=20.0), job_in(tmp_path)
    token = await executor.start(job)
    server.faults = [500, 0.0, 502, 0.6, 429]
    assert (await executor.wait(job, token, ignore)).state is RunState.SUCCEEDED
    assert not server.faults


async def test_a_start_without_an_answer_is_found_by_its_key_or_lost(server: FakeService, tmp_path: Path) -> None:
    for name, status in (("a", "runs/{key}"), ("b", "runs/{id}")):
        server.deaf = 1000
        job = job_in(tmp_path / name)
        job.directory.mkdir()
        executor = executor_for(server, status=status, patience=0.1)
        token = await executor.start(job)
        if name == "a":
            assert (await executor.wait(job, token, ignore)).state is RunState.SUCCEEDED
        else:
            with pytest.raises(RunLost, match="did not say that it took it"):
                await executor.wait(job, None, ignore)
    assert len(server.runs) == 2


async def test_a_start_with_an_answer_that_makes_no_sense_is_not_believed_to_have_failed(
    server: FakeService, tmp_path: Path
) -> None:
    server.faults = [b"<html>welcome</html>"]
    executor, job = executor_for(server), job_in(tmp_path)
    token = await executor.start(job)
    with pytest.raises(RunLost, match="did not say that it took it"):
        await executor.wait(job, token, ignore)


async def test_a_disk_that_is_full_once_it_has_begun_does_not_make_it_failed(
    server: FakeService, tmp_path: Path
) -> None:
    executor, job = executor_for(server, status="runs/{key}"), job_in(tmp_path)
    server.begun = (tmp_path / ".remote.json").mkdir  # nothing can be kept from here on
    assert await carried_out(executor, job) == Outcome(RunState.SUCCEEDED)
    assert len(server.runs) == 1


@pytest.mark.parametrize("branch", [".", ".."])
async def test_a_value_leads_to_no_other_place(server: FakeService, tmp_path: Path, branch: str) -> None:
    executor = executor_for(server, status="runs/{branch}/../../admin")
    with pytest.raises(PushbotError, match="cannot be part of an address"):
        await carried_out(executor, replace(job_in(tmp_path), branch=branch))
    assert not [asked for asked in server.asked if "admin" in asked]


async def test_a_run_that_the_service_has_forgotten_is_lost(server: FakeService, tmp_path: Path) -> None:
    executor, job = executor_for(server), job_in(tmp_path)
    token = await executor.start(job)
    server.keys.clear()
    with pytest.raises(RunLost, match="knows nothing of run web-12"):
        await executor.wait(job, token, ignore)


async def test_what_is_stopped_before_it_is_known_is_stopped_later(server: FakeService, tmp_path: Path) -> None:
    server.plan = LONG
    executor, job = executor_for(server), job_in(tmp_path)
    await executor.start(job)
    state = json.loads((tmp_path / "remote.json").read_text())
    (tmp_path / "remote.json").write_text(json.dumps(state | {"id": None}))
    await executor.abort(job, None)
    assert not server.stops
    executor = executor_for(server, status="runs/{key}")
    assert (await executor.wait(job, None, ignore)).state is RunState.CANCELLED


async def test_without_a_place_to_stop_it_a_person_is_asked_to(server: FakeService, tmp_path: Path) -> None:
    executor, job = executor_for(server, abort=None), job_in(tmp_path)
    token = await executor.start(job)
    with pytest.raises(PushbotError, match=f"cannot be stopped from here: stop it at {server.url}"):
        await executor.abort(job, token)
    assert (await executor.wait(job, token, ignore)).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    ("fault", "words"),
    [(302, "redirect"), (403, "no entry"), (404, "no such thing"), (400, "400: in trouble")],
)
async def test_a_service_that_refuses_is_quoted(server: FakeService, tmp_path: Path, fault: int, words: str) -> None:
    server.faults = [fault]
    with pytest.raises(PushbotError, match=words):
        await executor_for(server).start(job_in(tmp_path))
    assert not server.runs


async def test_secrets_are_masked_wherever_they_come_back(
    server: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.plan = Plan(state="failed", lines=(f"it is {SECRET}", f"and {BEARER}", "and hush"))
    monkeypatch.setenv("HUSH", "hush")
    executor, job = executor_for(server, token="env:BEARER", parameters={"pw": "env:HUSH"}), job_in(tmp_path)
    outcome = await carried_out(executor, job)
    assert outcome.tail == ("it is ***", "and ***", "and ***")
    assert output(tmp_path) == "it is ***\nand ***\nand ***\n"
    monkeypatch.setenv("SHARED", "another secret")
    other = job_in(tmp_path / "other")
    other.directory.mkdir()
    with pytest.raises(PushbotError, match="no entry") as caught:
        await executor.start(other)
    assert "another secret" not in str(caught.value)


@pytest.mark.parametrize("elsewhere", ["http://127.0.0.1:9/steal", "//127.0.0.1:9/steal", "https://evil.example/"])
async def test_nothing_signed_goes_to_another_host(server: FakeService, tmp_path: Path, elsewhere: str) -> None:
    server.elsewhere = elsewhere
    executor, job = executor_for(server, status=None), job_in(tmp_path)
    token = await executor.start(job)
    with pytest.raises(PushbotError, match="credentials are for its own address alone"):
        await executor.wait(job, token, ignore)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "cannot be read"),
        (b"{}", "in which state"),
        (b'{"state": 7}', "cannot be read"),
        (b"x" * (2**20 + 1), "more than 1048576"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_told(
    server: FakeService, tmp_path: Path, body: bytes, words: str
) -> None:
    executor, job = executor_for(server), job_in(tmp_path)
    token = await executor.start(job)
    server.faults = [body]
    with pytest.raises(PushbotError, match=words):
        await executor.wait(job, token, ignore)


async def test_steps_are_not_for_it(server: FakeService, tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="the http executor cannot do the steps of stage princess"):
        await executor_for(server).start(job_in(tmp_path, Step("a")))
    assert not server.asked
    assert traits_of(executor_for(server)).reverts


@pytest.mark.parametrize(
    "options",
    [
        {"secret": "hunter2"},
        {"status": "https://elsewhere.example/{id}"},
        {"abort": "//elsewhere.example/{id}"},
        {"status": "runs/{di}"},
        {"states": {"x": "lost"}},
        {"url": "https://user:pw@deploy.example"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        executor_for(FakeService(port=1), **options)
