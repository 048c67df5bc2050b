"""Calls to a service's HTTP API, for executors that hand a run to one: bounded in time and size, GETs repeated.

    async with Api("Jenkins", "https://ci.example", limits=Limits()) as api:
        answer = await api.get("queue/item/12/api/json")     # repeated until it is answered
        answer = await api.call("POST", "job/web/build")     # once
        item = answer.read(Item)                             # a pydantic model

Redirects are never followed, for they would take credentials along; nor are addresses of another origin
called. What goes wrong is `Unanswered` or `Refused`, both a PushbotError with a sentence for people, without
what is secret: no PushbotError leaves the `async with` with it, nor with the query of an address.
"""

from __future__ import annotations

import asyncio
import random
import re
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog
from pydantic import BaseModel, ValidationError
from yarl import URL

from pushbot.errors import PushbotError
from pushbot.tls import client_context, system_context
from pushbot_plugins.remote_line import one_line, without_tags

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Collection, Mapping
    from pathlib import Path

    Texts = Mapping[str, str] | None

M = TypeVar("M", bound=BaseModel)
LOG = structlog.get_logger()
_FINE = frozenset({200, 201, 202, 204})
_NOT_BEGUN = frozenset({429, 503})
_UNWRITABLE = re.compile(r"[\s\x00-\x1f\x7f]")
_PIECE = 16 * 2**10
_BUSY, _BROKEN = 429, 500
_LONGEST_ASKED = 60.0


class Unanswered(PushbotError):  # noqa: N818 - says what happened
    """No answer came, or one of a server in trouble (5xx, 429).

    `begun`: the service may have got the request all the same. `later`: seconds it asks to be left alone.
    """

    def __init__(self, text: str, *, begun: bool, later: float = 0.0) -> None:
        super().__init__(text)
        self.begun = begun
        self.later = later


class Refused(PushbotError):  # noqa: N818 - says what happened
    """The service answered, and not with what was wanted. `begun`: it may have done what it was asked to."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status
        self.begun = status in _FINE


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a service is waited for, in seconds, and how much it may say, in bytes.

    `answer` bounds one call, `patience` how long a call that may be repeated is repeated, with pauses that
    double from `first` to `longest`, each cut by chance to between half and all of it.
    """

    connect: float = 10.0
    answer: float = 30.0
    patience: float = 300.0
    first: float = 0.5
    longest: float = 15.0
    body: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` know no case; `source` is the service's name for people."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    source: str

    def read(self, kind: type[M]) -> M:
        """The JSON of the answer as a model. Raises Refused when it is none: what was asked for may be done."""
        try:
            return kind.model_validate_json(self.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            what = one_line(": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"]))))
            raise Refused(f"{self.source} said something that cannot be read ({what})", self.status) from None


def trusting(ca: Path | None) -> ssl.SSLContext | None:
    """What `Api` is given for `tls`: trust in a PEM file's authorities, in the system's when None.

    Raises PushbotError when the file cannot be read.
    """
    try:
        return None if ca is None else client_context(cafile=ca)
    except OSError as error:
        raise PushbotError(
            f"the authorities in {ca} cannot be read ({error.strerror or error}): check the file"
        ) from None


class Api:
    """One service at `base`, for as long as the `async with` lasts. `headers` go with every call.

    `user` is a name and a password (HTTP basic). `hide` are texts that stand in no error, whatever the service
    says (a set that may grow). Cookies are kept meanwhile.
    """

    def __init__(
        self,
        name: str,
        base: str,
        *,
        headers: Texts = None,
        user: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        hide: Collection[str] = (),
        limits: Limits = Limits(),
    ) -> None:
        parts = urlsplit(base)
        self.base = base.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self.source = f"{name} at {self.origin}"
        self.limits = limits
        self._headers = {"User-Agent": "pushbot", **(headers or {})}
        self._own: tuple[str, ...] = ()
        if user:
            both = b64encode(":".join(user).encode()).decode()
            self._headers["Authorization"], self._own = f"Basic {both}", (user[1], both)
        self._tls = tls
        self._hide = hide

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # also of a server that has an address and no name
            connector=aiohttp.TCPConnector(ssl=self._tls or system_context()),
            timeout=aiohttp.ClientTimeout(total=None, connect=self.limits.connect, sock_read=self.limits.answer),
        )
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._session.close()
        if isinstance(error, PushbotError):
            error.args = (self._hidden(str(error)), *error.args[1:])

    def at(self, path: str, query: Texts = None) -> str:
        """The whole address of a path below `base`, or of an address, both percent-encoded already.

        Raises PushbotError for an address of another origin.
        """
        try:
            there = URL(path, encoded=True)
            own = not there.scheme and not there.raw_authority
            whole = f"{self.base}/{path.lstrip('/')}" if own else path
            fits = not _UNWRITABLE.search(whole) and _place(whole) == _place(self.base)
        except ValueError:
            fits = False
        if not fits:
            raise PushbotError(
                f"{self.source} points to {one_line(path.partition('?')[0], 120)}: credentials are for its own "
                "address alone"
            )
        return whole + (("&" if there.raw_query_string else "?") + urlencode(query) if query else "")

    async def get(
        self, path: str, *, query: Texts = None, headers: Texts = None, ok: Collection[int] = _FINE
    ) -> Answer:
        """The answer, asked for again and again while the service gives none. Raises Unanswered and Refused."""
        return await self.call("GET", path, query=query, headers=headers, ok=ok, again=True)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Texts = None,
        body: bytes = b"",
        headers: Texts | Callable[[], Texts] = None,
        ok: Collection[int] = _FINE,
        again: bool = False,
    ) -> Answer:
        """One call; with `again`, which says that it does no harm, repeated for as long as `Limits.patience`.

        `headers` may be a function, asked for each try. Raises Unanswered, and Refused for a status not in `ok`.
        """
        url, loop = self.at(path, query), asyncio.get_running_loop()
        until, pause, tries, begun = loop.time() + self.limits.patience, self.limits.first, 0, False
        while True:
            try:
                async with asyncio.timeout(self.limits.answer):
                    return await self._once(method, url, body, headers() if callable(headers) else headers, ok)
            except TimeoutError:
                trouble = self._silent()
            except Unanswered as error:
                trouble = error
            begun = trouble.begun = begun or trouble.begun  # by any of the tries
            wait = max(pause * random.uniform(0.5, 1.0), min(trouble.later, _LONGEST_ASKED))  # noqa: S311 - no secret
            if not again or loop.time() + wait > until:
                raise trouble
            if not tries:
                LOG.warning("service_asked_again", service=self.source, trouble=str(trouble))
            tries, pause = tries + 1, min(2 * pause, self.limits.longest)
            await asyncio.sleep(wait)

    async def stream(self, path: str, take: Callable[[bytes], None], *, query: Texts = None) -> Answer:
        """A GET whose body goes to `take` bit by bit, however long it is; not repeated. The answer's body is empty."""
        async with self._asked("GET", self.at(path, query), b"", None) as response:
            if response.status not in _FINE:
                raise self._refusal(response, b"")
            async for piece in response.content.iter_chunked(_PIECE):
                take(piece)
                await asyncio.sleep(0)  # else what has come already is handed over in one go, of each stream
            return Answer(response.status, response.headers.copy(), b"", self.source)

    async def _once(self, method: str, url: str, body: bytes, headers: Texts, ok: Collection[int]) -> Answer:
        async with self._asked(method, url, body, headers) as response:
            found = bytearray()
            async for piece in response.content.iter_chunked(_PIECE):
                found += piece
                if len(found) > self.limits.body:
                    raise Refused(f"{self.source} answered with more than {self.limits.body} bytes", response.status)
            if response.status not in ok:
                raise self._refusal(response, bytes(found))
            return Answer(response.status, response.headers.copy(), bytes(found), self.source)

    @asynccontextmanager
    async def _asked(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=body or None, headers=headers, allow_redirects=False
            ) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            why = "it takes no connection in time" if isinstance(error, TimeoutError) else str(error)
            raise Unanswered(f"{self.source} cannot be reached: {self._words(why)}", begun=False) from None
        except TimeoutError:
            raise self._silent() from None
        except (aiohttp.ClientError, OSError) as error:
            said = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)  # else with its URL
            why = self._words(said) or type(error).__name__
            raise Unanswered(f"{self.source} broke off the connection: {why}", begun=True) from None

    def _words(self, text: str) -> str:
        return one_line(self._hidden(text), 200)

    def _hidden(self, text: str) -> str:
        for secret in sorted({*self._hide, *self._own}, key=len, reverse=True):
            text = text.replace(secret, "***") if secret else text
        return text

    def _silent(self) -> Unanswered:
        return Unanswered(f"{self.source} gave no answer within {self.limits.answer:g} s", begun=True)

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> Refused | Unanswered:
        status, what = response.status, f"{response.method} {one_line(response.url.raw_path, 200)}"
        said = self._words(without_tags(body))
        if status == _BUSY or status >= _BROKEN:
            later = response.headers.get("Retry-After", "")
            text = f"{self.source} answered {status} to {what}" + (f": {said}" if said else "")
            return Unanswered(text, begun=status not in _NOT_BEGUN, later=float(later) if later.isdecimal() else 0.0)
        match status:
            case 301 | 302 | 303 | 307 | 308:
                place = self._words(response.headers.get("Location", "nowhere").partition("?")[0])
                said = f"a redirect to {place}, which is not followed: is its address right in the configuration?"
            case 401 | 403:
                said = f"no entry ({status}): check the user and the secret" + (f"; it says: {said}" if said else "")
            case 404:
                said = "there is no such thing (404), or none that may be seen"
            case _:
                said = f"{status}" + (f": {said}" if said else "")
        return Refused(f"{self.source} answered {what} with {said}", status)


def _place(address: str) -> tuple[str, str | None, int | None]:
    """What credentials are for. Raises ValueError for an address that is none, or has some in it."""
    url = URL(address, encoded=True)
    if "@" in url.raw_authority:
        raise ValueError(url.raw_authority)
    return url.scheme.lower(), (url.raw_host or "").lower(), url.port
