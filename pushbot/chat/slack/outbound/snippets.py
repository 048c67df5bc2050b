"""Puts the ends of logs into threads, as files that open where they stand; as plain output where that does not work.

https://docs.slack.dev/messaging/working-with-files: an address, the content, then the word where it belongs.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.blocks.text import size
from pushbot.chat.slack.outbound.history import shares
from pushbot.chat.slack.outbound.message import quoted
from pushbot.chat.slack.outbound.outbox import MOST_CHARACTERS, MOST_LINES
from pushbot.chat.slack.outbound.workers import pause
from pushbot.chat.slack.paces import POST
from pushbot.chat.slack.refused import Unreachable
from pushbot.chat.slack.shape import text
from pushbot.errors import DeliveryUncertain, PushbotError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pushbot.chat.slack.api import Api

LOG = structlog.get_logger()
MOST_WAITING = 100
"""Snippets; where more wait, the oldest are left out: the lines that they belong to were said."""
_ODD = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Snippet:
    """The end of a log, for a thread."""

    channel: str
    thread: str
    name: str
    lines: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Snippets:
    """All that wait, of one workspace."""

    api: Api
    waiting: deque[Snippet] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))

    def busy(self) -> bool:
        """Whether any waits."""
        return bool(self.waiting)

    def give_up(self, reference: str) -> None:
        """There is nothing to drop: what was begun no longer waits."""
        LOG.warning("snippet_not_shown", reference=reference)

    async def work(self) -> None:
        """Show all that wait."""
        while self.waiting:
            snippet = self.waiting.popleft()
            tries = 0
            while not await self._show(snippet):
                tries += 1
                await asyncio.sleep(pause(tries))

    async def _show(self, snippet: Snippet) -> bool:
        """Whether Slack could be reached."""
        try:
            await self._upload(snippet)
        except Unreachable:
            return False
        except PushbotError as error:
            LOG.info("output_shown_without_a_file", error=str(error))
            await self._quote(snippet)
        return True

    async def _upload(self, snippet: Snippet) -> None:
        content = "\n".join(snippet.lines).encode("utf-8", "replace")
        name = f"{_ODD.sub('-', snippet.name) or 'output'}.log"
        method = "files.getUploadURLExternal"
        answer = await self.api.call(method, filename=name, length=len(content), snippet_type="text")
        file = text(answer, "file_id")
        await self.api.upload(text(answer, "upload_url"), content)
        made: JsonValue = [{"id": file, "title": name}]
        where, thread = snippet.channel, snippet.thread
        try:
            await self.api.call("files.completeUploadExternal", files=made, channel_id=where, thread_ts=thread)
        except DeliveryUncertain as error:
            try:
                there = await shares(self.api, snippet.channel, snippet.thread, file)
            except Unreachable:
                raise error from None
            if not there:
                raise

    async def _quote(self, snippet: Snippet) -> None:
        lines: list[str] = []
        room = MOST_CHARACTERS
        for line in reversed(snippet.lines[-MOST_LINES:]):
            room -= size(line) + 1
            if room < 0 and lines:
                break
            lines.insert(0, line)
        try:
            await self.api.call(POST, channel=snippet.channel, thread_ts=snippet.thread, **quoted(lines))
        except PushbotError as error:
            LOG.warning("output_not_shown", channel=snippet.channel, error=str(error))
