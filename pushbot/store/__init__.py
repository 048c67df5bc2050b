"""The record on disk: what survives a restart, a crash and, where asked, a power cut."""

from pushbot.store.sqlite import SqliteStore

__all__ = ["SqliteStore"]
