"""The Kubernetes executor with manifests, by server-side apply."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import yaml

from pushbot.errors import PushbotError
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.testing.contracts.executor import ExecutorContract, job_in
from pushbot_plugins.kubernetes import KubernetesExecutor, cluster
from pushbot_plugins.kubernetes.manifests import documents, filled
from pushbot_plugins.remote_api import Limits
from tests.rig.github import Fault
from tests.rig.kubernetes import TOKEN, Kubernetes
from tests.rig.kubernetes_controllers import images, number, table, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Executor, Job, Outcome
    from tests.rig.ngircd import Certificates

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  "{revision}": key
  release: "r-{revision}"
  since: 2026-11-01
  template: "{not_ours} {{revision}"
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {team: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "registry.example/shop:{revision}", env: [{name: RELEASE, value: "{revision}"}]}
"""


@pytest_asyncio.fixture
async def kubernetes(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> AsyncIterator[Kubernetes]:
    monkeypatch.setenv("KUBE_TOKEN", TOKEN)
    monkeypatch.setattr(cluster, "LIMITS", Limits(first=0.01, longest=0.1))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.cert, certificates.key)
    server = Kubernetes(tls)
    server.ca = certificates.ca
    await server.start()
    yield server
    await server.close()


@pytest.fixture
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("manifests") / "shop.yaml"
    path.write_text(MANIFESTS)
    return path


def made(kubernetes: Kubernetes, *manifests: Path, **options: object) -> KubernetesExecutor:
    settings: dict[str, object] = {
        "server": kubernetes.url,
        "token": "env:KUBE_TOKEN",
        "ca": kubernetes.ca,
        "namespace": "shop",
        "manifests": manifests,
        "poll": 0.05,
        "patience": 5.0,
    }
    return KubernetesExecutor(KubernetesExecutor.Options.model_validate(settings | options))


def at(directory: Path, revision: str = "a1", kind: RunKind = RunKind.DEPLOY) -> Job:
    directory.mkdir(exist_ok=True)
    return replace(job_in(directory), revision=revision, kind=kind)


async def carried_out(executor: Executor, job: Job) -> Outcome:
    async with asyncio.timeout(60):
        return await executor.wait(job, await executor.start(job), lambda _: None)


def image(kubernetes: Kubernetes) -> str:
    (found,) = images(table(kubernetes.get("deployments", "web"), "spec", "template"))
    return found


class TestManifests(ExecutorContract):
    @pytest.fixture(autouse=True)
    def _kubernetes(self, kubernetes: Kubernetes, manifest: Path) -> None:
        self.kubernetes, self.manifest = kubernetes, manifest

    def executor(self) -> Executor:
        return made(self.kubernetes, self.manifest)

    def good(self, directory: Path) -> Job:
        return at(directory)


async def test_manifests_are_applied_with_the_revision_in_their_values(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    assert (await carried_out(made(kubernetes, manifest), at(tmp_path))).state is RunState.SUCCEEDED
    assert kubernetes.get("configmaps", "settings")["data"] == {
        "{revision}": "key",
        "release": "r-a1",
        "since": "2026-11-01",
        "template": "{not_ours} {a1",
    }
    assert image(kubernetes) == "registry.example/shop:a1"
    annotations = table(kubernetes.get("deployments", "web"), "metadata", "annotations")
    assert (annotations["team"], annotations["pushbot/revision"]) == ("shop", "a1")
    assert "pushbot/run" not in table(kubernetes.get("configmaps", "settings"), "metadata", "annotations")
    paths = [path.partition("?")[2] for _, path, _ in kubernetes.asked]
    assert [("dryRun" in path, "fieldManager=pushbot" in path) for path in paths] == [(True, True)] * 2 + [
        (False, True)
    ] * 2


async def test_manifests_of_no_workload_are_over_when_they_are_applied(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    _write(manifest, MANIFESTS.partition("---")[0])
    assert (await carried_out(made(kubernetes, manifest), at(tmp_path))).state is RunState.SUCCEEDED
    assert kubernetes.get("configmaps", "settings")


async def test_nothing_is_applied_when_one_of_them_is_refused(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    _write(manifest, MANIFESTS.replace('image: "registry.example/shop:{revision}"', 'image: ""'))
    with pytest.raises(PushbotError, match=r"spec\.containers\[0\]\.image: Required value"):
        await made(kubernetes, manifest).start(at(tmp_path))
    assert ("configmaps", "shop", "settings") not in kubernetes.objects


async def test_what_is_refused_half_way_has_failed_and_can_be_rolled_back(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    executor, job = made(kubernetes, manifest), at(tmp_path)
    rehearsal, refusal = Fault("PATCH", "/deployments/web"), Fault("PATCH", "/deployments/web", 403, message="quota")
    kubernetes.faults = [rehearsal, refusal]
    outcome = await executor.wait(job, await executor.start(job), lambda _: None)
    assert (outcome.state, outcome.step) == (RunState.FAILED, "apply")
    assert "quota" in (outcome.reason or "")
    assert kubernetes.get("configmaps", "settings")


async def test_a_cluster_that_is_gone_half_way_does_not_leave_a_run_that_never_was(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    executor, job = made(kubernetes, manifest, patience=0.1), at(tmp_path)
    kubernetes.faults = [Fault("PATCH", "/deployments/web"), Fault("PATCH", "/deployments/web", 503, times=99)]
    outcome = await executor.wait(job, await executor.start(job), lambda _: None)
    assert (outcome.state, outcome.step) == (RunState.FAILED, "apply")
    assert "answered 503" in (outcome.reason or "")


async def test_workloads_of_one_name_are_told_apart(kubernetes: Kubernetes, manifest: Path, tmp_path: Path) -> None:
    kubernetes.controllers.deadline_ticks = 20
    two = MANIFESTS.replace('"registry.example/shop:{revision}"', "registry.example/shop-bad:x")
    stateful = MANIFESTS[MANIFESTS.index("apiVersion: apps") :].replace("kind: Deployment", "kind: StatefulSet")
    _write(manifest, f"{two}---\n{stateful}")
    outcome = await carried_out(made(kubernetes, manifest), at(tmp_path))
    assert outcome.state is RunState.FAILED
    assert "ImagePullBackOff" in (outcome.reason or "")


async def test_a_namespace_may_be_made_by_the_manifests_themselves(
    kubernetes: Kubernetes, tmp_path: Path, manifest: Path
) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue"}}
    whole = {"apiVersion": "v1", "kind": "List", "items": [space, *yaml.safe_load_all(MANIFESTS)]}
    _write(manifest, json.dumps(whole, default=str))
    outcome = await carried_out(made(kubernetes, manifest, namespace="blue"), at(tmp_path))
    assert outcome.state is RunState.SUCCEEDED
    assert kubernetes.get("deployments", "web", "blue")


async def test_fields_of_somebody_else_are_a_conflict_unless_forced(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    executor = made(kubernetes, manifest)
    await carried_out(executor, at(tmp_path / "1"))
    kubernetes.owners["deployments", "shop", "web"][("spec", "replicas")] = {("kubectl", "Apply")}
    _write(manifest, MANIFESTS.replace("replicas: 2", "replicas: 4"))
    with pytest.raises(PushbotError, match=r'conflict with "kubectl" using apps/v1: \.spec\.replicas'):
        await executor.start(at(tmp_path / "2"))
    assert number(kubernetes.get("deployments", "web"), "spec", "replicas") == 2
    await carried_out(made(kubernetes, manifest, force=True), at(tmp_path / "3"))
    assert number(kubernetes.get("deployments", "web"), "spec", "replicas") == 4


async def test_a_rollback_takes_up_what_was_and_the_next_deploy_goes_over_it(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    executor = made(kubernetes, manifest)
    await carried_out(executor, at(tmp_path / "1", "a1"))
    await carried_out(executor, at(tmp_path / "2", "b2"))
    assert (await carried_out(executor, at(tmp_path / "3", "a1", RunKind.ROLLBACK))).state is RunState.SUCCEEDED
    assert image(kubernetes) == "registry.example/shop:a1"
    assert text(kubernetes.get("deployments", "web"), "metadata", "annotations", "team") == "shop"
    assert (await carried_out(executor, at(tmp_path / "4", "c3"))).state is RunState.SUCCEEDED
    assert image(kubernetes) == "registry.example/shop:c3"


async def test_an_abort_of_what_was_not_there_before_says_what_to_do(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    _write(manifest, MANIFESTS.replace("registry.example/shop:", "registry.example/shop-slow:"))
    executor, job = made(kubernetes, manifest), at(tmp_path)
    token = await executor.start(job)
    with pytest.raises(PushbotError, match="deployment shop/web has nothing to go back to"):
        await executor.abort(job, token)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "cannot be read: No such file"),
        ("a: [1\nb: 2", r"shop\.yaml:2 is no YAML"),
        ("just words", "holds something that is no YAML of maps"),
        ("a: !!python/object/apply:os.system ['true']", r"shop\.yaml:1 is no YAML"),
        ("kind: ConfigMap", "a manifest lacks its apiVersion, kind or metadata.name"),
        ("apiVersion: v1\nkind: Secrets\nmetadata: {name: x}", "the cluster knows no Secrets of v1"),
        ("apiVersion: v9\nkind: X\nmetadata: {name: x}", "the server could not find the requested resource"),
    ],
)
async def test_what_is_wrong_with_a_manifest_is_said(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path, written: str | None, said: str
) -> None:
    _write(manifest, written)
    with pytest.raises(PushbotError, match=said):
        await made(kubernetes, manifest).start(at(tmp_path))


def _write(path: Path, content: str | None) -> None:
    path.unlink() if content is None else path.write_text(content)


def test_a_revision_fills_values_and_nothing_else(manifest: Path) -> None:
    _write(manifest, '"{revision}": ["{revision}", 1, true, null, {"a": "x{revision}y"}]')
    (one,) = documents(manifest)
    assert filled(one, "r1") == {"{revision}": ["r1", 1, True, None, {"a": "xr1y"}]}


async def test_a_revision_that_could_be_more_than_a_value_is_refused(
    kubernetes: Kubernetes, manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(PushbotError, match="cannot be part of an image's name"):
        await made(kubernetes, manifest).start(at(tmp_path, 'x", "privileged": true'))
    assert not kubernetes.asked
