"""The health probes of a run.

One look at a service over the network is taken in a forked child, which says in one line what it
saw: a child can be ended wherever it hangs, name resolution included.
"""

from __future__ import annotations

import http.client
import socket
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never
from urllib.parse import quote, urlsplit

from pushbot.ports import Probe, ProbeKind
from pushbot.tls import client_context

from .environment import filled
from .processes import Cause, Command, NotStarted
from .run import Failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .run import Run

BODY = 2**20
"""Bytes of an answer, or of a command's output, in which `expect` is looked for."""


def check(run: Run, probe: Probe) -> None:
    """Return when the service is well within the window, and then for as long as it is to be watched.

    Raises Failed with what was seen last, and Stopped.
    """
    run.begin(f"health: {probe.name}")
    look = _look(run, probe)
    until = time.monotonic() + probe.window
    good, seen = 0, ""
    while good < probe.passes:
        began = time.monotonic()
        if began >= until:
            seen = seen or f"{look.subject} did not pass {probe.passes} times in a row"
            raise Failed(f"{seen}, still after {probe.window:g} s")
        trouble = _attempt(run, look, min(probe.timeout, until - began))
        good = 0 if trouble else good + 1
        if trouble and (not seen or time.monotonic() < until):  # the window's end cuts the last try short
            seen = trouble
        run.log.note(trouble or f"{look.subject} is well ({good} of {probe.passes})")
        if good < probe.passes:
            run.pause(min(began + probe.interval, until) - time.monotonic())
    _watch(run, probe, look)


def _watch(run: Run, probe: Probe, look: _Look) -> None:
    began = time.monotonic()
    while (left := began + probe.watch - time.monotonic()) > 0:
        run.pause(min(probe.interval, left))
        trouble = _attempt(run, look, probe.timeout)
        if trouble is not None:
            raise Failed(f"{trouble}, {time.monotonic() - began:.1f} s into the watch of {probe.watch:g} s")


@dataclass(frozen=True, slots=True)
class _Look:
    """One try of a probe: what to run, what to call it, and, for a command, what its output must contain."""

    subject: str
    work: Command | Callable[[], int]
    expect: str | None = None


def _look(run: Run, probe: Probe) -> _Look:
    """Facts are filled in percent-encoded in a URL, as they are elsewhere."""
    facts = run.job.facts()
    expect = None if probe.expect is None else filled(probe.expect, facts)
    match probe.kind:
        case ProbeKind.HTTP:
            target = filled(probe.target, facts, partial(quote, safe=""))
            return _Look(f"GET {target}", partial(_told, partial(_http, target, probe.status, expect, probe.timeout)))
        case ProbeKind.TCP:
            target = filled(probe.target, facts)
            return _Look(f"TCP {target}", partial(_told, partial(_tcp, target, probe.timeout)))
        case ProbeKind.COMMAND:
            if not probe.run:
                raise Failed(f"health check {probe.name} has nothing to run: give it `run`")
            return _Look(probe.run[0], Command(probe.run, run.environment.of(None), run.job.workdir), expect)
        case _:
            assert_never(probe.kind)


def _attempt(run: Run, look: _Look, limit: float) -> str | None:
    """What was wrong, in words that begin with the look's subject, or None."""
    said = bytearray()
    is_command = isinstance(look.work, Command)

    def take(data: bytes) -> None:
        said.extend(data[: BODY - len(said)])
        if is_command:
            run.log.take(data)

    try:
        end = run.execute(look.work, limit, take)
    except NotStarted as trouble:
        return f"{look.subject} could not be started: {trouble}"
    finally:
        run.log.end()
    if end.cause is Cause.TOO_LONG:
        return f"{look.subject} gave no answer within {limit:.3g} s"
    text = said.decode(errors="replace")
    if not end.well:
        return f"{look.subject} {end.words() if is_command or not text else text}"
    if look.expect is not None and look.expect not in text:
        return f"{look.subject} ended well, but without {look.expect!r} in its output"
    return None


def _told(attempt: Callable[[], str | None]) -> int:
    trouble = attempt()
    sys.stdout.write(trouble or "")
    sys.stdout.flush()
    return 1 if trouble else 0


def _http(target: str, status: int, expect: str | None, timeout: float) -> str | None:
    """Send one GET; no redirect is followed, no proxy used, and a certificate must be valid."""
    try:
        url = urlsplit(target)
        kind = (
            partial(http.client.HTTPSConnection, context=client_context())
            if url.scheme == "https"
            else http.client.HTTPConnection
        )
        connection = kind(url.hostname or "", url.port, timeout=timeout)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("GET", path, headers={"User-Agent": "pushbot", "Connection": "close"})
        answer = connection.getresponse()
        if answer.status != status:
            return f"answered {answer.status}, wanted {status}"
        if expect is not None and expect not in answer.read(BODY).decode(errors="replace"):
            return f"answered {status}, but without {expect!r}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"failed: {_why(error)}"
    return None


def _tcp(target: str, timeout: float) -> str | None:
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout).close()
    except (OSError, ValueError) as error:
        return f"took no connection: {_why(error)}"
    return None


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
