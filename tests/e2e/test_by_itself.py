"""The bot's own trains on a real branch: it shares them with people, makes room for them, and goes nowhere twice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Repository, basics, lane, stage, step
from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]


def made(port: int, auto: str) -> str:
    """A lane of two stages, the first of which goes by itself."""
    source = '[pipelines.web]\nrepository = { type = "git", url = "./repo" }\nbranch = "main"\n'
    stages = "".join(stage("web", name, [step("build", "true")]) for name in ("staging", "production"))
    return basics(port) + "\n" + source + stages + lane("web", options=f"auto = {auto}")


async def test_people_aboard_are_waited_for_and_keep_the_train(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "repo")
    first = repository.commit("one", a_txt="1")
    bot = bots(made(irc_server.port, '{ stage = "staging", poll = "200ms" }'))
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    await bot.start()
    await until(lambda: [run.state for run in bot.runs()] == ["succeeded"], "the first revision on staging")
    await alice.sees("clear")
    await alice.asks(".join", "alice: You're up")
    assert f"web ({first[:8]}) is on staging now." in alice.said()
    assert not [text for text in alice.said() if text.startswith("pushbot:") or "Thanks" in text]
    second = repository.commit("two", a_txt="2")
    await alice.sees(f'alice | pushbot "main {second[:8]}"')
    bob.say(".join with pushbot")
    await bob.sees(f'alice | pushbot + bob "main {second[:8]}"')
    await alice.asks(".nevermind", "bob: You're up")
    since = bob.mark
    bob.say(".good")  # and the bot goes on by that, not when it looks again in some minutes
    await bob.hears("you're on staging", since=since)
    await bob.sees(f'<staging> bob "main {second[:8]}"')
    await bob.asks(".go", f"({second[:8]}) is being deployed to production by bob")
    await until(lambda: [run.state for run in bot.runs()] == ["succeeded"] * 3, "production")
    assert [(run.stage, run.revision) for run in bot.runs()] == [
        ("staging", first),
        ("staging", second),
        ("production", second),
    ]


async def test_a_second_build_of_a_revision_sets_nothing_going(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "repo")
    revision = repository.commit("one", a_txt="1")
    (tmp_path / "secret").write_text("s3cret")
    port = free_port()
    door = (
        f'\n[web]\nlisten = "127.0.0.1:{port}"\n[hooks.ci]\nform = "pushbot"\nsecret = "file:secret"\nlanes = ["web"]\n'
    )
    bot = bots(made(irc_server.port, '{ stage = "staging" }') + door)
    alice = await people(irc_server, "alice")
    await bot.start()

    def told(name: str, branch: str = "main", state: str = "success") -> int:
        body = json.dumps({"name": name, "branch": branch, "revision": revision, "state": state}).encode()
        at = str(int(time.time()))  # noqa: TID251 - as a script outside would
        sign = hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Pushbot-Timestamp": at, "X-Pushbot-Signature": f"sha256={sign}"}
        try:
            with urlopen(Request(f"http://127.0.0.1:{port}/hooks/ci", body, headers), timeout=30) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    assert await asyncio.to_thread(told, "unit") == 202
    await until(lambda: [run.state for run in bot.runs()] == ["succeeded"], "the revision on staging")
    await alice.sees("clear")
    assert await asyncio.to_thread(told, "browser") == 202
    await alice.asks(".join", "alice: You're up")
    assert [run.stage for run in bot.runs()] == ["staging"]
    assert [train.riders for train in bot.trains()] == [("alice",)]
    repository.git("branch", "feature")
    await alice.asks(".go feature", "being deployed to staging by alice")
    await alice.hears("alice: you're on staging")
    since = alice.mark
    assert await asyncio.to_thread(told, "unit", "feature", "failure") == 202
    await alice.hears("unit", since=since)
    await alice.hears("alice", since=since)


async def test_a_train_of_the_bot_that_failed_is_for_operators(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    Repository(tmp_path / "repo").commit("one", a_txt="1")
    config = made(irc_server.port, '{ stage = "staging", poll = "200ms" }').replace('"true"', '"exit 3"')
    bot = bots(config + '\n[roles.operator]\npeople = ["irc/olga"]\n')
    alice, olga = await people(irc_server, "alice"), await people(irc_server, "olga")
    await bot.start()
    await alice.hears("web: operators may say .abort")
    await alice.asks(".status", "exit code 3; operators may say .abort")
    await alice.asks(".abort", "[not_permitted]")
    since = alice.mark
    olga.say(".abort")
    await alice.hears("olga gave up the push of pushbot", since=since)
    await alice.sees("clear")
    await bot.kill()
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    assert len(bot.runs()) == 1
