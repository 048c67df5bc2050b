"""What people do in Slack becomes what the bot is told: talk, commands, buttons, names."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.inbound import user_lookup
from pushbot.ports import Heard, HomeOpened, Manner, Renamed, TopicEdited
from pushbot.views import HomeView, LaneBoard, Offer
from tests.rig.slack import BOT_USER, Refused, SlackServer, Slow, Stuck
from tests.rig.slack_listener import ADA, Listener

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue


# --- talk ---


async def test_a_message_in_a_room_is_heard(slack: SlackServer, bot: Listener) -> None:
    ts = slack.people.say("ada", "#push", ".join")
    (heard,) = await bot.hears()
    assert heard == Heard("slack", "#push", ADA, ".join", id=f"message/C0PUSH01/{ts}")
    assert heard.person.proof == "Slack user U0ADA"
    assert len(slack.acked) == 1


@pytest.mark.parametrize("said", ["@pushbot join", "@pushbot: join", "@pushbot, join", "pushbot: join"])
async def test_a_mention_addresses_the_bot_and_is_heard_once(slack: SlackServer, bot: Listener, said: str) -> None:
    slack.people.say("ada", "#push", said)
    slack.people.say("bob", "#push", ".good")
    first, second = await bot.hears(2)
    assert (first.text, first.addressed, first.room) == ("join", True, "#push")
    assert (second.text, second.addressed, second.person.name) == (".good", False, "Bob")


async def test_a_direct_message_is_heard_in_private(slack: SlackServer, bot: Listener) -> None:
    slack.people.direct("ada", "join")
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed, heard.person) == (None, "join", True, ADA)


async def test_in_a_thread_the_spot_is_the_thread(slack: SlackServer, bot: Listener) -> None:
    ts = slack.people.say("ada", "#push", "look")
    slack.people.say("bob", "#push", ".status", thread=ts)
    _, heard = await bot.hears(2)
    assert (heard.room, heard.text, heard.spot, heard.lane) == ("#push", ".status", ts, "")


async def test_lines_of_one_message_are_told_apart(slack: SlackServer, bot: Listener) -> None:
    ts = slack.people.say("ada", "#push", ".join\nsome talk\n.good")
    first, second = await bot.hears(2)
    assert (first.text, second.text) == (".join", ".good")
    assert (first.id, second.id) == (f"message/C0PUSH01/{ts}/1", f"message/C0PUSH01/{ts}/2")


async def test_names_in_text_are_peoples(slack: SlackServer, bot: Listener) -> None:
    slack.add_user("newcomer", id="U0NEW", display="Late Comer")
    slack.people.say("ada", "#push", ".kick @bob")
    slack.people.say("ada", "#push", ".kick <@U0NEW> &amp; #C", raw=True)
    first, second = await bot.hears(2)
    assert first.text == ".kick Bob"
    assert second.text == '.kick "Late Comer" & #C'


async def test_what_bots_say_and_what_is_edited_or_deleted_is_not_heard(slack: SlackServer, bot: Listener) -> None:
    slack.add_user("robot", bot=True)
    slack.people.say("robot", "#push", ".join")
    ts = slack.people.say("ada", "#push", "talk")
    slack.people.edit("#push", ts, ".join")
    slack.people.delete("#push", ts)
    said = bot.chat.say("#push", ".join")
    slack.people.say("ada", "#warroom", ".join")  # no room of this bot's
    async with asyncio.timeout(60):
        await said
    slack.people.say("bob", "#push", ".good")
    heard = await bot.hears(2)
    assert [(one.text, one.person.name) for one in heard] == [("talk", "Ada"), (".good", "Bob")]


async def test_a_mention_elsewhere_is_answered_there_for_who_asked(slack: SlackServer, bot: Listener) -> None:
    talk = slack.people.say("bob", "#warroom", "what is up?")
    slack.people.say("ada", "#warroom", "@pushbot status")
    slack.people.say("ada", "#warroom", "@pushbot eta", thread=talk)
    for heard in await bot.hears(2):
        assert (heard.room, heard.addressed) == (None, True)
        async with asyncio.timeout(60):
            await bot.chat.say(heard.person.reach, f"as for {heard.text}", Manner(whom="U0ADA", spot=heard.spot))
    seen = [(slack.read(one), one.channel, one.thread) for one in slack.whispers("ada")]
    assert seen == [("as for status", "C0WARRM1", None), ("as for eta", "C0WARRM1", talk)]


async def test_a_thread_in_private_is_answered_there(slack: SlackServer, bot: Listener) -> None:
    ts = slack.people.direct("ada", "status")
    slack.people.direct("ada", "join", thread=ts)
    first, second = await bot.hears(2)
    assert (first.spot, second.spot, second.room, second.addressed) == ("", ts, None, True)


async def test_events_with_the_least_in_them_are_understood(slack: SlackServer, bot: Listener) -> None:
    say: dict[str, JsonValue] = {
        "type": "message",
        "user": "U0ADA",
        "text": ".join",
        "channel": "C0PUSH01",
        "ts": "1.1",
    }
    call = say | {"type": "app_mention", "text": f"<@{BOT_USER}> good", "ts": "1.2"}
    direct = say | {"text": "go", "channel": "D0ADA", "ts": "1.3"}
    for event in (say, call, direct):
        await slack.links.deliver("events_api", {"type": "event_callback", "event": event}).settled.wait()
    heard = await bot.hears(3)
    assert [(one.text, one.room, one.addressed) for one in heard] == [
        (".join", "#push", False),
        ("good", "#push", True),
        ("go", None, True),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"event": None},
        {"event": {"type": "message", "user": "U0ADA", "text": None, "channel": [], "ts": "1.1"}},
        {"event": {"type": "message", "user": {"id": "U0ADA"}, "text": ".join", "channel": "C0PUSH01", "ts": "1.1"}},
        {"event": {"type": "message", "user": "U0ADA", "text": 7, "channel": "C0PUSH01", "ts": "1.1"}},
        {"event": {"type": "user_change", "user": "U0ADA"}},
        {"event": {"type": "channel_rename", "channel": "C0PUSH01"}},
        {"event": {"type": "member_joined_channel"}},
        {"event": {"type": "app_home_opened", "user": "U0ADA"}},
        {"event": {"type": "message", "subtype": "channel_topic", "channel": "C0PUSH01", "user": "U0ADA", "ts": "1.1"}},
    ],
)
async def test_odd_events_stop_nothing(slack: SlackServer, bot: Listener, payload: dict[str, JsonValue]) -> None:
    await slack.links.deliver("events_api", payload | {"event_id": "Ev1"}).settled.wait()
    for kind in ("slash_commands", "interactive", "shortcut"):
        await slack.links.deliver(kind, payload | {"type": "block_actions"}).settled.wait()
    slack.people.say("ada", "#push", ".join")
    await slack.until(lambda: ".join" in [one.text for one in bot.heard])
    assert all(one.text for one in bot.heard)


# --- slash commands ---


async def test_a_slash_command_is_said_in_the_room(slack: SlackServer, bot: Listener) -> None:
    assert await slack.people.slash("ada", "#push", "/push", "join") is None
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed, heard.spot, heard.person) == ("#push", "join", True, "", ADA)


async def test_elsewhere_it_is_answered_where_it_was_given(slack: SlackServer, bot: Listener) -> None:
    slack.add_channel("#other", members=["ada"], bot=False)
    await slack.people.slash("ada", "#other", "/push", "status")
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed) == (None, "status", True)
    said = bot.chat.say(heard.person.reach, "all is well", Manner(whom="U0ADA", spot=heard.spot))
    async with asyncio.timeout(60):
        await said
    assert slack.ephemerals("ada") == ["all is well"]


async def test_alone_it_asks_for_help(slack: SlackServer, bot: Listener) -> None:
    await slack.people.slash("ada", "#push", "/push")
    (heard,) = await bot.hears()
    assert heard.text == ".help"


# --- people ---


async def test_renames_are_told(slack: SlackServer, bot: Listener) -> None:
    slack.people.say("ada", "#push", ".join")
    await bot.hears()
    slack.people.rename("ada", "Countess")
    slack.people.say("ada", "#push", ".good")
    _, second = await bot.hears(2)
    assert second.person.name == "Countess"
    assert bot.of(Renamed) == [Renamed("slack", ADA, replace(ADA, name="Countess"))]


async def test_a_rename_while_away_is_told_at_the_next_start(slack: SlackServer, tmp_path: Path) -> None:
    bot = Listener(slack, tmp_path)
    async with bot.running():
        slack.people.say("ada", "#push", ".join")
        await bot.hears()
    slack.people.rename("ada", "Countess")
    async with bot.running():
        await slack.until(lambda: bot.of(Renamed))
        assert bot.chat.person("countess").address == "U0ADA"


async def test_who_cannot_be_asked_for_is_heard_without_proof(slack: SlackServer, bot: Listener) -> None:
    slack.add_user("late", id="U0LATE")
    slack.fault("users.info", Refused("user_not_found"), 5)
    slack.people.say("late", "#push", ".join")
    (heard,) = await bot.hears()
    assert (heard.person.key, heard.person.name, heard.person.trusted) == ("user:U0LATE", "U0LATE", False)


async def test_who_is_named_late_keeps_their_order_and_nobody_else_waits(
    slack: SlackServer, bot: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_lookup, "PATIENCE", 0.05)
    slack.add_user("late", id="U0LATE")
    slack.fault("users.info", Slow(4.0))
    for text in (".join", ".good"):
        slack.people.say("late", "#push", text)
    slack.people.say("ada", "#push", ".status")
    slack.people.say("late", "#push", ".go")
    heard = await bot.hears(4)
    assert [(one.person.key, one.text) for one in heard] == [
        ("user:U0ADA", ".status"),
        *(("user:U0LATE", text) for text in (".join", ".good", ".go")),
    ]
    assert all(one.person.trusted for one in heard)
    assert len(slack.called("users.info")) == 1


async def test_the_more_people_slack_is_slow_to_name_the_less_is_each_waited_for(
    slack: SlackServer, bot: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_lookup, "PATIENCE", 2.0)
    monkeypatch.setattr(user_lookup, "ALREADY", 0.02)
    slack.fault("users.info", Stuck(), 30)
    for number in range(30):
        slack.add_user(f"late{number}", id=f"U0LATE{number}")
        slack.people.say(f"late{number}", "#push", ".join")
    slack.people.say("ada", "#push", ".status")
    began = time.monotonic()
    assert [one.text for one in await bot.hears()] == [".status"]
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("kind", [TopicEdited, HomeOpened])
async def test_nobody_is_taken_for_a_guest_as_they_are_named_late(
    slack: SlackServer, bot: Listener, monkeypatch: pytest.MonkeyPatch, kind: type[TopicEdited | HomeOpened]
) -> None:
    monkeypatch.setattr(user_lookup, "PATIENCE", 0.05)
    slack.add_user("late", id="U0LATE")
    slack.fault("users.info", Slow(3.0))
    if kind is TopicEdited:
        slack.people.write_topic("late", "#push", "<princess> late")
    else:
        slack.people.open_home("late")
    slack.people.say("ada", "#push", ".status")
    await bot.hears()
    assert not bot.of(kind)
    await slack.until(lambda: bot.of(kind))
    (told,) = bot.of(kind)
    assert isinstance(told, TopicEdited | HomeOpened)
    assert told.person.proof == "Slack user U0LATE"


async def test_what_waits_for_a_name_is_heard_after_a_crash(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_lookup, "PATIENCE", 0.05)
    bot = Listener(slack, tmp_path)
    async with bot.running():
        slack.add_user("late", id="U0LATE")
        slack.fault("users.info", Stuck())
        slack.people.say("late", "#push", ".join")
        slack.people.say("ada", "#push", ".status")
        assert [one.text for one in await bot.hears()] == [".status"]
    async with bot.running():
        assert [(one.text, one.again) for one in await bot.hears()] == [(".join", True)]


async def test_who_is_not_named_for_long_is_heard_without_proof(
    slack: SlackServer, bot: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_lookup, "PATIENCE", 0.05)
    monkeypatch.setattr(user_lookup, "LONGEST", 0.5)
    slack.add_user("late", id="U0LATE")
    slack.fault("users.info", Stuck(), 5)
    for text in (".join", ".message <@U0LATE>"):
        slack.people.say("late", "#push", text, raw=True)
    heard = [(one.text, one.person.trusted) for one in await bot.hears(2)]
    assert heard == [(".join", False), (".message U0LATE", False)]
    assert len(slack.called("users.info")) == 1


async def test_a_home_tab_is_told_of(slack: SlackServer, bot: Listener) -> None:
    slack.people.open_home("ada")
    await slack.until(lambda: bot.of(HomeOpened))
    assert bot.of(HomeOpened) == [HomeOpened("slack", ADA)]


# --- buttons ---

BOARD = LaneBoard(
    "web", offers=(Offer("go", "Go", ".go", sure="Really?"),), more=(Offer("abort", "Abort", ".abort"),), mark="7.2"
)


async def test_a_button_says_its_command_in_its_lane_as_it_was_seen(slack: SlackServer, bot: Listener) -> None:
    bot.chat.show_board("#push", BOARD)
    await slack.until(lambda: slack.pins("#push"))
    (board,) = slack.pins("#push")
    await slack.people.press("ada", board, "Go")
    await slack.people.choose("bob", board, "Abort")
    first, second = await bot.hears(2)
    assert (first.room, first.text, first.addressed, first.spot) == ("#push", ".go", True, "")
    assert (first.person, first.lane, first.seen) == (ADA, "web", "7.2")
    assert (second.text, second.person.name, second.lane, second.seen) == (".abort", "Bob", "web", "7.2")
    assert first.id.startswith("press/")


async def test_a_press_on_a_message_with_a_thread_below_it_is_answered_beside_it(
    slack: SlackServer, bot: Listener
) -> None:
    bot.chat.show_board("#push", LaneBoard("web", offers=(Offer("go", "Go", ".go"),)))
    await slack.until(lambda: slack.pins("#push"))
    (board,) = slack.pins("#push")
    slack.people.say("bob", "#push", "what is this?", thread=board.ts)
    await slack.people.press("ada", board, "Go")
    *_, heard = await bot.hears(2)
    assert (heard.text, heard.room, heard.spot) == (".go", "#push", "")


async def test_a_button_of_the_own_page_is_pressed_in_private(slack: SlackServer, bot: Listener) -> None:
    bot.chat.show_home("U0ADA", HomeView(ADA, (BOARD,), wishes=(Offer("up", "When I am up", ".notify up"),)))
    await slack.until(lambda: slack.home("ada"))
    home = slack.home("ada")
    assert home is not None
    await slack.people.press("ada", home, "When I am up")
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed, heard.lane) == (None, ".notify up", True, "")


async def test_a_thread_below_the_board_speaks_of_its_lane(slack: SlackServer, bot: Listener) -> None:
    bot.chat.show_board("#push", BOARD)
    await slack.until(lambda: slack.pins("#push"))
    (board,) = slack.pins("#push")
    slack.people.say("ada", "#push", ".status", thread=board.ts)
    (heard,) = await bot.hears()
    assert (heard.spot, heard.lane) == (board.ts, "web")


async def test_a_foreign_button_is_of_no_use(slack: SlackServer, bot: Listener) -> None:
    action = {"type": "button", "action_id": "x", "block_id": "b", "value": "join"}
    payload = {"type": "block_actions", "user": {"id": "U0ADA"}, "trigger_id": "1.2", "actions": [action]}
    await slack.links.deliver("interactive", payload).settled.wait()  # type: ignore[arg-type]
    slack.people.say("ada", "#push", ".join")
    assert [one.text for one in await bot.hears()] == [".join"]


@pytest.mark.parametrize("odd", ["x", "\u202e\nU0ADA", "\ud800", [1], 5, None, [{"team_id": "T1"}, None]])
async def test_what_has_another_shape_than_documented_holds_nobody_up(
    slack: SlackServer, bot: Listener, odd: JsonValue
) -> None:
    envelope: dict[str, JsonValue] = {"event_id": "Ev1", "authorizations": odd, "team_id": odd}
    slack.links.deliver("events_api", {**envelope, "event": {"type": "user_change", "user": odd}})
    slack.links.deliver("interactive", {"type": "block_actions", "trigger_id": "1", "user": odd, "actions": odd})
    slack.links.deliver("slash_commands", {"command": odd, "trigger_id": "\ud800", "user_id": odd})
    slack.people.say("ada", "#push", ".join")
    await slack.until(lambda: ".join" in [heard.text for heard in bot.heard])
    await slack.settled()
    assert {heard.person.key for heard in bot.heard} == {"user:U0ADA"}


async def test_people_who_are_made_up_keep_nobody_from_being_heard(slack: SlackServer, bot: Listener) -> None:
    slack.api.rates.on = True
    for number in range(40):
        made_up = " ".join(f"<@U0{number:03}{one}>" for one in range(20))
        slack.people.say("ada", "#push", f".message {made_up}", raw=True)
    slack.add_user("cid", id="U0CID", display="Cid")
    slack.people.say("cid", "#push", ".join")
    assert (await bot.hears(41))[-1].person.proof == "Slack user U0CID"
    assert len(slack.called("users.info")) < 30
