"""Checks before runs, in a whole bot: nothing begins that they do not let begin, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import ChangeSet, Finding, IncidentRecord, RunRecord, Verdict, Work
from pushbot.queue.commands import RunState
from pushbot.service.spec import CheckSpec
from tests.service.door import Door

if TYPE_CHECKING:
    from pushbot.testing.check import HandCheck
    from pushbot.testing.playground import Playground

RED = Verdict(Finding.FAILED, "3 red")


@pytest.fixture
def web(play: Playground) -> Playground:
    """The lane `web`, pushed from main, whose princess is checked by tests."""
    play.lanes.clear()
    play.add_lane("web", stages=("princess", "production"), branch="main")
    play.change_stage("princess", lambda of: replace(of, checks=(CheckSpec("tests", play.check("tests")),)))
    play.repository.commit("6957bb87")
    return play


@pytest.fixture
def tests(web: Playground) -> HandCheck:
    return web.check("tests")


async def say(play: Playground, who: str, text: str) -> None:
    play.server.say(who, text, "#push")
    await play.settle()


async def run(play: Playground, name: str) -> RunRecord:
    record = await play.store.run(name)
    assert record is not None
    return record


def spoken(play: Playground) -> list[str]:
    return [line.text for line in play.server.spoken if line.to == "#push"]


async def test_it_sees_the_change_and_nothing_is_begun_that_fails(web: Playground, tests: HandCheck) -> None:
    tests.verdict = RED
    await web.start()
    await say(web, "bob", ".join")
    await say(web, "alice", ".join with bob; .good")
    await say(web, "bob", ".go")
    (change,) = tests.looked
    assert (change.lane, change.stage, change.branch, change.driver) == ("web", "princess", "main", "bob")
    assert change.riders == ("bob", "alice")
    assert change.revision == "6957bb87".ljust(40, "0")
    assert change.previous is None
    assert change.repository is web.repository
    record = await run(web, "web-1")
    assert (record.state, record.step, record.reason) == (RunState.FAILED, "checks", "tests: 3 red")
    assert (record.started_at, record.revision) == (None, change.revision)
    assert not web.executor.starts


async def test_what_was_fixed_goes_with_the_next_go(web: Playground, tests: HandCheck) -> None:
    tests.verdict = RED
    await web.start()
    await say(web, "alice", ".join; .go")
    web.repository.commit("41aa02ce")
    tests.verdict = Verdict(Finding.PASSED)
    await say(web, "alice", ".retry")
    assert spoken(web)[-1] == "web/main (41aa02ce) is being deployed to princess by alice"


@pytest.mark.parametrize("stop", ['.hold "db"', '.incident "errors"'])
async def test_a_hold_that_is_put_while_checks_look_lets_nothing_begin(
    web: Playground, tests: HandCheck, stop: str
) -> None:
    tests.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "bob", stop)
    tests.answering.set()
    await web.settle()
    assert (await run(web, "web-1")).state is RunState.CANCELLED
    assert not web.executor.starts
    assert any("was stopped: the lane is held by now, and nothing was changed" in text for text in spoken(web))
    await say(web, "alice", ".go")
    assert spoken(web)[-1].endswith("[held]")


async def test_abort_ends_checks_at_once(web: Playground, tests: HandCheck) -> None:
    tests.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    assert (await run(web, "web-1")).state is RunState.CANCELLED
    assert not web.executor.starts
    assert web.server.topic("#push") == "<princess!> alice*"


async def test_after_a_crash_they_look_again(web: Playground, tests: HandCheck) -> None:
    tests.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.crash()
    await web.start()
    assert len(tests.looked) == 2
    tests.answering.set()
    await web.settle()
    assert web.executor.starts == {"web-1": 1}


async def test_a_crash_after_a_refusal_leaves_its_question_open(web: Playground, tests: HandCheck) -> None:
    tests.verdict = Verdict(Finding.ASKS, "2 files in migrations/**")
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.crash()
    await web.start()
    await say(web, "alice", ".confirm")
    await say(web, "alice", ".go")
    assert web.executor.starts == {"web-2": 1}
    assert (await run(web, "web-2")).confirmed == (f"tests@{'6957bb87'.ljust(40, '0')}",)


async def test_another_train_cannot_answer_for_one_that_left(web: Playground, tests: HandCheck) -> None:
    tests.verdict = Verdict(Finding.ASKS, "sure?")
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    await say(web, "bob", ".join; .confirm")
    assert "[nothing_to_confirm]" in spoken(web)[-1]


async def test_a_rollback_is_not_checked_and_goes_back_from_what_is_there(web: Playground, tests: HandCheck) -> None:
    await web.start()
    for revision in ("41aa02ce", "0badcafe"):
        web.repository.commit(revision)
        await say(web, "alice", ".join; .go")
        web.executor.succeed()
        await web.settle()
        await say(web, "alice", ".done")
    tests.verdict = RED
    web.repository.commit("deadbeef")
    await say(web, "alice", ".join; .go")
    looked = len(tests.looked)
    await say(web, "alice", ".rollback")
    assert len(tests.looked) == looked
    assert spoken(web)[-1].startswith("web on princess is being rolled back to 41aa02ce")


async def test_a_run_from_the_command_line_passes_them_too(
    web: Playground, tests: HandCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests.verdict = RED
    door = Door(monkeypatch)
    await web.start()
    await door.ask("princess")
    await web.settle()
    assert not web.executor.starts
    assert spoken(web)[-1] == "web/main (6957bb87) was not let on princess, where nothing changed: tests: 3 red"
    await door.ask("production")
    await web.settle()
    assert web.executor.starts == {"web-2": 1}


async def test_they_know_of_an_open_incident(web: Playground, tests: HandCheck) -> None:
    await web.start()
    opened = IncidentRecord(3, "checkout errors", "alice", web.clock.now())
    await web.store.commit(Work("", incidents=(opened,)))
    await say(web, "alice", ".join; .go")
    assert tests.looked[-1].incident == "checkout errors"
    await say(web, "alice", ".abort")
    await web.store.commit(Work("", incidents=(replace(opened, resolved_at=web.clock.now()),)))
    await say(web, "alice", ".join; .go")
    assert tests.looked[-1].incident is None


async def test_a_step_called_checks_is_a_step(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.fail("checks", "exit code 1")
    await web.settle()
    assert "failed on princess at checks: exit code 1" in "\n".join(spoken(web))


async def test_a_trial_claims_nothing_and_leaves_no_record(web: Playground, tests: HandCheck) -> None:
    tests.answering.clear()
    await web.start()
    await say(web, "bob", ".try main princess")
    await say(web, "alice", ".join; .status")
    tests.answering.set()
    await web.settle()
    assert "bob: main (6957bb87) would be let on princess" in spoken(web)
    assert not await web.store.runs("web")
    assert tests.looked[0].driver == "bob"


async def test_the_size_of_a_change_is_told_and_shown(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.succeed()
    await web.settle()
    await say(web, "alice", ".done")
    web.repository.commit("41aa02ce", "Sell hats", "alice")
    web.repository.commit("0badcafe", "Sell shoes", "bob", paths=("shoes.py",))
    await say(web, "alice", ".join; .go")
    assert "web/main (0badcafe) is being deployed to princess by alice: 2 commits, 2 files +20 -4" in spoken(web)
    await say(web, "bob", ".status")
    assert "web: alice deploying to princess (0badcafe, 2 commits, 2 files +20 -4): web-2 " in "\n".join(spoken(web))


async def test_a_repository_that_cannot_tell_the_size_keeps_nobody(
    web: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object, old: str | None, new: str, **__: object) -> ChangeSet:
        raise PushbotError(f"no way from {old} to {new}")

    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.succeed()
    await web.settle()
    await say(web, "alice", ".done")
    web.repository.commit("41aa02ce")
    monkeypatch.setattr(type(web.repository), "changes", away)
    await say(web, "alice", ".join; .go")
    assert spoken(web)[-1] == "web/main (41aa02ce) is being deployed to princess by alice"
