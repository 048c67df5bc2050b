"""What of a kubeconfig is read (kubernetes.io/docs/reference/config-api/kubeconfig.v1): a cluster and a user."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pushbot.errors import PushbotError
from pushbot_plugins.kubernetes.manifests import documents
from pushbot_plugins.remote_words import Address  # noqa: TC001 - pydantic needs it

if TYPE_CHECKING:
    from pathlib import Path


def _to_kebab(name: str) -> str:
    return name.replace("_", "-")


class _Table(BaseModel):
    model_config = ConfigDict(alias_generator=_to_kebab)


class Variable(BaseModel):
    """One of a command's environment."""

    name: str
    value: str


class Exec(BaseModel):
    """A command that prints credentials."""

    model_config = ConfigDict(alias_generator=to_camel)

    api_version: str
    command: str
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    interactive_mode: str = "IfAvailable"


class Cluster(_Table):
    """Where a cluster is, and whom to trust about it."""

    server: Address
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None

    def authority(self, path: Path) -> str | None:
        """The PEM of its authority; None for the system's. Raises ValueError and OSError."""
        return _pem(path, self.certificate_authority_data, self.certificate_authority)


class User(_Table):
    """Who the bot is there. Values are never shown."""

    token: str | None = Field(default=None, repr=False)
    token_file: str | None = Field(default=None, alias="tokenFile")
    client_certificate: str | None = None
    client_certificate_data: str | None = Field(default=None, repr=False)
    client_key: str | None = None
    client_key_data: str | None = Field(default=None, repr=False)
    exec: Exec | None = None

    def certificate(self, path: Path) -> str | None:
        """The PEM of its certificate."""
        return _read(path, self.client_certificate_data, self.client_certificate)

    def key(self, path: Path) -> str | None:
        """The PEM of its key."""
        return _read(path, self.client_key_data, self.client_key)


class _NamedCluster(BaseModel):
    name: str
    cluster: Cluster


class _NamedUser(BaseModel):
    name: str
    user: User


class _Context(BaseModel):
    cluster: str
    user: str


class _NamedContext(BaseModel):
    name: str
    context: _Context


class _Kubeconfig(_Table):
    clusters: tuple[_NamedCluster, ...]
    users: tuple[_NamedUser, ...]
    contexts: tuple[_NamedContext, ...]
    current_context: str = ""


def read_kubeconfig(path: Path, context: str | None) -> tuple[Cluster, User]:
    """The cluster and the user of a context, the current one when None.

    Raises PushbotError when there is no such thing, and for what would weaken the check of the cluster's
    certificate or cannot be done.
    """
    try:
        (whole,) = documents(path)
        config = _Kubeconfig.model_validate(whole)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise PushbotError(f"{path} is no kubeconfig that the bot can use: {where}: {first['msg']}") from None
    except ValueError:
        raise PushbotError(f"{path} is no kubeconfig: it has not one document") from None
    name = context or config.current_context
    chosen = next((one.context for one in config.contexts if one.name == name), None)
    cluster = next((one.cluster for one in config.clusters if chosen and one.name == chosen.cluster), None)
    user = next((one.user for one in config.users if chosen and one.name == chosen.user), None)
    if cluster is None or user is None:
        known = ", ".join(one.name for one in config.contexts)
        raise PushbotError(f"{path} has no whole context {name!r}; there are {known or 'none'}")
    if cluster.insecure_skip_tls_verify:
        raise PushbotError(f"{path} asks not to check the cluster's certificate: give its certificate-authority")
    if cluster.tls_server_name or cluster.proxy_url:
        raise PushbotError(f"{path} has a tls-server-name or a proxy-url, which the bot cannot use")
    return cluster, user


def _read(path: Path, data: str | None, file: str | None) -> str | None:
    try:
        return _pem(path, data, file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not base64 of text"
        raise PushbotError(f"the certificate or key of the user in {path} cannot be read: {why}") from None


def _pem(path: Path, data: str | None, file: str | None) -> str | None:
    if data is not None:
        try:
            return base64.b64decode(data, validate=True).decode("ascii")
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    return (path.parent / file).read_text("ascii") if file is not None else None
