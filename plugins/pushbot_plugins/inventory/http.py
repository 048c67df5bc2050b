"""Hosts from a URL that answers with a JSON list, asked anew each time."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - pydantic reads it at run time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pushbot.errors import PushbotError
from pushbot.fleet.listing import from_json, with_labels
from pushbot.secret import REFERENCE, resolve_secret
from pushbot.values import TimeLimit, Url, expected
from pushbot_plugins.inventory.labels import Labels  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host

MOST_BYTES = 16 * 2**20
"""The largest answer that is read."""


def _without_user(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise expected("a URL without a user in it: a `secret` may go along in a header")
    return url


class HttpInventory:
    """A URL whose answer is a JSON list of hosts. The certificate of https is checked, redirects are not followed."""

    class Options(BaseModel):
        """`secret` is a reference (`env:NAME`, `file:PATH`) to what is sent in `header`, whole (`Bearer ...`).

        `timeout` is how long the answer may take, in seconds; `ca` a PEM file of authorities to trust in place
        of the system's.
        """

        model_config = ConfigDict(extra="forbid", frozen=True)

        url: Annotated[Url, AfterValidator(_without_user)]
        secret: str | None = Field(default=None, pattern=REFERENCE)
        header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]{1,60}$")
        timeout: TimeLimit = 10.0
        ca: Path | None = None
        labels: Labels = {}

    def __init__(self, options: Options) -> None:
        self._options = options

    async def hosts(self) -> Sequence[Host]:
        """The hosts in the answer. Raises PushbotError when there is none, or none that is a list of hosts."""
        from pushbot_plugins.remote_api import Api, Limits, trusting  # noqa: PLC0415 - it is slow to import

        options = self._options
        headers = {"Accept": "application/json"}
        secret = resolve_secret(options.secret) if options.secret else ""
        if secret:
            headers[options.header] = _in_a_header(secret, options.secret or "")
        limits = Limits(connect=options.timeout, answer=options.timeout, body=MOST_BYTES)
        hide = (secret,) if secret else ()
        async with Api(
            "the list of hosts", options.url, headers=headers, tls=trusting(options.ca), hide=hide, limits=limits
        ) as api:
            answer = await api.call("GET", options.url, ok=(200,))
        try:
            return with_labels(await asyncio.to_thread(from_json, answer.body.decode()), options.labels)
        except UnicodeDecodeError as error:
            raise PushbotError(f"{answer.source} is not UTF-8 text") from error
        except PushbotError as error:
            raise PushbotError(f"{answer.source}: {error}") from error


def _in_a_header(secret: str, reference: str) -> str:
    if not secret.isprintable():
        raise PushbotError(f"the secret {reference} cannot stand in a header: it has more than one line")
    return secret
