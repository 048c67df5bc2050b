"""A Store without a disk: it behaves like the real one, within one test."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pushbot.ports import Letter, Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pushbot.errors import PushbotError
    from pushbot.ports import Entry, IncidentRecord, Line, PersonRecord, PushRecord, RunRecord, Work
    from pushbot.queue.commands import RunState
    from pushbot.queue.model import Queue

DELIVERIES_KEPT = timedelta(days=90)
"""How long a webhook's message is known after it was taken, counted back from the newest."""


class MemoryStore:
    """A Store whose record lives as long as the object, over any number of `close` and `open`.

    Set `trouble` to have every commit fail with it, as a full disk would; None ends that. `commits`
    counts those that were taken, `written` are the lines that ever were in one.
    """

    def __init__(self) -> None:
        self.trouble: PushbotError | None = None
        self.commits = 0
        self.written: list[Line] = []
        self._open = False
        self._queues: dict[str, Queue] = {}
        self._runs: dict[str, RunRecord] = {}
        self._pushes: dict[tuple[str, int], PushRecord] = {}
        self._lines: dict[int, Line] = {}
        self._last_line = 0
        self._journal: list[tuple[str, Entry]] = []
        self._incidents: dict[int, IncidentRecord] = {}
        self._people: dict[str, PersonRecord] = {}
        self._deliveries: dict[str, datetime] = {}
        self._drawers: dict[str, Drawer] = {}

    async def open(self) -> None:
        """Be ready, with what was committed before."""
        self._open = True

    async def close(self) -> None:
        """Take nothing more until opened again."""
        self._open = False

    @property
    def opened(self) -> bool:
        """Whether somebody works with it."""
        return self._open

    async def remember(self, lane: str) -> Remembered:
        """The lane's queue and its unfinished runs, oldest first."""
        self._expect_open()
        unfinished = (run for run in self._runs.values() if run.lane == lane and not run.state.final)
        return Remembered(self._queues.get(lane), tuple(unfinished))

    async def unfinished(self) -> Sequence[RunRecord]:
        """The unfinished runs of all lanes, oldest first."""
        self._expect_open()
        return tuple(run for run in self._runs.values() if not run.state.final)

    async def commit(self, work: Work) -> None:
        """Take all of it or nothing. RuntimeError tells a bug: a lock held twice, or a line's id given twice."""
        self._expect_open()
        if self.trouble:
            raise self.trouble
        runs = self._runs | {run.id: run for run in work.runs}
        locks = [run.lock for run in runs.values() if not run.state.final]
        if len(locks) > len(set(locks)):
            raise RuntimeError(f"two unfinished runs hold one lock: {sorted(locks)}")
        ids = [line.id for line in work.lines]
        if len(ids) > len(set(ids)) or not self._lines.keys().isdisjoint(ids):
            raise RuntimeError(f"a line's id was given twice: {ids}")
        self._runs = runs
        if work.queue is not None:
            self._queues[work.lane] = work.queue
        self._pushes |= {(push.lane, push.number): push for push in work.pushes}
        self._lines |= {line.id: line for line in work.lines}
        self.written += work.lines
        self._last_line = max(self._last_line, *ids, 0)
        for spoken in work.spoken:
            self._lines.pop(spoken, None)
        self._journal += [(work.lane, entry) for entry in work.entries]
        self._incidents |= {incident.number: incident for incident in work.incidents}
        self._people |= {person.key: person for person in work.people}
        self._deliveries = {delivery.id: delivery.at for delivery in work.deliveries} | self._deliveries
        if work.deliveries:
            oldest = max(delivery.at for delivery in work.deliveries) - DELIVERIES_KEPT
            self._deliveries = {each: at for each, at in self._deliveries.items() if at >= oldest}
        self.commits += 1

    async def owed(self) -> Sequence[Line]:
        """The lines not yet confirmed, oldest first."""
        self._expect_open()
        return tuple(self._lines[each] for each in sorted(self._lines))

    async def last_line(self) -> int:
        """The highest line id ever given, or 0."""
        self._expect_open()
        return self._last_line

    async def run(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        self._expect_open()
        return self._runs.get(run_id)

    async def runs(
        self, lane: str, *, stage: str | None = None, state: RunState | None = None, limit: int = 20
    ) -> Sequence[RunRecord]:
        """The lane's runs, newest first in the order in which they were first committed."""
        self._expect_open()
        found = (
            run
            for run in reversed(self._runs.values())
            if run.lane == lane and stage in (None, run.stage) and state in (None, run.state)
        )
        return tuple(islice(found, limit))

    async def pushes(self, lane: str, *, limit: int = 20) -> Sequence[PushRecord]:
        """The lane's pushes, newest first in the order in which they were first committed."""
        self._expect_open()
        return tuple(islice((push for push in reversed(self._pushes.values()) if push.lane == lane), limit))

    async def push(self, lane: str, number: int) -> PushRecord | None:
        """The lane's push of that number."""
        self._expect_open()
        return self._pushes.get((lane, number))

    async def journal(self, lane: str, *, limit: int = 50) -> Sequence[Entry]:
        """The lane's journal, newest first."""
        self._expect_open()
        return tuple(islice((entry for of, entry in reversed(self._journal) if of == lane), limit))

    async def incidents(self, *, limit: int = 20) -> Sequence[IncidentRecord]:
        """The incidents, newest first."""
        self._expect_open()
        return tuple(self._incidents[each] for each in sorted(self._incidents, reverse=True)[:limit])

    async def people(self) -> Sequence[PersonRecord]:
        """All that is remembered of people, by key."""
        self._expect_open()
        return tuple(self._people[each] for each in sorted(self._people))

    async def delivered(self, delivery: str) -> bool:
        """Whether what has that id was taken within the last 90 days."""
        self._expect_open()
        return delivery in self._deliveries

    def memory(self, chat: str) -> Drawer:
        """The drawer of the chat of that name."""
        return self._drawers.setdefault(chat, Drawer(self._expect_open))

    def _expect_open(self) -> None:
        if not self._open:
            raise RuntimeError("the store is not open")


class Drawer:
    """What a chat keeps, for as long as its store lives. `at` is when its letters came, if a test sets it."""

    def __init__(self, expect_open: Callable[[], None]) -> None:
        self._expect_open = expect_open
        self._letters: dict[str, str | None] = {}
        self._notes: dict[str, str] = {}
        self.at: datetime | None = None

    async def take_in(self, letter: Letter) -> bool:
        """Keep a letter; False when one of that id came before."""
        self._expect_open()
        new = letter.id not in self._letters
        self._letters.setdefault(letter.id, letter.body)
        return new

    async def waiting(self) -> Sequence[Letter]:
        """The letters that were not dealt with, in the order in which they were taken in."""
        self._expect_open()
        return tuple(Letter(each, body, self.at) for each, body in self._letters.items() if body is not None)

    async def dealt_with(self, letter: str) -> None:
        """The letter of that id is done."""
        self._expect_open()
        if letter in self._letters:
            self._letters[letter] = None

    async def note(self, name: str, text: str | None) -> None:
        """Keep a text under a name; None to keep it no longer."""
        self._expect_open()
        if text is None:
            self._notes.pop(name, None)
        else:
            self._notes[name] = text

    async def notes(self) -> Mapping[str, str]:
        """All that was noted, by name."""
        self._expect_open()
        return dict(self._notes)
