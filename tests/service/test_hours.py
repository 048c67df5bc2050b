"""Calendars kept up to date from real files and a real HTTP server: what is open, and what when they cannot be read."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from pushbot.calendar.model import Calendar
from pushbot.calendar.source import CalendarSpec, Source
from pushbot.calendar.written import read_entry
from pushbot.errors import PushbotError
from pushbot.queue.rules.decision import Closed
from pushbot.service.hours import calendars as service
from pushbot.service.hours import ical
from pushbot.service.hours.calendars import Hours
from pushbot.service.spec import LaneSpec, StageSpec
from pushbot.testing.clock import HandClock
from tests.calendar.ical_files import calendar, event
from tests.service.world import NoExecutor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

MONDAY = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
FREEZE = calendar(event("DTSTART:20261116T110000Z", "DTEND:20261116T160000Z", "SUMMARY:black friday"))
NOTHING = calendar(event("DTSTART:20261216T110000Z", "DTEND:20261216T160000Z"))


def spec(name: str, *opened: str, sources: tuple[Source, ...] = (), every: float = 900.0) -> CalendarSpec:
    rules = tuple(rule for entry in opened for rule in read_entry(entry))
    return CalendarSpec(Calendar(name, ZoneInfo("Europe/London"), rules), sources, every)


def lane(folder: Path, *hours: CalendarSpec, production: tuple[CalendarSpec, ...] = ()) -> LaneSpec:
    princess = StageSpec("princess", NoExecutor(), folder, "princess")
    return LaneSpec("web", (), (princess, replace(princess, name="production", hours=production)), hours=hours)


@asynccontextmanager
async def kept(web_lane: LaneSpec, clock: HandClock) -> AsyncIterator[Hours]:
    hours = Hours([web_lane], clock)
    task = asyncio.ensure_future(hours.run())
    try:
        yield hours
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for is in other processes
            await asyncio.sleep(0.01)


@dataclass
class Server:
    """An HTTP server on loopback that answers with `body`."""

    url: str = ""
    body: bytes = FREEZE
    status: int = 200
    asked: int = 0
    slow: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if request.path == "/hangs.ics":
            await self.slow.wait()
        if request.path == "/elsewhere.ics":
            raise web.HTTPFound("/freeze.ics")
        return web.Response(body=self.body, status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    made.slow.clear()
    app = web.Application()
    app.router.add_get("/{name}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    made.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    yield made
    made.slow.set()
    await runner.cleanup()


async def test_stages_are_open_when_their_lanes_calendars_and_their_own_are(tmp_path: Path) -> None:
    office, late = spec("office", "mon-fri 09:00-17:00"), spec("late", "mon-fri 15:00-20:00")
    web_lane = lane(tmp_path, office, production=(late, office))
    hours = Hours([web_lane], HandClock(MONDAY))
    await hours.run()  # there is nothing to read, and so nothing to do
    assert hours.shut(web_lane, MONDAY) == {
        "production": Closed("outside the hours of late, opens 15:00 Europe/London, in 3h00m", MONDAY.replace(hour=15))
    }
    assert hours.shut(web_lane, MONDAY.replace(hour=15)) == {}
    evening = MONDAY.replace(hour=19)
    assert hours.shut(web_lane, evening)["princess"] == Closed(
        "outside the hours of office, opens Tuesday 09:00 Europe/London, in 14h00m",
        datetime(2026, 11, 17, 9, tzinfo=UTC),
    )
    assert hours.lane_closed(web_lane, MONDAY) == hours.closed(web_lane.stages[1], web_lane, MONDAY)
    saturday = datetime(2026, 12, 26, 9, 0, tzinfo=UTC)
    assert hours.shut(web_lane, saturday)["princess"].why.endswith("opens Monday 09:00 Europe/London, in 2d0h")


async def test_what_is_open_is_remembered_only_as_long_as_that_holds(tmp_path: Path) -> None:
    office = spec("office", "mon-fri 09:00-17:00")
    web_lane = lane(tmp_path, office)
    hours = Hours([web_lane], HandClock(MONDAY))
    for hour, is_open in ((12, True), (16, True), (17, False), (16, True), (8, False), (9, True)):  # and back in time
        assert (hours.lane_closed(web_lane, MONDAY.replace(hour=hour)) is None) == is_open


async def test_a_file_closes_a_lane_and_is_read_again(tmp_path: Path) -> None:
    file, clock = tmp_path / "freeze.ics", HandClock(MONDAY)
    file.write_bytes(FREEZE)
    web_lane = lane(tmp_path, spec("office", sources=(Source("freeze.ics", file),), every=600))
    async with kept(web_lane, clock) as hours:
        assert hours.lane_closed(web_lane, MONDAY) == Closed(
            "closed, as office cannot be told: freeze.ics is being read for the first time"
        )
        assert hours.calendars(web_lane) is None
        await until(lambda: clock.sleepers == 1)
        assert hours.lane_closed(web_lane, MONDAY) == Closed(
            'closed by office: "black friday", opens 16:00 Europe/London, in 4h00m', MONDAY.replace(hour=16)
        )
        file.write_bytes(NOTHING)
        clock.advance(600)
        await until(lambda: hours.lane_closed(web_lane, clock.now()) is None)
        assert hours.stale(web_lane) == ()


async def test_what_was_read_last_stays_valid_and_it_is_said_since_when(tmp_path: Path) -> None:
    file, clock = tmp_path / "freeze.ics", HandClock(MONDAY)
    file.write_bytes(FREEZE)
    web_lane = lane(tmp_path, spec("office", sources=(Source("freeze.ics", file),), every=600))
    async with kept(web_lane, clock) as hours:
        await until(lambda: clock.sleepers == 1)
        file.write_text("<html>maintenance</html>")
        clock.advance(600)
        await until(lambda: bool(hours.stale(web_lane)))
        (note,) = hours.stale(web_lane)
        assert note.startswith("freeze.ics is as it was 10m00s ago: it is not an iCalendar file that can be read")
        closed = hours.lane_closed(web_lane, clock.now())
        assert closed is not None
        assert closed.why == (
            'closed by office: "black friday", opens 16:00 Europe/London, in 3h50m (as it was read 10m00s ago)'
        )
        await until(lambda: clock.sleepers == 1)
        file.unlink()
        clock.advance(600)
        await until(lambda: hours.stale(web_lane) == ("freeze.ics is as it was 20m00s ago: no such file or directory",))
        await until(lambda: clock.sleepers == 1)
        file.write_bytes(NOTHING)
        clock.advance(600)
        await until(lambda: hours.lane_closed(web_lane, clock.now()) is None)
        assert hours.stale(web_lane) == ()


async def test_what_comes_again_is_known_further_ahead_though_nothing_new_can_be_read(tmp_path: Path) -> None:
    file, clock = tmp_path / "freeze.ics", HandClock(MONDAY)
    file.write_bytes(calendar(event("DTSTART:20261101T000000Z", "DURATION:P3D", "RRULE:FREQ=MONTHLY")))
    web_lane = lane(tmp_path, spec("office", sources=(Source("freeze.ics", file),), every=86400.0 * 300))
    async with kept(web_lane, clock) as hours:
        await until(lambda: clock.sleepers == 1)
        file.unlink()
        for _ in range(3):
            clock.advance(86400.0 * 300)
            await until(lambda: clock.sleepers == 1)
        first = clock.now().replace(day=2) + timedelta(days=365)
        assert first.year == 2030
        assert hours.lane_closed(web_lane, first.replace(month=5)) is not None


async def test_a_calendar_never_read_is_closed_and_tried_again_soon(tmp_path: Path) -> None:
    file, clock = tmp_path / "freeze.ics", HandClock(MONDAY)
    web_lane = lane(tmp_path, spec("office", "mon-fri 09:00-17:00", sources=(Source("freeze.ics", file),)))
    async with kept(web_lane, clock) as hours:
        await until(lambda: clock.sleepers == 1)
        assert hours.lane_closed(web_lane, MONDAY) == Closed(
            "closed, as office cannot be told: freeze.ics cannot be read: no such file or directory"
        )
        file.write_bytes(NOTHING)
        clock.advance(service.AGAIN_AFTER)
        await until(lambda: hours.lane_closed(web_lane, clock.now()) is None)


async def test_a_url_closes_a_lane(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock(MONDAY)
    monkeypatch.setenv("FREEZES", f"{server.url}/secret-token.ics")
    sources = (Source("127.0.0.1", url=f"{server.url}/a.ics"), Source("env:FREEZES", url="env:FREEZES"))
    web_lane = lane(tmp_path, spec("office", sources=sources))
    async with kept(web_lane, clock) as hours:
        await until(lambda: clock.sleepers == 2)
        closed = hours.lane_closed(web_lane, MONDAY)
        assert closed is not None
        assert closed.why.startswith('closed by office: "black friday"')
    assert server.asked == 2


async def trouble(source: Source) -> str:
    with pytest.raises(PushbotError) as caught:
        await ical.fetched(source)
    return str(caught.value)


async def test_every_trouble_with_a_url_is_a_sentence_without_the_url(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ical, "FETCHED_WITHIN", 0.2)
    assert await trouble(Source("x", url=f"{server.url}/hangs.ics")) == "the server did not send it within 0.2s"
    monkeypatch.undo()
    assert await trouble(Source("x", url=f"{server.url}/elsewhere.ics")) == (
        "the server answers 302 in place of a calendar"
    )
    server.status = 403
    assert await trouble(Source("x", url=f"{server.url}/secret.ics")) == "the server answers 403 in place of a calendar"
    server.status, server.body = 200, b"x" * (ical.MOST_BYTES + 1)
    assert await trouble(Source("x", url=f"{server.url}/large.ics")) == "it has more than 4 MiB"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        words = await trouble(Source("x", url=f"http://127.0.0.1:{nobody.getsockname()[1]}/secret.ics"))
    assert words.startswith("the server cannot be reached")
    assert "secret" not in words
    assert await trouble(Source("x", url="env:NO_SUCH_FREEZES")) == (
        "The secret env:NO_SUCH_FREEZES is missing: set the environment variable NO_SUCH_FREEZES."
    )
    monkeypatch.setenv("NO_URL", "::secret::")
    assert "secret" not in await trouble(Source("x", url="env:NO_URL"))


async def test_a_file_that_is_too_large_or_a_folder_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.ics"
    with large.open("wb") as file:
        file.truncate(3_000_000_000)
    assert await trouble(Source("x", large)) == "it has more than 4 MiB"
    assert await trouble(Source("x", tmp_path)) == "is a directory"
