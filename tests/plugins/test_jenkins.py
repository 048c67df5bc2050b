"""The jenkins executor with a Jenkins on loopback that follows the published API (tests/rig/jenkins.py)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Executor, Job, Outcome, Step, traits_of
from pushbot.queue.commands import RunState
from pushbot.testing.contracts.executor import AbortContract, ExecutorContract, FailureContract, job_in
from pushbot_plugins.jenkins import JenkinsExecutor
from tests.rig.jenkins import TOKEN, USER, FakeJenkins, FakeJob, Plan, jenkins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

REVISION = "6957bb87c0ffee00000000000000000000000000"
LONG = Plan(takes=None, lines=("working",))


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JENKINS_TOKEN", TOKEN)


@pytest.fixture
async def server() -> AsyncIterator[FakeJenkins]:
    async with jenkins() as fake:
        yield fake


def executor_for(server: FakeJenkins, **options: object) -> JenkinsExecutor:
    given: dict[str, object] = {
        "url": server.url,
        "user": USER,
        "token": "env:JENKINS_TOKEN",
        "job": "team/web",
        "parameters": {"REVISION": "{revision}"},
        "poll": 0.01,
        "answer": 0.5,
        "patience": 2.0,
    }
    return JenkinsExecutor(JenkinsExecutor.Options.model_validate(given | options))


async def carried_out(executor: JenkinsExecutor, job: Job, told: list[str] | None = None) -> Outcome:
    seen: list[str] = [] if told is None else told
    return await executor.wait(job, await executor.start(job), lambda text: seen.append(str(text)))


def output(directory: Path) -> str:
    return (directory / "output.log").read_text("utf-8")


def _is_long(lines: int, log: str) -> bool:
    return log.count("\n") >= lines


async def has(directory: Path, wanted: Callable[[str], bool]) -> None:
    """Wait until the log is as wanted."""
    async with asyncio.timeout(60):
        while not (directory / "output.log").exists() or not wanted(output(directory)):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.005)


def files_in(directory: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in directory.iterdir()]


class TestContract(ExecutorContract, FailureContract, AbortContract):
    @pytest.fixture(autouse=True)
    async def _server(self) -> AsyncIterator[None]:
        self.jobs = {
            "good": FakeJob(),
            "bad": FakeJob(Plan(result="FAILURE", lines=("oh\tno \x1b[31mred\x1b[0m",))),
            "long": FakeJob(LONG),
        }
        async with jenkins(FakeJenkins(jobs=self.jobs)) as self.server:
            yield

    def executor(self) -> Executor:
        return executor_for(self.server, job="{branch}")

    def good(self, directory: Path) -> Job:
        return replace(job_in(directory), branch="good")

    def bad(self, directory: Path) -> Job:
        return replace(job_in(directory), branch="bad")

    def long(self, directory: Path) -> Job:
        return replace(job_in(directory), branch="long")


async def test_a_build_gets_its_parameters_and_its_console_becomes_the_log(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().parameters = {"PUSHBOT_RUN": "", "REVISION": "main", "WHO": "", "IMAGE": "scratch"}
    odd = "a&REVISION=evil{stage} €"
    job = replace(job_in(tmp_path), driver=odd, env=(("REGION", "lon"),))
    parameters = {"REVISION": "{revision}", "WHO": "{driver} in {REGION}", "IMAGE": "base"}
    outcome = await carried_out(executor_for(server, parameters=parameters), job)
    assert outcome == Outcome(RunState.SUCCEEDED)
    values = dict(server.job().builds[0].item.values)
    assert values.pop("PUSHBOT_RUN").startswith("web-12-")
    assert values == {
        "REVISION": REVISION,
        "WHO": f"{odd} in lon",
        "IMAGE": "base",
    }
    assert output(tmp_path) == "Started by user bot\n+ ./deploy\nFinished\n"


async def test_the_console_is_followed_as_it_grows(server: FakeJenkins, tmp_path: Path) -> None:
    lines = tuple(f"line {number} of a long story" for number in range(400))
    server.job().plan = Plan(takes=0.6, lines=lines)
    job = job_in(tmp_path)
    executor = executor_for(server)
    token = await executor.start(job)
    sizes: set[int] = set()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(executor.wait(job, token, lambda _: None))
        while not waiting.done():
            with contextlib.suppress(FileNotFoundError):
                sizes.add(len(output(tmp_path)))
            await asyncio.sleep(0.01)
    assert output(tmp_path) == "".join(f"{line}\n" for line in lines)
    assert len(sizes) > 2


async def test_a_long_queue_is_waited_through_and_says_why(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().plan = Plan(waits=None, why="Waiting for next available executor\non 'lxc-14' \x1b[1m")
    executor, job, told = executor_for(server), job_in(tmp_path), list[str]()
    token = await executor.start(job)

    def tell(text: object) -> None:
        told.append(str(text))
        if len(told) == 5:
            next(iter(server.items.values())).plan = Plan()

    assert (await executor.wait(job, token, tell)).state is RunState.SUCCEEDED
    assert told[0] == "waits in Jenkins: Waiting for next available executor on 'lxc-14'"
    assert told[-1] == "build 1"


async def test_a_console_of_many_pieces_keeps_no_carriage_returns(server: FakeJenkins, tmp_path: Path) -> None:
    lines = tuple(f"{number:07d}" for number in range(60_000))
    server.job().plan = Plan(lines=lines)
    assert (await carried_out(executor_for(server), job_in(tmp_path))).state is RunState.SUCCEEDED
    assert (tmp_path / "output.log").read_bytes() == "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize("branch", ["feature/x#1", "a%2Fb", "[odd]?\\", "x/../../y"])
async def test_a_branch_is_one_job_of_a_multibranch_project(server: FakeJenkins, tmp_path: Path, branch: str) -> None:
    """As Jenkins' Branch API names it (`NameEncoder`)."""
    name = branch.replace("%", "%25")
    for letter, code in {"/": "%2F", "#": "%23", "[": "%5B", "]": "%5D", "?": "%3F", "\\": "%5C"}.items():
        name = name.replace(letter, code)
    server.jobs = {f"team/web/{name}": FakeJob()}
    job = replace(job_in(tmp_path), branch=branch)
    assert (await carried_out(executor_for(server, job="team/web/{branch}"), job)).state is RunState.SUCCEEDED


async def test_crumbs_may_be_off(server: FakeJenkins, tmp_path: Path) -> None:
    server.crumbs = False
    assert (await carried_out(executor_for(server), job_in(tmp_path))).state is RunState.SUCCEEDED


async def test_a_session_that_jenkins_forgot_is_begun_anew(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().plan = LONG
    executor, job, begun = executor_for(server), job_in(tmp_path), asyncio.Event()
    token = await executor.start(job)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(executor.wait(job, token, lambda _: begun.set()))
        await begun.wait()
        (tmp_path / "abort").touch()  # as another process of the bot does it
        while not server.posts("/stop"):
            server.restart()
            await asyncio.sleep(0)
        assert (await waiting).state is RunState.CANCELLED


async def test_addresses_that_jenkins_believes_to_have_are_not_called(tmp_path: Path) -> None:
    async with jenkins(FakeJenkins(prefix="/ci", named="http://127.0.0.1:9")) as server:
        executor, job = executor_for(server), job_in(tmp_path)
        token = await executor.start(job)
        assert token.startswith(f"{server.url}/queue/item/")
        assert (await executor.wait(job, token, lambda _: None)).state is RunState.SUCCEEDED


async def test_a_job_without_parameters_is_just_built(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().parameters = None
    assert (await carried_out(executor_for(server, parameters={}), job_in(tmp_path))).state is RunState.SUCCEEDED
    assert server.posts("/build")


@pytest.mark.parametrize(
    ("result", "options", "state"),
    [
        ("FAILURE", {}, RunState.FAILED),
        ("NOT_BUILT", {}, RunState.FAILED),
        ("UNSTABLE", {}, RunState.FAILED),
        ("UNSTABLE", {"unstable": "succeeded"}, RunState.SUCCEEDED),
        ("ABORTED", {}, RunState.CANCELLED),
    ],
)
async def test_results(
    server: FakeJenkins, tmp_path: Path, result: str, options: dict[str, object], state: RunState
) -> None:
    server.job().plan = Plan(result=result, lines=("compiling", "out of\tluck"))
    outcome = await carried_out(executor_for(server, **options), job_in(tmp_path))
    assert outcome.state is state
    if state is not RunState.SUCCEEDED:
        assert outcome.step == "build 1"
        assert outcome.reason == f"it ended as {result}: {server.url}/job/team/job/web/1/"
        assert outcome.tail[0] == "compiling"


async def test_what_waits_in_the_queue_is_taken_off_it(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().plan = Plan(waits=None)
    executor, job, waits = executor_for(server), job_in(tmp_path), asyncio.Event()
    token = await executor.start(job)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(executor.wait(job, token, lambda _: waits.set()))
        await waits.wait()
        await executor.abort(job, token)
    assert (await waiting).state is RunState.CANCELLED
    assert not server.job().builds


async def test_a_person_may_take_it_off_the_queue(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().plan = Plan(waits=None)
    executor, job = executor_for(server), job_in(tmp_path)
    token = await executor.start(job)
    next(iter(server.items.values())).cancelled = True
    next(iter(server.items.values())).left = asyncio.get_running_loop().time()
    assert await executor.wait(job, token, lambda _: None) == Outcome(
        RunState.CANCELLED, reason="it was taken off Jenkins' queue"
    )


async def test_a_stop_that_is_not_allowed_is_told_and_the_build_followed_on(
    server: FakeJenkins, tmp_path: Path
) -> None:
    server.job().plan, server.forbidden = LONG, "/stop"
    executor, job, begun = executor_for(server), job_in(tmp_path), asyncio.Event()
    token = await executor.start(job)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(executor.wait(job, token, lambda _: begun.set()))
        await begun.wait()
        with pytest.raises(PushbotError, match="missing the Job/Cancel permission"):
            await executor.abort(job, token)
        while "could not be stopped" not in output(tmp_path):  # noqa: ASYNC110 - the log tells nobody
            await asyncio.sleep(0.01)
        server.job().builds[0].ended, server.job().builds[0].result = 0.0, "FAILURE"
    assert (await waiting).state is RunState.FAILED, "it was not stopped"


async def test_the_time_limit_of_the_stage_holds(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().plan = LONG
    outcome = await carried_out(executor_for(server), replace(job_in(tmp_path), timeout=1.0))
    assert (outcome.state, outcome.step) == (RunState.FAILED, "time limit")
    assert server.job().builds[0].result == "ABORTED"


@pytest.mark.parametrize(
    ("options", "change", "words"),
    [
        ({"job": "team/wbe"}, "", "no such thing (404)"),
        ({"parameters": {"REVISON": "x"}}, "", "has no parameter REVISON: it has PUSHBOT_RUN, REVISION"),
        ({"parameters": {"REVISION": "{NOPE}"}}, "", "nothing to fill in for {NOPE}"),
        ({"user": "eve"}, "", "no entry (401)"),
        ({"job": "{branch}"}, "", "names no job"),
        ({}, "disabled", "disabled"),
    ],
)
async def test_what_cannot_begin_says_so_and_leaves_nothing(
    server: FakeJenkins, tmp_path: Path, options: dict[str, object], change: str, words: str
) -> None:
    server.job().enabled = change != "disabled"
    with pytest.raises(PushbotError) as caught:
        await executor_for(server, **options).start(replace(job_in(tmp_path), branch=".."))
    assert words in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert str(caught.value).isprintable()
    assert not server.items


async def test_steps_are_not_for_it(server: FakeJenkins, tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="cannot do the steps and post of stage princess"):
        await executor_for(server).start(replace(job_in(tmp_path, Step("a")), post=(Step("b"),)))
    assert not traits_of(executor_for(server)).steps
    assert traits_of(executor_for(server)).reverts
    assert not traits_of(executor_for(server, reverts=False)).reverts


async def test_a_jenkins_that_is_not_there_is_told_in_time(tmp_path: Path) -> None:
    fake = FakeJenkins(port=1)
    with pytest.raises(PushbotError, match=r"Jenkins at http://127\.0\.0\.1:1 cannot be reached"):
        await executor_for(fake, patience=0.1).start(job_in(tmp_path))


async def test_a_redirect_is_not_followed(server: FakeJenkins, tmp_path: Path) -> None:
    server.faults = [302]
    with pytest.raises(PushbotError, match="a redirect to nowhere, which is not followed"):
        await executor_for(server).start(job_in(tmp_path))


async def test_troubles_of_jenkins_pass(server: FakeJenkins, tmp_path: Path) -> None:
    """500, 502, 503, a connection that breaks, and silence beyond the time limit."""
    lines = tuple(f"line {number}" for number in range(300))
    server.job().plan = Plan(takes=0.3, lines=lines)
    executor, job = executor_for(server, patience=20.0), job_in(tmp_path)
    token = await executor.start(job)
    server.faults = [500, 0.0, 503, 502, 0.0, 0.7]
    assert (await executor.wait(job, token, lambda _: None)).state is RunState.SUCCEEDED
    assert not server.faults
    assert output(tmp_path) == "".join(f"{line}\n" for line in lines)


async def test_secrets_are_masked_wherever_they_come_back(
    server: FakeJenkins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_KEY", "correct horse")
    server.job().parameters = {"KEY": ""}
    server.job().plan = Plan(result="FAILURE", lines=(f"{USER}:{TOKEN}", "KEY=correct horse", "env battery staple"))
    monkeypatch.setenv("OTHER", "battery staple")
    job = replace(job_in(tmp_path), env=(("OTHER", "env:OTHER"),))
    outcome = await carried_out(executor_for(server, parameters={"KEY": "env:DEPLOY_KEY"}), job)
    assert server.job().builds[0].item.values == {"KEY": "correct horse"}
    assert output(tmp_path) == f"{USER}:***\nKEY=***\nenv ***\n"
    assert outcome.tail == (f"{USER}:***", "KEY=***", "env ***")
    assert not [name for name, data in files_in(tmp_path) if b"correct horse" in data or TOKEN.encode() in data]


@pytest.mark.parametrize(
    "options",
    [
        {"token": "hunter2"},
        {"url": "https://bot:hunter2@ci.example"},
        {"job": "{brunch}"},
        {"config": {"//[": "x"}},
        {"unstable": "maybe"},
        {"colour": "blue"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        executor_for(FakeJenkins(port=1), **options)


async def test_three_jenkins_in_a_row_stop_at_the_one_that_fails(tmp_path: Path) -> None:
    """A chain of regions is a chain of stages, each with its own Jenkins: the next is begun when one has succeeded."""
    async with jenkins() as one, jenkins() as two, jenkins() as three:
        two.job().plan = Plan(result="FAILURE")
        ends: list[RunState] = []
        for server in (one, two, three):
            directory = tmp_path / str(server.port)
            directory.mkdir()
            ends.append((await carried_out(executor_for(server), job_in(directory))).state)
            if ends[-1] is not RunState.SUCCEEDED:
                break
    assert ends == [RunState.SUCCEEDED, RunState.FAILED]
    assert (len(one.job().builds), len(two.job().builds), len(three.job().builds)) == (1, 1, 0)


# --- after a restart -----------------------------------------------------------------------------


async def test_a_build_whose_queue_item_is_forgotten_is_found_by_its_number_there(
    server: FakeJenkins, tmp_path: Path
) -> None:
    server.forgets = 0.0
    job = job_in(tmp_path)
    token = await executor_for(server).start(job)
    server.tick()
    server.tick()
    assert not server.items
    assert (await executor_for(server).wait(job, token, lambda _: None)).state is RunState.SUCCEEDED
    assert len(server.job().builds) == 1


async def test_a_queue_item_that_never_became_a_build_and_is_forgotten_is_lost(
    server: FakeJenkins, tmp_path: Path
) -> None:
    server.job().plan = Plan(waits=None)
    job = job_in(tmp_path)
    token = await executor_for(server).start(job)
    server.items.clear()
    with pytest.raises(RunLost, match="has no build of it"):
        await executor_for(server).wait(job, token, lambda _: None)


async def test_the_console_goes_on_where_the_bot_before_stopped(server: FakeJenkins, tmp_path: Path) -> None:
    lines = tuple(f"line {number}" for number in range(500))
    server.job().plan = Plan(takes=0.5, lines=lines)
    job = job_in(tmp_path)
    token = await executor_for(server).start(job)
    for _ in range(5):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.08):
                await executor_for(server).wait(job, token, lambda _: None)
    assert (await executor_for(server).wait(job, token, lambda _: None)).state is RunState.SUCCEEDED
    assert output(tmp_path) == "".join(f"{line}\n" for line in lines)


async def test_a_console_that_is_cut_short_in_mid_line_has_each_line_once(server: FakeJenkins, tmp_path: Path) -> None:
    lines = tuple(f"line {number} of three" for number in range(3))
    server.job().plan = Plan(lines=lines)
    server.cuts = [25, 40]  # in the second line, and in the third
    job = job_in(tmp_path)
    token = await executor_for(server).start(job)
    async with asyncio.TaskGroup() as group:  # the bot ends there
        reading = group.create_task(executor_for(server).wait(job, token, lambda _: None))
        await has(tmp_path, lambda log: log.splitlines() == list(lines[:1]))
        reading.cancel()
    async with asyncio.TaskGroup() as group:  # and there the connection breaks
        reading = group.create_task(executor_for(server).wait(job, token, lambda _: None))
        await has(tmp_path, lambda log: log.splitlines() == list(lines[:2]))
        server.cut.set()
    assert reading.result().state is RunState.SUCCEEDED
    assert output(tmp_path) == "".join(f"{line}\n" for line in lines)


async def test_lines_that_a_killed_bot_wrote_and_did_not_put_down_are_written_once(
    server: FakeJenkins, tmp_path: Path
) -> None:
    lines = tuple(f"line {number}" for number in range(20))
    server.job().plan = Plan(takes=0.3, lines=lines)
    job, state = job_in(tmp_path), tmp_path / "remote.json"
    token = await executor_for(server).start(job)
    begun = state.read_bytes()
    for killed_at in (3, 10):
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            reading = group.create_task(executor_for(server).wait(job, token, lambda _: None))
            await has(tmp_path, partial(_is_long, killed_at))
            reading.cancel()
        with (tmp_path / "output.log").open("a") as log:
            log.write("== a line of our own\n")
        state.write_bytes(begun)
    assert (await executor_for(server).wait(job, token, lambda _: None)).state is RunState.SUCCEEDED
    assert output(tmp_path) == "== a line of our own\n" * 2 + "".join(f"{line}\n" for line in lines)


async def test_a_secret_in_a_very_long_line_is_masked_where_that_is_cut_short(
    server: FakeJenkins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "correct-horse-battery-staple"
    monkeypatch.setenv("DEPLOY_KEY", secret)
    line = "x" * 65_530 + secret + "y" * 100
    server.job().plan = Plan(lines=("first", line, "last"))
    server.cuts = [len("first\n") + 65_530 + len(secret) // 2]
    job = replace(job_in(tmp_path), env=(("KEY", "env:DEPLOY_KEY"),))
    token = await executor_for(server).start(job)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        reading = group.create_task(executor_for(server).wait(job, token, lambda _: None))
        await has(tmp_path, lambda log: len(log) > 65_000)
        reading.cancel()
    assert (await executor_for(server).wait(job, token, lambda _: None)).state is RunState.SUCCEEDED
    assert output(tmp_path).replace("\n", "") == f"first{line}last".replace(secret, "***")


async def test_a_build_of_an_older_run_of_that_id_is_not_taken_for_it(server: FakeJenkins, tmp_path: Path) -> None:
    """Ids begin anew with a new record of the bot."""
    assert (await carried_out(executor_for(server), job_in(tmp_path))).state is RunState.SUCCEEDED
    state = json.loads((tmp_path / "remote.json").read_text())
    (tmp_path / "outcome.json").unlink()
    new = {"call": f"{state['call'][:-8]}00000000", "begun": state["begun"], "path": state["path"]}
    (tmp_path / "remote.json").write_text(json.dumps(new))
    with pytest.raises(RunLost, match="no build there has web-12-00000000 as PUSHBOT_RUN"):
        await executor_for(server).wait(job_in(tmp_path), None, lambda _: None)


@pytest.mark.parametrize("waits", [0.0, 0.2])
async def test_a_run_whose_start_was_cut_short_is_found_by_its_name(
    server: FakeJenkins, tmp_path: Path, waits: float
) -> None:
    """Among the builds, or in the queue; it is not begun a second time."""
    server.job().plan = Plan(waits=waits)
    server.on["POST /job/team/job/web/buildWithParameters"] = asyncio.Event().wait  # type: ignore[assignment]
    job = job_in(tmp_path)
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(executor_for(server).start(job))
        while not server.items:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        starting.cancel()
    server.on.clear()
    assert (await executor_for(server).wait(job, None, lambda _: None)).state is RunState.SUCCEEDED
    assert len(server.job().builds) == 1


async def test_a_jenkins_that_takes_it_without_saying_so_is_believed(server: FakeJenkins, tmp_path: Path) -> None:
    server.on["POST /job/team/job/web/buildWithParameters"] = asyncio.Event().wait  # type: ignore[assignment]
    job = job_in(tmp_path)
    assert (await carried_out(executor_for(server, answer=0.3), job)).state is RunState.SUCCEEDED
    assert len(server.job().builds) == 1


async def test_without_a_parameter_for_the_run_a_start_cut_short_is_lost(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().parameters = {"REVISION": ""}
    server.on["POST /job/team/job/web/buildWithParameters"] = asyncio.Event().wait  # type: ignore[assignment]
    job = job_in(tmp_path)
    executor = executor_for(server, answer=0.3)
    token = await executor.start(job)
    with pytest.raises(RunLost, match="it is not known whether Jenkins took it"):
        await executor.wait(job, token, lambda _: None)


async def test_a_run_asked_to_stop_while_it_starts_is_stopped_once_it_is_found(
    server: FakeJenkins, tmp_path: Path
) -> None:
    server.job().plan = LONG
    job = job_in(tmp_path)
    await executor_for(server).start(job)
    state = json.loads((tmp_path / "remote.json").read_text())
    (tmp_path / "remote.json").write_text(json.dumps(state | {"item": None}))
    await executor_for(server).abort(job, None)
    assert (await executor_for(server).wait(job, None, lambda _: None)).state is RunState.CANCELLED
    assert server.job().builds[0].result == "ABORTED"


async def test_a_deleted_build_is_lost(server: FakeJenkins, tmp_path: Path) -> None:
    server.job().plan = LONG
    executor, job = executor_for(server), job_in(tmp_path)
    token = await executor.start(job)
    with pytest.raises(RunLost, match="was deleted"):
        await executor.wait(job, token, lambda text: server.job().builds.clear() if "build" in str(text) else None)
