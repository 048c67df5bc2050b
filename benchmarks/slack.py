"""From `.join` in a Slack channel to the topic and the board that others see, on the fake Slack of the tests.

The fake answers from another loop than the bots, in the process that measures, and limits nothing: what is measured is
the bot, with its letter and its commit to disk, beside the least bot that Bolt makes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from benchmarks.rig import HERE, PATIENCE, median, percentile
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAIRS = 40
WARM = 5
PEOPLE = 100
CONFIG = """
[bot]
guide = false
commands_per_minute = 0
store = "record/pushbot.sqlite3"
runs = "record/runs"

[chats.slack]
api_url = "{url}"
message_interval = 0   # the fake has no limits either
topic_interval = 0

[lanes.web]
rooms = ["slack/#push"]
pipeline = "web"

[[pipelines.web.stages]]
name = "princess"
executor = "dryrun"
steps = [{{ name = "publish", run = ["true"] }}]
"""


def measure() -> list[Figure]:
    """Both bots, each alone with a Slack of its own."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    async with _bare() as slack:
        bare = [await _changed(slack, "!x", ("topic",)) for _ in range(2 * PAIRS + WARM)][WARM:]
    async with _pushbot() as slack:
        for _ in range(WARM):
            await _changed(slack, ".join", ("alice",))
            await _changed(slack, ".nevermind", ("clear",))
        alone = [
            await _changed(slack, text, shown)
            for text, shown in ((".join", ("alice",)), (".nevermind", ("clear",))) * PAIRS
        ]
        calls = len(slack.calls)
        crowd = await _crowd(slack)
        calls = len(slack.calls) - calls
    peer = "bare Bolt bot, nothing stored"
    return [
        Figure("`.join` to the topic, median", median(alone), "ms", Peer(peer, median(bare))),
        Figure("`.join` to the topic, p95", percentile(alone, 95), "ms", Peer(peer, percentile(bare, 95))),
        Figure(f"{PEOPLE} people join at once, until all are aboard", crowd, "ms"),
        Figure("calls of the Web API for that", calls, ""),
    ]


async def _changed(slack: SlackServer, text: str, shown: tuple[str, ...]) -> float:
    """Milliseconds from a word of alice's to the topic that follows."""
    before = slack.topic("#push")
    began = time.perf_counter()
    slack.people.say("alice", "#push", text)
    while (topic := slack.topic("#push")) == before or not topic.startswith(shown):
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError(f"{text} changed nothing: {topic}")
        await asyncio.sleep(0)
    return (time.perf_counter() - began) * 1000


async def _crowd(slack: SlackServer) -> float:
    began = time.perf_counter()
    for number in range(PEOPLE):
        slack.people.say(f"p{number:03}", "#push", ".join")
    hidden = r"\+(\d+) trains \((\d+)\)|\+ (\d+) more"
    while True:
        topic = slack.topic("#push")
        more = sum(int(found[2] or found[3]) for found in re.finditer(hidden, topic))
        if len(re.findall(r"\bp\d{3}\b", topic)) + more == PEOPLE:
            return (time.perf_counter() - began) * 1000
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError(f"not all came aboard: {topic}")
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def _pushbot() -> AsyncIterator[SlackServer]:
    with tempfile.TemporaryDirectory(prefix="pushbot-bench-") as folder:
        async with _slack() as slack:
            config = _configured(Path(folder, "pushbot.toml"), slack.url)
            async with _running(slack, "-m", "pushbot", "run", str(config)):
                await slack.until(lambda: slack.topic("#push") == "clear" and slack.pins("#push"), PATIENCE)
                yield slack


def _configured(file: Path, url: str) -> Path:
    file.write_text(CONFIG.format(url=url), encoding="utf-8")
    return file


@contextlib.asynccontextmanager
async def _bare() -> AsyncIterator[SlackServer]:
    async with _slack() as slack, _running(slack, str(HERE / "bare_slack_bot.py"), slack.url):
        yield slack


@contextlib.asynccontextmanager
async def _slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as slack:
        for name in ("alice", *(f"p{number:03}" for number in range(PEOPLE))):
            slack.add_user(name)
        slack.add_channel("#push")
        yield slack


@contextlib.asynccontextmanager
async def _running(slack: SlackServer, *arguments: str) -> AsyncIterator[None]:
    """A bot's process, from when it is connected to its end."""
    environment = {**os.environ, "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    with tempfile.TemporaryFile() as log:
        bot = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=log, stderr=log)  # noqa: ASYNC220
        try:
            await slack.until(lambda: slack.links.open, PATIENCE)
            yield
        finally:
            bot.terminate()
            await asyncio.to_thread(bot.wait, PATIENCE)
