"""`[backup]`, and where the log goes beside standard error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator

from pushbot.config.tables.table import STRICT
from pushbot.errors import PushbotError
from pushbot.values import Positive, Text, expected, seconds

_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_DEFAULT_EVERY = 86400.0


def _often(value: object) -> float | str:
    """Seconds from a duration, or a crontab's five fields as they are."""
    if isinstance(value, str) and " " in value.strip():
        from pushbot.schedule import next_time  # noqa: PLC0415 - apscheduler takes a moment, and few write crontabs

        try:
            next_time(value, _ANY_TIME)
        except PushbotError as error:
            raise expected(f"a duration, or five fields as in a crontab ({error})") from error
        return value
    found = seconds(value)
    if found < 1:
        raise expected("a duration of a second at least, or five fields as in a crontab")
    return found


Often = Annotated[float | str, BeforeValidator(_often)]
"""How often something is done: a duration in seconds, or a crontab's five fields."""


def _syslog(value: str) -> str:
    good = False
    try:
        parts = urlsplit(value)
        if parts.scheme == "udp":
            good = bool(parts.hostname and parts.port) and parts.path in {"", "/"}
        elif parts.scheme == "unix":
            good = parts.path.startswith("/") and not parts.netloc
    except ValueError:
        pass
    if not good:
        raise expected('"udp://HOST:PORT" or "unix:///dev/log"')
    return value


Syslog = Annotated[Text, AfterValidator(_syslog)]
"""Where a syslog takes messages."""


class BackupTable(BaseModel):
    """`[backup]`."""

    model_config = STRICT

    every: Often = _DEFAULT_EVERY
    folder: Text = "var/backups"
    keep: Positive = 7
