"""A real HAProxy on loopback, in front of servers that are checked every 50 ms, and clients that hammer it.

It does not try a failed request again, so that whatever goes wrong behind it is seen.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

REMEDY = "These tests need a real load balancer: apt-get install haproxy"
LIMIT = 60.0

CONFIG = """\
global
  stats socket {path} mode 600 level admin
  stats socket 127.0.0.1:{admin} level admin
defaults
  mode http
  retries 0
  timeout connect 20s
  timeout client 20s
  timeout server 20s
  timeout check 20s
  default-server check inter 50ms fall 2 rise 1
frontend web
  bind 127.0.0.1:{port}
  default_backend web
backend web
  option httpchk GET {check}
{servers}
"""


@dataclass
class Haproxy:
    """One HAProxy with the backend `web`: `servers` are the ports of its servers on 127.0.0.1, by name."""

    folder: Path
    servers: Mapping[str, int]
    check: str = "/"
    port: int = field(default_factory=free_port)
    admin: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> str:
        """Its runtime socket."""
        return str(self.folder / "haproxy.sock")

    def __enter__(self) -> Self:
        program = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
        assert program is not None, REMEDY
        self.folder.mkdir(parents=True, exist_ok=True)
        servers = "\n".join(f"  server {name} 127.0.0.1:{port}" for name, port in self.servers.items())
        config = CONFIG.format(path=self.path, admin=self.admin, port=self.port, check=self.check, servers=servers)
        (self.folder / "haproxy.cfg").write_text(config)
        log = self.folder / "haproxy.log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [program, "-db", "-f", str(self.folder / "haproxy.cfg")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        until = time.monotonic() + LIMIT
        while not self._listens():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < until, "haproxy does not listen"
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def tell(self, command: str) -> str:
        """What it answers on its runtime socket."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(LIMIT)
            link.connect(self.path)
            link.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: link.recv(65536), b"")).decode()

    def status(self, server: str) -> str:
        """`UP`, `DOWN`, `DRAIN`, `MAINT` …"""
        for line in self.tell("show stat -1 4 -1").splitlines():
            words = line.split(",")
            if words[:2] == ["web", server]:
                return words[17]
        raise AssertionError(f"no server {server}")

    def until(self, server: str, status: str) -> None:
        """Wait until it sees the server so."""
        end = time.monotonic() + LIMIT
        while self.status(server) != status:
            assert time.monotonic() < end, f"{server} is {self.status(server)}, not {status}"
            time.sleep(0.01)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            self.tell("show info")
        except OSError:
            return False
        return True


class Crowd:
    """Clients who ask for `/` again and again, until the block ends. `answers` are all that they got, in order."""

    def __init__(self, port: int, clients: int = 4) -> None:
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        self.answers: list[tuple[int, str]] = []

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for each in self._threads:
            each.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)
        while not self._over.wait(0.002):
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                self.answers.append((answer.status, answer.read().decode()))
            except (OSError, http.client.HTTPException) as trouble:
                self.answers.append((0, repr(trouble)))
                connection.close()
        connection.close()
