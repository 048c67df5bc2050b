"""Hosts from a file, read anew each time."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - pydantic reads it at run time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot.errors import PushbotError
from pushbot.fleet.listing import listed, with_labels
from pushbot_plugins.inventory.labels import Labels  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host

MOST_BYTES = 16 * 2**20
"""The largest file that is read."""


class FileInventory:
    """A file with a host on each line, or with a JSON list."""

    class Options(BaseModel):
        """`path` is the file."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        path: Path
        labels: Labels = {}

    def __init__(self, options: Options) -> None:
        self._options = options

    async def hosts(self) -> Sequence[Host]:
        """The hosts in the file now. Raises PushbotError when it cannot be read or is no list of hosts."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Sequence[Host]:
        path = self._options.path
        text = _text(path)
        try:
            return with_labels(listed(text), self._options.labels)
        except PushbotError as error:
            raise PushbotError(f"{path}: {error}") from error


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a pipe could keep us for ever
            raise PushbotError(f"{path} is no file")
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)
        if len(found) > MOST_BYTES:
            raise PushbotError(f"{path} is larger than the {MOST_BYTES // 2**20} MiB that a list of hosts may have")
        return found.decode("utf-8-sig")
    except OSError as error:
        raise PushbotError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PushbotError(f"{path} is not UTF-8 text") from error
