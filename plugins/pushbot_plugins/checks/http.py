"""Asks a service over HTTP whether a change may go, and looks at the answer."""

from __future__ import annotations

from functools import partial
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from pushbot.ports import Finding, Verdict
from pushbot.values import Text, TimeLimit, UrlForm  # noqa: TC001 - the same
from pushbot_plugins.checks.words import Secrets, template
from pushbot_plugins.remote_api import Api, Limits, trusting
from pushbot_plugins.remote_line import one_line, without_tags

if TYPE_CHECKING:
    from pushbot.ports import Change
    from pushbot_plugins.remote_api import Answer

_ANY = range(100, 600)
_JSON = TypeAdapter[JsonValue](JsonValue)


class HttpCheck:
    """Passes when a GET is answered with the status wanted, and with the text and JSON values wanted, if any."""

    class Options(BaseModel):
        """`url`, `expect` and texts in `json` may name `{revision}` and other facts.

        `json` are values by where they are: `"checks.0.state" = "green"`. `headers` may be references.
        """

        model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

        url: UrlForm
        status: Annotated[int, Field(strict=True, ge=100, le=599)] = 200
        expect: Text | None = None
        values: dict[str, str | int | float | bool | None] = Field(default={}, alias="json")
        headers: dict[str, Text] = {}
        answer: TimeLimit = 30.0
        ca: Path | None = None

    def __init__(self, options: Options) -> None:
        self._options = options

    async def look(self, change: Change) -> Verdict:
        """Ask; no redirect is followed, a certificate must be valid. Raises PushbotError when there is no answer."""
        options, secrets = self._options, Secrets()
        url = template(options.url, change, partial(quote, safe=""))
        parts = urlsplit(url)
        headers = secrets.resolved(options.headers)
        limits = Limits(answer=options.answer, patience=0.0, body=2**20)
        async with Api(
            "the service",
            f"{parts.scheme}://{parts.netloc}",
            headers=headers,
            tls=trusting(options.ca),
            hide=secrets.secrets,
            limits=limits,
        ) as api:
            answer = await api.call("GET", url, ok=_ANY)
        trouble = self._trouble(answer, change)
        if trouble is None:
            return Verdict(Finding.PASSED)
        where = one_line(f"{parts.netloc.rpartition('@')[2]}{parts.path}", 100)
        return Verdict(Finding.FAILED, secrets.masked(f"{where} {trouble}"))

    def _trouble(self, answer: Answer, change: Change) -> str | None:
        options = self._options
        if answer.status != options.status:
            said = one_line(without_tags(answer.body), 80)
            return f"answered {answer.status}, wanted {options.status}" + (f": {said}" if said else "")
        if options.expect is not None:
            wanted = template(options.expect, change)
            if wanted not in answer.body.decode(errors="replace"):
                return f"answered without {wanted!r}"
        if not options.values:
            return None
        try:
            whole = _JSON.validate_json(answer.body)
        except ValidationError:
            return "answered with something that is no JSON"
        for path, value in options.values.items():
            wanted_value = template(value, change) if isinstance(value, str) else value
            found = _at(whole, path)
            if type(found) is not type(wanted_value) or found != wanted_value:
                return f"says that {path} is {one_line(repr(found), 60)}, wanted {wanted_value!r}"
        return None


def _at(value: JsonValue, path: str) -> JsonValue:
    """What is at `a.0.b`; None when there is nothing."""
    for part in path.split("."):
        match value:
            case dict():
                value = value.get(part)
            case list() if part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            case _:
                return None
    return value
