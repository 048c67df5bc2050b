"""Stages that a service carries out, driven from a chat: followed, brought back, taken up after a crash, stopped."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.made import basics, lane
from tests.rig import github as github_rig
from tests.rig import http_api as http_rig
from tests.rig import jenkins as jenkins_rig
from tests.rig import kubernetes as kubernetes_rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Certificates, Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

SECRETS = {
    "JENKINS_TOKEN": jenkins_rig.TOKEN,
    "SHARED": http_rig.SECRET,
    "GITHUB_DEPLOY_TOKEN": github_rig.TOKEN,
    "KUBE_TOKEN": kubernetes_rig.TOKEN,
}
STAGES = (GOOD, BAD, SLOW) = ("princess", "web-bad", "web-slow")
HEAD = github_rig.HEAD


@dataclass(frozen=True)
class Service:
    """One that runs, what a stage says of it, and how much it has begun, `begins` if nothing was begun twice.

    `patient` lets a slow run go on.
    """

    executor: str
    begun: Callable[[], int]
    patient: Callable[[], None] = lambda: None
    begins: int = 5


FAILS = {
    "jenkins": "build 1: it ended as FAILURE: http://",
    "http": "copy: no space left on device",
    "workflow": "deploy: migrate: workflow run 9001 ended with failure: https://",
    "deployment": "deployment: its tool reports failure: no space left on device",
    "kubernetes": "rollout: deployment shop/web exceeded its progress deadline with 0 of 3 pods up; web-",
}
MEANWHILE = {
    "jenkins": "build 1, for",
    "http": "running, 3/8, for",
    "workflow": "build: Set up job 1/3, for",
    "deployment": "in_progress: restarting, for",
    "kubernetes": "rollout, ",
}


def toml(value: object) -> str:
    """An inline table, or a value in one."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value)


def stage_on(type_: str, **options: object) -> str:
    """What a stage says of its executor."""
    return toml({"type": type_, **options, "poll": "20ms"})


@asynccontextmanager
async def a_jenkins(_certificates: Certificates) -> AsyncIterator[Service]:
    plans = (
        jenkins_rig.Plan(takes=0.2),
        jenkins_rig.Plan(result="FAILURE", lines=("compiling", "no space left on device")),
        jenkins_rig.Plan(takes=None, lines=("working",)),
    )
    jobs = {name: jenkins_rig.FakeJob(plan) for name, plan in zip(STAGES, plans, strict=True)}
    async with jenkins_rig.jenkins(jenkins_rig.FakeJenkins(jobs=jobs)) as fake:
        options = stage_on(
            "jenkins",
            url=fake.url,
            user=jenkins_rig.USER,
            token="env:JENKINS_TOKEN",
            job="{stage}",
            parameters={"REVISION": "{revision}"},
        )
        yield Service(options, lambda: sum(len(job.builds) for job in jobs.values()))


@asynccontextmanager
async def a_service(_certificates: Certificates) -> AsyncIterator[Service]:
    plans = (
        http_rig.Plan(takes=0.2),
        http_rig.Plan(state="failed", more={"step": "copy", "reason": "no space left on device"}),
        http_rig.Plan(takes=None, more={"done": 3, "total": 8}),
    )
    async with http_rig.service() as fake:

        def begun() -> None:
            run = fake.runs[-1]
            run.plan = plans[STAGES.index(str(run.order["stage"]))]

        fake.begun = begun
        options = stage_on("http", url=fake.url, secret="env:SHARED", status="runs/{key}", abort="runs/{key}/abort")
        yield Service(options, lambda: len(fake.runs))


@asynccontextmanager
async def a_workflow(_certificates: Certificates) -> AsyncIterator[Service]:
    fake = github_rig.GitHub()
    fake.pace = 0.05
    await fake.start()
    options = stage_on(
        "github",
        mode="workflow",
        repository="acme/shop",
        token="env:GITHUB_DEPLOY_TOKEN",
        api=fake.url,
        workflow="deploy.yml",
        inputs={"revision": "{revision}", "environment": "{stage}"},
    )
    yield Service(options, lambda: len(fake.runs))
    await fake.close()


@asynccontextmanager
async def a_deployment(_certificates: Certificates) -> AsyncIterator[Service]:
    fake = github_rig.GitHub()
    fake.pace = 0.05
    await fake.start()
    options = stage_on(
        "github", mode="deployment", repository="acme/shop", token="env:GITHUB_DEPLOY_TOKEN", api=fake.url
    )
    yield Service(options, lambda: len(fake.deployments))
    await fake.close()


@asynccontextmanager
async def a_cluster(certificates: Certificates) -> AsyncIterator[Service]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.cert, certificates.key)
    fake = kubernetes_rig.Kubernetes(tls)
    fake.put(kubernetes_rig.deployment())
    fake.settle()
    fake.controllers.deadline_ticks = 50

    def patient() -> None:
        fake.controllers.deadline_ticks = 10**9

    await fake.start()
    options = stage_on(
        "kubernetes",
        server=fake.url,
        token="env:KUBE_TOKEN",
        ca=str(certificates.ca),
        namespace="shop",
        name="web",
        images={"web": "registry.example/{stage}:{revision}"},
    )
    yield Service(
        options,
        lambda: len([asked for asked in fake.asked if asked[0] == "PATCH"]),
        patient,
        6,  # with the undoing of the one that was stopped
    )
    await fake.close()


MAKERS = {
    "jenkins": a_jenkins,
    "http": a_service,
    "workflow": a_workflow,
    "deployment": a_deployment,
    "kubernetes": a_cluster,
}


@pytest_asyncio.fixture
async def services(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Service]]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(make(certificates)) for name, make in MAKERS.items()}


def config(port: int, services: dict[str, Service]) -> str:
    """For each service a lane with a good stage and one that takes its time, and a lane with one that fails."""
    text = basics(port)
    for name, service in services.items():
        for pipeline, stages in ((name, (GOOD, SLOW)), (f"{name}-bad", (BAD,))):
            for stage in stages:
                text += f'\n[[pipelines.{pipeline}.stages]]\nname = "{stage}"\nexecutor = {service.executor}\n'
            text += lane(pipeline, f"#{pipeline}")
    return text


async def test_each_service_is_driven_from_a_chat(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path, services: dict[str, Service]
) -> None:
    rooms = tuple(f"#{lane}" for name in services for lane in (name, f"{name}-bad"))
    bot = bots(config(irc_server.port, services), rooms)
    alice = await people(irc_server, "alice", *rooms)
    await bot.start()

    async def failed(name: str) -> None:
        room = f"#{name}-bad"
        await alice.asks(".join", "You're up", to=room)
        line = await alice.asks(f".go {HEAD}", f"(6957bb87) failed on {BAD} at {FAILS[name]}", to=room)
        assert f"{name}-bad-1" in line

    async def went_well(name: str) -> None:
        room = f"#{name}"
        await alice.asks(".join", "You're up", to=room)
        await alice.asks(f".go {HEAD}", f"you're on {GOOD}", to=room)

    async def brought_back(name: str) -> None:
        """A newer one from the command line, and back from the chat."""
        words = (sys.executable, "-m", "pushbot", "stage", "pushbot.toml", name, GOOD, "--ref", "main")
        process = await asyncio.create_subprocess_exec(*words, cwd=tmp_path, stdout=PIPE, stderr=PIPE)
        out, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
        assert b"(deploy) succeeded" in out
        await alice.asks(f".rollback {GOOD}", f"{name} on {GOOD} is back on 6957bb87", to=f"#{name}")

    async def under_way(name: str) -> None:
        await alice.asks(f".unhold; .at {GOOD}; .good; .go", f"is being deployed to {SLOW}", to=f"#{name}")

    async def stopped(name: str) -> None:
        for within in (2, 2, 4, 8, 16):  # it has yet to hear of it again
            with suppress(AssertionError):
                await alice.asks(".status", MEANWHILE[name], to=f"#{name}", within=within)
                break
        else:
            raise AssertionError(f"{name} is not under way: {alice.said(f'#{name}')}")
        await alice.asks(".abort", f"to {SLOW} was stopped", to=f"#{name}")

    async def each(act: Callable[[str], Coroutine[None, None, None]]) -> None:
        async with asyncio.TaskGroup() as group:
            for name in services:
                group.create_task(act(name))

    await each(failed)
    services["kubernetes"].patient()
    await each(went_well)
    await each(brought_back)
    await each(under_way)
    await bot.kill()
    await bot.start()
    await each(stopped)
    for name, service in services.items():
        assert [(run.kind, run.state, run.revision) for run in bot.runs(name)] == [
            ("deploy", "succeeded", HEAD),
            ("deploy", "succeeded", "main"),
            ("rollback", "succeeded", HEAD),
            ("deploy", "cancelled", HEAD),
        ]
        assert service.begun() == service.begins, name
    told = bot.log() + "".join(alice.lines)
    assert not [secret for secret in SECRETS.values() if secret in told]
