"""What people do in Slack becomes what the bot is told: on the whole chat, against a Slack on loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from pushbot.chat.slack import SlackChat, SlackOptions
from pushbot.errors import PushbotError
from pushbot.ports import Heard, HomeOpened, Manner, Notice, Renamed, RoomEntered, TopicEdited
from pushbot.queue.model import Person
from pushbot.testing.memory_store import MemoryStore
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, BOT_USER, Http, Refused, SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

QUICK = {"ping_interval": 0.2, "reconnect_min": 0.01, "reconnect_max": 0.05, "message_interval": 0.0}


@dataclass
class Bot:
    """A chat without a bot behind it: `told` is what it would have been told; `stuck` holds it up."""

    slack: SlackServer
    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    rooms: tuple[str, ...] = ("#push",)
    options: dict[str, object] = field(default_factory=dict)
    told: list[Notice] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    chat: SlackChat = field(init=False)

    async def tell(self, notice: Notice) -> None:
        await self.free.wait()
        self.told.append(notice)

    def made(self) -> SlackChat:
        for name, token in (("bot", BOT_TOKEN), ("app", APP_TOKEN)):
            (self.folder / name).write_text(token)
        tokens = {"token": f"file:{self.folder / 'bot'}", "app_token": f"file:{self.folder / 'app'}"}
        options = SlackOptions.model_validate(QUICK | tokens | {"api_url": self.slack.url} | self.options)
        chat = SlackChat("slack", options, self.rooms)
        chat.memory = self.store.memory("slack")
        return chat

    @asynccontextmanager
    async def running(self, *, stuck: bool = False) -> AsyncIterator[Bot]:
        await self.store.open()
        self.told.clear()
        self.free.clear() if stuck else self.free.set()
        self.chat = self.made()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.chat.run(self.tell))
            await self.slack.until(lambda: self.slack.links.open)
            if not stuck:
                await self.entered(len(self.rooms))
            yield self
            task.cancel()

    async def entered(self, rooms: int) -> None:
        await self.slack.until(lambda: len(self.of(RoomEntered)) >= rooms, what=f"{self.told}")

    def of(self, kind: type[Notice]) -> list[Notice]:
        return [one for one in self.told if isinstance(one, kind)]

    @property
    def heard(self) -> list[Heard]:
        return [one for one in self.told if isinstance(one, Heard)]

    async def hears(self, count: int = 1) -> list[Heard]:
        await self.slack.until(lambda: len(self.heard) >= count, what=f"{self.told}")
        await self.slack.settled()
        return self.heard


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("ada", id="U0ADA", display="Ada")
        server.add_user("bob", id="U0BOB", display="Bob")
        server.add_channel("#push", id="C0PUSH01")
        server.add_channel("#warroom", id="C0WARRM1")
        yield server


@pytest.fixture
async def bot(slack: SlackServer, tmp_path: Path) -> AsyncIterator[Bot]:
    async with Bot(slack, tmp_path).running() as made:
        yield made


ADA = Person("slack", "user:U0ADA", "Ada", address="U0ADA")


# --- talk ---


async def test_a_message_in_a_room_is_heard(slack: SlackServer, bot: Bot) -> None:
    ts = slack.people.say("ada", "#push", ".join")
    (heard,) = await bot.hears()
    assert heard == Heard("slack", "#push", ADA, ".join", id=f"message/C0PUSH01/{ts}")
    assert heard.person.proof == "Slack user U0ADA"
    assert len(slack.acked) == 1


@pytest.mark.parametrize("said", ["@pushbot join", "@pushbot: join", "@pushbot, join", "pushbot: join"])
async def test_a_mention_addresses_the_bot_and_is_heard_once(slack: SlackServer, bot: Bot, said: str) -> None:
    slack.people.say("ada", "#push", said)
    slack.people.say("bob", "#push", ".good")
    first, second = await bot.hears(2)
    assert (first.text, first.addressed, first.room) == ("join", True, "#push")
    assert (second.text, second.addressed, second.person.name) == (".good", False, "Bob")


async def test_a_direct_message_is_heard_in_private(slack: SlackServer, bot: Bot) -> None:
    slack.people.direct("ada", "join")
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed, heard.person) == (None, "join", True, ADA)


async def test_in_a_thread_the_spot_is_the_thread(slack: SlackServer, bot: Bot) -> None:
    ts = slack.people.say("ada", "#push", "look")
    slack.people.say("bob", "#push", ".status", thread=ts)
    _, heard = await bot.hears(2)
    assert (heard.room, heard.text, heard.spot, heard.lane) == ("#push", ".status", ts, "")


async def test_lines_of_one_message_are_told_apart(slack: SlackServer, bot: Bot) -> None:
    ts = slack.people.say("ada", "#push", ".join\nsome talk\n.good")
    first, second = await bot.hears(2)
    assert (first.text, second.text) == (".join", ".good")
    assert (first.id, second.id) == (f"message/C0PUSH01/{ts}/1", f"message/C0PUSH01/{ts}/2")


async def test_names_in_text_are_peoples(slack: SlackServer, bot: Bot) -> None:
    slack.add_user("newcomer", id="U0NEW", display="Late Comer")
    slack.people.say("ada", "#push", ".kick @bob")
    slack.people.say("ada", "#push", ".kick <@U0NEW> &amp; #C", raw=True)
    first, second = await bot.hears(2)
    assert first.text == ".kick Bob"
    assert second.text == '.kick "Late Comer" & #C'


async def test_what_bots_say_and_what_is_edited_or_deleted_is_not_heard(slack: SlackServer, bot: Bot) -> None:
    slack.add_user("robot", bot=True)
    slack.people.say("robot", "#push", ".join")
    ts = slack.people.say("ada", "#push", "talk")
    slack.people.edit("#push", ts, ".join")
    slack.people.delete("#push", ts)
    said = bot.chat.say("#push", ".join")
    slack.people.say("ada", "#warroom", ".join")  # no room of this bot's
    async with asyncio.timeout(5):
        await said
    slack.people.say("bob", "#push", ".good")
    heard = await bot.hears(2)
    assert [(one.text, one.person.name) for one in heard] == [("talk", "Ada"), (".good", "Bob")]


async def test_a_mention_elsewhere_is_answered_in_private(slack: SlackServer, bot: Bot) -> None:
    slack.people.say("ada", "#warroom", "@pushbot status")
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed, heard.spot) == (None, "status", True, "")


# --- slash commands ---


async def test_a_slash_command_is_said_in_the_room(slack: SlackServer, bot: Bot) -> None:
    assert await slack.people.slash("ada", "#push", "/push", "join") is None
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed, heard.spot, heard.person) == ("#push", "join", True, "", ADA)


async def test_elsewhere_it_is_answered_where_it_was_given(slack: SlackServer, bot: Bot) -> None:
    slack.add_channel("#other", members=["ada"], bot=False)
    await slack.people.slash("ada", "#other", "/push", "status")
    (heard,) = await bot.hears()
    assert (heard.room, heard.text, heard.addressed) == (None, "status", True)
    said = bot.chat.say(heard.person.reach, "all is well", Manner(whom="U0ADA", spot=heard.spot))
    async with asyncio.timeout(5):
        await said
    assert slack.ephemerals("ada") == ["all is well"]


async def test_alone_it_asks_for_help(slack: SlackServer, bot: Bot) -> None:
    await slack.people.slash("ada", "#push", "/push")
    (heard,) = await bot.hears()
    assert heard.text == ".help"


# --- people ---


async def test_renames_are_told(slack: SlackServer, bot: Bot) -> None:
    slack.people.say("ada", "#push", ".join")
    await bot.hears()
    slack.people.rename("ada", "Countess")
    slack.people.say("ada", "#push", ".good")
    _, second = await bot.hears(2)
    assert second.person.name == "Countess"
    assert bot.of(Renamed) == [Renamed("slack", ADA, replace(ADA, name="Countess"))]


async def test_a_rename_while_away_is_told_at_the_next_start(slack: SlackServer, tmp_path: Path) -> None:
    bot = Bot(slack, tmp_path)
    async with bot.running():
        slack.people.say("ada", "#push", ".join")
        await bot.hears()
    slack.people.rename("ada", "Countess")
    async with bot.running():
        await slack.until(lambda: bot.of(Renamed))
        assert bot.chat.person("countess").address == "U0ADA"


async def test_who_cannot_be_asked_for_is_heard_without_proof(slack: SlackServer, bot: Bot) -> None:
    slack.add_user("late", id="U0LATE")
    slack.fault("users.info", Refused("user_not_found"), 5)
    slack.people.say("late", "#push", ".join")
    (heard,) = await bot.hears()
    assert (heard.person.key, heard.person.name, heard.person.trusted) == ("user:U0LATE", "U0LATE", False)


async def test_a_home_tab_is_told_of(slack: SlackServer, bot: Bot) -> None:
    slack.people.open_home("ada")
    await slack.until(lambda: bot.of(HomeOpened))
    assert bot.of(HomeOpened) == [HomeOpened("slack", ADA)]


# --- topics and rooms ---


async def test_a_topic_edited_by_hand_is_told_with_what_it_replaced(slack: SlackServer, bot: Bot) -> None:
    slack.people.write_topic("ada", "#push", "<princess> ada & bob")
    slack.people.write_topic("bob", "#push", "clear")
    await slack.until(lambda: len(bot.of(TopicEdited)) == 2)
    first, second = bot.of(TopicEdited)
    assert isinstance(first, TopicEdited)
    assert isinstance(second, TopicEdited)
    assert (first.text, first.before, first.person) == ("<princess> ada & bob", "", ADA)
    assert (second.text, second.before, second.person.name) == ("clear", "<princess> ada & bob", "Bob")
    assert first.id
    assert first.id != second.id


async def test_own_topics_are_not_told_but_known(slack: SlackServer, bot: Bot) -> None:
    bot.chat.draw("#push", "<princess> ada | bob")
    await slack.until(lambda: slack.topic("#push") == "<princess> ada | bob")
    slack.people.write_topic("bob", "#push", "clear")
    await slack.until(lambda: bot.of(TopicEdited))
    (edited,) = bot.of(TopicEdited)
    assert isinstance(edited, TopicEdited)
    assert (edited.before, edited.text) == ("<princess> ada | bob", "clear")


async def test_a_topic_set_while_away_is_told_with_its_setter(slack: SlackServer, tmp_path: Path) -> None:
    slack.people.write_topic("ada", "#push", "ada | bob &amp; co")
    async with Bot(slack, tmp_path).running() as bot:
        assert bot.of(RoomEntered) == [RoomEntered("slack", "#push", "ada | bob &amp; co", "Ada")]


async def test_rooms_are_found_by_id_and_keep_their_channel(slack: SlackServer, tmp_path: Path) -> None:
    rooms = ("#push", "C0WARRM1")
    bot = Bot(slack, tmp_path, rooms=rooms)
    async with bot.running():
        slack.people.rename_channel("#push", "release")
        slack.people.say("ada", "#release", ".join")
        slack.people.say("ada", "#warroom", ".good")
        assert [(one.room, one.text) for one in await bot.hears(2)] == [("#push", ".join"), ("C0WARRM1", ".good")]
    async with bot.running():
        slack.people.say("ada", "#release", ".go")
        assert [(one.room, one.text) for one in await bot.hears()] == [("#push", ".go")]


async def test_a_private_room_is_entered_when_the_bot_is_invited(slack: SlackServer, tmp_path: Path) -> None:
    slack.add_channel("#secret", private=True, bot=False)
    with capture_logs() as logs:
        async with Bot(slack, tmp_path, rooms=("#push", "#secret")).running(stuck=True) as bot:
            bot.free.set()
            await slack.until(lambda: any(one["event"] == "slack_room_shut" for one in logs))
            slack.people.invite("#secret")
            await bot.entered(2)
            slack.people.say("ada", "#secret", ".join")
            assert (await bot.hears())[0].room == "#secret"
    (shut,) = [one for one in logs if one["event"] == "slack_room_shut"]
    assert "/invite @pushbot" in str(shut["why"])


async def test_a_public_room_is_joined_where_the_app_may(slack: SlackServer, tmp_path: Path) -> None:
    slack.add_channel("#open", bot=False)
    async with Bot(slack, tmp_path, rooms=("#open",)).running():
        assert BOT_USER in slack.space.channel("#open").members


async def test_a_room_that_the_bot_was_removed_from_is_entered_again(slack: SlackServer, bot: Bot) -> None:
    slack.app.grants[BOT_TOKEN].scopes.discard("channels:join")
    slack.people.kick("#push")
    with capture_logs() as logs:
        await slack.until(lambda: any(one["event"] == "slack_room_shut" for one in logs))
    slack.people.invite("#push")
    await bot.entered(2)


async def test_an_archived_room_is_entered_when_it_is_back(slack: SlackServer, bot: Bot) -> None:
    with capture_logs() as logs:
        slack.people.archive("#push")
        await slack.until(lambda: any("archived" in str(one.get("why")) for one in logs))
    slack.people.archive("#push", archived=False)
    await bot.entered(2)


async def test_after_a_new_link_the_rooms_are_looked_at_again(slack: SlackServer, bot: Bot) -> None:
    slack.links.reset()
    await bot.entered(2)


# --- letters ---


async def test_events_that_come_twice_are_told_once(slack: SlackServer, bot: Bot) -> None:
    slack.links.twice = True
    for number in range(20):
        slack.people.say("ada", "#push", f".message {number}")
    slack.people.write_topic("ada", "#push", "clear")
    await slack.until(lambda: bot.of(TopicEdited))
    await slack.settled()
    assert [one.text for one in bot.heard] == [f".message {number}" for number in range(20)]
    assert len(bot.of(TopicEdited)) == 1


async def test_what_was_acknowledged_is_told_after_a_crash_and_said_to_be_again(
    slack: SlackServer, tmp_path: Path
) -> None:
    bot = Bot(slack, tmp_path)
    async with bot.running(stuck=True):
        slack.people.say("ada", "#push", ".join")
        slack.people.say("bob", "#push", ".join")
        await slack.until(lambda: len(slack.acked) == 2)
        assert bot.told == []
    async with bot.running():
        slack.people.say("bob", "#push", ".good")
        heard = await bot.hears(3)
        assert [(one.person.name, one.text, one.again) for one in heard] == [
            ("Ada", ".join", True),
            ("Bob", ".join", True),
            ("Bob", ".good", False),
        ]
    async with bot.running():
        assert bot.heard == []


async def test_a_hundred_commands_at_once_are_heard_in_order(slack: SlackServer, bot: Bot) -> None:
    for number in range(100):
        slack.people.say("ada", "#push", f".message {number}")
    heard = await bot.hears(100)
    assert [one.text for one in heard] == [f".message {number}" for number in range(100)]
    assert len({one.id for one in heard}) == 100


# --- troubles ---


@pytest.mark.parametrize(("token", "error"), [(BOT_TOKEN, "invalid_auth"), (APP_TOKEN, "account_inactive")])
async def test_a_token_that_is_not_taken_ends_it_at_the_start(
    slack: SlackServer, tmp_path: Path, token: str, error: str
) -> None:
    slack.app.grants[token].revoked = error
    bot = Bot(slack, tmp_path)
    await bot.store.open()
    with pytest.raises(PushbotError, match=error) as caught:
        await bot.made().run(bot.tell)
    assert token not in str(caught.value)


async def test_a_missing_secret_ends_it_at_the_start(slack: SlackServer, tmp_path: Path) -> None:
    bot = Bot(slack, tmp_path, options={"token": "env:PUSHBOT_NO_SUCH_TOKEN"})
    await bot.store.open()
    chat = SlackChat("slack", SlackOptions(token="env:PUSHBOT_NO_SUCH_TOKEN"), ())
    chat.memory = bot.store.memory("slack")
    with pytest.raises(PushbotError, match="PUSHBOT_NO_SUCH_TOKEN"):
        await chat.run(bot.tell)


async def test_it_waits_for_a_slack_that_is_not_there_yet(slack: SlackServer, tmp_path: Path) -> None:
    slack.fault("auth.test", Http(503), 6)
    async with Bot(slack, tmp_path).running():
        pass


def test_what_cannot_be_a_room_is_said() -> None:
    for room in ("#two words", "", "#a,b", "<#C1>"):
        with pytest.raises(PushbotError, match="cannot be a room"):
            SlackChat("slack", SlackOptions(), (room,))
