"""GitHub's REST API as a deploy needs it: limits kept, what has not changed not sent again, lists of bounded length.

After docs.github.com/rest/using-the-rest-api, "Best practices", "Rate limits" and "Using pagination": one request at a
time; a 403 or 429 of a rate limit is waited out as its headers say, for a minute and then longer when they say
nothing; `if-none-match` for what was had before, as a 304 costs nothing; pages by the `link` header.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

import structlog
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from pushbot.errors import PushbotError
from pushbot_plugins.remote_api import Answer, Api, Limits, Refused, trusting
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.remote_run import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from pathlib import Path

    from pushbot_plugins.github.options import GitHubOptions

M = TypeVar("M", bound=BaseModel)
LOG = structlog.get_logger()
LIMITS = Limits()
PAGES = 3
"""How many pages of a list are read, of 100 each."""
MINUTE = 60.0
"""Seconds to wait, at first, when a limit does not say how long; twice as long each further time."""
AT_ONCE = 120.0
"""Seconds that a limit is waited out when something is to be done now."""
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="next"')
_LIMITED, _TOO_MANY = frozenset({403, 429}), 429
_HOUR = 3600.0
_OK = frozenset({200, 201, 202, 204})
_NOT_MODIFIED, _FOUND, _GONE = 304, 302, frozenset({404, 410})


class _Words(BaseModel):
    """What GitHub says with a refusal."""

    message: str = ""


@dataclass(slots=True)
class Rest:
    """One repository in the API; `api` is open for as long as this is used."""

    api: Api
    home: str
    _had: dict[str, tuple[str, Answer]] = field(default_factory=dict)

    async def get(self, path: str, kind: type[M]) -> M:
        """What is at `path` below the repository. Raises PushbotError; Refused with 404 when there is nothing."""
        return (await self._look(f"{self.home}/{path}", None)).read(kind)

    async def pages(self, path: str, kind: type[M], key: str | None, **query: str) -> tuple[M, ...]:
        """A list's first `PAGES` pages: the answer itself, or what its `key` holds. Raises as `get`."""
        found: list[M] = []
        url: str | None = f"{self.home}/{path}"
        asked: Mapping[str, str] | None = {**query, "per_page": "100"}
        for _ in range(PAGES):
            if url is None:
                break
            answer = await self._look(url, asked)
            found += _rows(answer, kind, key)
            following = _NEXT.search(answer.headers.get("Link", ""))
            url, asked = following[1] if following else None, None
        return tuple(found)

    async def post(self, path: str, body: bytes, *, ok: Collection[int] = _OK, again: bool = False) -> Answer:
        """The answer to a POST, which is made once unless `again` says that it may be repeated.

        A rate limit, by which nothing was done, is waited out for `AT_ONCE` seconds. Raises Refused for a status
        not in `ok`, Unanswered when no answer came.
        """
        answer = await self._patiently(
            lambda: self.api.call(
                "POST",
                f"{self.home}/{path}",
                body=body,
                headers={"Content-Type": "application/json"},
                ok={*_OK, *_LIMITED, 400, 404, 409, 422},
                again=again,
            ),
            AT_ONCE,
        )
        if answer.status not in ok:
            raise refusal(answer)
        return answer

    async def elsewhere(self, path: str, take: Callable[[bytes], None], options: GitHubOptions) -> bool:
        """A text that GitHub keeps at an address of its own choice, which is asked without credentials.

        False when there is no such text (yet).
        """
        answer = await self.api.get(f"{self.home}/{path}", ok={_FOUND, *_GONE})
        if answer.status != _FOUND:
            return False
        where = answer.headers.get("Location", "")
        try:
            parts = urlsplit(where)
        except ValueError:
            raise PushbotError(f"{self.api.source} keeps its logs at an address that is none") from None
        if parts.scheme not in {"https", urlsplit(self.api.base).scheme}:
            raise PushbotError(f"{self.api.source} keeps its logs at an address that is not https")
        tls = trusting(options.ca)
        async with Api("GitHub's logs", f"{parts.scheme}://{parts.netloc}", tls=tls, limits=self.api.limits) as store:
            await store.stream(where, take)
        return True

    async def _look(self, url: str, query: Mapping[str, str] | None) -> Answer:
        known = self.api.at(url, query)
        etag, before = self._had.get(known, ("", None))
        answer = await self._patiently(
            lambda: self.api.get(
                url, query=query, headers={"If-None-Match": etag} if etag else None, ok={200, _NOT_MODIFIED, *_LIMITED}
            ),
            float("inf"),
        )
        if answer.status == _NOT_MODIFIED and before is not None:
            return before
        if answer.status in _LIMITED:
            raise refusal(answer)
        if new := answer.headers.get("ETag"):
            self._had[known] = new, answer
        return answer

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]], most: float) -> Answer:
        """The answer, asked for again when a limit is over; a limit that lasts longer than `most` is the answer."""
        spent, unsaid = 0.0, MINUTE
        while True:
            answer = await ask()
            wait = _limited_for(answer)
            if wait is None:
                return answer
            if wait < 0:
                wait, unsaid = unsaid, 2 * unsaid
            spent += wait
            if spent > most:
                raise PushbotError(f"{self.api.source} has a rate limit on us, for {wait:.0f} s more: try again then")
            LOG.warning("rate_limited", service=self.api.source, seconds=round(wait))
            await asyncio.sleep(wait)


class Access(Protocol):
    """Where the API is, and as whom it is asked."""

    @property
    def api(self) -> str:
        """The base address of the API, such as `https://api.github.com`."""
        ...

    @property
    def token(self) -> str:
        """The reference to a token."""
        ...

    @property
    def version(self) -> str:
        """The version of the API that is asked for."""
        ...

    @property
    def answer(self) -> float:
        """Seconds that one answer may take."""
        ...

    @property
    def ca(self) -> Path | None:
        """A PEM file of authorities, if not the system's."""
        ...


class Secrets(Protocol):
    """Who looks up references, and knows what they led to."""

    @property
    def secrets(self) -> Collection[str]:
        """All values found so far; it grows."""
        ...

    def secret(self, text: str) -> str:
        """What a reference leads to."""
        ...


def open_api(options: Access, words: Secrets, patience: float) -> Api:
    """The API with the credentials, asked again for `patience` seconds; to be used in `async with`.

    Raises PushbotError when there are no credentials.
    """
    headers = {
        "Authorization": f"Bearer {words.secret(options.token)}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": options.version,
    }
    limits = replace(LIMITS, answer=options.answer, patience=patience)
    return Api("GitHub", options.api, headers=headers, tls=trusting(options.ca), limits=limits, hide=words.secrets)


def home_of(repository: str) -> str:
    """The path of a repository in the API."""
    return f"repos/{repository}"


def message(answer: Answer) -> str:
    """GitHub's own words in an answer, on one line."""
    try:
        return one_line(_Words.model_validate_json(answer.body).message)
    except ValidationError:
        return one_line(answer.body[:1000].decode(errors="replace"), 200)


def refusal(answer: Answer) -> Refused:
    """What to raise for an answer that was not the one wanted."""
    hint = {
        403: ": may the token do this (Actions and Deployments: write, for the repository)?",
        404: ": does it exist, and is it among what the token may see?",
    }.get(answer.status, "")
    return Refused(f"{answer.source} refused ({answer.status}): {message(answer)}{hint}", answer.status)


def _limited_for(answer: Answer) -> float | None:
    """Seconds to wait when a rate limit is the answer, negative when it does not say how long; else None."""
    if answer.status not in _LIMITED:
        return None
    after = answer.headers.get("Retry-After", "")
    if after.isdecimal():
        return min(float(after), _HOUR)
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal():
        return min(max(0.0, float(reset) - _their_time(answer)) + 1.0, _HOUR)
    return -1.0 if answer.status == _TOO_MANY or "rate limit" in message(answer).lower() else None


def _their_time(answer: Answer) -> float:
    """The time by GitHub's clock, by which it counts its limits."""
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return now()


def _rows(answer: Answer, kind: type[M], key: str | None) -> list[M]:
    try:
        data = TypeAdapter(JsonValue).validate_json(answer.body)
        rows = data.get(key) if isinstance(data, dict) and key is not None else data
        return TypeAdapter(list[kind]).validate_python(rows)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise PushbotError(f"{answer.source} gave a list that cannot be read ({first['msg']})") from None
