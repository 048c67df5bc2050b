"""Says what is owed, and remembers what has been said.

A line is committed before it is handed over, and taken off the record when the chat has confirmed it. What was
not confirmed when the bot ended, or when a link broke, is said again with a word that it may be a repetition.

A chat gets a few lines at a time for each room or person. Of those that wait, what everybody should hear goes
before the replies, and a reply that waits already is not said twice: who floods the bot keeps nobody from hearing
that a deploy failed. Replies go to all who asked in turn, one each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import DeliveryUncertain, PushbotError
from pushbot.ports import PLAIN, Line, Work, recalls
from pushbot.service.voice.phrases import clip
from pushbot.service.voice.plain import again

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pushbot.ports import Chat, Clock, Manner, Store
    from pushbot.service.asks import Origin

LOG = structlog.get_logger()
REPLY = "reply"
"""The kind of a line that answers one person; all other kinds are for everybody."""
AT_ONCE = 20
"""Lines for one room or person in the hands of a chat, not yet confirmed."""
MOST_WAITING = 5000
"""Lines waiting for one room or person. More are left on the record until these are said; mere answers are dropped."""
LONGEST = 4000
"""Characters of a line, more than the bot ever has to say: plugins tell their troubles too."""
OFF_THE_RECORD = 0
"""The id of a line that is not on the record."""
FLUSH_AFTER = 0.2
"""Seconds that a confirmation may wait for a commit to ride along with."""
AGAIN_AFTER = 10.0
"""Seconds until the record is tried again after trouble with the disk."""


@dataclass(slots=True)
class _Mouth:
    """What waits for one room or person: news, then replies by asker; `asked` are their texts, `said` is in hand."""

    chat: Chat
    news: deque[Line] = field(default_factory=deque)
    replies: dict[str, deque[Line]] = field(default_factory=dict)
    asked: set[tuple[str, Manner]] = field(default_factory=set)
    said: dict[asyncio.Future[None], Line] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        return len(self.news) + len(self.asked)

    def wait(self, line: Line, by: str, *, first: bool) -> bool:
        """Queue a line, before all others of its kind if it is to be first; False for a reply that waits already."""
        queue = self.news
        if line.kind == REPLY:
            if (line.text, line.manner) in self.asked:
                return False
            self.asked.add((line.text, line.manner))
            queue = self.replies.setdefault(by or line.manner.whom or line.text.partition(":")[0], deque())
        queue.appendleft(line) if first else queue.append(line)
        return True

    def next(self) -> Line | None:
        """The line to say now, if there is one and the chat has room for it."""
        if len(self.said) >= AT_ONCE or not self.waiting:
            return None
        if self.news:
            return self.news.popleft()
        by = next(iter(self.replies))
        theirs = self.replies.pop(by)
        line = theirs.popleft()
        if theirs:
            self.replies[by] = theirs  # behind all others
        self.asked.discard((line.text, line.manner))
        return line


@dataclass(slots=True)
class Speaker:
    """The mouths of the bot, one for each room or person spoken to: where one is shut, it shuts no other."""

    chats: Mapping[str, Chat]
    store: Store
    clock: Clock
    last_id: int = 0
    _mouths: dict[tuple[str, str], _Mouth] = field(default_factory=dict)
    _spoken: list[int] = field(default_factory=list)
    _left: dict[tuple[str, str], dict[int, bool]] = field(default_factory=dict)
    _stir: asyncio.Event = field(default_factory=asyncio.Event)

    def line(self, chat: str, to: str, kind: str, text: str, manner: Manner = PLAIN) -> Line:
        """A new line with an id of its own; to be committed, then handed over."""
        self.last_id += 1
        return Line(self.last_id, chat, to, kind, _no_command(text), manner)

    def hand(self, lines: Iterable[Line], *, repeat: bool = False) -> None:
        """Say lines that are on the record; with `repeat` they may have been said before."""
        for line in lines:
            mouth = self._mouth(line.chat, line.to)
            if mouth is None:
                LOG.warning("line_for_unknown_chat", chat=line.chat, to=line.to)
                self._confirmed(line)
            elif mouth.waiting >= MOST_WAITING:
                self._left.setdefault((line.chat, line.to), {})[line.id] = repeat
            else:
                self._queue(mouth, _repeated(mouth.chat, line) if repeat else line)

    def answer(self, where: Origin, text: str, by: str = "", *, alone: bool = False) -> None:
        """Say a line that is not on the record: the answer to a question, worth nothing after a crash.

        `by` is the key of who asked, where the text does not begin with a name. With `alone` nobody else need see it.
        """
        mouth = self._mouth(where.chat, where.to)
        if mouth is not None and mouth.waiting < MOST_WAITING:
            manner = where.manner(alone=alone)
            self._queue(mouth, Line(OFF_THE_RECORD, where.chat, where.to, REPLY, _no_command(text), manner), by)

    def move(self, chats: Mapping[str, Chat]) -> None:
        """Speak through `chats` from now on; those that are others than before under the same name have ended.

        What was in the hands of one that has ended may have been heard, so it is said again with a word on that.
        """
        self.chats = chats
        self._stir.set()
        for (chat, to), mouth in tuple(self._mouths.items()):
            if chats.get(chat) is mouth.chat:
                continue
            del self._mouths[chat, to]
            self.hand((line for line in mouth.said.values() if line.id != OFF_THE_RECORD), repeat=True)
            for line in (*mouth.news, *chain.from_iterable(mouth.replies.values())):
                if line.id != OFF_THE_RECORD:
                    self.hand((line,))
                elif (moved := self._mouth(chat, to)) is not None:
                    self._queue(moved, line)

    def _mouth(self, chat: str, to: str) -> _Mouth | None:
        if chat not in self.chats:
            return None
        if (chat, to) not in self._mouths:
            self._mouths[chat, to] = _Mouth(self.chats[chat])
        return self._mouths[chat, to]

    def _queue(self, mouth: _Mouth, line: Line, by: str = "", *, first: bool = False) -> None:
        if not mouth.wait(line, by, first=first):
            self._confirmed(line)
        self._say(mouth)

    def _say(self, mouth: _Mouth) -> None:
        while (line := mouth.next()) is not None:
            future = _said(mouth.chat, line)
            mouth.said[future] = line
            future.add_done_callback(partial(self._settled, mouth, line))

    def _settled(self, mouth: _Mouth, line: Line, future: asyncio.Future[None]) -> None:
        mouth.said.pop(future, None)
        if future.cancelled():
            return
        error = future.exception()
        if error is None or line.id == OFF_THE_RECORD:
            self._confirmed(line)
        elif isinstance(error, DeliveryUncertain):
            self._queue(mouth, _repeated(mouth.chat, line), first=True)
        else:
            LOG.error("line_not_delivered", line=line.id, to=line.to, error=repr(error))
            self._confirmed(line)
        self._say(mouth)
        if not mouth.said and not mouth.waiting and self._mouths.get((line.chat, line.to)) is mouth:
            self._mouths.pop((line.chat, line.to), None)

    def _confirmed(self, line: Line) -> None:
        if line.id != OFF_THE_RECORD:
            self._spoken.append(line.id)
        self._stir.set()

    def take_spoken(self) -> tuple[int, ...]:
        """The ids confirmed since the last call, for a commit to carry."""
        spoken = tuple(self._spoken)
        self._spoken.clear()
        return spoken

    def give_back(self, spoken: Iterable[int]) -> None:
        """Return ids whose commit failed."""
        self._spoken.extend(spoken)

    async def run(self) -> None:
        """Record confirmations that no other commit has carried; for ever."""
        while True:
            await self._stir.wait()
            self._stir.clear()
            await self.clock.sleep(FLUSH_AFTER)
            if not (await self.flush() and await self._take_up()):
                await self.clock.sleep(AGAIN_AFTER)
                self._stir.set()

    async def _take_up(self) -> bool:
        """Say what was left on the record, and nothing else of it, where there is room by now; False on trouble."""
        there = [where for where in self._left if where not in self._mouths or not self._mouths[where].waiting]
        left = {where: self._left.pop(where) for where in there}  # what is left from now on waits for another time
        try:
            owed = await self.store.owed() if left else ()
        except PushbotError as error:
            LOG.warning("owed_lines_not_read", error=str(error))
            self._left = {where: left.get(where, {}) | self._left.get(where, {}) for where in {**left, **self._left}}
            return False
        for line in owed:
            repeat = left.get((line.chat, line.to), {}).get(line.id)
            if repeat is not None:
                self.hand((line,), repeat=repeat)
        return True

    async def flush(self) -> bool:
        """Record the confirmations at hand; on trouble with the disk (then False) they are kept for later."""
        spoken = self.take_spoken()
        if not spoken:
            return True
        try:
            await self.store.commit(Work(lane="", spoken=spoken))
        except PushbotError as error:
            LOG.warning("confirmations_not_recorded", error=str(error))
            self.give_back(spoken)
            return False
        return True

    async def settle(self, seconds: float) -> None:
        """Wait until all that was handed over has been confirmed, but no longer than `seconds`; then record it."""
        try:
            async with asyncio.timeout(seconds):
                while said := [future for mouth in self._mouths.values() for future in mouth.said]:
                    await asyncio.wait(said, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            LOG.info("last_words_unconfirmed")
        await self.flush()


def _said(chat: Chat, line: Line) -> asyncio.Future[None]:
    """What the chat says of it; one that breaks has not said it, which harms no other line."""
    try:
        return chat.say(line.to, line.text, replace(line.manner, id=line.id))
    except Exception as error:
        LOG.exception("chat_cannot_say", chat=line.chat, to=line.to)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(PushbotError(f"the chat broke: {error}"))
        return failed


def _repeated(chat: Chat, line: Line) -> Line:
    """A line that may have been said: the chat finds that out, or people read that it may be a repetition."""
    if recalls(chat):
        return replace(line, manner=replace(line.manner, again=True))
    return replace(line, text=again(line.text))


def _no_command(text: str) -> str:
    """A line that no bot takes for a command, whatever somebody called themselves; and no book, whatever broke."""
    return clip(text.lstrip("."), LONGEST) or "-"
