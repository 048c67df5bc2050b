"""Where backups go: what is made of `[backup]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.config.tables.backup import BackupTable
from pushbot.service.spec import BackupSpec

if TYPE_CHECKING:
    from pushbot.config.reading import Reading


def backups(reading: Reading) -> BackupSpec:
    """Where backups go and how often one is taken; without a `[backup]` table only when somebody does."""
    table = reading.found.table.backup
    shown = table or BackupTable()
    return BackupSpec(reading.path(shown.folder), shown.keep, shown.every if table is not None else None)
