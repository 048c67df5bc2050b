"""The Slack on loopback behaves as Slack does: seen with Slack's own client and Bolt's Socket Mode handler."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.rig.slack import (
    APP_TOKEN,
    BOT,
    BOT_TOKEN,
    BOT_USER,
    Failed,
    Http,
    Limited,
    Lost,
    Refused,
    SlackServer,
    Stuck,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import JsonValue
    from slack_bolt.context.ack.async_ack import AsyncAck
    from slack_bolt.context.respond.async_respond import AsyncRespond

    Object = dict[str, JsonValue]


@dataclass
class Bot:
    """A Bolt app that keeps what it is told."""

    client: AsyncWebClient
    heard: list[Object] = field(default_factory=list)
    """Events."""
    ids: list[str] = field(default_factory=list)
    """The `event_id` of each."""
    done: list[Object] = field(default_factory=list)
    """Commands and interactions."""

    def texts(self) -> list[str]:
        return [str(event.get("text")) for event in self.heard if event["type"] == "message"]

    def app(self) -> AsyncApp:
        app = AsyncApp(client=self.client, ignoring_self_events_enabled=False)

        async def event(event: Object, body: Object) -> None:
            self.heard.append(event)
            self.ids.append(str(body["event_id"]))

        async def command(ack: AsyncAck, command: Object, respond: AsyncRespond) -> None:
            self.done.append(command)
            if command["text"] == "late":
                return
            await ack(f"ack of {command['text']}")
            await respond(f"answer to {command['text']}")

        async def action(ack: AsyncAck, body: Object) -> None:
            await ack()
            self.done.append(body)

        for kind in ("message", "app_mention", "user_change", "app_home_opened", "channel_rename", "channel_archive"):
            app.event(kind)(event)
        for kind in ("member_joined_channel", "channel_left", "user_profile_changed", "pin_added", "subteam_updated"):
            app.event(kind)(event)
        app.event("subteam_members_changed")(event)
        app.command("/push")(command)
        app.action("ready")(action)
        app.view("ready")(action)
        app.action("more")(action)
        return app


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("ada", id="U0ADA", display="Ada")
        server.add_user("bob", id="U0BOB", display="Bob <3")
        server.add_channel("#push", id="C0PUSH")
        yield server


@asynccontextmanager
async def linked(slack: SlackServer) -> AsyncIterator[Bot]:
    """A bot with one link."""
    bot = Bot(AsyncWebClient(token=BOT_TOKEN, base_url=slack.url))
    handler = AsyncSocketModeHandler(bot.app(), APP_TOKEN, ping_interval=0.05, web_client=bot.client)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        yield bot
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


def client(slack: SlackServer, token: str = BOT_TOKEN) -> AsyncWebClient:
    """Slack's own client, which by itself tries once more when a connection drops; not so here."""
    return AsyncWebClient(token=token, base_url=slack.url, retry_handlers=[])


async def refused(slack: SlackServer, method: str, **arguments: object) -> str:
    """The error of a call that is refused."""
    with pytest.raises(SlackApiError) as caught:
        await client(slack).api_call(method, json=arguments)
    return str(caught.value.response["error"])


def button(label: str = "Ready", **more: JsonValue) -> Object:
    text: Object = {"type": "plain_text", "text": label}
    return {"type": "button", "action_id": "ready", "value": "go web", "text": text, **more}


# --- the Web API ---


@pytest.mark.parametrize("way", ["query", "form", "json", "header"])
async def test_arguments_come_in_any_way(slack: SlackServer, way: str) -> None:
    given: dict[str, str] = {"channel": "C0PUSH", "text": "hello", "token": BOT_TOKEN}
    blocks: JsonValue = [{"type": "divider"}]
    async with aiohttp.ClientSession() as session:
        url = f"{slack.url}chat.postMessage"
        if way == "query":
            answer = await session.post(url, params=given | {"blocks": json.dumps(blocks)})
        elif way == "form":
            answer = await session.post(url, data=given | {"blocks": json.dumps(blocks)})
        else:
            headers = {"Authorization": f"Bearer {given.pop('token')}"}
            body: Object = {**given, "blocks": json.dumps(blocks) if way == "header" else blocks}
            answer = await session.post(url, json=body, headers=headers)
        assert (await answer.json())["ok"] is True
        assert "chat:write" in answer.headers["x-oauth-scopes"]
    (message,) = slack.messages("#push")
    assert (message.text, [block["type"] for block in message.blocks]) == ("hello", ["divider"])


async def test_tokens_and_scopes(slack: SlackServer) -> None:
    async def error(token: str, method: str, **given: str) -> SlackApiError:
        with pytest.raises(SlackApiError) as caught:
            await AsyncWebClient(token=token, base_url=slack.url).api_call(method, params=given)
        return caught.value

    assert (await error("", "auth.test")).response["error"] == "not_authed"
    assert (await error("xoxb-wrong", "auth.test")).response["error"] == "invalid_auth"
    assert (await error(BOT_TOKEN, "apps.connections.open")).response["error"] == "not_allowed_token_type"
    assert (await error(APP_TOKEN, "users.list")).response["error"] == "not_allowed_token_type"
    assert (await error(BOT_TOKEN, "no.such")).response["error"] == "unknown_method"
    narrow = slack.make_token("bot", {"chat:write", "groups:read"})
    missing = (await error(narrow, "users.info", user="U0ADA")).response
    assert (missing["error"], missing["needed"]) == ("missing_scope", "users:read")
    assert missing["provided"] == "chat:write,groups:read"
    assert (await error(narrow, "conversations.list")).response["needed"] == "channels:read"
    slack.app.grants[narrow].revoked = "token_revoked"
    assert (await error(narrow, "auth.test")).response["error"] == "token_revoked"
    who = await client(slack).auth_test()
    assert (who["user_id"], who["bot_id"], who["user"]) == (BOT_USER, BOT, "pushbot")


async def test_lists_come_in_pages(slack: SlackServer) -> None:
    for number in range(7):
        slack.add_channel(f"#room-{number}", bot=number == 3)
    names: list[str] = []
    async for page in await client(slack).conversations_list(limit=3):
        names += [channel["name"] for channel in page["channels"]]
    assert names == ["push", *(f"room-{number}" for number in range(7))]
    mine = await client(slack).users_conversations()
    assert [channel["name"] for channel in mine["channels"]] == ["push", "room-3"]
    people: list[str] = []
    async for page in await client(slack).users_list(limit=1):
        people += [user["name"] for user in page["members"]]
    assert people == ["pushbot", "ada", "bob"]


async def test_history_and_threads(slack: SlackServer) -> None:
    first, second, third = (slack.say("ada", "#push", text) for text in ("one", "two", "three"))
    web = client(slack)
    reply = await web.chat_postMessage(channel="C0PUSH", text="in thread", thread_ts=first)
    meta = {"event_type": "line", "event_payload": {"id": "7"}}
    await web.chat_postMessage(
        channel="C0PUSH", text="loud", thread_ts=str(reply["ts"]), reply_broadcast=True, metadata=meta
    )
    history = await web.conversations_history(channel="C0PUSH", include_all_metadata=True)
    assert [one["text"] for one in history["messages"]] == ["loud", "three", "two", "one"]
    assert history["messages"][0]["metadata"] == meta
    assert history["messages"][0]["subtype"] == "thread_broadcast"
    assert history["messages"][-1]["reply_count"] == 2
    some = await web.conversations_history(channel="C0PUSH", oldest=second, limit=1)
    assert ([one["text"] for one in some["messages"]], some["has_more"]) == (["loud"], True)
    edge = await web.conversations_history(channel="C0PUSH", oldest=second, latest=third, inclusive=True)
    assert [one["text"] for one in edge["messages"]] == ["three", "two"]
    replies = await web.conversations_replies(channel="C0PUSH", ts=first)
    assert [one["text"] for one in replies["messages"]] == ["one", "in thread", "loud"]
    assert slack.shown("#push", thread=first) == ["one", "in thread", "loud"]
    gone = await web.chat_postMessage(channel="C0PUSH", text="where", thread_ts="1.000001")
    assert "thread_ts" not in gone["message"]


async def test_what_may_not_be_written(slack: SlackServer) -> None:
    slack.add_channel("#far", id="C0FAR", bot=False)
    slack.add_channel("#secret", id="C0SECRET", bot=False, private=True)
    slack.add_channel("#old", id="C0OLD")
    slack.archive("#old")
    post = "chat.postMessage"
    assert await refused(slack, post, channel="C0FAR", text="x") == "not_in_channel"
    assert await refused(slack, post, channel="C0SECRET", text="x") == "channel_not_found"
    assert await refused(slack, post, channel="#nowhere", text="x") == "channel_not_found"
    assert await refused(slack, post, channel="C0OLD", text="x") == "is_archived"
    assert await refused(slack, post, channel="C0PUSH", text="  ") == "no_text"
    assert await refused(slack, post, channel="C0PUSH", blocks="nonsense") == "invalid_blocks_format"
    assert await refused(slack, "conversations.setTopic", channel="C0FAR", topic="x") == "not_in_channel"
    assert await refused(slack, "conversations.setTopic", channel="C0PUSH", topic="x" * 251) == "too_long"
    assert await refused(slack, "chat.postEphemeral", channel="C0PUSH", user="U0NO", text="x") == "user_not_in_channel"
    with pytest.raises(SlackApiError) as caught:
        await client(slack).chat_postMessage(channel="C0PUSH", text="x", blocks=[{"type": "section"}])
    assert caught.value.response["error"] == "invalid_blocks"
    assert "must define either `text` or `fields` [json-pointer:/blocks/0]" in caught.value.response["errors"]
    slack.app.grants[BOT_TOKEN].scopes.add("chat:write.public")
    await client(slack).chat_postMessage(channel="C0FAR", text="public")
    await client(slack).conversations_join(channel="C0FAR")
    assert BOT_USER in slack.space.channel("#far").members


async def test_text_is_kept_as_slack_keeps_it(slack: SlackServer) -> None:
    await client(slack).chat_postMessage(channel="#push", text="a & b &amp; <c> <@U0ADA> <!channel> <http://x.y|z>")
    (message,) = slack.messages("#push")
    assert message.text == "a &amp; b &amp; &lt;c&gt; <@U0ADA> <!channel> <http://x.y|z>"
    assert slack.shown("#push") == ["a & b & <c> @Ada @channel z"]
    assert slack.mentioned(message) == ["U0ADA", "channel"]
    slack.say("ada", "#push", "@pushbot 1 < 2 & @Ada in #push, see https://a.b/c?d=1&e. `@ada` @nobody ops@x.org")
    assert slack.messages("#push")[-1].text == (
        f"<@{BOT_USER}> 1 &lt; 2 &amp; <@U0ADA> in <#C0PUSH|push>, see <https://a.b/c?d=1&amp;e>. `@ada` @nobody "
        "<mailto:ops@x.org|ops@x.org>"
    )


async def test_editing_and_deleting(slack: SlackServer) -> None:
    web = client(slack)
    posted = await web.chat_postMessage(channel="C0PUSH", text="old", blocks=[{"type": "divider"}])
    ts = str(posted["ts"])
    await web.chat_update(channel="C0PUSH", ts=ts, text="new")
    (message,) = slack.messages("#push")
    assert (message.text, message.blocks, bool(message.edited)) == ("new", [], True)
    assert message.before[0][0] == "old"
    hers = slack.say("ada", "#push", "mine")
    assert await refused(slack, "chat.update", channel="C0PUSH", ts=hers, text="x") == "cant_update_message"
    assert await refused(slack, "chat.update", channel="C0PUSH", ts="1.000001", text="x") == "message_not_found"
    assert await refused(slack, "chat.update", channel="C0PUSH", ts=ts, text="x" * 4001) == "msg_too_long"
    assert await refused(slack, "chat.delete", channel="C0PUSH", ts=hers) == "cant_delete_message"
    slack.say("ada", "#push", "reply", thread=ts)
    await web.chat_delete(channel="C0PUSH", ts=ts)
    assert slack.shown("#push") == ["This message was deleted.", "mine"]
    slack.delete("#push", hers)
    assert slack.shown("#push") == ["This message was deleted."]


async def test_pins(slack: SlackServer) -> None:
    web = client(slack)
    ts = str((await web.chat_postMessage(channel="C0PUSH", text="board"))["ts"])
    await web.pins_add(channel="C0PUSH", timestamp=ts)
    assert [one.ts for one in slack.pins("#push")] == [ts]
    assert await refused(slack, "pins.add", channel="C0PUSH", timestamp=ts) == "already_pinned"
    assert (await web.pins_list(channel="C0PUSH"))["items"][0]["message"]["ts"] == ts
    await web.pins_remove(channel="C0PUSH", timestamp=ts)
    assert await refused(slack, "pins.remove", channel="C0PUSH", timestamp=ts) == "no_pin"
    link = await web.chat_getPermalink(channel="C0PUSH", message_ts=ts)
    assert link["permalink"].endswith(f"/archives/C0PUSH/p{ts.replace('.', '')}")


async def test_user_groups_cost(slack: SlackServer) -> None:
    slack.add_group("deployers", ["ada"])
    groups = await client(slack).usergroups_list(include_users=True)
    assert [(one["handle"], one["users"]) for one in groups["usergroups"]] == [("deployers", ["U0ADA"])]
    slack.space.paid = False
    assert await refused(slack, "usergroups.list") == "paid_teams_only"


async def test_files_in_three_steps(slack: SlackServer) -> None:
    parent = slack.say("ada", "#push", "logs?")
    await client(slack).files_upload_v2(
        content="one\ntwo\n", filename="log.txt", snippet_type="text", channel="C0PUSH", thread_ts=parent
    )
    (file,) = slack.files
    assert (file.name, file.text, file.thread) == ("log.txt", "one\ntwo\n", parent)
    assert slack.messages("#push", parent)[-1].files[0]["id"] == file.id
    assert await refused(slack, "files.completeUploadExternal", files=[{"id": "F0NO"}]) == "file_not_found"


async def test_home_tabs(slack: SlackServer) -> None:
    view: Object = {"type": "home", "blocks": [{"type": "actions", "elements": [button()]}]}
    async with linked(slack) as bot:
        first = await bot.client.views_publish(user_id="U0ADA", view=view)
        await bot.client.views_publish(user_id="U0ADA", view=view, hash=str(first["view"]["hash"]))
        with pytest.raises(SlackApiError, match="hash_conflict"):
            await bot.client.views_publish(user_id="U0ADA", view=view, hash=str(first["view"]["hash"]))
        with pytest.raises(SlackApiError, match="invalid_arguments"):
            await bot.client.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [{"type": "section"}]})
        slack.open_home("ada")
        await slack.until(lambda: bot.heard)
        assert (bot.heard[0]["type"], bot.heard[0]["user"]) == ("app_home_opened", "U0ADA")
        await slack.press("ada", slack.home("ada"), "Ready")
        container = bot.done[0]["container"]
        assert isinstance(container, dict)
        assert container["type"] == "view"


# --- faults and limits ---


async def test_rate_limits(slack: SlackServer) -> None:
    now = [100.0]
    slack.api.rates.on, slack.api.rates.clock = True, lambda: now[0]

    async def post(channel: str) -> int:
        async with aiohttp.ClientSession() as session:
            given = {"token": BOT_TOKEN, "channel": channel, "text": "x"}
            answer = await session.post(f"{slack.url}chat.postMessage", data=given)
            return int(answer.headers.get("Retry-After", "0"))

    slack.add_channel("#other")
    assert [await post("C0PUSH") for _ in range(4)] == [0, 0, 0, 1]
    assert await post("#push") == 1
    assert await post("#other") == 0
    now[0] += 1.0
    assert [await post("C0PUSH") for _ in range(2)] == [0, 1]
    assert slack.rate_limited == 3
    slack.api.rates.calls[2] = 2
    for topic in ("a", "b"):
        await client(slack).conversations_setTopic(channel="C0PUSH", topic=topic)
    with pytest.raises(SlackApiError) as caught:
        await client(slack).conversations_setTopic(channel="C0PUSH", topic="c")
    assert (caught.value.response["error"], caught.value.response.headers["Retry-After"]) == ("ratelimited", "60")


async def test_ordered_faults(slack: SlackServer) -> None:
    web = client(slack)
    slack.fault("chat.postMessage", Limited(7), times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await web.chat_postMessage(channel="C0PUSH", text="x")
        assert caught.value.response.headers["Retry-After"] == "7"
    slack.fault("chat.postMessage", Refused("internal_error"))
    with pytest.raises(SlackApiError, match="internal_error"):
        await web.chat_postMessage(channel="C0PUSH", text="x")
    slack.fault("*", Http(503))
    with pytest.raises(SlackApiError):
        await web.chat_postMessage(channel="C0PUSH", text="x")
    assert slack.messages("#push") == []
    slack.fault("chat.postMessage", Lost())
    with pytest.raises(aiohttp.ClientError):
        await web.chat_postMessage(channel="C0PUSH", text="done all the same")
    slack.fault("chat.postMessage", Lost(done=False))
    with pytest.raises(aiohttp.ClientError):
        await web.chat_postMessage(channel="C0PUSH", text="never done")
    slack.fault("chat.postMessage", Stuck(done=True))
    async with asyncio.TaskGroup() as group:
        stuck = group.create_task(web.chat_postMessage(channel="C0PUSH", text="done too"))
        await slack.until(lambda: "done too" in slack.shown("#push"))
        assert not stuck.done()
        stuck.cancel()
    assert slack.shown("#push") == ["done all the same", "done too"]
    assert [call.status for call in slack.called("chat.postMessage")] == [429, 429, 200, 503, 0, 0, 0]
    assert slack.rate_limited == 2


async def test_it_can_be_gone_for_a_while(slack: SlackServer) -> None:
    await slack.down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client(slack).auth_test()
    await slack.up()
    assert (await client(slack).auth_test())["ok"]


# --- events ---


async def test_what_people_do_arrives(slack: SlackServer) -> None:
    async with linked(slack) as bot:
        ts = slack.say("ada", "#push", "@pushbot join")
        slack.say("bob", "#push", "me too", thread=ts)
        slack.direct("bob", "hello <you>")
        await slack.settled()
        await slack.until(lambda: len(bot.heard) == 4)
        by_kind = {str(event["type"]) + str(event["text"]): event for event in bot.heard}
        said = by_kind[f"message<@{BOT_USER}> join"]
        assert (said["ts"], said["user"], said["channel"], said["channel_type"]) == (ts, "U0ADA", "C0PUSH", "channel")
        assert said["client_msg_id"] == by_kind[f"app_mention<@{BOT_USER}> join"]["client_msg_id"]
        assert by_kind["messageme too"]["thread_ts"] == ts
        assert by_kind["messagehello &lt;you&gt;"]["channel_type"] == "im"


async def test_the_bot_hears_itself(slack: SlackServer) -> None:
    async with linked(slack) as bot:
        posted = await bot.client.chat_postMessage(channel="C0PUSH", text="hello")
        await bot.client.chat_update(channel="C0PUSH", ts=str(posted["ts"]), text="hello again")
        await bot.client.conversations_setTopic(channel="C0PUSH", topic="web: ada & bob")
        await slack.until(lambda: len(bot.heard) == 3)
        own, edited, topic = sorted(bot.heard, key=lambda event: str(event["event_ts"]))
        assert (own["bot_id"], own["user"], "client_msg_id" in own) == (BOT, BOT_USER, False)
        assert (edited["subtype"], edited["hidden"]) == ("message_changed", True)
        assert (topic["subtype"], topic["topic"], topic["user"]) == ("channel_topic", "web: ada &amp; bob", BOT_USER)
        assert slack.topic("#push") == "web: ada & bob"
        slack.write_topic("ada", "#push", "mine")
        await slack.until(lambda: len(bot.heard) == 4)
        assert (bot.heard[-1]["topic"], bot.heard[-1]["user"]) == ("mine", "U0ADA")
        assert slack.shown("#push")[-1] == "@Ada set the channel topic: mine"


async def test_rooms_and_people_change(slack: SlackServer) -> None:
    def kinds() -> list[str]:
        return sorted(str(event["type"]) for event in bot.heard)

    async with linked(slack) as bot:
        slack.rename("ada", "Lady Ada")
        slack.rename_channel("#push", "ship")
        slack.kick("#ship")
        slack.say("ada", "#ship", "nobody hears this")
        slack.invite("#ship", by="ada")
        slack.archive("#ship")
        await slack.settled()
        expected = ["channel_archive", "channel_left", "channel_rename", "member_joined_channel", *["message"] * 4]
        await slack.until(lambda: kinds() == [*expected, "user_change", "user_profile_changed"], what=str(kinds()))
        subtypes = [str(event.get("subtype")) for event in bot.heard if event["type"] == "message"]
        assert sorted(subtypes) == ["channel_archive", "channel_join", "channel_leave", "channel_name"]


async def test_pins_and_groups_are_told(slack: SlackServer) -> None:
    slack.add_group("deployers", ["ada"])
    async with linked(slack) as bot:
        posted = await bot.client.chat_postMessage(channel="C0PUSH", text="board")
        slack.people.pin("ada", "#push", str(posted["ts"]))
        slack.people.change_group("deployers", ["bob"])
        await slack.until(lambda: len(bot.heard) == 4)
        by_kind = {str(event["type"]): event for event in bot.heard}
        assert (by_kind["pin_added"]["user"], by_kind["pin_added"]["channel_id"]) == ("U0ADA", "C0PUSH")
        changed = by_kind["subteam_members_changed"]
        assert (changed["added_users"], changed["removed_users"]) == (["U0BOB"], ["U0ADA"])


async def test_only_what_was_asked_for_and_allowed(slack: SlackServer) -> None:
    slack.app.events.discard("app_mention")
    slack.app.grants[BOT_TOKEN].scopes.discard("im:history")
    async with linked(slack) as bot:
        slack.direct("ada", "unheard")
        slack.say("ada", "#push", "@pushbot heard once")
        await slack.until(lambda: bot.heard)
        await slack.settled()
        assert bot.texts() == [f"<@{BOT_USER}> heard once"]


async def test_commands_are_acknowledged_and_answered(slack: SlackServer) -> None:
    async with linked(slack) as bot:
        assert await slack.slash("ada", "#push", "/push", "join & <go>") == {"text": "ack of join &amp; &lt;go&gt;"}
        command = bot.done[0]
        assert (command["user_id"], command["channel_id"], command["channel_name"]) == ("U0ADA", "C0PUSH", "push")
        await slack.until(lambda: len(slack.ephemerals("ada")) == 2)
        assert set(slack.ephemerals("ada")) == {"ack of join & <go>", "answer to join & <go>"}
        assert slack.ephemerals("bob") == []
        async with aiohttp.ClientSession() as session:
            url = str(command["response_url"])
            answers = [(await session.post(url, json={"text": "x"})).status for _ in range(5)]
        assert answers == [200, 200, 200, 200, 404]
        slack.links.ack_within = 0.05
        with pytest.raises(Failed, match="operation_timeout"):
            await slack.slash("ada", "#push", "/push", "late")
    with pytest.raises(Failed, match="dispatch_failed"):
        await slack.slash("ada", "#push", "/push", "nobody home")
    with pytest.raises(Failed, match="invalid_command"):
        await slack.slash("ada", "#push", "/pull")


async def test_buttons_and_menus(slack: SlackServer) -> None:
    option: Object = {"text": {"type": "plain_text", "text": "Abort"}, "value": "abort web"}
    menu: Object = {"type": "overflow", "action_id": "more", "options": [option]}
    async with linked(slack) as bot:
        blocks = [{"type": "actions", "elements": [button(), menu]}]
        await bot.client.chat_postMessage(channel="C0PUSH", text="board", blocks=blocks)
        (board,) = slack.messages("#push")
        assert slack.shown("#push") == ["[Ready] [Abort]"]
        await slack.press("ada", board, "Ready")
        await slack.choose("bob", board, "Abort")
        await slack.until(lambda: len(bot.done) == 2)
        actions = [body["actions"] for body in bot.done]
        pressed, chosen = (one[0] for one in actions if isinstance(one, list))
        assert isinstance(pressed, dict)
        assert isinstance(chosen, dict)
        assert (pressed["action_id"], pressed["value"], bool(pressed["block_id"])) == ("ready", "go web", True)
        assert (chosen["type"], chosen["selected_option"]) == ("overflow", option)
        user, message = bot.done[0]["user"], bot.done[0]["message"]
        assert isinstance(user, dict)
        assert isinstance(message, dict)
        assert (user["id"], message["ts"]) == ("U0ADA", board.ts)
        with pytest.raises(AssertionError, match="nothing to press"):
            await slack.press("ada", board, "Go")


async def test_buttons_that_one_person_sees(slack: SlackServer) -> None:
    async with linked(slack) as bot:
        blocks = [{"type": "actions", "elements": [button("Sure")]}]
        await bot.client.chat_postEphemeral(channel="C0PUSH", user="U0ADA", text="sure?", blocks=blocks)
        (asked,) = slack.whispers("ada")
        await slack.press("ada", asked, "Sure")
        await slack.until(lambda: bot.done)
        assert bot.done[0]["container"] == {
            "type": "message",
            "message_ts": asked.ts,
            "channel_id": "C0PUSH",
            "is_ephemeral": True,
        }
        async with aiohttp.ClientSession() as session:
            await session.post(str(bot.done[0]["response_url"]), json={"replace_original": True, "text": "done"})
            assert slack.ephemerals("ada") == ["done"]


async def test_modals(slack: SlackServer) -> None:
    ask: Object = {"type": "plain_text_input", "action_id": "why"}
    label: Object = {"type": "plain_text", "text": "Why?"}
    view: Object = {"type": "modal", "title": label, "submit": label, "callback_id": "ready"}
    view["blocks"] = [{"type": "input", "block_id": "b", "label": label, "element": ask}]
    async with linked(slack) as bot:
        await slack.slash("ada", "#push", "/push", "abort")
        trigger = str(bot.done[0]["trigger_id"])
        await bot.client.views_open(trigger_id=trigger, view=view)
        with pytest.raises(SlackApiError, match="invalid_trigger_id"):
            await bot.client.views_open(trigger_id=trigger, view=view)
        ((user, shown),) = slack.team.modals
        assert user == "U0ADA"
        await slack.submit("ada", shown, {"why": "broken"})
        await slack.until(lambda: len(bot.done) == 2)
        filled = bot.done[1]["view"]
        assert isinstance(filled, dict)
        assert filled["state"] == {"values": {"b": {"why": {"type": "plain_text_input", "value": "broken"}}}}


async def test_it_is_set_up_by_a_manifest(slack: SlackServer) -> None:
    home: Object = {"home_tab_enabled": False, "messages_tab_enabled": True, "messages_tab_read_only_enabled": True}
    command: Object = {"command": "/ship", "should_escape": False}
    slack.app.install(
        {
            "features": {"app_home": home, "slash_commands": [command]},
            "oauth_config": {"scopes": {"bot": ["chat:write", "commands"]}},
            "settings": {"interactivity": {"is_enabled": False}, "socket_mode_enabled": False},
        }
    )
    assert slack.app.grants[BOT_TOKEN].scopes == {"chat:write", "commands"}
    with pytest.raises(AssertionError, match="turned off"):
        slack.direct("ada", "hello?")
    with pytest.raises(Failed, match="invalid_command"):
        await slack.slash("ada", "#push", "/push")
    with pytest.raises(SlackApiError, match="access_denied"):
        await client(slack, APP_TOKEN).apps_connections_open(app_token=APP_TOKEN)
    view = {"type": "home", "blocks": []}
    assert await refused(slack, "views.publish", user_id="U0ADA", view=view) == "not_enabled"
    slack.say("ada", "#push", "unheard")
    assert slack.unacked == []


# --- Socket Mode ---


async def raw_link(slack: SlackServer, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    """A link without Bolt, past its `hello`."""
    answer = await client(slack, APP_TOKEN).apps_connections_open(app_token=APP_TOKEN)
    link = await session.ws_connect(str(answer["url"]))
    hello = await link.receive_json()
    assert hello["type"] == "hello"
    assert hello["num_connections"] == len(slack.links.open)
    return link


async def test_an_address_is_good_once(slack: SlackServer) -> None:
    url = str((await client(slack, APP_TOKEN).apps_connections_open(app_token=APP_TOKEN))["url"])
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
    assert slack.links.handshakes == [101, 403]


async def test_what_is_not_acknowledged_comes_again(slack: SlackServer) -> None:
    slack.links.ack_within, slack.links.pauses = 0.05, (0.0, 0.01)
    async with aiohttp.ClientSession() as session:
        link = await raw_link(slack, session)
        slack.say("ada", "#push", "hear me")
        envelopes = [await link.receive_json() for _ in range(3)]
        assert [one["retry_attempt"] for one in envelopes] == [0, 1, 2]
        assert [one["retry_reason"] for one in envelopes] == ["", "timeout", "timeout"]
        assert len({one["payload"]["event_id"] for one in envelopes}) == 1
        await slack.until(lambda: slack.links.lost)
        slack.links.ack_within = 60
        slack.say("ada", "#push", "and me")
        envelope = await link.receive_json()
        await link.send_json({"envelope_id": envelope["envelope_id"]})
        await slack.settled()
        assert [delivery.event["text"] for delivery in slack.acked] == ["and me"]


async def test_links_share_and_inherit(slack: SlackServer) -> None:
    async with aiohttp.ClientSession() as session:
        one, other = await raw_link(slack, session), await raw_link(slack, session)
        slack.say("ada", "#push", "first")
        slack.say("ada", "#push", "second")
        first, second = await one.receive_json(), await other.receive_json()
        assert {first["payload"]["event"]["text"], second["payload"]["event"]["text"]} == {"first", "second"}
        await other.send_json({"envelope_id": second["envelope_id"]})
        slack.links.open[0].reset()
        again = await other.receive_json()
        assert (again["payload"]["event_id"], again["retry_attempt"]) == (first["payload"]["event_id"], 1)
        await other.send_json({"envelope_id": again["envelope_id"]})
        await slack.settled()
        links = [other, *[await raw_link(slack, session) for _ in range(9)]]
        assert len(links) == len(slack.links.open) == 10
        url = str((await client(slack, APP_TOKEN).apps_connections_open(app_token=APP_TOKEN))["url"])
        async with session.ws_connect(url) as eleventh:
            assert (await eleventh.receive_json())["reason"] == "too_many_websockets"


async def test_events_wait_for_a_link(slack: SlackServer) -> None:
    slack.say("ada", "#push", "anybody?")
    assert len(slack.unacked) == 1
    async with linked(slack) as bot:
        await slack.until(lambda: bot.texts() == ["anybody?"])


async def test_events_can_come_twice_and_backwards(slack: SlackServer) -> None:
    slack.links.twice = True
    async with linked(slack) as bot:
        slack.say("ada", "#push", "twice")
        await slack.until(lambda: bot.texts() == ["twice", "twice"])
        assert len(set(bot.ids)) == 1
    slack.links.twice = False
    async with aiohttp.ClientSession() as session:
        link = await raw_link(slack, session)
        slack.links.hold()
        slack.say("ada", "#push", "one")
        slack.say("ada", "#push", "two")
        slack.links.release(backwards=True)
        assert [(await link.receive_json())["payload"]["event"]["text"] for _ in range(2)] == ["two", "one"]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "link_disabled"])
async def test_links_are_told_to_leave(slack: SlackServer, reason: str) -> None:
    async with linked(slack) as bot:
        slack.links.disconnect(reason)
        await slack.until(lambda: len(slack.links.handshakes) == 2)
        slack.say("ada", "#push", "still there?")
        await slack.until(lambda: bot.texts() == ["still there?"])


LINKED = """
import asyncio, json, sys
import aiohttp

async def main(url, token, acks):
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        answer = await (await session.post(f"{url}apps.connections.open")).json()
        async with session.ws_connect(answer["url"]) as link:
            async for message in link:
                said = json.loads(message.data)
                if acks == "acks" and "envelope_id" in said:
                    await link.send_json({"envelope_id": said["envelope_id"]})

asyncio.run(main(*sys.argv[1:]))
"""
"""An app as a process of its own."""


async def test_it_outlives_the_bot(slack: SlackServer) -> None:
    async def start(acks: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(sys.executable, "-c", LINKED, slack.url, APP_TOKEN, acks)

    deaf = await start("never")
    await slack.until(lambda: slack.links.open)
    slack.say("ada", "#push", "before")
    deaf.kill()
    await deaf.wait()
    await slack.until(lambda: not slack.links.open)
    slack.say("ada", "#push", "between")
    bot = await start("acks")
    await slack.settled()
    bot.kill()
    await bot.wait()
    assert [delivery.event["text"] for delivery in slack.acked] == ["before", "between"]


async def test_a_reset_link_is_replaced(slack: SlackServer) -> None:
    async with linked(slack) as bot:
        slack.links.reset()
        slack.say("ada", "#push", "still there?")
        await slack.until(lambda: bot.texts() == ["still there?"])
        assert slack.links.handshakes == [101, 101]


async def test_a_dead_link_answers_nothing(slack: SlackServer) -> None:
    slack.links.ack_within = 0.05
    async with linked(slack) as bot:
        await slack.until(lambda: any(link.pings for link in slack.links.open))
        slack.links.die()
        pings = slack.links.open[0].pings
        slack.say("ada", "#push", "hello?")
        async with aiohttp.ClientSession() as session:
            link = await raw_link(slack, session)
            envelope = await link.receive_json()
            assert (envelope["payload"]["event"]["text"], envelope["retry_attempt"]) == ("hello?", 1)
            await link.send_json({"envelope_id": envelope["envelope_id"]})
            await slack.settled()
            await link.close()
        assert (bot.texts(), slack.links.open[0].pings) == ([], pings)
        slack.links.reset()
