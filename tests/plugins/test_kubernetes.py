"""The Kubernetes executor, against a cluster that keeps to the published API (`tests/rig/kubernetes.py`)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pushbot.errors import PushbotError, RunLost
from pushbot.fleet.model import Tally
from pushbot.ports import Outcome, Step
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.testing.contracts.executor import AbortContract, ExecutorContract, FailureContract, job_in
from pushbot_plugins.kubernetes import KubernetesExecutor, cluster
from pushbot_plugins.kubernetes.executor import Begun
from pushbot_plugins.kubernetes.objects import Workload
from pushbot_plugins.remote_api import Limits
from pushbot_plugins.remote_run import kept
from pushbot_plugins.remote_words import Words
from tests.rig.github import Fault
from tests.rig.kubernetes import TOKEN, Kubernetes, deployment
from tests.rig.kubernetes_controllers import images, number, rows, table, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Executor, Job
    from tests.rig.ngircd import Certificates

REVISION = "6957bb87c0ffee00000000000000000000000000"
LIMITS = Limits(first=0.01, longest=0.1)


@pytest_asyncio.fixture
async def kubernetes(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> AsyncIterator[Kubernetes]:
    monkeypatch.setenv("KUBE_TOKEN", TOKEN)
    monkeypatch.setattr(cluster, "LIMITS", LIMITS)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.cert, certificates.key)
    server = Kubernetes(tls)
    server.ca = certificates.ca
    server.put(deployment())
    server.settle()
    await server.start()
    yield server
    await server.close()


def made(kubernetes: Kubernetes, **options: object) -> KubernetesExecutor:
    settings: dict[str, object] = {
        "server": kubernetes.url,
        "token": "env:KUBE_TOKEN",
        "ca": kubernetes.ca,
        "namespace": "shop",
        "name": "web",
        "images": {"web": "registry.example/{stage}:{revision}"},
        "poll": 0.05,
        "patience": 5.0,
    }
    return KubernetesExecutor(KubernetesExecutor.Options.model_validate(settings | options))


def at(stage: str, directory: Path) -> Job:
    directory.mkdir(exist_ok=True)
    return replace(job_in(directory), stage=stage)


def contents(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


async def carried_out(executor: Executor, job: Job) -> tuple[Outcome, list[str | Tally]]:
    told: list[str | Tally] = []
    async with asyncio.timeout(60):
        token = await executor.start(job)
        return await executor.wait(job, token, told.append), told


def image_of(kubernetes: Kubernetes, resource: str = "deployments", name: str = "web") -> str:
    (found,) = images(table(kubernetes.get(resource, name), "spec", "template"))
    return found


class TestKubernetes(ExecutorContract, FailureContract, AbortContract):
    @pytest.fixture(autouse=True)
    def _kubernetes(self, kubernetes: Kubernetes) -> None:
        self.kubernetes = kubernetes
        kubernetes.controllers.deadline_ticks = 20

    def executor(self) -> Executor:
        return made(self.kubernetes)

    def good(self, directory: Path) -> Job:
        return at("princess", directory)

    def bad(self, directory: Path) -> Job:
        return at("princess-bad", directory)

    def long(self, directory: Path) -> Job:
        self.kubernetes.controllers.deadline_ticks = 10**9
        return at("princess-slow", directory)


async def test_an_image_is_set_and_its_rollout_followed(kubernetes: Kubernetes, tmp_path: Path) -> None:
    executor, job = made(kubernetes), at("princess", tmp_path)
    token = await executor.start(job)
    assert token == "shop/web/2"
    told: list[str | Tally] = []
    outcome = await executor.wait(job, token, told.append)
    assert outcome == Outcome(RunState.SUCCEEDED)
    assert image_of(kubernetes) == f"registry.example/princess:{REVISION}"
    assert told[-1] == Tally(3, 3)
    assert [one.done for one in told if isinstance(one, Tally)] == sorted(
        one.done for one in told if isinstance(one, Tally)
    )
    annotations = table(kubernetes.get("deployments", "web"), "metadata", "annotations")
    assert annotations["pushbot/revision"] == REVISION
    assert annotations["kubernetes.io/change-cause"] == f"pushbot web-12: deploy {REVISION} by alice"
    assert str(annotations["pushbot/run"]).startswith("web-12-")
    assert rows(kubernetes.get("deployments", "web"), "spec", "template", "spec", "containers")[0]["env"]
    assert kubernetes.watches == 1


async def test_setting_what_is_there_already_is_over_at_once(kubernetes: Kubernetes, tmp_path: Path) -> None:
    await carried_out(made(kubernetes), at("princess", tmp_path / "1"))
    outcome, told = await carried_out(made(kubernetes), at("princess", tmp_path / "2"))
    assert outcome.state is RunState.SUCCEEDED
    assert told == ["rollout", Tally(3, 3)]


@pytest.mark.parametrize(
    ("stage", "reason", "tail"),
    [
        ("princess-bad", "ImagePullBackOff (Back-off pulling image", ()),
        ("princess-crash", "CrashLoopBackOff (back-off 10s restarting failed container)", ("password rejected",)),
    ],
)
async def test_a_stuck_rollout_names_its_pods_and_shows_their_last_lines(
    kubernetes: Kubernetes, tmp_path: Path, stage: str, reason: str, tail: tuple[str, ...]
) -> None:
    kubernetes.controllers.deadline_ticks = 20
    outcome, told = await carried_out(made(kubernetes), at(stage, tmp_path))
    assert (outcome.state, outcome.step) == (RunState.FAILED, "rollout")
    assert outcome.reason is not None
    assert outcome.reason.startswith("deployment shop/web exceeded its progress deadline with 0 of 3 pods up; web-")
    assert reason in outcome.reason
    assert all(line in " ".join(outcome.tail) for line in tail)
    assert [one for one in told if isinstance(one, str) and reason[:16] in one], "it was told while it went on"
    assert [one for one in told if isinstance(one, Tally)][-1] == Tally(0, 3, 1)


async def test_pods_that_the_bot_may_not_see_are_left_out(kubernetes: Kubernetes, tmp_path: Path) -> None:
    kubernetes.controllers.deadline_ticks = 20
    kubernetes.forbidden = {("list", "pods")}
    outcome, _ = await carried_out(made(kubernetes), at("princess-bad", tmp_path))
    assert outcome.reason == "deployment shop/web exceeded its progress deadline with 0 of 3 pods up"
    assert "cannot list resource" in (tmp_path / "output.log").read_text()


# --- watching -------------------------------------------------------------------------------------


async def test_who_may_not_watch_looks_now_and_then(kubernetes: Kubernetes, tmp_path: Path) -> None:
    kubernetes.forbidden = {("watch", "deployments")}
    outcome, _ = await carried_out(made(kubernetes, poll=0.02), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert kubernetes.watches == 0


async def test_streams_end_and_go_on(kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_WATCH", 0)
    kubernetes.events_a_stream = 1
    outcome, _ = await carried_out(made(kubernetes, poll=0.01), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED


async def test_watches_that_fail_at_once_are_not_asked_for_in_a_row(kubernetes: Kubernetes, tmp_path: Path) -> None:
    fault = Fault(path="watch=1", status=500, times=10**6)
    kubernetes.faults = [fault]
    outcome, _ = await carried_out(made(kubernetes), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert 10**6 - fault.times < 20


async def test_pods_are_read_in_parts(kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PODS", 1)
    kubernetes.controllers.deadline_ticks = 20
    outcome, _ = await carried_out(made(kubernetes), at("princess-bad", tmp_path))
    assert "ImagePullBackOff" in (outcome.reason or "")


@pytest.mark.parametrize("as_event", [True, False])
async def test_a_version_that_is_too_old_is_looked_up_anew(
    kubernetes: Kubernetes, tmp_path: Path, *, as_event: bool
) -> None:
    kubernetes.gone_as_event = as_event
    kubernetes.pace = 0.03
    executor, job = made(kubernetes), at("princess", tmp_path)
    token = await executor.start(job)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        waiting = group.create_task(executor.wait(job, token, lambda _: None))
        while not waiting.done():
            kubernetes.compact()
            await asyncio.sleep(0.05)
    assert waiting.result().state is RunState.SUCCEEDED


async def test_blips_change_nothing(kubernetes: Kubernetes, tmp_path: Path) -> None:
    kubernetes.faults = [
        Fault(path="/deployments/web", status=503, times=2),
        Fault("PATCH", status=500, message="etcdserver: leader changed"),
        Fault("PATCH", drop="after"),
        Fault(path="watch=1", drop="before"),
        Fault(path="watch=1", status=429, headers={"Retry-After": "0"}),
        Fault(path="/pods", status=504),
    ]
    outcome, _ = await carried_out(made(kubernetes), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert number(kubernetes.get("deployments", "web"), "metadata", "generation") == 2
    assert not [fault for fault in kubernetes.faults if fault.times]


# --- restarts -------------------------------------------------------------------------------------


async def test_a_run_whose_beginning_was_interrupted_is_found_by_its_mark(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.faults = [Fault("PATCH", drop="after", times=10**6)]
    job = at("princess", tmp_path)
    assert (await made(kubernetes, patience=0.0).start(job)).startswith("shop/web/")
    assert (await made(kubernetes).wait(job, None, lambda _: None)).state is RunState.SUCCEEDED


async def test_a_change_with_an_answer_that_makes_no_sense_is_found_by_its_mark(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.faults = [Fault("PATCH", drop="garble")]
    outcome, _ = await carried_out(made(kubernetes), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert image_of(kubernetes).endswith(REVISION)


async def test_a_list_of_pods_that_ran_out_is_read_anew(kubernetes: Kubernetes, tmp_path: Path) -> None:
    """410 of a `continue` that is too old."""
    kubernetes.faults = [Fault("GET", "/pods", 410, times=2)]
    outcome, _ = await carried_out(made(kubernetes), at("princess", tmp_path))
    assert outcome.state is RunState.SUCCEEDED


async def test_one_that_left_no_mark_is_lost(kubernetes: Kubernetes, tmp_path: Path) -> None:
    kubernetes.faults = [Fault("PATCH", drop="before", times=10**6)]
    job = at("princess", tmp_path)
    token = await made(kubernetes, patience=0.0).start(job)
    with pytest.raises(RunLost, match="was about to change deployment shop/web, which says nothing of it"):
        await made(kubernetes).wait(job, token, lambda _: None)
    await made(kubernetes).abort(job, None)
    assert image_of(kubernetes) == "registry.example/princess:1.0"


async def test_credentials_that_ran_out_are_looked_up_again(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot_plugins.kubernetes.executor._FRESH", 0.0)
    secret = tmp_path / "token"
    secret.write_text("old")
    kubernetes.tokens = {"old"}
    kubernetes.pace = 0.05
    executor, job = made(kubernetes, token=f"file:{secret}"), at("princess", tmp_path)
    token = await executor.start(job)

    def renew(_: str | Tally) -> None:
        secret.write_text("new")
        kubernetes.tokens = {"new"}

    kubernetes.events_a_stream = 1
    async with asyncio.timeout(60):
        assert (await executor.wait(job, token, renew)).state is RunState.SUCCEEDED


# --- going back -----------------------------------------------------------------------------------


async def test_an_abort_puts_back_what_was_before(kubernetes: Kubernetes, tmp_path: Path) -> None:
    executor, job = made(kubernetes), at("princess-slow", tmp_path)
    token = await executor.start(job)
    await made(kubernetes).abort(job, token)
    outcome = await executor.wait(job, token, lambda _: None)
    assert outcome == Outcome(
        RunState.CANCELLED, "rollout", "deployment shop/web goes back to what it was (something else)"
    )
    assert image_of(kubernetes) == "registry.example/princess:1.0"
    assert len([*kubernetes.find("replicasets", "shop")]) <= 2, "it is the old ReplicaSet that is taken up again"


async def test_an_abort_leaves_alone_what_somebody_else_has_done_since(kubernetes: Kubernetes, tmp_path: Path) -> None:
    executor, job = made(kubernetes), at("princess-slow", tmp_path)
    token = await executor.start(job)
    other = replace(at("princess", tmp_path / "other"), run="web-13", revision="2.0")
    await carried_out(made(kubernetes), other)
    await executor.abort(job, token)
    assert image_of(kubernetes) == "registry.example/princess:2.0"
    outcome = await executor.wait(job, token, lambda _: None)
    assert outcome.state is RunState.FAILED
    assert outcome.reason is not None
    assert "changed by somebody else before it was through: pushbot web-13: deploy 2.0" in outcome.reason


async def test_an_abort_and_the_end_at_the_same_moment_agree(kubernetes: Kubernetes, tmp_path: Path) -> None:
    """The rollout gets through while the one who aborts looks whether it is."""
    job = at("princess", tmp_path)

    class Slow(KubernetesExecutor):
        async def _is_over(self, job: Job, words: Words, begun: Begun) -> bool:
            over = await super()._is_over(job, words, begun)
            while not await super()._is_over(job, words, begun):  # noqa: ASYNC110 - the cluster tells
                await asyncio.sleep(0.01)
            await asyncio.wait({waiting}, timeout=0.5)
            return over

    kubernetes.pace = 0.05
    token = await made(kubernetes).start(job)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        waiting = group.create_task(made(kubernetes).wait(job, token, lambda _: None))
        await Slow(made(kubernetes).options).abort(job, token)
    assert image_of(kubernetes) == "registry.example/princess:1.0"
    assert waiting.result().state is RunState.CANCELLED


async def test_an_abort_of_what_is_through_changes_nothing(kubernetes: Kubernetes, tmp_path: Path) -> None:
    executor, job = made(kubernetes), at("princess", tmp_path)
    token = await executor.start(job)
    while not await executor._is_over(job, Words(job), kept(job, Begun)):  # noqa: ASYNC110 - the cluster tells
        await asyncio.sleep(0.01)
    await executor.abort(job, token)
    assert (await executor.wait(job, token, lambda _: None)).state is RunState.SUCCEEDED


async def test_who_comes_after_writes_no_line_again(kubernetes: Kubernetes, tmp_path: Path) -> None:
    kubernetes.controllers.deadline_ticks = 60
    job, log = at("princess-crash", tmp_path), tmp_path / "output.log"
    token = await made(kubernetes).start(job)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        before = group.create_task(made(kubernetes).wait(job, token, lambda _: None))
        while not log.exists() or "CrashLoopBackOff" not in log.read_text():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.005)
        before.cancel()
    async with asyncio.timeout(60):
        assert (await made(kubernetes).wait(job, token, lambda _: None)).state is RunState.FAILED
    lines = log.read_text().splitlines()
    assert sorted(lines) == sorted(set(lines))


async def test_an_abort_that_fails_lets_the_run_go_on(kubernetes: Kubernetes, tmp_path: Path) -> None:
    executor, job = made(kubernetes), at("princess", tmp_path)
    kubernetes.pace = 0.05
    token = await executor.start(job)
    kubernetes.faults = [Fault("PATCH", status=403, message="not now")]
    with pytest.raises(PushbotError, match="not now"):
        await executor.abort(job, token)
    async with asyncio.timeout(60):
        assert (await executor.wait(job, token, lambda _: None)).state is RunState.SUCCEEDED


async def test_a_rollback_takes_up_what_ran_the_older_revision(kubernetes: Kubernetes, tmp_path: Path) -> None:
    for number_of, revision in enumerate(("a1", "b2")):
        job = replace(at("princess", tmp_path / revision), run=f"web-{number_of}", revision=revision)
        await carried_out(made(kubernetes), job)
    back = replace(at("princess", tmp_path / "back"), run="web-9", kind=RunKind.ROLLBACK, revision="a1")
    before = len([*kubernetes.find("replicasets", "shop")])
    outcome, _ = await carried_out(made(kubernetes), back)
    assert outcome.state is RunState.SUCCEEDED
    assert image_of(kubernetes) == "registry.example/princess:a1"
    assert len([*kubernetes.find("replicasets", "shop")]) == before
    said = text(kubernetes.get("deployments", "web"), "metadata", "annotations", "kubernetes.io/change-cause")
    assert said == "pushbot web-9: rollback a1 by alice"


async def test_a_rollback_is_not_late_because_what_it_goes_back_from_was(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    """A controller takes back that a rollout is late only when there is progress, and one pod takes its time."""
    kubernetes.put(deployment("one", replicas=1))
    kubernetes.settle()
    made_one = made(kubernetes, name="one", images={"one": "registry.example/{stage}:{revision}"})
    assert (await carried_out(made_one, at("princess", tmp_path / "good")))[0].state is RunState.SUCCEEDED
    kubernetes.controllers.deadline_ticks = 20
    stuck = replace(at("princess-bad", tmp_path / "bad"), revision="b2")
    outcome, _ = await carried_out(made_one, stuck)
    assert "exceeded its progress deadline" in (outcome.reason or "")
    again, _ = await carried_out(made_one, replace(stuck, directory=at("princess-bad", tmp_path / "2").directory))
    assert "exceeded its progress deadline" in (again.reason or ""), "of what is there already it is true"
    kubernetes.pace = 0.2
    back = replace(at("princess", tmp_path / "back"), kind=RunKind.ROLLBACK)
    outcome, _ = await carried_out(made_one, back)
    assert outcome.state is RunState.SUCCEEDED


def test_null_is_what_is_left_out() -> None:
    found = Workload.model_validate_json(
        '{"metadata": {"name": "web", "labels": null}, "status": {"conditions": null}}'
    )
    assert found == Workload(metadata=found.metadata)


async def test_a_rollback_to_what_is_forgotten_sets_the_older_image(kubernetes: Kubernetes, tmp_path: Path) -> None:
    job = replace(at("princess", tmp_path), kind=RunKind.ROLLBACK, revision="0.9")
    outcome, _ = await carried_out(made(kubernetes), job)
    assert outcome.state is RunState.SUCCEEDED
    assert image_of(kubernetes) == "registry.example/princess:0.9"


async def test_a_rollout_past_its_time_is_undone_and_has_failed(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot_plugins.remote_run._LEAST", 0.2)
    outcome, _ = await carried_out(made(kubernetes), replace(at("princess-slow", tmp_path), timeout=0.1))
    assert (outcome.state, outcome.step) == (RunState.FAILED, "time limit")
    assert image_of(kubernetes) == "registry.example/princess:1.0"


# --- other kinds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_other_kinds_are_rolled_out_and_back(kubernetes: Kubernetes, tmp_path: Path, kind: str) -> None:
    manifest = deployment("db") | {"kind": kind}
    table(manifest, "spec")["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    kubernetes.put(manifest)
    kubernetes.settle()
    executor = made(kubernetes, kind=kind.lower(), name="db", images={"db": "registry.example/{stage}:{revision}"})
    for name, kind_of, revision in (
        ("1", RunKind.DEPLOY, "a1"),
        ("2", RunKind.DEPLOY, "b2"),
        ("3", RunKind.ROLLBACK, "a1"),
    ):
        job = replace(at("princess", tmp_path / name), run=f"web-{name}", kind=kind_of, revision=revision)
        outcome, told = await carried_out(executor, job)
        assert outcome.state is RunState.SUCCEEDED
        assert str(told[-1]) in {"2/2", "3/3"}
        assert image_of(kubernetes, f"{kind.lower()}s", "db") == f"registry.example/princess:{revision}"
    job = replace(at("princess-slow", tmp_path / "4"), run="web-4", revision="c3")
    token = await executor.start(job)
    await executor.abort(job, token)
    assert (await executor.wait(job, token, lambda _: None)).state is RunState.CANCELLED
    assert image_of(kubernetes, f"{kind.lower()}s", "db") == "registry.example/princess:a1"


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["feature/x", "a b", "x@sha256:1", "-x", "", "x" * 200, "1.0\n", "${IFS}"])
async def test_a_revision_that_is_no_tag_is_refused(kubernetes: Kubernetes, tmp_path: Path, revision: str) -> None:
    with pytest.raises(PushbotError, match="cannot be part of an image's name"):
        await made(kubernetes).start(replace(at("princess", tmp_path), revision=revision))
    assert not kubernetes.asked


async def test_a_secret_in_the_name_of_an_image_is_refused(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "correct-horse")
    job = replace(at("princess", tmp_path), env=(("PASSWORD", "env:PASSWORD"),))
    with pytest.raises(PushbotError, match="the images of princess name a secret"):
        await made(kubernetes, images={"web": "registry.example/shop:{PASSWORD}"}).start(job)
    assert not kubernetes.asked


async def test_odd_names_of_people_are_data(kubernetes: Kubernetes, tmp_path: Path) -> None:
    job = replace(at("princess", tmp_path), driver='al"ice\n\x1b[31m\u2028' + "x" * 500)
    outcome, _ = await carried_out(made(kubernetes), job)
    assert outcome.state is RunState.SUCCEEDED
    said = text(kubernetes.get("deployments", "web"), "metadata", "annotations", "kubernetes.io/change-cause")
    assert said.isprintable()
    assert len(said) == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "gone"}, 'deployments.apps "gone" not found'),
        ({"images": {"sidecar": "x:{revision}"}}, "has no container 'sidecar'; it has web"),
        ({"namespace": "other"}, "not found"),
    ],
)
async def test_what_is_not_there_is_said(
    kubernetes: Kubernetes, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    with pytest.raises(PushbotError, match=said):
        await made(kubernetes, **change).start(at("princess", tmp_path))


async def test_what_the_cluster_forbids_is_said_in_its_words(kubernetes: Kubernetes, tmp_path: Path) -> None:
    kubernetes.forbidden = {("patch", "deployments")}
    with pytest.raises(PushbotError, match='User "system:serviceaccount:shop:pushbot" cannot patch'):
        await made(kubernetes).start(at("princess", tmp_path))


async def test_a_paused_deployment_is_refused(kubernetes: Kubernetes, tmp_path: Path) -> None:
    table(kubernetes.get("deployments", "web"), "spec")["paused"] = True
    with pytest.raises(PushbotError, match="deployment shop/web is paused: kubectl rollout resume it first"):
        await made(kubernetes).start(at("princess", tmp_path))


async def test_a_workload_that_is_deleted_meanwhile_has_failed(kubernetes: Kubernetes, tmp_path: Path) -> None:
    executor, job = made(kubernetes), at("princess-slow", tmp_path)
    token = await executor.start(job)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        waiting = group.create_task(executor.wait(job, token, lambda _: None))
        await asyncio.sleep(0.05)
        kubernetes.drop("deployments", kubernetes.get("deployments", "web"))
    assert waiting.result() == Outcome(RunState.FAILED, "rollout", "deployment shop/web was deleted")


async def test_steps_are_refused(kubernetes: Kubernetes, tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="the kubernetes executor cannot do the steps of stage princess"):
        await made(kubernetes).start(job_in(tmp_path, Step("a", run=("true",))))


async def test_no_secret_is_in_any_file(
    kubernetes: Kubernetes, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    kubernetes.log = f"Authorization: Bearer {TOKEN}\n"
    kubernetes.controllers.deadline_ticks = 20
    kubernetes.faults = [Fault(status=500, message=f"you sent {TOKEN}", times=2)]
    await carried_out(made(kubernetes), at("princess-crash", tmp_path))
    written = contents(tmp_path)
    assert b"Bearer ***" in written
    assert TOKEN.encode() not in written
    assert b"swordfish" not in written, "nor what is in the environment of pods"
    assert TOKEN not in caplog.text + "".join(capsys.readouterr())
