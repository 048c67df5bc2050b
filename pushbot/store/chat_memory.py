"""A chat's own drawer in the record: the Memory of `pushbot.ports`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from pushbot.ports import Letter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence


class Ask(Protocol):
    """One statement put to the database, and its rows. Raises PushbotError when the disk or the file fails."""

    async def __call__(self, sql: str, *parameters: str | int | None) -> list[sqlite3.Row]:
        """The rows."""
        ...


class SqliteMemory:
    """What the chat called `chat` keeps; each method is one statement."""

    def __init__(self, chat: str, ask: Ask) -> None:
        self._chat = chat
        self._ask = ask

    async def take_in(self, letter: Letter) -> bool:
        """Keep a letter; False when one of that id was taken in within the last 7 days, at least."""
        sql = "INSERT INTO letters (chat, id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING seq"
        return bool(await self._ask(sql, self._chat, letter.id, letter.body))

    async def waiting(self) -> Sequence[Letter]:
        """The letters that were not dealt with, in the order in which they were taken in."""
        sql = "SELECT id, body, at FROM letters WHERE chat = ? AND body IS NOT NULL ORDER BY seq"
        return tuple(Letter(row[0], row[1], datetime.fromisoformat(row[2])) for row in await self._ask(sql, self._chat))

    async def dealt_with(self, letter: str) -> None:
        """The letter of that id is done."""
        await self._ask("UPDATE letters SET body = NULL WHERE chat = ? AND id = ?", self._chat, letter)

    async def note(self, name: str, text: str | None) -> None:
        """Keep a text under a name; None to keep it no longer."""
        if text is None:
            await self._ask("DELETE FROM notes WHERE chat = ? AND name = ?", self._chat, name)
        else:
            sql = "INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET text = excluded.text"
            await self._ask(sql, self._chat, name, text)

    async def notes(self) -> Mapping[str, str]:
        """All that was noted, by name."""
        rows = await self._ask("SELECT name, text FROM notes WHERE chat = ?", self._chat)
        return {row[0]: row[1] for row in rows}
