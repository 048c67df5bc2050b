"""A chat in memory that shows more than lines: boards, pushes and people's own pages, as `Screen` keeps them for tests.

`Screen` outlives the bot like the server beside it, as what a real chat shows outlives the bot's connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.ports import PLAIN

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Collection

    from pushbot.ports import Manner, Notice
    from pushbot.queue.model import Person
    from pushbot.testing.chat import FakeChat
    from pushbot.views import HomeView, LaneBoard, PushView


@dataclass(slots=True)
class Screen:
    """What a chat shows: `boards` by room and lane, `pushes` by room and name, `homes` by address.

    `shown` are all of them in the order in which they were shown, `spoken_before` how many lines had been said then.
    With `broken`, whatever is to be shown raises that.
    """

    boards: dict[tuple[str, str], LaneBoard] = field(default_factory=dict)
    pushes: dict[tuple[str, str], PushView] = field(default_factory=dict)
    homes: dict[str, HomeView] = field(default_factory=dict)
    shown: list[LaneBoard | PushView | HomeView] = field(default_factory=list)
    spoken_before: list[int] = field(default_factory=list)
    broken: Exception | None = None

    def take(self, view: LaneBoard | PushView | HomeView, spoken: int) -> None:
        """Something is shown after so many lines."""
        if self.broken is not None:
            raise self.broken
        self.shown.append(view)
        self.spoken_before.append(spoken)


@dataclass(slots=True)
class ShowingChat:
    """A `Chat` that is also `Displays`: a `FakeChat` with a screen beside it."""

    link: FakeChat
    screen: Screen
    said: int = 0

    @property
    def name(self) -> str:
        """The chat's name in the configuration."""
        return self.link.name

    @name.setter
    def name(self, name: str) -> None:
        self.link.name = name

    async def run(self, tell: Callable[[Notice], Awaitable[None]]) -> None:
        """Serve until cancelled."""
        await self.link.run(tell)

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> asyncio.Future[None]:
        """Queue one line, see `Chat.say`."""
        self.said += 1
        return self.link.say(to, text, manner)

    def draw(self, room: str, topic: str) -> None:
        """Set a topic, see `Chat.draw`."""
        self.link.draw(room, topic)

    def topic_limit(self, room: str) -> int:
        """How many bytes of UTF-8 a topic may have."""
        return self.link.topic_limit(room)

    def fold(self, name: str) -> str:
        """`name` in the form in which two names of one person are equal."""
        return self.link.fold(name)

    def person(self, name: str) -> Person:
        """The person of that name."""
        return self.link.person(name)

    def show_board(self, room: str, board: LaneBoard) -> None:
        """Show a board, see `Displays.show_board`."""
        self.screen.take(board, self.said)
        self.screen.boards[room, board.lane] = board

    def keep_boards(self, boards: Collection[tuple[str, str]]) -> None:
        """Take down all other boards, see `Displays.keep_boards`."""
        self.screen.boards = {key: board for key, board in self.screen.boards.items() if key in boards}

    async def take_down(self) -> None:
        """Take down all boards, see `Displays.take_down`."""
        self.screen.boards.clear()

    def show_push(self, room: str, push: PushView) -> None:
        """Show a push, see `Displays.show_push`."""
        self.screen.take(push, self.said)
        self.screen.pushes[room, push.name] = push

    def show_home(self, address: str, home: HomeView) -> None:
        """Show a page, see `Displays.show_home`."""
        self.screen.take(home, self.said)
        self.screen.homes[address] = home
