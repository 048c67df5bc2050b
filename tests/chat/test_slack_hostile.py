"""Answers that are not Slack's: the bot says so, follows nobody elsewhere, and comes to an end of everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from pushbot.chat.slack import api as calling
from pushbot.chat.slack.api import Api
from pushbot.chat.slack.refused import Refused
from pushbot.errors import DeliveryUncertain, PushbotError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "xoxb-1-secret"


@dataclass
class Stranger:
    """Answers everything with `body`; `asked` are the paths and headers of what it was asked."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.path} {dict(request.headers)} {await request.text()}")
        return web.Response(body=self.body, status=self.status, headers=self.headers)

    async def up(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = int(runner.addresses[0][1])
        return runner


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    made = Stranger()
    runner = await made.up()
    yield made
    await runner.cleanup()


@pytest.fixture
async def api(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(calling, "TRIES", 1)
    monkeypatch.setattr(calling, "FIRST_WAIT", 0.0)
    client = AsyncWebClient(token=TOKEN, base_url=f"http://127.0.0.1:{stranger.port}/api/")
    async with Api(client, message_interval=0, timeout=2) as made:
        yield made


@pytest.mark.parametrize(
    "body",
    [
        b'{"ok": true, "said": "\xff\xfe"}',
        b'{"ok": true, "n": ' + b"1" * 6000 + b"}",
        b"[" * 100_000,
        b'{"ok": true, "a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b"[1]",
        b"null",
        b"",
        b"<html>",
    ],
    ids=["no UTF-8", "a huge number", "a torn depth", "depth", "a list", "null", "nothing", "a page"],
)
async def test_what_is_no_answer_is_an_error_in_words(stranger: Stranger, api: Api, body: bytes) -> None:
    stranger.body = body
    with pytest.raises(PushbotError, match="Slack"):
        await api.call("auth.test")
    with pytest.raises(DeliveryUncertain):
        await api.call("chat.postMessage", channel="C1", text="hello")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_nothing_is_sent_on_to_another_address(stranger: Stranger, api: Api, status: int) -> None:
    other = Stranger(b'{"ok": true}')
    runner = await other.up()
    try:
        stranger.status, stranger.headers = status, {"Location": f"http://localhost:{other.port}/there"}
        with pytest.raises(PushbotError):
            await api.call("conversations.info", channel="C1")
        with pytest.raises(PushbotError):
            await api.post_to(f"http://127.0.0.1:{stranger.port}/reply", {"text": "for you alone"})
    finally:
        await runner.cleanup()
    assert (len(stranger.asked), other.asked) == (2, [])


async def test_a_list_that_has_no_end_is_read_only_so_far(
    stranger: Stranger, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger.body = b'{"ok": true, "response_metadata": {"next_cursor": "again"}}'
    assert len([page async for page in api.pages("users.list")]) == 2
    monkeypatch.setattr(calling, "PAGES", 3)
    pages = 0
    async for _ in api.pages("users.list"):
        pages += 1
        stranger.body = stranger.body.replace(b"again", b"again and again")
    assert pages == 3


async def test_an_error_is_told_as_a_name_and_no_more(stranger: Stranger, api: Api) -> None:
    stranger.body = b'{"ok": false, "error": "odd\\n\\u202e<!channel> ' + b"x" * 9000 + b'"}'
    with pytest.raises(Refused) as refused:
        await api.call("auth.test")
    assert len(str(refused.value)) < 250
    assert not set("\n\u202e<!>") & set(refused.value.code)
