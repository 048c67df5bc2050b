"""Hosts are asked what they run."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.fleet.model import HostVersion, Look, VersionProbe
from pushbot.ports import Versions
from pushbot_plugins.ssh.executor import SshExecutor
from pushbot_plugins.ssh.worker.versions import version_in
from tests.plugins.ssh.bench import options
from tests.rig.sshd import Dead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.sshd import SshdRig


@pytest.fixture
def port() -> Iterator[int]:
    """A server that says 1.2.3 at `/web1`."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/web1" else 404)
            self.end_headers()
            self.wfile.write(b'{"version": "1.2.3"}')

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_address[1]
        server.shutdown()


async def test_over_http(rig: SshdRig, port: int) -> None:
    executor = SshExecutor(options(rig))
    assert isinstance(executor, Versions)
    hosts = [rig.dead(Dead.REFUSES, name) for name in ("web2", "web1")]
    probe = VersionProbe(Look.HTTP, f"http://{{address}}:{port}/{{host}}", pattern='"version": "([^"]*)"')
    assert await executor.versions(hosts, probe) == [
        HostVersion("web2", None, "answered 404"),
        HostVersion("web1", "1.2.3"),
    ]
    assert await executor.versions([], probe) == []


async def test_over_ssh(rig: SshdRig, tmp_path: Path) -> None:
    executor = SshExecutor(options(rig, login_timeout=4.0))
    (tmp_path / "web1-version").write_text("v1\nmore\n")
    hosts = [rig.dead(Dead.NO_LOGIN), *(each.host for each in rig.start(2))]
    probe = VersionProbe(Look.FILE, f"{tmp_path}/{{host}}-version")
    dead, first, second = await executor.versions(hosts, probe)
    assert dead.trouble
    assert first == HostVersion("web1", "v1")
    assert second.trouble
    assert "No such file" in second.trouble
    pieces = VersionProbe(
        Look.COMMAND, run=("sh", "-c", "printf no; sleep 0.1; printf ' version'; sleep 0.1; echo; exit 3")
    )
    (piecemeal,) = await executor.versions(hosts[1:2], pieces)
    assert piecemeal.trouble == "no version (exit code 3)"
    command = VersionProbe(Look.COMMAND, run=("sh", "-c", 'echo "v on $PUSHBOT_HOST"'))
    assert await executor.versions(hosts[1:], command) == [
        HostVersion("web1", "v on web1"),
        HostVersion("web2", "v on web2"),
    ]
    hanging = VersionProbe(Look.COMMAND, run=("sleep", "6001"), timeout=0.2)
    (answer,) = await executor.versions(hosts[1:2], hanging)
    assert answer.trouble
    assert "0.2 s" in answer.trouble


async def test_when_nobody_can_be_asked_that_is_said(rig: SshdRig, tmp_path: Path) -> None:
    executor = SshExecutor(options(rig, keys=[str(tmp_path / "nothing")]))
    with pytest.raises(PushbotError, match="nothing cannot be read"):
        await executor.versions([rig.dead(Dead.REFUSES)], VersionProbe(Look.FILE, "/etc/version"))


@pytest.mark.parametrize(
    ("answer", "pattern", "version"),
    [
        ("  1.2.3 \nmore", None, "1.2.3"),
        ("\n\n", None, None),
        ("app 1.2.3 (x)", r"\d[\d.]+", "1.2.3"),
        ("app 1.2.3 (x)", r"app (\S+)", "1.2.3"),
        ("app", r"app (\S+)?", None),
        ("app", r"\d", None),
    ],
)
def test_the_version_in_an_answer(answer: str, pattern: str | None, version: str | None) -> None:
    assert version_in(answer, pattern) == version
