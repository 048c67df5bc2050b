"""The command line's side of the control socket: ask for a run, and hear what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from pushbot.control.wire import LINE_LIMIT, REPLY, Stop, address_of, line_of
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.control.wire import Asked, At, Ended, Refused, RunStage, Told

CONNECT_WITHIN = 5.0
"""Seconds in which a bot that runs takes a connection."""


class NobodyThere(PushbotError):  # noqa: N818 - it says what was found
    """No bot listens at the socket."""


@dataclass(slots=True)
class Conversation:
    """One connection to the bot."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def begin(cls, socket: Path) -> Self:
        """Connect to the bot that listens at `socket`. Raises NobodyThere, or PushbotError when it may not be used."""
        try:
            with address_of(socket) as address:
                async with asyncio.timeout(CONNECT_WITHIN):
                    reader, writer = await asyncio.open_unix_connection(address, limit=LINE_LIMIT)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NobodyThere(f"no bot listens at {socket}") from error
        except PermissionError as error:
            raise PushbotError(f"{socket}: only the user who runs the bot may use it; become that user") from error
        except TimeoutError as error:
            raise PushbotError(f"the bot at {socket} does not answer within {CONNECT_WITHIN:g} s") from error
        except OSError as error:
            raise PushbotError(f"{socket}: {error.strerror or error}") from error
        return cls(reader, writer)

    async def ask(self, request: RunStage) -> AsyncIterator[Refused | Asked | Told | At | Ended]:
        """Ask for a run; everything that is told of it, until it is over. Raises PushbotError when the link breaks."""
        await self._send(line_of(request))
        while True:
            try:
                line = await self.reader.readline()
            except (OSError, ValueError) as error:
                raise PushbotError(f"the connection to the bot broke: {error}") from error
            if not line:
                return
            try:
                yield REPLY.validate_json(line)
            except ValidationError as error:
                raise PushbotError(
                    "the bot that runs is of another version than this command: start both from the same installation"
                ) from error

    async def stop(self) -> None:
        """Ask for the run to be stopped; its end is told like any other."""
        await self._send(line_of(Stop()))

    async def close(self) -> None:
        """Hang up; the run goes on."""
        self.writer.close()

    async def _send(self, line: bytes) -> None:
        try:
            self.writer.write(line)
            await self.writer.drain()
        except OSError as error:
            raise PushbotError(f"the connection to the bot broke: {error}") from error
