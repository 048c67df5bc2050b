"""The timetable of a real bot, on apscheduler: work at a time of the wall clock, or again and again.

Nothing of it is kept: whoever needs a job puts it up anew when the bot starts. Work that should have been done while
the machine slept, or before the clock was set forward, is done once, late. The library waits by a clock that knows
nothing of the time of day being set; so a heartbeat compares the two.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from pushbot.errors import PushbotError, fault_reference

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pushbot.ports import Clock

    Act = Callable[[], Awaitable[None]]

LOG = structlog.get_logger()
HEARTBEAT = 2.0
"""Seconds after which it is noticed, at the latest, that the clock was set."""
JUMP = 1.0
"""Seconds by which the clock may be wrong against the passing of time; NTP's small steps are no jumps."""
STOOD_STILL = 1.0
"""Seconds for which nobody was answered, that are worth a word: something held up the whole process."""
_SEVERAL = 100
"""A job put up again from within is not to be left out because it has not quite ended."""


class Trigger(Protocol):
    """What tells when a job is due; the library comes without types."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """When the next time is, None when there is none."""
        ...


class Schedule:
    """A `Timetable`; its times are those of `clock`, the machine's own."""

    def __init__(self, clock: Clock, heartbeat: float = HEARTBEAT) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what goes wrong in a job is told below
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True})
        self._clock = clock
        self._heartbeat = heartbeat
        self._repeating: dict[str, tuple[float | str, Act]] = {}

    async def run(self) -> None:
        """Have things done as they are due, until cancelled."""
        self._scheduler.start()
        loop = asyncio.get_running_loop()
        try:
            wall, passing = self._clock.now(), loop.time()
            while True:
                await asyncio.sleep(self._heartbeat)
                before, wall, since, passing = wall, self._clock.now(), passing, loop.time()
                if (late := passing - since - self._heartbeat) > STOOD_STILL:
                    LOG.warning("stood_still", seconds=round(late, 1), remedy="look for a plugin that blocks")
                off = (wall - before).total_seconds() - (passing - since)
                if abs(off) > JUMP:
                    LOG.warning("clock_jumped", seconds=round(off, 1))
                    self._jumped(back=off < 0)
        finally:
            self._scheduler.shutdown(wait=False)

    def at(self, name: str, when: datetime, act: Act) -> None:
        """Have `act` done at `when`, at once if that is over; in place of whatever had that name."""
        self._repeating.pop(name, None)
        self._put(name, DateTrigger(when, UTC), act, at_once=_SEVERAL)

    def every(self, name: str, often: float | str, act: Act) -> None:
        """Have `act` done every so many seconds, or as a crontab's five fields say, in UTC.

        A time that comes while `act` is still at it is left out. Raises PushbotError for fields that cannot be read.
        """
        trigger = _trigger(often, self._clock.now())
        self._repeating[name] = often, act
        self._put(name, trigger, act, at_once=1)

    def cancel(self, name: str) -> None:
        """Forget the job of that name, if there is one."""
        self._repeating.pop(name, None)
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    def _put(self, name: str, trigger: Trigger, act: Act, *, at_once: int) -> None:
        given = (name, act)
        self._scheduler.add_job(
            _done, trigger, args=given, id=name, name=name, replace_existing=True, max_instances=at_once
        )

    def _jumped(self, *, back: bool) -> None:
        """What is due now is done now; what comes again and again does not wait for a time that was left behind."""
        if back:
            for name, (often, act) in self._repeating.items():
                self._put(name, _trigger(often, self._clock.now()), act, at_once=1)
        self._scheduler.wakeup()


async def _done(name: str, act: Act) -> None:
    """One piece of work; a bug in it is on the log, and costs nothing else."""
    try:
        await act()
    except PushbotError as error:
        LOG.warning("scheduled_work_failed", job=name, error=str(error))
    except Exception:
        LOG.exception("scheduled_work_failed", job=name, reference=fault_reference())


def _trigger(often: float | str, now: datetime) -> Trigger:
    if not isinstance(often, str):
        repeated: Trigger = IntervalTrigger(seconds=often, start_date=now + timedelta(seconds=often), timezone=UTC)
        return repeated
    try:
        written: Trigger = CronTrigger.from_crontab(often, UTC)
    except ValueError as error:
        raise PushbotError(f"'{often}' are not five fields as in a crontab: {error}") from error
    return written


def next_time(often: float | str, after: datetime) -> datetime:
    """When the next turn comes of what is done `often` (see `every`). Raises PushbotError for what cannot be read."""
    found = _trigger(often, after).get_next_fire_time(None, after + timedelta(microseconds=1))
    if found is None:
        raise PushbotError(f"'{often}' never comes")
    return found
