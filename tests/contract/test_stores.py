"""Every store we know of keeps the contract: the one on disk, and the fake that stands for it in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.store import SqliteStore
from pushbot.testing.contracts.store import StoreContract
from pushbot.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Store


class TestSqlite(StoreContract):
    def store(self, tmp_path: Path) -> Store:
        return SqliteStore(tmp_path / "pushbot.sqlite3")


class TestMemory(StoreContract):
    def store(self, tmp_path: Path) -> Store:
        assert not list(tmp_path.iterdir())
        return MemoryStore()
