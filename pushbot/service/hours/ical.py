"""iCalendar files: fetched, and read in a process of its own (pushbot/calendar/__main__.py says why)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from pushbot.calendar.wall_clock import Span
from pushbot.errors import PushbotError
from pushbot.secret import REFERENCE, resolve_secret
from pushbot.tls import system_context

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from pushbot.calendar.source import Source

LOG = structlog.get_logger()
MOST_BYTES = 4 * 2**20
"""The largest file that is taken."""
FETCHED_WITHIN = 20.0
"""Seconds in which a URL has to have answered in full."""
READ_WITHIN = 30.0
"""Seconds in which the file has to be read; the system ends that after 20 seconds of work."""
_KEPT = ("LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONTZPATH")
"""What of the bot's environment the process that reads is given: no secret."""
_OK = 200


async def fetched(source: Source) -> bytes:
    """What is in a source now. Raises PushbotError, which says nothing of a URL but its host."""
    if source.file is not None:
        text = await asyncio.to_thread(_file, source.file)
    else:
        text = await _url(resolve_secret(source.url) if re.match(REFERENCE, source.url) else source.url)
    if len(text) > MOST_BYTES:
        raise PushbotError(f"it has more than {MOST_BYTES // 2**20} MiB")
    return text


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PushbotError(f"{error.strerror or 'it cannot be read'}".lower()) from error


async def _url(url: str) -> bytes:
    """A redirect is not followed: a calendar does not decide what else is asked."""
    import aiohttp  # noqa: PLC0415 - it is slow to import, and most bots do without

    try:
        async with (
            asyncio.timeout(FETCHED_WITHIN),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=system_context())) as session,
            session.get(url, allow_redirects=False, headers={"Accept": "text/calendar, */*"}) as answer,
        ):
            if answer.status != _OK:
                raise PushbotError(f"the server answers {answer.status} in place of a calendar")
            text = bytearray()
            async for piece in answer.content.iter_any():
                text += piece
                if len(text) > MOST_BYTES:
                    break
            return bytes(text)
    except TimeoutError:
        raise PushbotError(f"the server did not send it within {FETCHED_WITHIN:g}s") from None
    except (aiohttp.ClientConnectorError, OSError) as error:
        raise PushbotError(f"the server cannot be reached ({error.strerror or type(error).__name__})") from None
    except (aiohttp.ClientError, ValueError) as error:  # their words may quote the URL, and that may be a secret
        raise PushbotError(f"it cannot be fetched ({type(error).__name__})") from None


async def read(text: bytes, zone: ZoneInfo, start: datetime, end: datetime) -> tuple[Span, ...]:
    """The events of a file from `start` to `end`. Raises PushbotError for a file that is no good, or never ends."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "pushbot.calendar", zone.key, start.isoformat(), end.isoformat()),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
        )
    except OSError as error:
        raise PushbotError(f"the process that reads it cannot be started ({error.strerror})") from error
    try:
        async with asyncio.timeout(READ_WITHIN):
            answer, complaint = await process.communicate(text)
    except TimeoutError:
        answer, complaint = b"", b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        LOG.debug("ical_reader_ended", code=process.returncode, last=complaint.decode(errors="replace")[-500:])
        raise PushbotError("it takes too long to read: an event in it may come again and again without an end")
    return _spans(answer)


def _spans(answer: bytes) -> tuple[Span, ...]:
    told = json.loads(answer)
    if "trouble" in told:
        raise PushbotError(told["trouble"])
    return tuple(
        Span(datetime.fromisoformat(start), datetime.fromisoformat(end), why) for start, end, why in told["spans"]
    )
