"""Reading the configuration again while the bot runs, by SIGHUP or `.reload`: all of it or nothing.

What a plugin's code is, is settled at its first import: a new version of it takes a restart.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog

from pushbot.config.changes import differences
from pushbot.config.problems import ConfigErrors
from pushbot.errors import fault_reference
from pushbot.ports import Entry
from pushbot.service.runs.dispatcher import BOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pushbot.config import Config
    from pushbot.ports import Chat
    from pushbot.queue.model import Person

LOG = structlog.get_logger()
MOST = 10
"""Mistakes, or differences, that are told to people; the log has all."""
DONE = "done"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of reading the file: lines to say, and the configuration when it is to be in force."""

    by: Person
    lines: tuple[str, ...]
    config: Config | None = None

    def entry(self, at: datetime) -> Entry:
        """The journal's line about it."""
        what = f"{self.lines[0]} ({digest(self.config)})" if self.config is not None else " ".join(self.lines)
        outcome = DONE if self.config is not None else REFUSED
        return Entry(at, self.by.key, what[:2000], outcome, self.by.name, self.by.proof, self.by.chat)


@dataclass(slots=True)
class Reloads:
    """`config` is in force, or about to be; `read` reads it anew and raises ConfigErrors with all that is wrong."""

    config: Config
    read: Callable[[], Config]
    _wanted: asyncio.Queue[Look | None] = field(default_factory=asyncio.Queue)

    def hang_up(self) -> None:
        """Have the file read again, as SIGHUP asks; what comes of it is told to operators."""
        self._wanted.put_nowait(None)

    async def ask(self, by: Person) -> tuple[str, ...]:
        """Have the file read again for somebody; gives the lines to answer with."""
        look = self._look(by)
        self._wanted.put_nowait(look)
        return look.lines

    async def next(self) -> Look:
        """What came of the next request."""
        return await self._wanted.get() or self._look(BOT)

    def _look(self, by: Person) -> Look:
        before = self.config
        try:
            after = self.read()
        except ConfigErrors as errors:
            told = [str(problem) for problem in errors.problems]
            LOG.warning("not_reloaded", person=by.name, problems=told)
            count = "a mistake" if len(told) == 1 else f"{len(told)} mistakes"
            return Look(by, (f"Not reloaded: the configuration has {count}, nothing has changed", *_some(told)))
        except Exception:
            reference = fault_reference()
            LOG.exception("reload_broke", reference=reference)
            return Look(by, (f"Not reloaded: something broke in me, see {reference} in my log; nothing has changed",))
        if (before.bot.store, before.bot.runs) != (after.bot.store, after.bot.runs):
            LOG.warning("not_reloaded", person=by.name, problems=["store or runs"])
            return Look(by, ("Not reloaded: [bot] store and runs can only change with a restart; nothing has changed",))
        changes = differences(before.text, after.text)
        if not changes:
            return Look(by, ("Not reloaded: the configuration is as it was",))
        self.config = after
        LOG.info("reloading", person=by.name, changes=changes)
        count = "1 change" if len(changes) == 1 else f"{len(changes)} changes"
        whom = f", as {by.name} asked" if by is not BOT else ""
        return Look(by, (f"Configuration reloaded{whom}: {count}", *_some(changes)), after)


def digest(config: Config) -> str:
    """The first digits of the SHA-256 of the file as it was read."""
    return f"sha256:{sha256(config.text.encode()).hexdigest()[:16]}"


def same_chats(before: Config, after: Config, chats: dict[str, Chat]) -> dict[str, Chat]:
    """Those of `chats` that the configuration `after` wants exactly as `before` did."""
    old = {part.name: (part.plugin, part.options, frozenset(part.rooms)) for part in before.chats}
    new = {part.name: (part.plugin, part.options, frozenset(part.rooms)) for part in after.chats}
    return {name: chat for name, chat in chats.items() if name in new and old.get(name) == new[name]}


def _some(lines: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - MOST
    return (*lines[:MOST], *([f"and {more} more, see my log"] if more > 0 else []))
