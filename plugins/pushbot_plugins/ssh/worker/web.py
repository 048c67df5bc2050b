"""HTTP from the bot's machine: one request, one answer, within a time limit. aiohttp is loaded with the first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.tls import system_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientSession

BODY = 2**20
"""Bytes of an answer that are looked at."""


class NoAnswer(Exception):  # noqa: N818 - it is what there is to say
    """There was no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer, and the beginning of its body."""

    status: int
    body: str

    @property
    def well(self) -> bool:
        """Whether it is one of success."""
        return 200 <= self.status <= 299  # noqa: PLR2004 - RFC 9110, section 15.3


class Web:
    """Sends requests, each over a connection of its own. No redirect is followed, no proxy and no cookie used."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    async def ask(
        self, url: str, *, limit: float, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer, within `limit` seconds. A certificate must be valid. Raises NoAnswer."""
        import aiohttp  # noqa: PLC0415 - most runs send no request, and need not load it
        from yarl import URL  # noqa: PLC0415

        session = self._session or self._open()
        try:
            async with (
                asyncio.timeout(limit),
                session.request(method, URL(url, encoded=True), headers=headers, allow_redirects=False) as answer,
            ):
                body = bytearray()
                while len(body) < BODY and (data := await answer.content.read(BODY - len(body))):
                    body += data
                return Answer(answer.status, body.decode(errors="replace"))
        except TimeoutError:
            raise NoAnswer(f"gave no answer within {limit:.3g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise NoAnswer(f"failed: {error.strerror or error}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(f"failed: {str(error) or type(error).__name__}") from None

    async def close(self) -> None:
        """Let go of what is left."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> ClientSession:
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector  # noqa: PLC0415

        self._session = ClientSession(
            connector=TCPConnector(limit=0, force_close=True, ssl=system_context()),
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": "pushbot"},
            timeout=ClientTimeout(total=None),
            trust_env=False,
        )
        return self._session
