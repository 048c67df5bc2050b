"""Logging: structlog, and what other libraries log, as text or JSON lines on standard error.

Whatever a value holds, an entry is one line without control characters, so that nobody in a chat
can forge an entry or steer the terminal that shows it (OWASP: log injection). Only a traceback
takes more lines, each marked as part of it.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, cast

import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper, add_log_level, format_exc_info
from structlog.stdlib import ProcessorFormatter, add_logger_name

from pushbot.sinks import Sturdy, Syslog

if TYPE_CHECKING:
    from typing import TextIO

    from structlog.typing import EventDict, Processor, WrappedLogger

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_LONGEST = 4000
"""Characters of a value, or of a line of a traceback, that are logged."""
_PLAIN_VALUE = re.compile(r"[^\s\"'=\\]+")
_TALKATIVE = ("aiohttp", "aiosqlite", "asyncio", "irc", "slack_bolt", "slack_sdk")


def set_up(form: str = "text", level: str = "info", syslog: str | None = None) -> None:
    """Log from now on in `form` ("text" or "json") what is at least as important as `level`, also to `syslog` if given.

    Values bound by structlog.contextvars are part of each entry. What other libraries log goes the
    same way; of talkative ones only warnings, unless `level` is "debug". Safe to repeat.
    """
    common: list[Processor] = [merge_contextvars, add_log_level, TimeStamper("iso", utc=True)]
    write = _sent(_json if form == "json" else _text, syslog)
    render: list[Processor] = [format_exc_info, _clipped, write]
    out = Sturdy(sys.stderr)
    structlog.configure(
        processors=[*common, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", out)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    theirs = [ProcessorFormatter.remove_processors_meta, *render]
    handler.setFormatter(ProcessorFormatter(processors=theirs, foreign_pre_chain=[add_logger_name, *common]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:  # also with level "debug": they would log every value, what people say included
        logging.getLogger(name).setLevel("WARNING")


def one_line(text: str) -> str:
    """`text` with what could end a line or steer a terminal written as escapes (also right in JSON)."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_syslogs: list[Syslog] = []


def _sent(render: Processor, address: str | None) -> Processor:
    """`render`, and what it gives is sent to the syslog at `address` too; one that was used before is let go."""
    if [each.address for each in _syslogs] != [address]:
        for each in _syslogs:
            each.close()
        _syslogs[:] = [Syslog(address)] if address is not None else []
    if not _syslogs:
        return render
    syslog = _syslogs[0]

    def send(logger: WrappedLogger, method: str, event: EventDict) -> str:
        level, at = str(event.get("level", method)), str(event.get("timestamp", "-"))
        line = str(render(logger, method, event))
        syslog.send(level, at, line)
        return line

    return send


def _clipped(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Nobody fills the disk by being the cause of an entry."""
    for key, value in event.items():
        if isinstance(value, str | bytes) and len(value) > _LONGEST:
            lines = value.splitlines() if key == "exception" and isinstance(value, str) else [value]
            event[key] = "\n".join(str(line[:_LONGEST]) for line in lines[-_LONGEST:])
    return event


_render_json = JSONRenderer()


def _json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    line = _render_json(logger, method, event)
    return one_line(line if isinstance(line, str) else line.decode())


def _text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """`TIME LEVEL event key=value ...`, and the traceback below it if there is one."""
    begin = [str(event.pop("timestamp")), f"{event.pop('level'):7}", str(event.pop("event"))]
    traceback = str(event.pop("exception", "")).splitlines()
    values = (f"{key}={value if _PLAIN_VALUE.fullmatch(str(value)) else repr(value)}" for key, value in event.items())
    return "\n".join([one_line(" ".join([*begin, *values])), *(f"    | {one_line(line)}" for line in traceback)])
