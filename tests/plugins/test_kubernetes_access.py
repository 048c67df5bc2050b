"""How the Kubernetes executor finds its cluster: options, kubeconfigs, a service account; and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import yaml
from pydantic import ValidationError

from pushbot.errors import PushbotError
from pushbot.queue.commands import RunState
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.kubernetes import KubernetesExecutor, access, cluster
from pushbot_plugins.remote_api import Limits
from tests.rig.kubernetes import TOKEN, Kubernetes, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Outcome
    from tests.rig.ngircd import Certificates

COMMAND = """#!/bin/sh
echo "$KUBERNETES_EXEC_INFO $REGION $*" > {seen}
echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{"token": "{token}"}}}}'
"""


@pytest_asyncio.fixture
async def kubernetes(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kubernetes]:
    monkeypatch.setattr(cluster, "LIMITS", Limits(first=0.01, longest=0.1))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_verify_locations(certificates.ca)
    tls.load_cert_chain(certificates.cert, certificates.key)
    tls.verify_mode = ssl.CERT_OPTIONAL
    server = Kubernetes(tls)
    server.ca = certificates.ca
    server.put(deployment())
    server.settle()
    await server.start()
    yield server
    await server.close()


def kubeconfig(directory: Path, kubernetes: Kubernetes, user: dict[str, object], **more: object) -> Path:
    """A kubeconfig as people have them, with one of everything that does not matter."""
    where = {"server": kubernetes.url, "certificate-authority": str(kubernetes.ca)} | more
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [
            {"name": "prod", "cluster": where},
            {"name": "old", "cluster": {"server": "https://gone.example"}},
        ],
        "users": [{"name": "bot", "user": user}, {"name": "nobody", "user": {}}],
        "contexts": [
            {"name": "production", "context": {"cluster": "prod", "user": "bot", "namespace": "default"}},
            {"name": "broken", "context": {"cluster": "prod", "user": "gone"}},
            {"name": "nobody", "context": {"cluster": "prod", "user": "nobody"}},
        ],
        "current-context": "production",
    }
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(config) + "expiry: 2026-11-01T00:00:00Z\n")
    return path


def made(**options: object) -> KubernetesExecutor:
    base: dict[str, object] = {"namespace": "shop", "name": "web", "images": {"web": "x:{revision}"}, "poll": 0.05}
    return KubernetesExecutor(KubernetesExecutor.Options.model_validate(base | {"patience": 1.0} | options))


async def carried_out(executor: KubernetesExecutor, directory: Path) -> Outcome:
    _folder(directory)
    job = job_in(directory)
    async with asyncio.timeout(60):
        return await executor.wait(job, await executor.start(job), lambda _: None)


async def test_a_token_in_a_kubeconfig(kubernetes: Kubernetes, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, kubernetes, {"token": TOKEN})
    assert (await carried_out(made(kubeconfig=config), tmp_path / "run")).state is RunState.SUCCEEDED


async def test_a_token_file_beside_a_kubeconfig(kubernetes: Kubernetes, tmp_path: Path) -> None:
    _write(tmp_path / "token", TOKEN + "\n")
    config = kubeconfig(tmp_path, kubernetes, {"tokenFile": "token"})
    assert (await carried_out(made(kubeconfig=config), tmp_path / "run")).state is RunState.SUCCEEDED


@pytest.mark.parametrize("inline", [True, False])
async def test_a_client_certificate(
    kubernetes: Kubernetes, tmp_path: Path, certificates: Certificates, *, inline: bool
) -> None:
    paths = {"client-certificate": certificates.cert, "client-key": certificates.key}
    user = (
        {f"{name}-data": _base64(path) for name, path in paths.items()}
        if inline
        else {name: str(path) for name, path in paths.items()}
    )
    authority = {"certificate-authority-data": _base64(kubernetes.ca), "certificate-authority": None}
    config = kubeconfig(tmp_path, kubernetes, {**user}, **authority)
    assert (await carried_out(made(kubeconfig=config), tmp_path / "run")).state is RunState.SUCCEEDED


async def test_a_command_gives_the_token(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_DEPLOY_TOKEN", "another secret of the bot")
    seen = tmp_path / "seen"
    _script(tmp_path / "login", COMMAND.format(seen=seen, token=TOKEN))
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./login",
        "args": ["--cluster", "a b"],
        "env": [{"name": "REGION", "value": "lon"}],
        "interactiveMode": "Never",
    }
    config = kubeconfig(tmp_path, kubernetes, {"exec": command})
    assert (await carried_out(made(kubeconfig=config), tmp_path / "run")).state is RunState.SUCCEEDED
    info, _, rest = _read(seen).rpartition("} ")
    assert json.loads(info + "}")["spec"] == {"interactive": False}
    assert rest == "lon --cluster a b\n"
    assert TOKEN not in "".join(_read(path) for path in _files(tmp_path / "run"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\necho no ticket >&2; exit 3\n", "login gave no credentials: no ticket"),
        ("#!/bin/sh\necho hello\n", "login printed no ExecCredential with a status"),
        ("#!/bin/sh\nsleep 60 & sleep 60\n", "login gave no credentials within 0.3 s"),
        (None, "kubeconfig gives credentials by .*login: No such file"),
    ],
)
async def test_a_command_that_gives_none_is_told(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    monkeypatch.setattr(access, "EXEC_LIMIT", 0.3 if "within" in said else 20.0)
    if script is not None:
        _script(tmp_path / "login", script)
    config = kubeconfig(tmp_path, kubernetes, {"exec": {"apiVersion": "v1", "command": "./login"}})
    with pytest.raises(PushbotError, match=said):
        await carried_out(made(kubeconfig=config), tmp_path / "run")


async def test_a_service_account_inside_a_cluster(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "token", TOKEN)
    _write(tmp_path / "ca.crt", _read(kubernetes.ca))
    monkeypatch.setattr(access, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "localhost")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(kubernetes.port))
    assert (await carried_out(made(), tmp_path / "run")).state is RunState.SUCCEEDED
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(PushbotError, match="neither server nor kubeconfig, and the bot does not run inside a cluster"):
        await carried_out(made(), tmp_path / "run")


async def test_a_cluster_with_another_authority_is_not_spoken_to(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBE_TOKEN", TOKEN)
    with pytest.raises(PushbotError, match=r"Kubernetes at https://localhost:\d+ cannot be reached: .*certificate"):
        await carried_out(made(server=kubernetes.url, token="env:KUBE_TOKEN"), tmp_path / "run")
    assert not kubernetes.asked


async def test_a_wrong_token_is_told(kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBE_TOKEN", "wrong")
    executor = made(server=kubernetes.url, token="env:KUBE_TOKEN", ca=kubernetes.ca)
    with pytest.raises(PushbotError, match=r"refused \(401\): Unauthorized"):
        await carried_out(executor, tmp_path / "run")


@pytest.mark.parametrize(
    ("user", "more", "options", "said"),
    [
        ({"token": "x"}, {"insecure-skip-tls-verify": True}, {}, "asks not to check the cluster's certificate"),
        ({"token": "x"}, {"proxy-url": "http://proxy"}, {}, "has a tls-server-name or a proxy-url"),
        ({"token": "x"}, {"server": "ftp://x"}, {}, "is no kubeconfig that the bot can use: clusters.0.cluster.server"),
        ({"token": "x"}, {"server": "http://x"}, {}, "has no https://, and a token is never sent over http"),
        ({"token": "x"}, {"certificate-authority": "gone"}, {}, "the certificates of .*kubeconfig cannot be used"),
        (
            {"token": "x"},
            {"certificate-authority-data": "!"},
            {},
            "the certificates of .* cannot be used: they are not PEM",
        ),
        ({"client-certificate-data": "Z29uZQ=="}, {}, {}, "the certificates of .*kubeconfig cannot be used"),
        ({"client-certificate": "gone"}, {}, {}, "the certificate or key of the user in .*: No such file"),
        ({"tokenFile": "gone"}, {}, {}, "the token in .*gone cannot be read"),
        ({"auth-provider": {"name": "gcp"}}, {}, {}, "has no token, certificate or command for its user"),
        (
            {"token": "x"},
            {},
            {"context": "staging"},
            "no whole context 'staging'; there are production, broken, nobody",
        ),
        ({"token": "x"}, {}, {"context": "broken"}, "no whole context 'broken'"),
    ],
)
async def test_what_is_wrong_with_a_kubeconfig_is_told(
    kubernetes: Kubernetes,
    tmp_path: Path,
    *,
    user: dict[str, object],
    more: dict[str, object],
    options: dict[str, object],
    said: str,
) -> None:
    config = kubeconfig(tmp_path, kubernetes, user, **more)
    with pytest.raises(PushbotError, match=said):
        await carried_out(made(kubeconfig=config, **options), tmp_path / "run")


async def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="kubeconfig cannot be read: No such file"):
        await carried_out(made(kubeconfig=tmp_path / "kubeconfig"), tmp_path / "run")
    _write(tmp_path / "kubeconfig", "a: 1\n---\nb: 2\n")
    with pytest.raises(PushbotError, match="is no kubeconfig: it has not one document"):
        await carried_out(made(kubeconfig=tmp_path / "kubeconfig"), tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either images"),
        ({"images": {"web": "x"}, "manifests": ["a.yaml"]}, "either images"),
        ({"images": {"web": "x"}}, "name together with images"),
        ({"manifests": ["a.yaml"], "kind": "deployment"}, "no kind with manifests"),
        ({"manifests": ["a.yaml"], "server": "https://x"}, "server and token together"),
        ({"manifests": ["a.yaml"], "server": "http://x", "token": "env:X"}, "never sent over http"),
        ({"manifests": ["a.yaml"], "server": "https://x", "token": "env:X", "kubeconfig": "k"}, "and not both"),
        ({"manifests": ["a.yaml"], "context": "x"}, "context only with kubeconfig"),
        ({"manifests": ["a.yaml"], "ca": "x"}, "ca only with server"),
        ({"manifests": ["a.yaml"], "namespace": "../kube-system"}, "namespace"),
        ({"images": {"web": "x:{revison}"}, "name": "web"}, "revision"),
    ],
)
def test_mistakes_are_told_before_anything_runs(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        KubernetesExecutor.Options.model_validate(options)


async def test_an_abort_without_a_way_to_the_cluster_is_an_error_and_not_silence(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    config = kubeconfig(tmp_path, kubernetes, {"token": TOKEN})
    executor = made(kubeconfig=config, images={"web": "x-slow:{revision}"})
    _folder(tmp_path / "run")
    job = job_in(tmp_path / "run")
    token = await executor.start(job)
    _write(config, "")
    with pytest.raises(PushbotError, match="is no kubeconfig"):
        await executor.abort(job, token)


def _write(path: Path, content: str) -> None:
    path.write_text(content)


def _script(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o755)


def _read(path: Path) -> str:
    return path.read_text()


def _folder(path: Path) -> None:
    path.mkdir(exist_ok=True)


def _files(directory: Path) -> list[Path]:
    return [*directory.iterdir()]


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
