"""The contract of a `Store`, as tests for the author of one to subclass.

    class TestMine(StoreContract):
        def store(self, tmp_path: Path) -> Store:
            return MyStore(tmp_path / "record")

Run it with pytest and pytest-asyncio (`asyncio_mode = "auto"`). Every test begins with a record
that is new and ends with the store closed.
"""

# ruff: noqa: S101, D102 - asserts are what a test is made of, and its name says what it shows

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pushbot.ports import Delivery, Letter, Remembered, Work
from pushbot.queue.commands import RunState
from pushbot.queue.model import Queue
from pushbot.testing.contracts.store_values import (
    AT,
    DELIVERY,
    ENTRY,
    FULL_INCIDENT,
    FULL_PUSH,
    FULL_RUN,
    INCIDENT,
    LINE,
    PERSON,
    PUSH,
    QUEUE,
    RUN,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Store


class StoreContract:
    """What every store does."""

    def store(self, tmp_path: Path) -> Store:
        """A new store, not yet open, with nothing in it; `tmp_path` is a directory of the test's own."""
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self, tmp_path: Path) -> AsyncIterator[Store]:
        """A new store, open."""
        store = self.store(tmp_path)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def test_a_new_one_holds_nothing(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            assert await store.remember("web") == Remembered(None, ())
            assert list(await store.owed()) == []
            assert await store.last_line() == 0
            assert await store.run("web-1") is None
            assert await store.push("web", 1) is None
            assert list(await store.runs("web")) == []
            assert list(await store.pushes("web")) == []
            assert list(await store.journal("web")) == []
            assert list(await store.incidents()) == []
            assert list(await store.people()) == []
            assert not await store.delivered(DELIVERY.id)

    async def test_all_of_a_work_comes_back_as_it_was(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            runs = (RUN, replace(FULL_RUN, id="web-33"))
            pushes = (PUSH, replace(FULL_PUSH, number=11))
            await store.commit(Work("web", QUEUE, (ENTRY,), runs, pushes, (LINE,)))
            await store.close()
            await store.open()
            # repr, as comparing leaves out the fields with compare=False
            assert repr(await store.remember("web")) == repr(Remembered(QUEUE, (RUN,)))
            assert [repr(await store.run(run.id)) for run in runs] == [repr(run) for run in runs]
            assert [repr(await store.push("web", push.number)) for push in pushes] == [repr(push) for push in pushes]
            assert list(await store.owed()) == [LINE]
            assert repr(list(await store.journal("web"))) == repr([ENTRY])

    async def test_a_queue_is_replaced_and_kept_when_only_the_rest_changes(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", Queue(next_train=2)))
            await store.commit(Work("web", QUEUE))
            await store.commit(Work("web", entries=(ENTRY,)))
            assert (await store.remember("web")).queue == QUEUE

    async def test_lanes_are_apart(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", QUEUE, (ENTRY,), (RUN,), (PUSH,)))
            api = replace(RUN, id="api-34", lane="api", lock="api/princess")
            await store.commit(Work("api", Queue(), (), (api,), (replace(PUSH, lane="api"),)))
            assert await store.remember("api") == Remembered(Queue(), (api,))
            assert list(await store.runs("api")) == [api]
            assert await store.push("web", 12) == PUSH
            assert list(await store.pushes("api")) == [replace(PUSH, lane="api")]
            assert list(await store.journal("api")) == []

    async def test_lines_are_owed_in_order_until_spoken(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            lines = tuple(replace(LINE, id=each) for each in (3, 1, 2))
            await store.commit(Work("web", lines=lines))
            assert [line.id for line in await store.owed()] == [1, 2, 3]
            await store.commit(Work("api", spoken=(1, 3, 99)))
            assert [line.id for line in await store.owed()] == [2]

    async def test_a_line_spoken_before_its_commit_is_not_owed(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", lines=(LINE,), spoken=(LINE.id,)))
            assert list(await store.owed()) == []
            assert await store.last_line() == LINE.id

    async def test_the_last_line_is_known_when_all_are_spoken(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", lines=(LINE, replace(LINE, id=5))))
            await store.commit(Work("web", spoken=(5, LINE.id)))
            await store.close()
            await store.open()
            assert await store.last_line() == LINE.id

    async def test_a_run_keeps_its_place_when_replaced(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            first, second = replace(RUN, id="web-1", lock="a"), replace(RUN, id="web-2", lock="b")
            await store.commit(Work("web", runs=(first,)))
            await store.commit(Work("web", runs=(second,)))
            ended = replace(first, state=RunState.SUCCEEDED, ended_at=AT)
            await store.commit(Work("web", runs=(ended,)))
            assert list(await store.runs("web")) == [second, ended]
            assert (await store.remember("web")).runs == (second,)

    async def test_unfinished_runs_are_remembered_oldest_first(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            states = dict(zip(("web-9", "web-10", "web-11", "web-12", "web-13", "web-14"), RunState, strict=True))
            runs = tuple(replace(RUN, id=run, lock=run, state=state) for run, state in states.items())
            await store.commit(Work("web", runs=runs))
            assert [run.id for run in (await store.remember("web")).runs] == ["web-9", "web-10"]

    async def test_runs_are_found_by_stage_and_state(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            done = [
                replace(FULL_RUN, id=f"web-{number}", stage=stage, state=state)
                for number, (stage, state) in enumerate(
                    (stage, state)
                    for stage in ("princess", "prod")
                    for state in (RunState.FAILED, RunState.SUCCEEDED, RunState.SUCCEEDED)
                )
            ]
            await store.commit(Work("web", runs=tuple(done)))
            newest = list(reversed(done))
            assert list(await store.runs("web")) == newest
            assert list(await store.runs("web", limit=2)) == newest[:2]
            assert list(await store.runs("web", stage="prod")) == newest[:3]
            assert list(await store.runs("web", state=RunState.FAILED)) == [done[3], done[0]]
            assert list(await store.runs("web", stage="princess", state=RunState.SUCCEEDED, limit=1)) == [done[2]]

    async def test_pushes_are_told_newest_first(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            for number in (4, 5, 3):  # a hotfix has a higher number than the train that it passed
                await store.commit(Work("web", pushes=(replace(PUSH, number=number),)))
            await store.commit(Work("web", pushes=(replace(FULL_PUSH, number=4),)))
            assert [push.number for push in await store.pushes("web")] == [3, 5, 4]
            assert [push.number for push in await store.pushes("web", limit=2)] == [3, 5]
            assert await store.push("web", 4) == replace(FULL_PUSH, number=4)

    async def test_the_journal_is_told_newest_first(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            entries = [replace(ENTRY, what=f".{each}") for each in range(5)]
            await store.commit(Work("web", entries=tuple(entries[:3])))
            await store.commit(Work("web", entries=tuple(entries[3:])))
            assert list(await store.journal("web")) == entries[::-1]
            assert list(await store.journal("web", limit=3)) == entries[:1:-1]

    async def test_a_lock_cannot_be_held_twice_and_nothing_of_the_work_stays(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", QUEUE, runs=(RUN,), lines=(LINE,)))
            rival = replace(RUN, id="api-1", lane="api", state=RunState.RUNNING)
            refused = Work("api", Queue(), (ENTRY,), (rival,), (PUSH,), (replace(LINE, id=8),), (LINE.id,))
            with pytest.raises(RuntimeError):
                await store.commit(refused)
            assert await store.remember("api") == Remembered(None, ())
            assert await store.run("api-1") is None
            assert await store.run(RUN.id) == RUN
            assert await store.push("web", 12) is None
            assert list(await store.owed()) == [LINE]
            assert await store.last_line() == LINE.id
            assert list(await store.journal("api")) == []

    async def test_a_lock_goes_from_a_run_that_ended_to_the_next_in_one_work(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", runs=(RUN,)))
            following = replace(RUN, id="web-35")
            await store.commit(Work("web", runs=(following, replace(RUN, state=RunState.LOST))))
            assert (await store.remember("web")).runs == (following,)

    async def test_a_line_id_cannot_be_given_twice(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", lines=(LINE,)))
            with pytest.raises(RuntimeError):
                await store.commit(Work("web", Queue(), lines=(LINE,)))
            assert (await store.remember("web")).queue is None

    async def test_careful_work_is_done_as_well(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", QUEUE, (ENTRY,), (RUN,), careful=True))
            await store.commit(Work("web", entries=(ENTRY,)))
            assert await store.remember("web") == Remembered(QUEUE, (RUN,))
            assert len(await store.journal("web")) == 2  # noqa: PLR2004 - one of each

    async def test_closing_twice_is_fine_and_a_closed_one_takes_nothing(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        await store.close()
        await store.open()
        await store.close()
        await store.close()
        with pytest.raises(RuntimeError):
            await store.commit(Work("web", QUEUE))
        with pytest.raises(RuntimeError):
            await store.owed()

    async def test_unfinished_runs_of_all_lanes_are_known(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            web = replace(RUN, id="web-1", lane="web", lock="a")
            gone = replace(RUN, id="gone-1", lane="gone", lock="b")
            over = replace(RUN, id="web-2", lane="web", lock="c", state=RunState.LOST, ended_at=AT)
            for run in (web, gone, over):
                await store.commit(Work(run.lane, runs=(run,)))
            assert list(await store.unfinished()) == [web, gone]

    async def test_incidents_and_people_come_back_as_they_were_and_are_replaced(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            first, other = replace(FULL_INCIDENT, number=2), replace(PERSON, key="account:bob")
            await store.commit(Work("", incidents=(first, INCIDENT), people=(PERSON, other)))
            assert list(await store.incidents(limit=1)) == [INCIDENT]
            await store.commit(Work("web", incidents=(FULL_INCIDENT,), people=(replace(PERSON, ahead=5),)))
            await store.close()
            await store.open()
            assert repr(list(await store.incidents())) == repr([FULL_INCIDENT, first])
            assert repr(list(await store.people())) == repr([other, replace(PERSON, ahead=5)])

    async def test_a_message_that_was_taken_is_known_until_it_is_old(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            await store.commit(Work("web", deliveries=(DELIVERY,)))
            await store.commit(Work("api", deliveries=(DELIVERY, replace(DELIVERY, id="other"))))
            assert await store.delivered(DELIVERY.id)
            assert await store.delivered("other")
            assert not await store.delivered("another")
            await store.commit(Work("web", deliveries=(Delivery("new", AT + timedelta(days=89)),)))
            assert await store.delivered(DELIVERY.id)
            await store.commit(Work("web", deliveries=(Delivery("newer", AT + timedelta(days=91)),)))
            assert not await store.delivered(DELIVERY.id)
            assert await store.delivered("new")

    async def test_a_drawer_keeps_letters_in_order_until_they_are_dealt_with(self, tmp_path: Path) -> None:
        first, second = Letter("Ev1", "{}"), Letter("Ev2", '{"text": "x; DROP TABLE letters"}')
        async with self.opened(tmp_path) as store:
            drawer = store.memory("slack")
            assert [await drawer.take_in(each) for each in (first, second, first)] == [True, True, False]
            await store.close()
            await store.open()
            drawer = store.memory("slack")
            assert list(await drawer.waiting()) == [first, second]
            assert all(letter.at is None or letter.at.tzinfo is not None for letter in await drawer.waiting())
            await drawer.dealt_with("Ev1")
            await drawer.dealt_with("of nobody")
            assert list(await drawer.waiting()) == [second]
            assert not await drawer.take_in(first)
            assert list(await store.memory("other").waiting()) == []
            assert await store.memory("other").take_in(first)

    async def test_a_drawer_keeps_notes(self, tmp_path: Path) -> None:
        async with self.opened(tmp_path) as store:
            drawer = store.memory("slack")
            await drawer.note("board web", "1.1")
            await drawer.note("board web", "2.2")
            await drawer.note("board api", "3.3")
            await drawer.note("board api", None)
            await drawer.note("never there", None)
            assert await drawer.notes() == {"board web": "2.2"}
            assert await store.memory("other").notes() == {}
