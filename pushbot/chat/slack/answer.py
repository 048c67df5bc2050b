"""What became of one request to Slack's Web API: an answer, a refusal, or trouble after which it may be made again.

https://docs.slack.dev/apis/web-api ("Evaluating responses"). What answers may be something else: a proxy, or a stand-in
for Slack that knows only some methods and says so in its own way. So a body is read whatever type it is said to be of.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from pushbot.chat.slack.refused import AGAIN, IN_DOUBT, UNHEARD_OF, UNKNOWN, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    Answer = dict[str, JsonValue]
    """What Slack answered, `ok` and all."""

UNTRUSTED = "the certificate is of nobody whom this machine trusts: SSL_CERT_FILE may name a file with more"
CODE = 80
"""Characters of an error's name that are told."""
NO_METHOD = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
"""How servers answer that know nothing of a method."""
MISSING = frozenset({"channel_not_found", "message_not_found", "thread_not_found", "user_not_found"})
"""Codes of what a method did not find, which some servers give the same status."""

_ODD = re.compile(r"[^\w.,:-]+")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer: in words, and whether the request may have been carried out.

    `after`: wait so long. `broke`: the server says that it broke down over it.
    """

    what: str
    doubtful: bool
    after: float | None = None
    broke: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came: its status, its headers (in any case), and its body, whatever that is said to be."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def parsed(self) -> Answer:
        """The JSON object of the body; empty where there is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def lost(error: Exception) -> Trouble:
    """What a broken connection leaves: only where there was none, nothing can have been carried out."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Trouble(UNTRUSTED, doubtful=False)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Trouble(f"Slack cannot be reached (the name {error.host} was not found)", doubtful=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        why = os.strerror(error.os_error.errno) if error.os_error.errno else type(error.os_error).__name__
        return Trouble(f"Slack cannot be reached ({error.host}:{error.port}: {why})", doubtful=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Trouble("Slack cannot be reached (no connection in time)", doubtful=False)
    if isinstance(error, TimeoutError):
        return Trouble("Slack did not answer in time", doubtful=True)
    return Trouble(f"the connection to Slack broke ({type(error).__name__})", doubtful=True)


def told(method: str, channel: str, said: Said) -> Answer | Trouble:
    """What was answered, or what is to be done as it was not `ok: true`; raises Refused when that is nothing."""
    data, status = said.parsed(), said.status
    if data.get("ok") and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return data
    code = _ODD.sub("", str(data.get("error") or ""))[:CODE]
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in AGAIN:
        return Trouble("rate limit", doubtful=False, after=_retry_after(said.headers))
    if code in UNHEARD_OF or (status in NO_METHOD and code not in MISSING):
        code = UNKNOWN
    elif not code and HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        code = f"http_{status}"
    if not data and status == HTTPStatus.OK:
        return Trouble("what answered was not Slack", doubtful=True)
    if code != UNKNOWN and (not code or code in IN_DOUBT or status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        what = f"HTTP status {status} {code}".rstrip()
        return Trouble(f"Slack is in trouble ({what})", doubtful=True, broke=status >= HTTPStatus.INTERNAL_SERVER_ERROR)
    raise Refused(code, method, _ODD.sub("", str(data.get("needed") or ""))[:CODE], channel)


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that Slack asks to wait; at least one."""
    try:
        return max(1.0, min(float(headers.get("retry-after", "")), 3600.0))
    except ValueError:
        return 1.0
