"""Calls of the Web API: arguments from wherever they come, tokens and scopes, faults, and how errors look.

docs.slack.dev/apis/web-api ("Evaluating responses", "Passing arguments"), docs.slack.dev/authentication/tokens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web
    from pydantic import JsonValue

    from tests.rig.slack.app import Grant
    from tests.rig.slack.state import Object


PLACES = frozenset({"query", "form", "json"})
"""Where arguments may be."""


class Refusal(Exception):  # noqa: N818 - says what happened
    """An error of Slack's, with what else stands in the answer."""

    def __init__(self, error: str, **more: JsonValue) -> None:
        super().__init__(error)
        self.answer: Object = {"ok": False, "error": error, **more}


def malformed(*messages: str, error: str = "invalid_arguments") -> Refusal:
    """The refusal of arguments that are not as they have to be."""
    said: list[JsonValue] = [f"[ERROR] {one}" for one in messages]
    named: list[JsonValue] = [*messages]
    more: Object = {"errors": named} if error == "invalid_blocks" else {}
    return Refusal(error, **more, response_metadata={"messages": said})


@dataclass
class Call:
    """One call as it was asked: `at` is when (seconds of the loop), `answer` what came of it, `status` of HTTP."""

    method: str
    arguments: Object
    token: str
    at: float
    http: str
    status: int = 0
    answer: Object | None = None

    @property
    def ok(self) -> bool:
        return bool(self.answer and self.answer.get("ok"))

    @property
    def error(self) -> str:
        return str(self.answer.get("error", "")) if self.answer else ""


@dataclass(frozen=True)
class Args:
    """The arguments of a call; text that holds JSON is read where JSON is asked for."""

    given: Object
    grant: Grant | None = None

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name, default)
        return default if value is None else value if isinstance(value, str) else json.dumps(value)

    def must(self, name: str) -> str:
        if not (value := self.text(name)):
            raise malformed(f"missing required field: {name}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.given.get(name)
        if value is None or value == "":
            return default
        return value not in (False, 0, "0", "false", "False")

    def number(self, name: str, default: int, most: int = 1000) -> int:
        """A number above 0, `most` at most; 0 stands for the default."""
        text = self.text(name) or "0"
        if not text.isdigit():
            raise malformed(f"must be a number [json-pointer:/{name}]")
        if int(text) > most:
            raise Refusal("invalid_limit")
        return int(text) or default

    def json(self, name: str) -> JsonValue:
        value = self.given.get(name)
        if not isinstance(value, str) or not value:
            return value or None
        try:
            return parsed(value)
        except ValueError:
            return value

    def object(self, name: str) -> Object | None:
        value = self.json(name)
        return value if isinstance(value, dict) else None


def parsed(text: str) -> JsonValue:
    value: JsonValue = json.loads(text)
    return value


async def arguments(request: web.Request, places: frozenset[str] = PLACES) -> Object:
    """Those of the query, and of a form or a JSON body, as far as they are looked for in these places."""
    given: Object = dict(request.query) if "query" in places else {}
    if request.content_type == "application/json" and "json" in places:
        try:
            body: JsonValue = parsed(await request.text() or "{}")
        except ValueError:
            raise Refusal("invalid_json") from None
        if not isinstance(body, dict):
            raise Refusal("json_not_object")
        return given | body
    if "form" in places and request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        form = await request.post()
        given |= {name: value for name, value in form.items() if isinstance(value, str)}
    return given


def token_of(request: web.Request, given: Object) -> str:
    """The token of the header, or among the arguments; empty for none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else str(given.get("token") or "")


def cut(things: list[JsonValue], args: Args, default: int, most: int = 1000) -> tuple[list[JsonValue], Object]:
    """One page of these by `limit` and `cursor`, and what stands in the answer of the next."""
    cursor = args.text("cursor")
    if cursor and not cursor.removeprefix("next:").isdigit():
        raise Refusal("invalid_cursor")
    at = int(cursor.removeprefix("next:") or 0)
    size = args.number("limit", default, most)
    more = f"next:{at + size}" if at + size < len(things) else ""
    return things[at : at + size], {"response_metadata": {"next_cursor": more}}
