"""The listener of a whole bot, by real HTTP: who signs is heard once, and everybody else learns nothing."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from pushbot.errors import PushbotError
from pushbot.queue.model import Queue
from pushbot.service.people.access import Access
from pushbot.service.people.directory import Directory, Human, account_of
from pushbot.service.spec import AutoSpec
from pushbot.testing.playground import Playground
from pushbot.web import listener
from pushbot.web.signed import Form, Unsigned, identified, signature
from pushbot.web.spec import HookSpec, WebSpec
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

REVISION = "6957bb87".ljust(40, "0")
SECRET = "correct horse"


@dataclass
class Site:
    """A bot with a listener, and somebody who talks to it."""

    play: Playground
    door: Door
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        await self.play.start()
        await self.play.until(lambda: self.port is not None)

    @property
    def port(self) -> int | None:
        web = self.door.bot.lasting.web
        return web.listener.port if web is not None else None

    async def post(self, body: bytes, headers: dict[str, str], hook: str = "ci") -> tuple[int, str]:
        answer = asyncio.ensure_future(self._post(body, headers, hook))
        await self.play.until(answer.done)
        return answer.result()

    async def _post(self, body: bytes, headers: dict[str, str], hook: str) -> tuple[int, str]:
        async with self.session.post(f"{self.url}/hooks/{hook}", data=body, headers=headers) as answer:
            return answer.status, (await answer.text()).strip()

    async def build(
        self, *, secret: str = SECRET, age: int = 0, hook: str = "ci", **changes: object
    ) -> tuple[int, str]:
        body = json.dumps(
            {"name": "ci", "branch": "main", "revision": REVISION, "state": "success", **changes}
        ).encode()
        stamp = str(int(self.play.clock.now().timestamp()) - age)
        signed = signature(Form.PUSHBOT, secret, body, stamp)
        return await self.post(body, {"X-Pushbot-Timestamp": stamp, "X-Pushbot-Signature": signed}, hook)

    @property
    def queue(self) -> Queue:
        return self.door.web.queue

    def spoken(self, room: str = "#push") -> list[str]:
        return [line.text for line in self.play.server.spoken if line.to == room]


@pytest_asyncio.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setenv("CI_SECRET", SECRET)
    async with Playground(tmp_path) as play, aiohttp.ClientSession() as session:
        play.add_lane("web", stages=("princess", "production"), branch="main")
        play.lanes[0] = replace(play.lanes[0], auto=AutoSpec("princess"))
        play.repository.commit("6957bb87")
        hooks = (
            HookSpec("ci", Form.PUSHBOT, "env:CI_SECRET", ("web",)),
            HookSpec("gh", Form.GITHUB, "env:CI_SECRET", ("web",)),
        )
        play.web = WebSpec("127.0.0.1", 0, 4096, hooks)
        yield Site(play, Door(monkeypatch), session)


async def test_what_has_passed_goes_to_the_stage_by_itself_and_then_makes_room(site: Site) -> None:
    await site.start()
    assert await site.build() == (202, "recorded")
    await site.play.settle()
    assert site.play.server.topic("#push") == '<princess...> pushbot* "main 6957bb87"'
    assert site.play.executor.runs["web-1"].job.revision == REVISION
    site.play.executor.succeed()
    await site.play.settle()
    assert site.play.server.topic("#push") == "clear"
    assert site.spoken()[0] == "main (6957bb87) has passed its builds; I am in line with it."
    assert "pushbot: You're up" not in " ".join(site.spoken())


async def test_it_waits_its_turn_and_goes_when_it_comes(site: Site) -> None:
    await site.start()
    site.play.server.say("alice", ".join", "#push")
    await site.play.settle()
    await site.build()
    assert site.play.server.topic("#push") == 'alice | pushbot "main 6957bb87"'
    site.play.server.say("alice", ".done", "#push")
    await site.play.settle()
    assert site.play.server.topic("#push") == '<princess...> pushbot* "main 6957bb87"'


async def test_it_goes_on_after_a_crash(site: Site) -> None:
    await site.start()
    site.play.server.say("alice", ".hold wait", "#push")
    await site.play.settle()
    await site.build()
    assert site.play.executor.runs == {}
    await site.play.crash()
    await site.start()
    site.play.server.say("alice", ".unhold", "#push")
    await site.play.settle()
    assert site.play.executor.runs["web-1"].job.revision == REVISION


async def test_the_same_message_is_taken_once_also_by_the_next_bot(site: Site) -> None:
    await site.start()
    assert (await site.build())[0] == 202
    assert (await site.build())[0] == 409
    await site.play.crash()
    await site.start()
    assert (await site.build())[0] == 409


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"secret": "guess"}, 401),
        ({"age": 301}, 401),
        ({"age": -301}, 401),
        ({"hook": "other"}, 401),
        ({"hook": "gh"}, 401),
    ],
)
async def test_who_cannot_sign_learns_nothing_and_changes_nothing(
    site: Site, how: dict[str, object], status: int
) -> None:
    await site.start()
    assert await site.build(**how) == (status, "not signed as it should be")  # type: ignore[arg-type]
    assert site.queue == Queue()
    assert await site.play.store.journal("web") == ()


async def test_other_branches_are_nothing_for_us(site: Site) -> None:
    await site.start()
    assert await site.build(branch="next") == (200, "nothing in it for me")
    assert site.queue == Queue()


async def test_a_build_of_what_is_no_longer_the_tip_stays_behind(site: Site) -> None:
    site.play.repository.commit("41aa02ce")
    await site.start()
    assert (await site.build())[0] == 202
    assert site.queue == Queue()


async def test_all_builds_that_are_named_must_have_passed_over_crashes_too(site: Site) -> None:
    site.play.lanes[0] = replace(site.play.lanes[0], auto=AutoSpec("princess", ("unit", "browser")))
    await site.start()
    assert (await site.build(name="unit"))[0] == 202
    assert (await site.build(name="lint"))[0] == 202
    assert site.queue == Queue()
    await site.play.crash()
    await site.start()
    assert (await site.build(name="browser"))[0] == 202
    await site.play.settle()
    assert site.play.executor.runs["web-1"].job.revision == REVISION


async def test_a_failure_is_told_with_who_wrote_it(site: Site) -> None:
    await site.start()
    assert (await site.build(state="failure", url="https://ci.example.org/7"))[0] == 202
    await site.play.settle()
    line = "ci failed on main (6957bb87), by alice: https://ci.example.org/7"
    assert site.spoken() == [line]


async def test_a_failure_calls_the_rider_whose_commits_are_in_it(site: Site) -> None:
    human = Human("zoe", (account_of("irc/zoe"),), git=("alice",))
    site.play.access = Access(directory=Directory((human,)))
    await site.start()
    for who in ("zoe", "bob"):
        site.play.server.say(who, ".join", "#push")
    await site.play.settle()
    assert (await site.build(state="failure"))[0] == 202
    await site.play.settle()
    assert site.spoken()[-1] == "zoe: ci failed on main (6957bb87), by alice"


async def test_what_cannot_be_recorded_is_to_be_sent_again_and_happens_once(site: Site) -> None:
    await site.start()
    site.play.store.trouble = PushbotError("the disk is full")
    assert (await site.build())[0] == 503
    site.play.store.trouble = None
    await site.play.until(lambda: site.play.executor.runs != {})
    assert (await site.build())[0] == 409
    assert list(site.play.executor.runs) == ["web-1"]


async def test_long_and_broken_bodies_are_refused(site: Site) -> None:
    await site.start()
    assert (await site.post(b"x" * 5000, {}))[0] == 413
    body, stamp = b'{"branch": 7}', str(int(site.play.clock.now().timestamp()))
    signed = {"X-Pushbot-Timestamp": stamp, "X-Pushbot-Signature": signature(Form.PUSHBOT, SECRET, body, stamp)}
    status, text = await site.post(body, signed)
    assert (status, text.partition(":")[0]) == (400, "branch")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/hooks/ci", 405), ("GET", "/", 404), ("POST", "/../x", 404)]
)
async def test_nothing_else_is_there(site: Site, method: str, path: str, status: int) -> None:
    await site.start()
    answer = asyncio.ensure_future(site.session.request(method, f"{site.url}{path}"))
    await site.play.until(answer.done)
    assert answer.result().status == status


async def test_half_a_request_keeps_nobody_waiting(site: Site) -> None:
    await site.start()
    port = int(site.url.rpartition(":")[2])
    lingering = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
    for _, writer in lingering:
        writer.write(b"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n")
    assert (await site.build())[0] == 202
    for _, writer in lingering:
        writer.close()


async def test_those_who_connect_and_say_nothing_leave_the_bot_its_files(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS", 5)
    monkeypatch.setattr(listener, "LASTS", 0.1)
    monkeypatch.setattr(listener, "LOOKS", 0.02)
    await site.start()
    silent = [await asyncio.open_connection("127.0.0.1", site.port or 0) for _ in range(30)]
    silent[0][1].write(b"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nX-")
    async with asyncio.timeout(60):
        for reader, writer in silent:
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
    assert (await site.build())[0] == 202


async def test_what_is_no_http_fills_no_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    await site.start()
    for junk in (
        b"\x16\x03\x01\x00\xa5",
        b"POST /hooks/\xff HTTP/1.1",
        b"POST /hooks/ci HTTP/1.1\r\nA: " + b"a" * 9000,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port or 0)
        writer.write(junk + b"\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
    assert [record for record in caplog.records if record.exc_info] == []


async def test_headers_that_are_no_text_are_only_unsigned(site: Site) -> None:
    await site.start()
    headers = {"X-Pushbot-Timestamp": "\udcff", "X-Pushbot-Signature": "\udcfe"}
    with pytest.raises(Unsigned):
        identified(Form.PUSHBOT, SECRET, headers, b"{}", site.play.clock.now())
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port or 0)
    writer.write(b"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Pushbot-Timestamp: \xff\r\n\r\n{}")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_a_poll_finds_what_is_new_once(site: Site) -> None:
    site.play.lanes[0] = replace(site.play.lanes[0], auto=AutoSpec("princess", poll=60.0))
    await site.start()
    await site.play.settle()
    assert site.play.executor.runs["web-1"].job.revision == REVISION
    site.play.executor.succeed()
    await site.play.pass_time(60)
    site.play.repository.commit("41aa02ce")
    await site.play.pass_time(60)
    assert site.play.executor.runs["web-2"].job.revision == "41aa02ce".ljust(40, "0")
    site.play.executor.fail("build", "exit code 2")
    await site.play.pass_time(600)
    assert sorted(site.play.executor.runs) == ["web-1", "web-2"]
    assert site.play.server.topic("#push").startswith("<princess!> pushbot")
