"""Log lines go to a syslog too, as RFC 5424 has it, and a log that cannot be written disturbs nobody."""

from __future__ import annotations

import io
import os
import re
import socket
from typing import TYPE_CHECKING

import pytest
import structlog

from pushbot.log import set_up
from pushbot.sinks import Sturdy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = re.compile(rf"<(\d+)>1 (\d{{4}}-\d\d-\d\dT[0-9:.]+Z) (\S+) pushbot {os.getpid()} - - (.*)", re.DOTALL)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    set_up()
    structlog.reset_defaults()


def received(listener: socket.socket) -> tuple[int, str]:
    listener.settimeout(60)
    found = HEADER.fullmatch(listener.recv(65536).decode())
    assert found
    return int(found[1]), found[4]


def test_by_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        set_up("json", "info", f"udp://127.0.0.1:{listener.getsockname()[1]}")
        log = structlog.get_logger()
        log.info("asked", person="a\r\nb<13>1 forged\x1b[2J")
        priority, text = received(listener)
        assert priority == 3 * 8 + 6
        assert '"person": "a\\r\\nb<13>1 forged\\u001b[2J"' in text
        log.warning("disk", path="x" * 100_000)
        priority, text = received(listener)
        assert priority == 3 * 8 + 4
        assert len(text) < 8192
        try:
            raise ValueError("broken")  # noqa: TRY301 - to be caught right here
        except ValueError:
            log.exception("bug")
        priority, text = received(listener)
        assert priority == 3 * 8 + 3
        assert "\n" not in text
        assert "ValueError: broken" in text


def test_by_a_socket_of_this_machine_that_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "log"
    set_up("text", "info", f"unix://{path}")
    log = structlog.get_logger()
    log.info("before")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(0.2)
        for _ in range(50):
            log.info("after")
            try:
                if b"after" in listener.recv(65536):
                    break
            except TimeoutError:
                continue
        else:
            raise AssertionError("nothing came")


class Full(io.StringIO):
    """A stream whose disk may be full."""

    full = True

    def write(self, text: str, /) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    stream = Full()
    out = Sturdy(stream)
    out.write("one\n")
    out.write("two\n")
    stream.full = False
    out.write("three\n")
    assert stream.getvalue() == "(2 log lines could not be written)\nthree\n"
