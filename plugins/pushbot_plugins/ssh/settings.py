"""What the operator set for an ssh stage, as plain values: made by `options.py`, read by the worker.

Durations are seconds, paths on the bot's machine absolute, secrets references (`env:NAME`, `file:PATH`).
These are dataclasses of the standard library, so that the worker needs no pydantic.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """How hosts are reached.

    `keys` and `certificates` are files; `agent` also asks the agent at SSH_AUTH_SOCK. `known_hosts` are files
    as sshd(8) describes them, hashed names and `@cert-authority` lines too. `jump` is `[USER@]HOST[:PORT]`, or
    several with commas between them, nearest first; one connection to it serves all hosts. `at_once` bounds the
    connections being made, `open_at_once` those open. `connect_timeout` is for the TCP connection,
    `login_timeout` for all until the host can be used. `keepalive` is how often a silent host is asked whether it
    is there (0: never), `keep_warm` how long connections are kept for the next run after one has ended.
    """

    user: str | None = None
    port: int = 22
    keys: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    passphrase: str | None = None
    agent: bool = False
    known_hosts: tuple[str, ...] = ()
    jump: str | None = None
    jump_user: str | None = None
    connect_timeout: float = 10.0
    login_timeout: float = 20.0
    at_once: int = 100
    open_at_once: int = 1000
    keepalive: float = 15.0
    keep_warm: float = 0.0
    compression: bool = False


class Way(StrEnum):
    """How a host is taken out of the balancer and put back."""

    HAPROXY = "haproxy"
    HTTP = "http"
    FILE = "file"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """How a host leaves the load balancer before its batch, and comes back after.

    `sockets` are HAProxy's runtime sockets (a path, or `HOST:PORT`), all of them told; `backend` and `server` name the
    server there (`{host}`, `{address}` and labels are filled in, here and everywhere below). `http`: `out` and
    `back` are URLs called with `method` and `headers` (values may be references), `state` one that answers
    with `healthy` in it once the host is back.
    `file`: `out` is a file on the host that exists while it is out, which the balancer's health check looks for.
    `command`: `out`, `back` and `state` are argument lists run on the bot's machine, `state` ending well once
    the host is back. `drain` is how long open requests may take: a balancer that can tell says when they are
    over, otherwise it is waited in full. `healthy_within` is how long the balancer may take to see the host well.
    """

    way: Way
    sockets: tuple[str, ...] = ()
    backend: str = ""
    server: str = "{host}"
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    out: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    healthy: str = ""
    drain: float = 30.0
    healthy_within: float = 60.0
    timeout: float = 10.0


class Layout(StrEnum):
    """How releases lie on a host: timestamped folders, or two document roots that take turns."""

    RELEASES = "releases"
    YIN_YANG = "yin-yang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A package made elsewhere: where it can be fetched, the next place tried when one has none or a corrupt one.

    `urls` are http(s) URLs or absolute paths of a .tar, .tar.gz or .zip, with `{revision}` filled in. `sha256` is its
    digest, or the URL of a file that begins with it.
    """

    urls: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasing:
    """The release recipe: what is shipped, where to, and what is kept.

    Made from the revision of `repository` in a mirror below `cache`, with `build` run in the checkout and only
    `subfolder` of it shipped if given; or from `artifact`. `exclude` are shell patterns of paths that are not shipped.
    `root` is the folder on each host. `shared` are paths that lead to the same place below ROOT/shared in every
    release. `preflight`: `needs` are commands with a version wanted at least (`java>=17`), `free` the bytes that must
    be free beyond the release, `ports` those that must be free or ours (a process whose files lie below root).
    `settle` is how long after a flip no other one is made. `keep` good releases stay. `streams` bounds the hosts
    shipped to at the same time, `verify_all` has unchanged files read and compared again too.
    """

    root: str
    repository: str = ""
    cache: str = ""
    build: str = ""
    build_timeout: float = 1800.0
    subfolder: str = ""
    exclude: tuple[str, ...] = ()
    artifact: Artifact | None = None
    layout: Layout = Layout.RELEASES
    shared: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    free: int = 0
    ports: tuple[int, ...] = ()
    settle: float = 2.0
    keep: int = 5
    streams: int = 100
    ship_timeout: float = 600.0
    compression: bool = False
    verify_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A deploy host near others: it is shipped to once, and feeds those hosts whose labels fit `where`.

    `host` is `[USER@]HOST[:PORT]`; it reaches its hosts with its own `ssh`, as `user`, with
    `key`, a file there, or what its own configuration says.
    """

    host: str
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    user: str | None = None
    key: str | None = None
    folder: str = ".cache/pushbot-relay"
    at_once: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it.

    `output_limit` is in bytes for each host; `revert_within` bounds all that is done to bring a host that failed back
    to what it ran before.
    """

    connecting: Connecting
    draining: Draining | None = None
    releasing: Releasing | None = None
    relays: tuple[Relay, ...] = ()
    output_limit: int = 4 * 2**20
    revert_within: float = 300.0


def variables_of(settings: Settings) -> frozenset[str]:
    """The environment variables that the settings refer to: for the worker itself, and not for what it runs."""
    headers = settings.draining.headers if settings.draining is not None else ()
    given = (*(value for _, value in headers), settings.connecting.passphrase or "")
    return frozenset(each.removeprefix("env:") for each in given if each.startswith("env:"))
