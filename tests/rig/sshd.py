"""Real OpenSSH servers on loopback: many of them, each with a key, a port and a home of its own, and dead ones.

    with SshdRig(folder) as rig:
        web1, web2 = rig.start(2, role="web")
        web1.host              # what the bot is told: Host("web1", "127.0.0.1:40123", (("role", "web"),))
        rig.connecting()       # how it is reached: key and known_hosts of this rig
        web1.change_key()      # ... stop(), start(), freeze(), thaw()
        rig.dead(Dead.NO_BANNER)

Needs no rights and no users: everybody logs in as who runs the tests. What is run on a host has HOME in a folder
of that host, and the variable PUSHBOT_RIG by which it is found and ended with the rig.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

import asyncssh

from pushbot.fleet.model import Host
from pushbot_plugins.ssh.settings import Connecting
from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

REMEDY = "These tests need a real SSH server: apt-get install openssh-server"
PRIVILEGE_SEPARATION = Path("/run/sshd")
"""An empty folder that sshd insists on when root starts it; the distribution's service makes it."""
LIMIT = 60.0
MARK = "PUSHBOT_RIG"
LISTENERS = 16
"""How many addresses one sshd listens on at most (MAX_LISTEN_SOCKS of its source)."""

CONFIG = """\
HostKey {folder}/host_key
PidFile none
UsePAM no
UseDNS no
StrictModes no
MaxStartups 10000
MaxSessions 1000
LoginGraceTime 60
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile {keys}/authorized_keys
TrustedUserCAKeys {keys}/authority.pub
PrintMotd no
PrintLastLog no
SetEnv {environment}
"""


class Keys:
    """The client's key, the authority that certificates come from, and as many host keys as are asked for.

    Made once and used for all rigs of a session: `key` and `stranger` (a key that no host accepts) are files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.key = self._write("id_ed25519", _made())
        self.stranger = self._write("id_stranger", _made())
        self.authority = _made()
        self._write("authority", self.authority)
        shutil.copy(f"{self.key}.pub", folder / "authorized_keys")
        self._host_keys: dict[int, asyncssh.SSHKey] = {}

    def host_key(self, number: int) -> asyncssh.SSHKey:
        """The host key of that number, the same each time."""
        return self._host_keys.setdefault(number, _made())

    def certify(self, path: Path, *, principals: Sequence[str] = (), valid_before: str = "+1h") -> Path:
        """A private key at `path` that is accepted because of the certificate beside it (`-cert.pub`), and only so."""
        key = _made()
        path.write_bytes(key.export_private_key())
        path.chmod(0o600)
        certificate = self.authority.generate_user_certificate(
            key, "rig", principals=list(principals or [user()]), valid_after=0, valid_before=valid_before
        )
        Path(f"{path}-cert.pub").write_bytes(certificate.export_certificate())
        return path

    def _write(self, name: str, key: asyncssh.SSHKey) -> Path:
        path = self.folder / name
        path.write_bytes(key.export_private_key())
        path.chmod(0o600)
        Path(f"{path}.pub").write_bytes(key.export_public_key())
        return path


def _made() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def user() -> str:
    """Who everybody logs in as."""
    return getpass.getuser()


@dataclass
class Sshd:
    """One server, and the host that it is. It is on the same port each time it is started.

    `folder` is HOME of what is run there. `extra` are lines of its configuration, `addresses` where it listens.
    """

    name: str
    folder: Path
    keys: Keys
    number: int
    token: str
    labels: tuple[tuple[str, str], ...] = ()
    extra: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ("127.0.0.1",)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> Host:
        """What the bot is told of it."""
        return Host(self.name, f"{self.addresses[0]}:{self.port}", self.labels)

    @property
    def key(self) -> asyncssh.SSHKey:
        """The key by which it is known."""
        return self.keys.host_key(self.number)

    def known(self) -> str:
        """Its lines for known_hosts."""
        public = self.key.export_public_key().decode().strip()
        return "".join(f"[{address}]:{self.port} {public}\n" for address in self.addresses)

    @property
    def pid(self) -> int:
        """The daemon that listens, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self._own / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def _own(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.sshd")

    def start(self) -> None:
        """Start it; returns once it listens."""
        self.launch()
        self.listening()

    def launch(self) -> None:
        """Begin to start it."""
        program = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
        if program is None:
            raise AssertionError(REMEDY)
        if os.getuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._own.mkdir(exist_ok=True)
        (self._own / "host_key").write_bytes(self.key.export_private_key())
        (self._own / "host_key").chmod(0o600)
        environment = f'"HOME={self.folder}" "{MARK}={self.token}"'
        lines = [f"ListenAddress {address}:{self.port}" for address in self.addresses]
        text = CONFIG.format(folder=self._own, keys=self.keys.folder, environment=environment)
        (self._own / "config").write_text("\n".join((*self.extra, *lines, text)), encoding="utf-8")
        with (self._own / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-D", "-e", "-f", str(self._own / "config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def listening(self) -> None:
        """Wait until it does."""
        assert self._process is not None
        running = self._process

        def listens() -> bool:
            assert running.poll() is None, f"sshd did not start:\n{self.log}"
            return self.log.count("Server listening on") == len(self.addresses)

        _until(listens)

    def stop(self) -> None:
        """End it and every connection to it, like a host that goes down; what was started there may live on."""
        if self._process is not None:
            children = self.connections()
            self._process.kill()
            self._process.wait()
            self._process = None
            for pid in children:
                _kill(pid)

    def connections(self) -> list[int]:
        """The processes of sshd that serve connections now."""
        return _sshd_below(self.pid, _processes()) if self._process is not None else []

    def cpu(self) -> float:
        """Seconds of processor time that it has used, and all that was run on it and has ended."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def freeze(self) -> None:
        """Let it and its connections stand still: packets are taken, and nothing ever answers."""
        for pid in (self.pid, *self.connections()):
            _kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for pid in (self.pid, *self.connections()):
            _kill(pid, signal.SIGCONT)

    def change_key(self) -> None:
        """Come back with another host key, as a host does that was made anew."""
        self.stop()
        self.number += 1000
        self.start()


class Dead(StrEnum):
    """Ways in which a host does not answer."""

    REFUSES = "refuses"
    """Nothing listens there."""
    NO_ANSWER = "no-answer"
    """The TCP connection is never made."""
    NO_BANNER = "no-banner"
    """It is, and that is all."""
    NO_LOGIN = "no-login"
    """The server says that it speaks SSH, and then nothing more."""


class _Listener:
    """A host that is dead in that way. Closed with the rig."""

    def __init__(self, dead: Dead) -> None:
        self._sockets = list[socket.socket]()
        self._thread: threading.Thread | None = None
        if dead is Dead.REFUSES:
            self.port = free_port()
            return
        self._sockets.append(socket.socket())
        self._sockets[0].bind(("127.0.0.1", 0))
        self.port = int(self._sockets[0].getsockname()[1])
        match dead:
            case Dead.NO_ANSWER:
                self._sockets[0].listen(0)
                for _ in range(4):  # the queue of those who wait to be accepted is full then: SYNs are dropped
                    waiting = socket.socket()
                    waiting.setblocking(False)
                    waiting.connect_ex(("127.0.0.1", self.port))
                    self._sockets.append(waiting)
            case Dead.NO_BANNER:
                self._sockets[0].listen(128)
            case Dead.NO_LOGIN:
                self._sockets[0].listen(128)
                self._thread = threading.Thread(target=self._greet, daemon=True)
                self._thread.start()

    def _greet(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._sockets[0].accept()
                self._sockets.append(connection)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")

    def close(self) -> None:
        for each in self._sockets[:1]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        if self._thread is not None:
            self._thread.join()
        for each in self._sockets:
            each.close()


class SshdRig:
    """Servers below `folder`, ended by `close` with all that was started on them."""

    def __init__(self, folder: Path, keys: Keys | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.keys = keys or Keys(folder / "keys")
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.touch()
        self.token = secrets.token_hex(8)
        self.servers: list[Sshd] = []
        self._listeners: list[_Listener] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, count: int = 1, *, prefix: str = "web", extra: Sequence[str] = (), **labels: str) -> list[Sshd]:
        """So many servers more, known in known_hosts: web1, web2 and so on."""
        new = [self._server(prefix, labels, extra, ("127.0.0.1",)) for _ in range(count)]
        self._begin(new)
        return new

    def one(self, *extra: str, prefix: str = "web") -> Sshd:
        """One server more, with these lines of configuration."""
        return self.start(prefix=prefix, extra=extra)[0]

    def shared(self, count: int, *, prefix: str = "web", extra: Sequence[str] = (), **labels: str) -> list[Host]:
        """So many hosts that share a few servers, each under a loopback address of its own (and HOME in common)."""
        hosts: list[Host] = []
        new: list[Sshd] = []
        while len(hosts) < count:
            batch = len(self.servers)
            here = tuple(f"127.1.{batch}.{each + 1}" for each in range(min(LISTENERS, count - len(hosts))))
            server = self._server("shared", labels, extra, here)
            new.append(server)
            hosts += [
                Host(f"{prefix}{len(hosts) + each + 1}", f"{address}:{server.port}", server.labels)
                for each, address in enumerate(here)
            ]
        self._begin(new)
        return hosts

    def _server(self, prefix: str, labels: dict[str, str], extra: Sequence[str], addresses: tuple[str, ...]) -> Sshd:
        number = len(self.servers)
        name = f"{prefix}{1 + sum(each.name.startswith(prefix) for each in self.servers)}"
        sshd = Sshd(
            name,
            self.folder / name,
            self.keys,
            number,
            self.token,
            tuple(sorted(labels.items())),
            tuple(extra),
            addresses,
        )
        self.servers.append(sshd)
        return sshd

    def _begin(self, servers: Iterable[Sshd]) -> None:
        servers = list(servers)
        for each in servers:
            each.launch()
        for each in servers:
            each.listening()
        with self.known_hosts.open("a", encoding="utf-8") as known:
            known.writelines(each.known() for each in servers)

    def dead(self, how: Dead, name: str | None = None) -> Host:
        """A host that does not answer in that way."""
        listener = _Listener(how)
        self._listeners.append(listener)
        return Host(name or how.value, f"127.0.0.1:{listener.port}")

    def connecting(
        self,
        *,
        keys: Sequence[Path] | None = None,
        known_hosts: Sequence[Path] | None = None,
        jump: str | None = None,
        connect_timeout: float = 5.0,
        login_timeout: float = 15.0,
    ) -> Connecting:
        """How the hosts of this rig are reached; `dataclasses.replace` does for what else there is."""
        return Connecting(
            user=user(),
            keys=tuple(map(str, keys if keys is not None else [self.keys.key])),
            known_hosts=tuple(map(str, known_hosts if known_hosts is not None else [self.known_hosts])),
            jump=jump,
            connect_timeout=connect_timeout,
            login_timeout=login_timeout,
        )

    def running(self, marker: str = "") -> list[int]:
        """What was started on the hosts of this rig and is still there; with `marker` in its command line."""
        return _marked(self.token, marker)

    def close(self) -> None:
        """End every server, and all that was started on them."""
        for listener in self._listeners:
            listener.close()
        for server in self.servers:
            server.stop()
        self.servers.clear()

        def gone() -> bool:
            left = self.running()
            for pid in left:
                _kill(pid)
            return not left

        _until(gone)


def ssh_command(rig: SshdRig, host: Host) -> list[str]:
    """The start of a plain `ssh` command line to a host of the rig, for comparison."""
    address, _, port = host.reached_at.rpartition(":")
    options = ("BatchMode=yes", f"UserKnownHostsFile={rig.known_hosts}", "GlobalKnownHostsFile=/dev/null")
    named = [word for option in options for word in ("-o", option)]
    return ["ssh", "-F", "none", "-i", str(rig.keys.key), *named, "-p", port, f"{user()}@{address}"]


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "that took too long"
        time.sleep(0.005)


def _kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _processes() -> dict[int, tuple[str, str, int]]:
    """Name, state and parent of every process."""
    found: dict[int, tuple[str, str, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, tail = path.read_text(errors="replace").rpartition(")")
            state, parent = tail.split()[:2]
            found[int(path.parent.name)] = (head.partition("(")[2], state, int(parent))
    return found


def _sshd_below(pid: int, processes: dict[int, tuple[str, str, int]]) -> list[int]:
    below = [each for each, (name, _, parent) in processes.items() if parent == pid and name == "sshd"]
    return below + [each for child in below for each in _sshd_below(child, processes)]


def _marked(token: str, marker: str) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (path / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            if (
                state not in "ZX"
                and f"{MARK}={token}".encode() in (path / "environ").read_bytes()
                and marker.encode() in (path / "cmdline").read_bytes()
            ):
                found.append(int(path.name))
    return found
