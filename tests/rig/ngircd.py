"""A real ngircd on loopback, started, stopped and restarted by the tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

REMEDY = "These tests need a real IRC server: apt-get install ngircd"


_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = range(12_000 + _WORKER, 32_000, _WORKERS)
"""Where servers of the tests listen: below the ports that the kernel gives to whoever connects somewhere (ip(7)).

Processes that run the suite together share them out.
"""
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, nor will soon: given once, and to no outgoing connection."""
    while True:
        port = secrets.choice(PORTS)
        if port in _given:
            continue
        _given.add(port)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Certificates:
    """PEM files made by `make_certificates`: an authority, a server it vouches for, a client."""

    ca: Path
    cert: Path
    key: Path


@dataclass
class Ngircd:
    """One server. `channels` are predefined (nobody is operator there) with modes, e.g. {"#push": "+t"}.

    `limits` turns its flood control on (three lines a second). `start` returns once it listens.
    """

    channels: dict[str, str] = field(default_factory=dict)
    password: str | None = None
    limits: bool = False
    nick_length: int = 30
    tls: Certificates | None = None
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _directory: Path | None = None

    def config(self) -> str:
        """The text of its configuration file."""
        lines = [
            "[Global]",
            "Name = irc.rig.test",
            "Info = rig",
            f"Listen = {self.host}",
            f"Ports = {self.port}",
            "MotdPhrase = hello",
            f"ServerUID = {os.getuid()}",
            f"ServerGID = {os.getgid()}",
            *([f"Password = {self.password}"] if self.password else []),
            "[Limits]",
            "MaxConnections = 0",
            "MaxConnectionsIP = 0",
            "MaxJoins = 0",
            f"MaxNickLength = {self.nick_length}",
            *([] if self.limits else ["MaxPenaltyTime = 0"]),
            "[Options]",
            "PAM = no",
            "Ident = no",
            "DNS = no",
            "OperCanUseMode = yes",
            "[Operator]",
            "Name = rig",
            "Password = rig",
        ]
        if self.tls:
            lines += ["[SSL]", f"CertFile = {self.tls.cert}", f"KeyFile = {self.tls.key}", f"Ports = {self.tls_port}"]
        for name, modes in self.channels.items():
            lines += ["[Channel]", f"Name = {name}", *([f"Modes = {modes}"] if modes else [])]
        return "\n".join(lines) + "\n"

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it on the same port as before; returns once it listens."""
        process = self._launch()
        async with asyncio.timeout(60):
            while not await self._listens():
                if process.poll() is not None:
                    raise AssertionError(f"ngircd did not start:\n{self.log()}")
                await asyncio.sleep(0.01)

    def _launch(self) -> subprocess.Popen[bytes]:
        program = shutil.which("ngircd") or shutil.which("/usr/sbin/ngircd")
        if program is None:
            raise AssertionError(REMEDY)
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="ngircd-"))
        path = self._directory / "ngircd.conf"
        path.write_text(self.config(), encoding="utf-8")
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen([program, "-n", "-f", str(path)], stdout=log, stderr=log)
        return self._process

    def log(self) -> str:
        """What it has written so far."""
        if self._directory is None:
            return ""
        return (self._directory / "log").read_text(encoding="utf-8", errors="replace")

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.close()
        return True

    def kill(self) -> None:
        """End it at once; its clients see the connection break."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Let it stop answering, with all connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its files."""
        self.kill()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


def make_certificates(directory: Path, name: str = "localhost") -> Certificates:
    """An authority, and a certificate of it for `name` with its key, as PEM files in `directory`."""
    program = shutil.which("openssl")
    if program is None:
        raise AssertionError("These tests make certificates: apt-get install openssl")

    def openssl(*arguments: str) -> None:
        subprocess.run([program, *arguments], check=True, capture_output=True, cwd=directory)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-keyout", f"{name}-ca.key", "-out", f"{name}-ca.pem", "-days", "2", "-subj", f"/CN=rig {name}"]
    openssl("req", "-x509", *new_key, *authority)
    openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (directory / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}\n", encoding="utf-8")
    issue = ["-CA", f"{name}-ca.pem", "-CAkey", f"{name}-ca.key", "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", f"{name}.ext", *issue)
    return Certificates(directory / f"{name}-ca.pem", directory / f"{name}.pem", directory / f"{name}.key")
