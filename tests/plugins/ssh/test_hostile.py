"""Hosts that mean harm: they know all that they are told, the mark of each command too, and say what they like."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

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
        "printf '%s =\\n%s \\n' \"$mark\" \"$mark\"; sleep 6001",
        "printf '%s -1\\n' \"$mark\"; sleep 6001",
    ],
    ids=["endless", "no-number", "guard-word", "negative"],
)
async def test_a_host_that_ends_a_command_as_no_shell_does(tmp_path: Path, rig: SshdRig, script: str) -> None:
    bench = Bench(tmp_path, rig)
    server = rig.one(evil(tmp_path, script))
    began = time.monotonic()
    outcome = await bench.run(bench.job([server.host], Step("restart", script="true", timeout=2.0)))
    assert time.monotonic() - began < 1.9
    assert outcome.reason
    assert "web1 (restart: the connection broke while the command ran (" in outcome.reason
