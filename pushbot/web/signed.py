"""Who sends a webhook: signatures over its body, checked before anything in it is looked at.

Two forms. `github`: `X-Hub-Signature-256: sha256=HEX` over the body, as GitHub, Gitea and Forgejo send it
(https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries). `pushbot`, for your own scripts:
`X-Pushbot-Signature: sha256=HEX` over the text of `X-Pushbot-Timestamp` (seconds since 1970), a dot, and the body.

What is signed names the message: the same one is taken once, whatever its other headers say, for they are not signed.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LATE = 300.0
"""Seconds by which the clocks of the sender and of the bot may differ, in the form that carries a time."""


class Form(StrEnum):
    """How a webhook is signed, and what its body looks like."""

    GITHUB = "github"
    PUSHBOT = "pushbot"


class Unsigned(Exception):  # noqa: N818 - what the message is, not an error of the program
    """The message does not come from whom it should, or not now; the text is for the log, not for the sender."""


def signature(form: Form, secret: str, body: bytes, timestamp: str = "") -> str:
    """What the signature header has to hold."""
    signed = body if form is Form.GITHUB else timestamp.encode(errors="replace") + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def identified(form: Form, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The name of the message, the same for the same message. Raises Unsigned when it is not to be believed."""
    timestamp = headers.get("X-Pushbot-Timestamp", "") if form is Form.PUSHBOT else ""
    given = headers.get("X-Hub-Signature-256" if form is Form.GITHUB else "X-Pushbot-Signature", "")
    good = signature(form, secret, body, timestamp)
    if not hmac.compare_digest(good.encode(), given.encode(errors="replace")):
        raise Unsigned("the signature is missing" if not given else "the signature is wrong")
    if form is Form.PUSHBOT:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004 - year 33658
            raise Unsigned("X-Pushbot-Timestamp is not a number of seconds")
        if abs(now.timestamp() - int(timestamp)) > LATE:
            raise Unsigned(f"its time is more than {LATE:g} seconds away from the bot's")
    return good.removeprefix("sha256=")
