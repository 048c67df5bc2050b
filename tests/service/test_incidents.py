"""Incidents in a whole bot: what is held and released whatever happens in between, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.queue.model import Hold
from pushbot.service.house.incidents import KEPT_FREE, MOST_LINES
from pushbot.service.house.oncall import OncallSpec
from pushbot.service.people.directory import Directory, Human, account_of
from pushbot.testing.playground import PUSH, WARROOM, Playground

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import IncidentRecord

OPERATOR = "olga"


@pytest.fixture
def three(play: Playground) -> Playground:
    """The playground with three lanes, and an operator."""
    play.add_lane("search", "#search", stages=("production",))
    play.add_lane("docs", "#docs")
    play.operators.add(OPERATOR)
    return play


async def causes(play: Playground, lane: str) -> list[str | None]:
    queue = (await play.store.remember(lane)).queue
    return [item.cause for item in queue.items if isinstance(item, Hold)] if queue is not None else []


async def held(play: Playground) -> dict[str, list[str | None]]:
    return {lane.name: await causes(play, lane.name) for lane in play.lanes}


async def newest(play: Playground) -> IncidentRecord:
    return (await play.store.incidents(limit=1))[0]


def said(play: Playground, to: str) -> list[str]:
    return [line.text for line in play.server.spoken if line.to == to]


EVERY = {"web": ["incident 1"], "search": ["incident 1"], "docs": ["incident 1"]}
NONE: dict[str, list[str | None]] = {"web": [], "search": [], "docs": []}


async def test_every_lane_is_held_and_released(three: Playground) -> None:
    await three.start()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    assert await held(three) == EVERY
    assert sorted((await newest(three)).lanes) == ["docs", "search", "web"]
    three.server.say("frank", ".resolved", PUSH)  # who opened it may
    await three.settle()
    assert await held(three) == NONE
    assert (await newest(three)).resolved_by == "irc/nick:frank"


async def test_whoever_takes_the_openers_nick_without_proof_does_not_end_it(three: Playground) -> None:
    await three.start()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    three.server.log_in("frank", None)
    three.server.say("frank", ".resolved", PUSH)
    three.server.say("frank", ".note it was me", PUSH)
    await three.settle()
    assert await held(three) == EVERY
    assert len([line for line in said(three, PUSH) if "[not_identified]" in line]) == 2


@pytest.mark.parametrize("commits", range(1, 5))
async def test_a_bot_that_dies_at_any_commit_of_an_opening_holds_all_when_it_is_back(
    three: Playground, commits: int
) -> None:
    await three.start()
    before = three.store.commits
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.turns(until=lambda: three.store.commits >= before + commits)
    await three.crash()
    await three.start()
    assert await held(three) == EVERY
    assert sorted((await newest(three)).lanes) == ["docs", "search", "web"]
    assert [line for line in said(three, WARROOM) if "INCIDENT 1" in line]


@pytest.mark.parametrize("commits", range(1, 5))
async def test_a_bot_that_dies_at_any_commit_of_an_end_releases_all_when_it_is_back(
    three: Playground, commits: int
) -> None:
    await three.start()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    three.server.say("bob", '.hold "mine"', "#search")
    await three.settle()
    before = three.store.commits
    three.server.say(OPERATOR, ".resolved", PUSH)
    await three.turns(until=lambda: three.store.commits >= before + commits)
    await three.crash()
    await three.start()
    assert await held(three) == {"web": [], "search": [None], "docs": []}
    assert [line for line in said(three, WARROOM) if "Incident 1" in line and "is over" in line]


async def test_a_lane_that_people_release_stays_released_over_a_crash(three: Playground) -> None:
    await three.start()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    three.server.say(OPERATOR, ".unhold", "#search")
    await three.settle()
    await three.crash()
    await three.start()
    assert await held(three) == {**EVERY, "search": []}


async def test_a_lane_that_is_new_is_held_too(three: Playground) -> None:
    await three.start()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    await three.stop()
    three.add_lane("mail", "#mail")
    await three.start()
    assert await held(three) == {**EVERY, "mail": ["incident 1"]}
    three.server.say(OPERATOR, ".resolved", PUSH)
    await three.settle()
    assert await held(three) == {**NONE, "mail": []}


async def test_a_hold_edited_out_of_the_topic_by_one_who_may_not_is_put_back(three: Playground) -> None:
    await three.start()
    three.server.say("alice", ".join", PUSH)
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    assert three.server.topic(PUSH) == 'HOLD "incident 1: checkout errors" | alice'
    three.server.write_topic("bob", PUSH, "alice")
    await three.settle()
    assert three.server.topic(PUSH) == 'HOLD "incident 1: checkout errors" | alice'
    three.server.write_topic("bob", PUSH, 'HOLD "incident 1: checkout errors" | alice + bob')
    three.server.say(OPERATOR, ".resolved", PUSH)
    await three.settle()
    assert three.server.topic(PUSH) == "alice + bob"


async def test_an_incident_that_cannot_be_recorded_holds_nothing(three: Playground) -> None:
    await three.start()
    three.store.trouble = PushbotError("the disk is full")
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    assert said(three, PUSH)[-1].endswith("the disk is full. [not_recorded]")
    three.store.trouble = None
    assert await held(three) == NONE
    assert not await three.store.incidents()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    assert await held(three) == EVERY
    three.store.trouble = PushbotError("the disk is full")
    three.server.say("erin", "500s on /pay", WARROOM)
    three.server.say(OPERATOR, ".resolved", PUSH)
    await three.settle()
    assert not list((three.runs / "incidents").glob("*"))
    three.store.trouble = None
    await three.until(lambda: three.store.commits > 0 and "500s" in _texts(three))
    assert await held(three) == EVERY


def _texts(play: Playground) -> str:
    return " ".join(moment.text for each in vars(play.store)["_incidents"].values() for moment in each.timeline)


async def test_lanes_that_could_not_record_their_hold_are_asked_again(three: Playground) -> None:
    await three.start()
    before = three.store.commits
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.turns(until=lambda: three.store.commits > before)
    three.store.trouble = PushbotError("the disk is full")
    await three.settle()
    three.store.trouble = None
    assert await held(three) != EVERY
    commits = three.store.commits
    await three.until(lambda: three.store.commits >= commits + 3)
    assert await held(three) == EVERY


async def test_talk_is_kept_to_a_bound_that_leaves_room_for_notes(three: Playground) -> None:
    await three.start()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    for number in range(MOST_LINES + 100):
        three.server.say("erin", f"flood {number} \x02bold\x03 \u202eright to left", WARROOM)
    await three.settle()
    timeline = (await newest(three)).timeline
    assert len(timeline) == MOST_LINES - KEPT_FREE
    assert timeline[-1].text.isprintable()
    for number in range(0, KEPT_FREE + 50, 10):
        three.server.say("erin", "; ".join(f'.note "{number + each}"' for each in range(10)), PUSH)
    await three.settle()
    assert len((await newest(three)).timeline) == MOST_LINES
    assert [line for line in said(three, PUSH) if "[timeline_full]" in line]
    three.server.say(OPERATOR, ".resolved", PUSH)
    await three.settle()
    last = await newest(three)
    assert len(last.timeline) == MOST_LINES
    assert last.timeline[-1].text == "resolves it"


async def test_talk_elsewhere_or_when_nothing_is_open_is_nobodys_business(three: Playground) -> None:
    await three.start()
    three.server.say("erin", "before", WARROOM)
    three.server.say("frank", '.incident "checkout errors"', WARROOM)
    three.server.say("erin", "with it", WARROOM)
    three.server.say("erin", "in the room of a lane", PUSH)
    three.server.say("erin", "in private")
    await three.settle()
    three.server.say(OPERATOR, ".resolved", WARROOM)
    await three.settle()
    three.server.say("erin", "after", WARROOM)
    await three.settle()
    texts = [moment.text for moment in (await newest(three)).timeline]
    assert texts == ["opens it: checkout errors", "with it", "resolves it"]


async def test_what_the_lanes_do_is_in_the_timeline(three: Playground) -> None:
    await three.start()
    three.server.say("alice", ".join; .go", PUSH)
    await three.settle()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    three.executor.fail("migrate", "exit code 3")
    await three.settle()
    three.server.say(OPERATOR, ".unhold", PUSH)
    three.server.say("alice", ".uhoh", PUSH)
    await three.settle()
    told = [(moment.who, moment.text) for moment in (await newest(three)).timeline]
    assert told == [
        ("frank", "opens it: checkout errors"),
        ("", "in flight: web: deploy to princess (web-1) by alice, web-1 running, for 0s"),
        ("", "web: the deploy on princess FAILED at migrate: exit code 3"),
        ("olga", "web is released"),
        ("alice", "web: says uh-oh"),
    ]


async def test_a_page_that_cannot_be_written_keeps_no_incident_open(three: Playground) -> None:
    (three.runs / "incidents").write_text("in the way")
    await three.start()
    three.server.say("frank", '.incident "checkout errors"', PUSH)
    await three.settle()
    three.server.say("frank", ".resolved", PUSH)
    await three.settle()
    assert await held(three) == NONE
    assert "I could not write the post-mortem into" in said(three, WARROOM)[-1]
    assert (await newest(three)).report is None


async def test_the_next_incident_has_the_next_number(three: Playground) -> None:
    await three.start()
    for title in ("one", "two"):
        three.server.say(OPERATOR, f'.incident "{title}"; .resolved', PUSH)
        await three.settle()
    await three.crash()
    await three.start()
    three.server.say(OPERATOR, ".incident three", PUSH)
    await three.settle()
    assert await held(three) == {name: ["incident 3"] for name in NONE}
    assert sorted(path.name for path in (three.runs / "incidents").glob("*")) == [
        "2026-01-05-incident-1-one.md",
        "2026-01-05-incident-2-two.md",
    ]


async def test_a_line_said_for_somebody_is_no_command_of_another_bot(three: Playground) -> None:
    await three.start()
    three.server.say(OPERATOR, ".say #search !deploy everything", PUSH)
    three.server.say(OPERATOR, '.say irc/#SEARCH ".;/.join and go"', PUSH)
    three.server.say(OPERATOR, ".say #search ...", PUSH)
    three.server.say(OPERATOR, ".say #secret hello", PUSH)
    three.server.say("mallory", ".say #search hello", PUSH)
    await three.settle()
    assert said(three, "#search") == ["deploy everything", "join and go", "-"]
    assert said(three, PUSH)[-2:] == [
        "olga: I am not in #secret; I am in irc/#push, irc/#search, irc/#docs, irc/#warroom. [unknown_room]",
        "mallory: .say is for operators. [not_permitted]",
    ]
    entries = await three.store.journal("", limit=5)
    assert [(entry.name, entry.outcome) for entry in entries][::-1][0] == ("olga", "done")
    assert entries[0].outcome == "not_permitted"


async def test_a_bot_without_a_room_for_incidents_answers_where_it_was_asked(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.announce = type(play.announce)()
        play.add_lane("web", stages=("princess",))
        await play.start()
        play.server.say("frank", '.incident "checkout errors"; .note x; .resolved', PUSH)
        await play.settle()
        assert [line for line in said(play, PUSH) if "is open" in line]
        assert [line for line in said(play, PUSH) if "is over" in line]


async def test_where_those_on_call_are_paged_is_told_to_who_is_logged_in(play: Playground) -> None:
    roster = play.runs / "oncall.toml"
    roster.parent.mkdir(parents=True, exist_ok=True)
    roster.write_text('[[rotations]]\nteam = "dev"\npeople = ["carol"]\nstart = 2020-01-01\nzone = "Europe/London"\n')
    play.oncall = OncallSpec(roster)
    carol = Human("carol", (account_of("irc/caz"),), pager="+44 20 7946 0000")
    play.access = replace(play.access, directory=Directory((carol,)))
    play.server.log_in("mallory", None)
    await play.start()
    for name in ("alice", "mallory"):
        play.server.say(name, ".oncall", PUSH)
        await play.settle()
    known, guest = said(play, PUSH)[-2:]
    assert known.startswith("dev: caz (+44 20 7946 0000) until ")
    assert guest.startswith("dev: caz until ")
