"""Calls of the Web API: in their turn, again only where that does no harm, errors that say what to do."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from pushbot.chat.slack import api as module
from pushbot.chat.slack.answer import lost
from pushbot.chat.slack.api import TRIES, Api
from pushbot.chat.slack.paces import MINUTE, PER_MINUTE, TIERS, pace_of
from pushbot.chat.slack.refused import Refused, Unreachable
from pushbot.errors import DeliveryUncertain
from tests.chat.slack_desk import client
from tests.rig.slack import BOT_TOKEN, Http, Limited, Lost, SlackServer, Slow, Stuck
from tests.rig.slack import Refused as Refusal
from tests.rig.slack.mocks import for_json, for_node, for_python

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web
    from pydantic import JsonValue

    from pushbot.chat.slack.answer import Answer
    from tests.rig.slack.mocks import Breaks


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_channel("#push", id="C0PUSH")
        yield server


@pytest.fixture
async def api(slack: SlackServer) -> AsyncIterator[Api]:
    async with Api(client(slack), message_interval=0.05, timeout=2.0) as made:
        yield made


async def post(api: Api, text: str = "hello", channel: str = "C0PUSH") -> float:
    await api.call("chat.postMessage", channel=channel, text=text)
    return asyncio.get_running_loop().time()


async def test_arguments_arrive_as_they_are(slack: SlackServer, api: Api) -> None:
    block: JsonValue = {"type": "section", "text": {"type": "plain_text", "text": "ä & <b>"}}
    answer = await api.call("chat.postMessage", channel="C0PUSH", text="t", blocks=[block], thread_ts=None)
    assert answer["ok"] is True
    await api.call("pins.add", channel="C0PUSH", timestamp=answer["ts"])
    read = await api.call("conversations.history", channel="C0PUSH", limit=1, inclusive=True)
    assert isinstance(read["messages"], list)
    assert slack.calls[0].arguments == {"channel": "C0PUSH", "text": "t", "blocks": [block]}


async def test_who_comes_while_the_last_one_leaves_has_connections_of_its_own(slack: SlackServer) -> None:
    api, first = Api(client(slack)), AsyncExitStack()
    await first.enter_async_context(api)
    await api.call("users.info", user="U0ALICE")
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(first.aclose())
        await asyncio.sleep(0)  # it has begun
        async with api:
            session = api.session()
            await leaving
            assert api.session() is session
            await api.call("users.info", user="U0ALICE")
    assert session.closed


async def test_a_refusal_says_what_to_do(slack: SlackServer, api: Api) -> None:
    slack.app.grants[BOT_TOKEN].scopes.discard("users:read")
    with pytest.raises(Refused, match=r"missing_scope.*users:read.*install it again") as refused:
        await api.call("users.info", user="U0ALICE")
    assert (refused.value.code, refused.value.needed) == ("missing_scope", "users:read")
    slack.add_channel("#war", id="C0WAR", bot=False)
    with pytest.raises(Refused, match="invite the bot"):
        await post(api, channel="C0WAR")
    slack.fault("chat.postMessage", Refusal("something_new"))
    with pytest.raises(Refused, match=r"something_new.*docs\.slack\.dev/reference/methods/chat\.postMessage"):
        await post(api)


@pytest.mark.parametrize("fault", [Http(500), Http(503), Lost(done=True), Stuck(), Refusal("internal_error")])
async def test_what_may_be_asked_twice_is(slack: SlackServer, api: Api, fault: Http | Lost | Stuck | Refusal) -> None:
    slack.fault("users.info", fault)
    assert (await api.call("users.info", user="U0ALICE"))["ok"]
    assert len(slack.called("users.info")) == 2


@pytest.mark.parametrize("fault", [Http(500), Lost(done=True), Stuck(), Slow(9), Refusal("fatal_error")])
async def test_what_people_would_see_twice_is_uncertain(
    slack: SlackServer, api: Api, fault: Http | Lost | Stuck | Slow | Refusal
) -> None:
    slack.fault("chat.postMessage", fault)
    with pytest.raises(DeliveryUncertain) as raised:
        await post(api)
    assert BOT_TOKEN not in str(raised.value)
    assert len(slack.called("chat.postMessage")) == 1


async def test_a_slack_that_is_not_there_is_tried_some_times(slack: SlackServer, api: Api) -> None:
    await slack.down()
    with pytest.raises(Unreachable, match=f"tried {TRIES} times") as caught:
        await post(api)
    assert "Slack cannot be reached (127.0.0.1:" in str(caught.value)
    assert ": Connection refused)" in str(caught.value)
    await slack.up()
    await post(api)


def test_a_name_that_is_not_found_is_told() -> None:
    key = ConnectionKey("slack.com", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
    trouble = lost(aiohttp.ClientConnectorDNSError(key, OSError(None, "Domain name not found")))
    assert (trouble.what, trouble.doubtful) == ("Slack cannot be reached (the name slack.com was not found)", False)


async def test_a_429_stops_its_method_and_no_other(slack: SlackServer, api: Api) -> None:
    slack.fault("users.info", Limited(2))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(api.call("users.info", user="U0ALICE")) for _ in range(10)]
        other = group.create_task(post(api))
    assert all(task.result()["ok"] for task in asked)
    again = max(call.at for call in slack.called("users.info"))
    assert again - began > 1.95
    assert other.result() < again
    assert slack.rate_limited == 1


async def test_messages_keep_their_distance_in_a_channel_only(slack: SlackServer, api: Api) -> None:
    slack.add_channel("#war", id="C0WAR")
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        here = [group.create_task(post(api)) for _ in range(4)]
        there = group.create_task(post(api, channel="C0WAR"))
    assert there.result() < here[-1].result()
    times = [call.at for call in slack.called("chat.postMessage") if call.arguments["channel"] == "C0PUSH"]
    assert all(at - began > number * api.message_interval * 0.95 for number, at in enumerate(times))


async def test_a_strict_slack_need_not_ask_for_patience_however_long_messages_are_under_way(
    slack: SlackServer, api: Api
) -> None:
    slack.api.rates.on, slack.api.rates.burst, slack.api.rates.second = True, 1, api.message_interval
    for way in (0.04, 0.0, 0.03, 0.0, 0.02, 0.0):
        slack.fault("chat.postMessage", Slow(0.0, under_way=way))
    for number in range(6):
        await post(api, f"{number}")
    assert len(slack.shown("#push")) == 6
    assert slack.rate_limited == 0


@pytest.mark.parametrize("method", ["users.list", "chat.update", "users.info", "conversations.setTopic", "pins.add"])
def test_in_no_minute_are_there_more_calls_than_slack_lets_pass(method: str) -> None:
    pace, now = pace_of(method), 100.0
    times = list[float]()
    for _ in range(300):
        now += pace.take(now)
        times.append(now)
    most = PER_MINUTE[TIERS.get(method, 3)]
    assert all(later - earlier >= MINUTE - 1e-6 for earlier, later in zip(times, times[most:], strict=False))
    assert times[most - 1] - times[0] <= MINUTE


async def test_pages_follow_the_cursor(slack: SlackServer, api: Api) -> None:
    for number in range(25):
        slack.add_user(f"user{number}")
    found = [len(page["members"]) async for page in api.pages("users.list", limit=10)]  # type: ignore[arg-type]
    assert found == [10, 10, 7]


async def test_an_answer_that_is_not_slacks_is_an_error_in_words(slack: SlackServer, api: Api) -> None:
    slack.fault("users.info", Http(200), TRIES)
    with pytest.raises(Unreachable):
        await api.call("users.info", user="U0ALICE")


@pytest.mark.parametrize("places", [{"query", "json"}, {"form", "json"}, {"form"}, {"json"}])
async def test_arguments_are_found_by_what_knows_one_sdk_only(slack: SlackServer, api: Api, places: set[str]) -> None:
    slack.api.places = frozenset(places)
    answer = await api.call("chat.postMessage", channel="C0PUSH", text="t")
    await api.call("pins.add", channel="C0PUSH", timestamp=answer["ts"])
    assert (await api.call("users.info", user="U0ALICE"))["ok"]
    assert [one.ts for one in slack.pins("#push")] == [answer["ts"]]


async def insisted(api: Api, method: str, **arguments: JsonValue) -> Answer:
    """The answer of a call that is made again where nobody knows what became of it."""
    for _ in range(3):
        with suppress(DeliveryUncertain):
            return await api.call(method, **arguments)  # type: ignore[arg-type]
    raise AssertionError(f"{method} was not done")


@pytest.mark.parametrize("breaks", [for_python, for_node, for_json])
async def test_a_stand_in_that_was_made_for_one_sdk_is_asked_as_that_does(
    slack: SlackServer, api: Api, breaks: Breaks
) -> None:
    """What it breaks down over is not sent again."""
    slack.api.breaks = breaks
    await api.call("auth.test")
    posted = await insisted(api, "chat.postMessage", channel="C0PUSH", text="t")
    here: dict[str, JsonValue] = {"channel": "C0PUSH"}
    calls: list[tuple[str, dict[str, JsonValue]]] = [
        ("users.info", {"user": "U0ALICE"}),
        ("conversations.setTopic", {**here, "topic": "alice | bob"}),
        ("pins.add", {**here, "timestamp": posted["ts"]}),
        ("chat.update", {**here, "ts": posted["ts"], "text": "new"}),
        ("conversations.history", {**here, "limit": 3}),
        ("chat.postEphemeral", {**here, "user": "U0ALICE", "text": "psst"}),
        ("views.publish", {"user_id": "U0ALICE", "view": {"type": "home", "blocks": []}}),
    ]
    for method, arguments in calls:
        await insisted(api, method, **arguments)
    assert slack.topic("#push") == "alice | bob"
    assert slack.said("#push")[0] == "new"
    assert [one.ts for one in slack.pins("#push")] == [posted["ts"]]
    slack.calls.clear()
    for method, arguments in calls:
        if method != "pins.add":
            await api.call(method, **arguments)  # type: ignore[arg-type]
    assert all(call.ok for call in slack.calls)


async def test_what_breaks_down_is_there(slack: SlackServer, api: Api) -> None:
    """Whatever else is not."""

    def breaks(_method: str, request: web.Request) -> int:
        return 500 if request.method == "GET" else 405

    slack.api.breaks = breaks
    with pytest.raises(Unreachable):
        await api.call("pins.list", channel="C0NONE")


async def test_slack_itself_is_asked_once_for_what_it_refuses(slack: SlackServer, api: Api) -> None:
    """It is known to have seen the arguments of that method before."""
    await post(api)
    await api.call("users.info", user="U0ALICE")
    for method, arguments in (("chat.postMessage", {"channel": "C0NONE"}), ("users.info", {"user": "U0NONE"})):
        slack.calls.clear()
        with pytest.raises(Refused, match="not_found"):
            await api.call(method, **arguments, text="t")
        assert len(slack.calls) == 1


async def test_slack_itself_is_asked_in_its_own_way_from_the_first(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it refuses, and after an outage: it passes over JSON where nothing is changed, and answers well."""
    monkeypatch.setattr(module, "API_URL", slack.url)
    slack.api.places = frozenset({"query", "form"})
    slack.add_user("bob", id="U0BOB")
    slack.fault("users.list", Http(503), 2)
    async with Api(client(slack), message_interval=0.05, timeout=2.0) as api:
        members = (await api.call("users.list", limit=1))["members"]
        with pytest.raises(Refused, match="channel_not_found"):
            await api.call("conversations.info", channel="C0NONE")
    assert isinstance(members, list)
    assert len(members) == 1
    assert len(slack.called("conversations.info")) == 1


@pytest.mark.parametrize(
    "absent",
    [
        Http(404, "404: Not Found"),
        Http(404, '{"detail": "Not Found"}', "application/json"),
        Http(404, '{"ok": false, "error": "not_found"}', "application/json"),
        Http(405, "405: Method Not Allowed"),
        Http(501, '{"ok": false, "error": "not_implemented"}', "application/json"),
        Refusal("not_implemented"),
    ],
)
async def test_a_method_that_there_is_not_is_asked_for_once(
    slack: SlackServer, api: Api, absent: Http | Refusal
) -> None:
    slack.fault("pins.add", absent, 2)
    with pytest.raises(Refused, match="api_url") as refused:
        await api.call("pins.add", channel="C0PUSH", timestamp="1.1")
    assert refused.value.code == "unknown_method"
    assert len(slack.called("pins.add")) <= 2


async def test_what_is_not_there_is_no_method_that_is_not(slack: SlackServer, api: Api) -> None:
    """Some servers say with the status what Slack says with the code."""
    slack.fault("chat.update", Http(404, '{"ok": false, "error": "message_not_found"}', "application/json"))
    with pytest.raises(Refused) as refused:
        await api.call("chat.update", channel="C0PUSH", ts="1.1", text="new")
    assert refused.value.code == "message_not_found"


async def test_an_answer_is_read_whatever_it_is_said_to_be(slack: SlackServer, api: Api) -> None:
    for status, kind in ((200, "text/plain"), (201, "application/json")):
        slack.fault("users.info", Http(status, '{"ok": true, "user": {}}', kind))
        assert await api.call("users.info", user="U0ALICE") == {"ok": True, "user": {}}
    slack.fault("users.info", Http(429, "Too many", "text/html"))
    assert (await api.call("users.info", user="U0ALICE"))["ok"]
