"""A backup beside a bot at work, a crash, and the way back."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import UNLIMITED, Gate, basics, lane, noted, stage, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]


def pushbot(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pushbot", *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )


async def test_backed_up_at_work_killed_and_restored(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    steps = [step("build", f"{noted(tmp_path / 'steps', 'build')}\n{gate.script}")]
    bot = bots(UNLIMITED + basics(irc_server.port) + stage("web", "live", steps) + lane("web"))
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await alice.asks(".go", "web is being deployed to live by alice")
    backup = tmp_path / "copy.sqlite3"

    said, enough = 0, asyncio.Event()

    async def talk() -> None:
        nonlocal said
        while not enough.is_set():
            bob.say(f'.message "{said}"')
            said += 1
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as group:
        group.create_task(talk())
        await until(lambda: len(bot.journal()) > 50, "some of it")
        done = await asyncio.to_thread(pushbot, "backup", bot.file, backup)
        enough.set()
    assert (done.returncode, done.stderr) == (0, "")
    await until(lambda: len(bot.journal()) > said, "all of it")
    refused = pushbot("restore", bot.file, backup)
    assert refused.returncode == 1
    assert f"in use by another pushbot, process {bot.pid}" in refused.stderr
    await bot.kill()
    then = json.loads(pushbot("audit", bot.file, "--person", "bob").stdout.splitlines()[-1])
    assert then["what"] == f'.message "{said - 1}"'
    restored = pushbot("restore", bot.file, backup)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert "in flight at that time: web-1 (live)" in restored.stdout
    assert "what stood there is now" in restored.stdout
    last = json.loads(pushbot("audit", bot.file, "--person", "bob").stdout.splitlines()[-1])
    assert last["id"] < then["id"]
    note = json.loads(bot.rows("SELECT queue FROM lanes")[0][0])["message"]
    assert last["what"] == f'.message "{note}"'
    await bot.start()
    since = alice.mark
    await gate.opened()
    await alice.hears("alice: you're on live", since=since)
    assert bot.written("steps") == ["web-1 live build web-1"]
    await alice.asks(".done", "Thanks for driving, alice")
    await bob.asks(".join", "bob: You're up")
