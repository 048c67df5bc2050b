"""Hosts that mean harm: they know all that they are told, the mark of each command too, and say what they like."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pushbot.fleet.model import Host, Look, VersionProbe
from pushbot.ports import Step
from tests.plugins.ssh.bench import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.sshd import SshdRig

PRETEND = "printf '\\npushbot-listens 1\\n'; read -r first; read -r mark; "
"""Listens as our own shell does, and reads the mark of the first command."""


def evil(folder: Path, script: str) -> str:
    """A line for sshd: whoever logs in gets this script."""
    path = folder / "evil.sh"
    path.write_text(f"{PRETEND}{script}\n")
    return f"ForceCommand /bin/sh {path}"


@pytest.mark.parametrize(
    "script",
    [
        "printf '%s ' \"$mark\"; tr '\\0' 7 < /dev/zero",
        "printf '%s seven\\n' \"$mark\"; sleep 6001",
        'printf \'%s =\\n%s \\n\' "$mark" "$mark"; sleep 6001',
        "printf '%s -1\\n' \"$mark\"; sleep 6001",
    ],
    ids=["endless", "no-number", "guard-word", "negative"],
)
async def test_a_host_that_ends_a_command_as_no_shell_does(tmp_path: Path, rig: SshdRig, script: str) -> None:
    bench = Bench(tmp_path, rig)
    server = rig.one(evil(tmp_path, script))
    began = time.monotonic()
    outcome = await bench.run(bench.job([server.host], Step("restart", script="true", timeout=60.0)))
    assert time.monotonic() - began < 40
    assert outcome.reason
    assert "web1 (run: the connection broke while the command ran (" in outcome.reason


async def test_what_a_host_says_is_one_printable_line(tmp_path: Path, rig: SshdRig) -> None:
    bench = Bench(tmp_path, rig)
    words = "\x1b[2J\x1b]0;title\x07go\r\naway\x02 \u202e" + "x" * 30_000
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        thread = threading.Thread(target=_sends_away, args=(door, words), daemon=True)
        thread.start()
        host = Host("web1", f"127.0.0.1:{door.getsockname()[1]}")
        outcome = await bench.run(bench.job([host], Step("restart", script="true")))
        (version,) = await bench.executor.versions([host], VersionProbe(Look.FILE, target="/version"))
    thread.join()
    assert outcome.reason
    assert version.trouble
    for text in (outcome.reason, version.trouble):
        assert "does not let us in: " in text
        assert "go away" in text
        assert text.isprintable()
        assert len(text) < 1000


def _sends_away(door: socket.socket, words: str) -> None:
    """Ends two connections with a reason (SSH_MSG_DISCONNECT, RFC 4253, section 11.1)."""
    said = words.encode()
    message = bytes([1, 0, 0, 0, 2]) + len(said).to_bytes(4) + said + bytes(4)
    padding = 8 - (len(message) + 5) % 8 + 8
    for _ in range(2):
        link, _ = door.accept()
        with link:
            link.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
            link.sendall((1 + len(message) + padding).to_bytes(4) + bytes([padding]) + message + bytes(padding))
            while link.recv(4096):
                pass
