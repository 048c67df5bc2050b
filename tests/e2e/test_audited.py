"""Everything that is asked of a bot is in its journal, whoever asked, wherever, and whatever came of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import basics, lane, noted, stage, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ALICE = ("nick:alice", "alice", "nick, which is trusted on this network")


def pushbot(*words: str | Path) -> str:
    """What one command prints."""
    command = [sys.executable, "-m", "pushbot", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


async def test_all_that_is_asked_is_told(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    steps = [step("build", noted(tmp_path / "steps", "build"))]
    bot = bots(basics(irc_server.port) + stage("web", "live", steps) + lane("web"))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".status", "nobody is in the queue")
    await alice.asks(".good", "alice")
    await alice.asks(".reload", "operator")
    await alice.asks("pushbot: .jion", "join")
    await alice.asks(".join", "alice: You're up")
    await asyncio.to_thread(pushbot, "stage", bot.file, "web", "live")
    alice.say('.hold "\x02bold\x1b[2J"')
    await alice.hears("on hold by alice", to="#warroom")
    os.kill(bot.pid, signal.SIGHUP)
    await until(lambda: len(bot.journal("")) > 3, "what came of the signal")
    told = [json.loads(line) for line in pushbot("audit", bot.file).splitlines()]
    assert [entry["id"] for entry in told] == list(range(1, len(told) + 1))
    asked = [entry for entry in told if (entry["who"], entry["name"], entry["proof"]) == ALICE]
    assert {entry["where"] for entry in asked} == {"irc/#push"}
    outcomes = {entry["what"]: entry["outcome"] for entry in asked}
    assert outcomes[".status"] == "answered"
    assert outcomes[".join"] == "done"
    assert outcomes[".good"] == "empty_queue"
    assert outcomes[".reload"] == "not_permitted"
    assert outcomes[".jion"] == "mistake"
    (hold,) = (what for what in outcomes if what.startswith(".hold"))
    assert "\x1b" not in hold
    assert "\x02" not in hold
    (staged,) = (entry for entry in told if entry["what"] == "stage live")
    assert (staged["who"], staged["where"], staged["outcome"]) == (f"uid:{os.getuid()}", "control", "done")
    loads = [
        (entry["what"].partition(":")[0], entry["outcome"])
        for entry in told
        if entry["what"].startswith(("Conf", "Not"))
    ]
    assert loads == [("Configuration loaded", "done"), ("Not reloaded", "refused")]
