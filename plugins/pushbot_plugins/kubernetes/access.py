"""How a cluster is reached: address, trust and credentials, looked up anew whenever a connection is made.

From the options (`server`, `token`, `ca`), from a kubeconfig (kubernetes.io/docs/reference/config-api/kubeconfig.v1:
tokens, token files, client certificates, and commands after client-authentication.v1), or inside a cluster from
the service account of the bot's pod ("Accessing the Kubernetes API from a Pod"). A certificate is always checked.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from pushbot.children import into, run_child
from pushbot.errors import PushbotError
from pushbot.tls import client_context
from pushbot_plugins.kubernetes.kubeconfig import Cluster, Exec, read_kubeconfig
from pushbot_plugins.remote_api import trusting
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.supervised import environment

if TYPE_CHECKING:
    import ssl

    from pushbot.ports import Job
    from pushbot_plugins.kubernetes.options import KubernetesOptions
    from pushbot_plugins.remote_words import Words

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account."""
EXEC_LIMIT = 60.0
"""Seconds within which a kubeconfig's command gives its credentials."""


@dataclass(frozen=True, slots=True)
class Access:
    """One way to a cluster: its address, the token to send if any, and whom to trust."""

    server: str
    token: str | None
    tls: ssl.SSLContext | None


class _Status(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _Credential(BaseModel):
    status: _Status


async def access(options: KubernetesOptions, job: Job, words: Words) -> Access:
    """The way to the cluster of `options`; its secrets are then among those of `words`.

    Raises PushbotError that names the file or the setting that is missing or wrong.
    """
    if options.server is not None and options.token is not None:
        found = Access(options.server, words.secret(options.token), trusting(options.ca))
    elif options.kubeconfig is not None:
        found = await _of_kubeconfig(options.kubeconfig, options.context, job)
    else:
        found = await asyncio.to_thread(_in_cluster)
    if found.token is not None:
        words.secrets.add(found.token)
        if not found.server.startswith("https://"):
            raise PushbotError(f"the cluster at {found.server} has no https://, and a token is never sent over http")
    return found


def _in_cluster() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise PushbotError(
            "the kubernetes executor has neither server nor kubeconfig, and the bot does not run inside a cluster"
        )
    address = f"[{host}]" if ":" in host else host
    return Access(f"https://{address}:{port}", _text(ACCOUNT / "token"), trusting(ACCOUNT / "ca.crt"))


async def _of_kubeconfig(path: Path, context: str | None, job: Job) -> Access:
    cluster, user = await asyncio.to_thread(read_kubeconfig, path, context)
    certificate, key, token = user.certificate(path), user.key(path), user.token
    if user.token_file:
        token = _text(path.parent / user.token_file)
    if user.exec is not None:
        given = await _ask(user.exec, path, job)
        token = given.token or token
        certificate, key = given.client_certificate_data or certificate, given.client_key_data or key
    if token is None and certificate is None:
        raise PushbotError(f"{path} has no token, certificate or command for its user that the bot could use")
    tls = await asyncio.to_thread(_tls, path, cluster, certificate, key)
    return Access(cluster.server, token.strip() if token else None, tls)


def _tls(path: Path, cluster: Cluster, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Trust in the cluster's own authority, and the user's certificate to show."""
    try:
        authority = cluster.authority(path)
        context = client_context(cadata=authority)
        if certificate is not None:
            with tempfile.TemporaryDirectory() as folder:  # for its owner alone; it cannot be loaded otherwise
                both = Path(folder) / "both.pem"
                both.touch(0o600)
                both.write_text(f"{certificate}\n{key or ''}\n", "ascii")
                context.load_cert_chain(both)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = error.strerror if isinstance(error, OSError) and error.strerror else "they are not PEM"
        raise PushbotError(f"the certificates of {path} cannot be used: {why}") from None
    return context


async def _ask(command: Exec, path: Path, job: Job) -> _Status:
    """The credentials that a kubeconfig's command prints."""
    if command.interactive_mode == "Always":
        raise PushbotError(f"{path} gives credentials by {command.command}, which wants to ask a person")
    program = command.command
    if "/" in program and not program.startswith("/"):
        program = str(path.parent / program)
    info = {"apiVersion": command.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
    variables = {one.name: one.value for one in command.env} | {"KUBERNETES_EXEC_INFO": json.dumps(info)}
    out, said = bytearray(), bytearray()
    env = environment(job.env) | variables
    try:
        async with asyncio.timeout(EXEC_LIMIT):
            ended = await run_child((program, *command.args), env=env, out=into(out), err=into(said))
    except TimeoutError:
        raise PushbotError(f"{program} gave no credentials within {EXEC_LIMIT:g} s") from None
    except (OSError, ValueError) as error:  # the latter for a NUL
        raise PushbotError(f"{path} gives credentials by {program}: {getattr(error, 'strerror', error)}") from None
    if ended.code:
        raise PushbotError(f"{program} gave no credentials: {one_line(said.decode(errors='replace'), 200)}")
    try:
        return _Credential.model_validate_json(bytes(out)).status
    except ValidationError:
        raise PushbotError(f"{program} printed no ExecCredential with a status") from None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise PushbotError(f"the token in {path} cannot be read: {why}") from None
