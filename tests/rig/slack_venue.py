"""Scenarios on a Slack on loopback: the bot on `SlackChat`, people who type there, and one who reads everything."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.chat.slack.chat import SlackChat
from pushbot.chat.slack.options import SlackOptions
from pushbot.testing.chat import Spoken
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, BOT_USER, Lost, SlackServer, Stuck
from tests.rig.slack_reading import as_on_irc, is_talk, lines_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from pushbot.testing.playground import Playground

WITHIN = 60.0
"""Seconds in which what a scenario expects has to be seen."""
QUIET = 0.04
"""Seconds without a call, after which the bot has none to make."""
ALWAYS = 10_000
"""Times that are as good as always."""
SAYS = ("chat.postMessage", "chat.postEphemeral")


def quick(slack: SlackServer, folder: Path) -> SlackOptions:
    """The options of a bot on `slack`, without the patience that a real Slack asks for; its tokens are in `folder`."""
    for name, token in (("bot", BOT_TOKEN), ("app", APP_TOKEN)):
        (folder / f"{name}-token").write_text(token, "utf-8")
    return SlackOptions(
        token=f"file:{folder / 'bot-token'}",
        app_token=f"file:{folder / 'app-token'}",
        api_url=slack.url,
        message_interval=0,
        topic_interval=0.01,
        reconnect_min=0.02,
        reconnect_max=0.1,
    )


@dataclass
class SlackWire:
    """What may befall a bot on `slack`."""

    slack: SlackServer

    def disconnect(self) -> None:
        """Nothing gets through any more, in neither direction."""
        self.slack.api.orders.clear()
        self.slack.fault("*", Lost(done=False), ALWAYS)
        self.slack.links.refuse = ALWAYS
        self.slack.cut()

    def let_in(self) -> None:
        """All is well again."""
        self.slack.api.orders.clear()
        self.slack.links.refuse = 0

    def hold(self, *, losing: bool) -> None:
        """Answer nothing that the bot says; with `losing` it is not done either."""
        for method in SAYS:
            self.slack.api.orders.pop(method, None)
            self.slack.fault(method, Stuck(done=not losing), ALWAYS)

    def confirm(self) -> None:
        """Answer again."""
        for method in SAYS:
            self.slack.api.orders.pop(method, None)

    @asynccontextmanager
    async def unplugged(self) -> AsyncIterator[None]:
        """As long as this lasts, nothing gets through."""
        self.disconnect()
        yield
        self.let_in()


@dataclass
class SlackVenue:
    """A venue on `slack`, where everybody in `names` has an account before the bot comes."""

    slack: SlackServer
    play: Playground
    names: Iterable[str] = ()
    _ids: dict[str, str] = field(default_factory=dict)
    _spoken: list[Spoken] = field(default_factory=list)
    _read: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wire = SlackWire(self.slack)
        self.play.places, self.play.wire, self.play.unplugged = ("slack",), wire, wire.unplugged

    async def start(self) -> None:
        """Start the bot, and return once it is in all rooms."""
        self.open()
        self.play.accounts = {name: f"slack/{self.id_of(name)}" for name in (*self.names, *self.play.operators)}
        self.play.chats = lambda: {"slack": self.chat()}
        await self.play.start()
        await self.entered()

    def open(self) -> None:
        """Have rooms and people."""
        for room in self.play.rooms_of("slack"):
            self.slack.add_channel(room)
        for name in self.names:
            self.id_of(name)

    def chat(self) -> SlackChat:
        """A new connection for a bot."""
        return SlackChat("slack", quick(self.slack, self.play.runs), self.play.rooms_of("slack"))

    async def entered(self) -> None:
        """Return once the bot shows a topic in every room of a lane."""
        rooms = {room.name for lane in self.play.lanes for room in lane.rooms}
        await self.slack.until(lambda: all(map(self.slack.topic, rooms)), what=f"the bot is not in all of {rooms}")

    def id_of(self, name: str) -> str:
        """The id of somebody, who comes into all rooms if nobody has that name now."""
        if name not in self._ids:
            handle = name.lower() if name.lower() not in {one.name for one in self.slack.space.users.values()} else ""
            user = self.slack.add_user(handle or f"{name.lower()}.{len(self._ids)}", display=name)
            self._ids[name] = user.id
            for channel in self.slack.space.channels.values():
                if channel.kind != "im":
                    channel.members.append(user.id)
        return self._ids[name]

    async def say(self, name: str, text: str, to: str | None) -> None:
        """A person says a line."""
        if to is None:
            self.slack.people.direct(self.id_of(name), text)
        else:
            self.slack.people.say(self.id_of(name), to, text)

    async def rename(self, old: str, new: str) -> None:
        """A person takes another display name."""
        self._ids[new] = self._ids.pop(old)
        self.slack.people.rename(self._ids[new], new)

    async def write_topic(self, name: str, room: str, text: str) -> None:
        """A person sets a topic, once they see the one that the bot has set."""
        await self._quiet()
        self.slack.people.write_topic(self.id_of(name), room, text)

    def topic(self, room: str) -> str:
        """What the room shows."""
        return self.slack.topic(room)

    def spoken(self) -> Sequence[Spoken]:
        """All that people have read so far."""
        return self._spoken

    def recalls(self, line: Spoken) -> bool:  # noqa: ARG002 - Slack keeps what was said, the bot what one alone was told
        """Everything."""
        return True

    async def settle(self, done: Callable[[], bool]) -> None:
        """Read along until the bot has dealt with all that was said, and `done`; then once more."""
        try:
            async with asyncio.timeout(WITHIN):
                while not (await self.rested() and done()):  # noqa: ASYNC110 - a server tells nobody
                    await asyncio.sleep(0.002)
        except TimeoutError:
            return
        await self.rested()

    async def rested(self) -> bool:
        """Read what is new; whether the bot has dealt with all that it was told."""
        await self.play.settle()
        waiting = await self.play.store.memory("slack").waiting() if self.play.store.opened else ()
        self._listen()
        return not (waiting or self.slack.unacked)

    async def _quiet(self) -> None:
        """Return when the bot has called nothing for a while."""
        calls = self.slack.calls
        seen = -1
        while seen < len(calls) or calls[-1].answer is None:
            seen = len(calls)
            await asyncio.sleep(QUIET)

    def _listen(self) -> None:
        """Take all new messages, and what only some were shown, in the order of their timestamps."""
        new = list[tuple[str, str, list[str]]]()
        for channel in list(self.slack.space.channels.values()):
            start, self._read[channel.id] = self._read.get(channel.id, 0), len(channel.messages)
            ours = [one for one in channel.messages[start:] if one.user == BOT_USER and is_talk(one)]
            new += [(one.ts, self._place(one.channel), lines_in(one, self.slack.space)) for one in ours]
        whispers = self.slack.posts.ephemerals
        start, self._read[""] = self._read.get("", 0), len(whispers)
        new += [(one.ts, self._place(one.channel), lines_in(one, self.slack.space)) for one in whispers[start:]]
        self._spoken += [Spoken(place, as_on_irc(line)) for _, place, lines in sorted(new) for line in lines]

    def _place(self, channel: str) -> str:
        """What people call a conversation: a room by its name, one in private by the other's."""
        where = self.slack.space.channels[channel]
        if where.kind != "im":
            return f"#{where.name}"
        other = next(one for one in where.members if one != BOT_USER)
        return self.slack.space.users[other].shown
