"""Log entries: one line each, whatever is in them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from pushbot.clock import SystemClock
from pushbot.log import set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

FORGED = "hi\n2026-01-01T00:00:00Z info    deployed by=root\r\x1b[31m\x9b\u2028\u202e"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_value_can_forge_an_entry(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(form)
    structlog.contextvars.bind_contextvars(lane="web")
    structlog.get_logger().info("heard", text=FORGED)
    logging.getLogger("somebody").warning("theirs %s", FORGED)
    out = capsys.readouterr().err
    assert len(out.splitlines()) == out.count("\n") == 2
    assert all(letter.isprintable() for letter in out.replace("\n", ""))
    assert out.count("web") == 2


def test_json_lines_hold_what_was_logged(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json")
    structlog.get_logger().info("heard", text=FORGED, count=3)
    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["text"], entry["count"], entry["level"]) == ("heard", FORGED, 3, "info")


def test_a_traceback_is_marked_as_part_of_its_entry(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("text")
    try:
        int(FORGED)
    except ValueError:
        structlog.get_logger().exception("failed", reference="abc")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("error   failed reference=abc")
    assert all(line.startswith("    | ") for line in rest)


def test_unimportant_entries_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("text", "info")
    structlog.get_logger().debug("ours")
    logging.getLogger("asyncio").info("theirs")
    assert capsys.readouterr().err == ""
    set_up("text", "debug")
    structlog.get_logger().debug("ours")
    logging.getLogger("aiosqlite").debug("what people say")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ours" in line


async def test_the_clock_tells_utc_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.001)
    offset = before.utcoffset()
    assert offset is not None
    assert not offset
    assert clock.now() > before
