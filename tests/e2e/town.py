"""A team on Slack: a workspace, the bot as a process of its own, and what must be true of both however often it died.

The workspace outlives the bot, and keeps what it was not told was received. What people read comes from the workspace,
what the bot did from its journal (`pushbot audit`), its record and the files that its steps wrote.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.e2e.bot import SOON, BotProcess, until
from tests.e2e.made import noted, stage, step
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, BOT_USER
from tests.rig.slack_reading import LINES, is_talk, lines_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pydantic import JsonValue

    from tests.rig.slack import Message, SlackServer

VIEW = "pushbot_view"
"""The type of the metadata of a message that shows a board or a push."""


def chat(slack: SlackServer, **options: float | str) -> str:
    """The part of a configuration about the chat, without patience unless `options` say otherwise.

    Only pings have some: a link that is left while a busy machine holds everything up takes commands with it.
    """
    quick: dict[str, float | str] = {"message_interval": 0, "topic_interval": 0.05, "ping_interval": 2.0}
    quick |= {"reconnect_min": 0.05, "reconnect_max": 0.2, "connect_timeout": 3, "api_url": slack.url}
    tokens = {"token": "file:bot-token", "app_token": "file:app-token"}
    return "[chats.slack]\n" + "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in (tokens | quick | options).items()
    )


def lanes(folder: Path, *names: str, stages: Sequence[str] = ("princess", "production"), before: str = "") -> str:
    """Lanes, each in the room of its name, whose stages leave marks in `steps`; the first does `before` in its midst.

    What goes out is the repository `app`.
    """
    file = folder / "steps"
    made = '\n[announce]\nrooms = ["slack/#warroom"]\n'
    for name in names:
        made += f'\n[pipelines.{name}]\nrepository = {{ type = "git", url = "./app" }}\n'
        for number, where in enumerate(stages):
            script = f"{noted(file, 'build')}\n{'' if number else before}"
            back = f"rollback_steps = [{step('publish', noted(file, 'back'))}]"
            made += stage(name, where, [step("build", script), step("publish", noted(file, "publish"))], back)
        made += f'\n[lanes.{name}]\nrooms = ["slack/#{name}"]\npipeline = "{name}"\n'
    return made


@dataclass
class Asked:
    """One line of the journal."""

    lane: str
    who: str
    name: str
    what: str
    outcome: str


@dataclass
class Town:
    """`slack` with a channel for each lane and one for announcements, and the bot on it."""

    slack: SlackServer
    folder: Path
    config: str
    lanes: tuple[str, ...] = ("web",)
    bot: BotProcess = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "bot-token").write_text(BOT_TOKEN, "utf-8")
        (self.folder / "app-token").write_text(APP_TOKEN, "utf-8")
        rooms = tuple(f"#{name}" for name in (*self.lanes, "warroom"))
        for room in rooms:
            self.slack.add_channel(room)
        self.bot = BotProcess(self.folder, self.config, rooms, in_room="slack_room_entered chat=slack room={} ")

    def settle_in(self, *names: str) -> None:
        """People come, into all channels."""
        for name in names:
            user = self.slack.add_user(name)
            for channel in self.slack.space.channels.values():
                if channel.kind != "im":
                    channel.members.append(user.id)

    # --- what is seen ---

    def talk(self, room: str) -> list[str]:
        """What the bot said in a room and its threads, line by line, in the order of the timestamps."""
        found = (one for one in self.slack.space.channel(room).messages if one.user == BOT_USER and is_talk(one))
        return [line for one in found if not one.deleted for line in lines_in(one, self.slack.space)]

    def views(self, room: str) -> dict[str, list[Message]]:
        """The messages that show something, by what they show: `board web`, `push web/1`."""
        found: dict[str, list[Message]] = {}
        for message in self.slack.space.channel(room).messages:
            key = payload(message, VIEW).get("key")
            if key is not None and not message.deleted:
                found.setdefault(str(key), []).append(message)
        return found

    def board(self, lane: str = "web") -> Message:
        """The lane's board."""
        [board] = self.views(f"#{lane}")[f"board {lane}"]
        return board

    def shows(self, lane: str, text: str) -> bool:
        """Whether the lane has a board on which that can be read."""
        boards = self.views(f"#{lane}").get(f"board {lane}", [])
        return any(text in self.slack.read(board) for board in boards)

    def offers(self, lane: str, label: str) -> bool:
        """Whether the lane has a board in whose menus that can be chosen."""
        boards = self.views(f"#{lane}").get(f"board {lane}", [])
        return any(f"'{label}'" in str(board.blocks) for board in boards)

    async def hears(self, text: str, room: str = "#web", within: float = SOON) -> None:
        """Wait until the bot has said a line with that text there."""
        try:
            await until(lambda: any(text in line for line in self.talk(room)), f"{text!r} in {room}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}, but:\n" + "\n".join(self.talk(room)[-30:])) from None

    async def at_rest(self) -> None:
        """Wait until the bot has dealt with all that was said, and said all that it owes."""
        await self.slack.settled(SOON)
        letters = "SELECT id FROM letters WHERE body IS NOT NULL"
        await until(lambda: not self.bot.rows(letters), "all letters are dealt with")
        await until(lambda: not self.bot.owed(), "all lines are said")

    def asked(self) -> list[Asked]:
        """The journal of the bot, oldest first."""
        command = [sys.executable, "-m", "pushbot", "audit", str(self.bot.file)]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        entries = (json.loads(line) for line in done.stdout.splitlines())
        return [Asked(*(entry[key] for key in ("lane", "who", "name", "what", "outcome"))) for entry in entries]

    # --- what must be true ---

    async def check(self) -> None:
        """No line twice, one board and, in the end, it is pinned, one message a push."""
        for room in self.bot.rooms:
            spoken = Counter(key for one in self.slack.space.channel(room).messages for key in line_keys(one))
            assert not (more := [key for key, times in spoken.items() if times > 1]), f"{more} twice in {room}"
            for key, messages in self.views(room).items():
                assert len(messages) == 1, f"{key} is shown {len(messages)} times in {room}"
        for lane in self.lanes:
            await until(lambda lane=lane: self.pinned(lane), f"the board of #{lane}, and no other pin")  # type: ignore[misc]

    def pinned(self, lane: str) -> bool:
        """Whether the lane's one board is what is pinned in its room."""
        return self.slack.pins(f"#{lane}") == self.views(f"#{lane}").get(f"board {lane}", [None])


def line_keys(message: Message) -> Iterable[str]:
    """What names the lines of a message on the record of the bot."""
    lines = payload(message, LINES).get("lines")
    return [] if message.deleted or not isinstance(lines, list) else map(str, lines)


def payload(message: Message, kind: str) -> dict[str, JsonValue]:
    """What a message's metadata of this type says."""
    metadata = message.metadata or {}
    found = metadata.get("event_payload")
    return found if metadata.get("event_type") == kind and isinstance(found, dict) else {}
