"""What an operator writes for the ssh executor, checked, and as the `Settings` that its worker reads.

docs/fleets.md tells what each option is for.
"""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pushbot.secret import REFERENCE
from pushbot.values import Duration, Flag, Positive, Text, TimeLimit, expected
from pushbot_plugins.local.supervisor.plain import revived
from pushbot_plugins.ssh.settings import Connecting, Layout, Settings, Way

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]iB|B)", re.ASCII)
_JUMP = re.compile(r"(?:[^@\s,]+@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s:/,@\[\]]+)(?::[0-9]{1,5})?")
_NEED = re.compile(r"[\w.+/-]+>=\d+(?:\.\d+)*", re.ASCII)
_WEB = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        return int(float(match[1]) * _UNITS[match[2]])
    raise expected('a size: bytes as a number, or a text such as "500MiB", "2GiB"')


def _here(value: str) -> str:
    path = Path(value).expanduser()
    if not value or "\0" in value or not (path.is_absolute() or value.startswith(("./", "../"))):
        raise expected('a path that begins with "/", "./", "../" or "~/"')
    return os.path.abspath(path)  # noqa: PTH100 - `..` goes up one folder of the name, as elsewhere in the file


def _there(value: str) -> str:
    if not re.fullmatch(r"/[^\0\n]*[^\0\n/]", value) or ".." in value.split("/"):
        raise expected('a path on the hosts that begins with "/"')
    return value


def _below(value: str) -> str:
    if not re.fullmatch(r"[^\0\n/][^\0\n]*", value) or {".", "..", ""} & set(value.rstrip("/").split("/")):
        raise expected('a path inside the release, such as "var/log"')
    return value.rstrip("/")


def _jump(value: str) -> str:
    if not all(_JUMP.fullmatch(each.strip()) for each in value.split(",")):
        raise expected("[USER@]HOST[:PORT], or several with commas between them")
    return value


def _need(value: str) -> str:
    if not _NEED.fullmatch(value):
        raise expected('a command and the version wanted at least, such as "java>=17"')
    return value


def _socket(value: str) -> str:
    return value if re.fullmatch(r"[^/\s]+:[0-9]{1,5}", value) else _here(value)


def _artifact(value: str) -> str:
    if not (_WEB.fullmatch(value) or re.fullmatch(r"/\S+", value)):
        raise expected("an http(s) URL without a user, or an absolute path")
    return value


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Size = Annotated[int, BeforeValidator(_size)]
HerePath = Annotated[str, AfterValidator(_here)]
TherePath = Annotated[str, AfterValidator(_there)]
Inside = Annotated[str, AfterValidator(_below)]
Jump = Annotated[str, AfterValidator(_jump)]
Need = Annotated[str, AfterValidator(_need)]
Socket = Annotated[str, AfterValidator(_socket)]
Place = Annotated[str, AfterValidator(_artifact)]
Port = Annotated[Positive, Field(le=65535)]
Reference = Annotated[str, Field(pattern=REFERENCE)]
Values = Annotated[tuple[Text, ...], BeforeValidator(_one_or_more)]


class BalancerOptions(BaseModel):
    """`balancer = { type = "haproxy", … }`: how a host leaves the load balancer before its batch, and comes back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Way
    sockets: tuple[Socket, ...] = ()
    backend: Text = ""
    server: Text = "{host}"
    method: Annotated[str, Field(pattern=r"^[A-Z]+$")] = "POST"
    headers: dict[str, Text] = {}
    out: Values = ()
    back: Values = ()
    state: Values = ()
    healthy: Text = ""
    drain: Duration = 30.0
    healthy_within: TimeLimit = 60.0
    timeout: TimeLimit = 10.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needs, may = _OF_WAY[self.type]
        for name in needs:
            if not getattr(self, name):
                raise expected(f"`{name}` beside type {self.type.value!r}")
        for name in sorted({"sockets", "backend", "server", "method", "headers", "out", "back", "state", "healthy"}):
            if name in self.model_fields_set and name not in (*needs, *may):
                raise expected(f"no `{name}`, which type {self.type.value!r} has no use for")
        if self.type is Way.HTTP and not all(
            re.match(r"https?://", each) for each in (*self.out, *self.back, *self.state)
        ):
            raise expected("URLs that begin with http:// or https:// in `out`, `back` and `state`")
        if self.type is Way.FILE and (len(self.out) != 1 or not self.out[0].startswith("/")):
            raise expected('one path on the hosts in `out`, which begins with "/"')
        if self.healthy and not self.state:
            raise expected("`state` beside `healthy`")
        if not all(_HEADER.fullmatch(name) and value.isprintable() for name, value in self.headers.items()):
            raise expected("headers of one line each")
        return self

    def plain(self) -> dict[str, object]:
        """What a `Draining` is made from."""
        given: dict[str, object] = self.model_dump(mode="json", exclude={"type", "headers"})
        return given | {"way": self.type, "headers": list(self.headers.items())}


_OF_WAY: dict[Way, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Way.HAPROXY: (("sockets", "backend"), ("server",)),
    Way.HTTP: (("out", "back"), ("state", "healthy", "method", "headers")),
    Way.FILE: (("out",), ()),
    Way.COMMAND: (("out", "back"), ("state",)),
}
"""Which options a way must have, and which it may have."""


class ArtifactOptions(BaseModel):
    """`artifact = { urls = ["…"], sha256 = "…" }`: a package made elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: Annotated[tuple[Place, ...], Field(min_length=1)]
    sha256: str

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not (_DIGEST.fullmatch(self.sha256) or _WEB.fullmatch(self.sha256)):
            raise expected("64 hexadecimal digits, or the URL of a file that begins with them, in `sha256`")
        return self


class ReleaseOptions(BaseModel):
    """`release = { root = "/srv/app", … }`: what is shipped, where to, and what is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: TherePath
    repository: Text = ""
    cache: HerePath | None = None
    build: Text = ""
    build_timeout: TimeLimit = 1800.0
    subfolder: Inside | None = None
    exclude: tuple[Text, ...] = ()
    artifact: ArtifactOptions | None = None
    layout: Layout = Layout.RELEASES
    shared: tuple[Inside, ...] = ()
    needs: tuple[Need, ...] = ()
    free: Size = 0
    ports: tuple[Port, ...] = ()
    settle: Duration = 2.0
    keep: Positive = 5
    streams: Positive = 100
    ship_timeout: TimeLimit = 600.0
    compression: Flag = False
    verify_all: Flag = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.repository) == (self.artifact is not None):
            raise expected("either `repository` or `artifact`: what is shipped")
        return self

    def plain(self) -> dict[str, object]:
        """What a `Releasing` is made from."""
        given: dict[str, object] = self.model_dump(mode="json")
        return given | {"cache": self.cache or _default_cache(), "subfolder": self.subfolder or ""}


class RelayOptions(BaseModel):
    """`[[relays]]`: a deploy host near others, which feeds them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Jump
    where: dict[str, Values] = {}
    user: Text | None = None
    key: Text | None = None
    folder: Text = ".cache/pushbot-relay"
    at_once: Positive = 20


class SshOptions(BaseModel):
    """`executor = { type = "ssh", … }`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: Text | None = None
    port: Port = 22
    keys: tuple[HerePath, ...] = ()
    certificates: tuple[HerePath, ...] = ()
    passphrase: Reference | None = None
    agent: Flag = False
    known_hosts: tuple[HerePath, ...] | None = None
    jump: Jump | None = None
    jump_user: Text | None = None
    connect_timeout: TimeLimit = 10.0
    login_timeout: TimeLimit = 20.0
    at_once: Positive = 100
    open_at_once: Positive = 1000
    keepalive: Duration = 15.0
    keep_warm: Duration = 0.0
    compression: Flag = False
    output_limit: Size = 4 * 2**20
    revert_within: TimeLimit = 300.0
    balancer: BalancerOptions | None = None
    release: ReleaseOptions | None = None
    relays: tuple[RelayOptions, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.relays and self.release is None:
            raise expected("`release` beside `relays`, which feed hosts with it")
        return self

    def settings(self) -> Settings:
        """The same for the worker."""
        given: dict[str, object] = self.model_dump(mode="json", exclude={"balancer", "release", "relays"})
        connecting = {each.name: given.pop(each.name) for each in fields(Connecting)}
        known = self.known_hosts if self.known_hosts is not None else (_here("~/.ssh/known_hosts"),)
        relays = [each.model_dump(mode="json") | {"where": sorted(each.where.items())} for each in self.relays]
        return revived(
            Settings,
            given
            | {
                "connecting": connecting | {"known_hosts": known},
                "draining": self.balancer and self.balancer.plain(),
                "releasing": self.release and self.release.plain(),
                "relays": relays,
            },
        )


def _default_cache() -> str:
    """Where mirrors of repositories are kept: systemd's CacheDirectory, else the user's cache."""
    given = os.environ.get("CACHE_DIRECTORY", "").split(":")[0] or os.environ.get("XDG_CACHE_HOME")
    return str((Path(given) if given else Path.home() / ".cache") / "pushbot" / "releases")
