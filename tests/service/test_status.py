"""Where lanes are and how long it takes, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.fleet.model import Tally
from pushbot.ports import PushRecord, PushState
from pushbot.queue.commands import RunState
from pushbot.queue.model import Hold, Phase, Rider, RunKind, Ticket, Train
from pushbot.service.snapshot import Progress
from pushbot.service.voice.eta import eta
from pushbot.service.voice.phrases import about
from pushbot.service.voice.status import LaneNow, StageNow, status
from pushbot.testing.clock import START
from tests.service.facts import OLDER, PRINCESS, PRODUCTION, ago, lane, person, run, train, underway

if TYPE_CHECKING:
    from pushbot.testing.playground import Playground

PLACES = "web: princess 6957bb87 by alice 3m00s ago | production 1a2b3c4d by bob 2h10m ago"


def test_status_tells_places_the_first_train_and_who_comes_next() -> None:
    began = PushRecord("web", 1, PushState.UNDERWAY, "alice", ("alice",), START - ago(minutes=5))
    now = lane(
        train("alice* bob", 1, stage="princess"),
        train("carol dave", 2),
        train("erin", 3),
        push=began,
    )
    assert status([now]) == (
        PLACES,
        "web: alice + bob on princess, waiting for bob to say .good",
        "web: next carol + dave (about 10m), then erin (about 25m)",
    )


FAILED = StageNow("princess", PRINCESS.there, run(9, state=RunState.FAILED, step="migrate", reason="disk full"))
CLAIMED = replace(PRODUCTION, claimed=underway(4, lane="config", id="config-4", driver="carol"))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (lane(), "nobody is in the queue"),
        (lane(train("alice")), "alice first in line, waiting for alice to say .go for princess"),
        (lane(train("alice", stage="princess")), "alice on princess, waiting for alice to say .go for production"),
        (lane(train("alice bob carol")), "alice + bob + carol first in line, waiting for bob and carol to say .good"),
        (lane(train("alice bob!", stage="princess")), "alice + bob on princess, stopped by the uh-oh of bob"),
        (lane(train("alice", stage="production")), "alice on production, waiting for alice to say .done"),
        (
            lane(Train((Rider(person("alice"), Ticket.HOLD),), number=1)),
            "alice (HOLD) first in line, alice holds this place until .done",
        ),
        (
            lane(Hold('the "db" migrates', person("carol")), train("alice")),
            "on hold by carol: \"the 'db' migrates\"; alice first in line, waiting for alice to say .go for princess",
        ),
        (lane(Hold()), "on hold; nobody is in the queue"),
        (
            lane(train("alice", 8, stage="production", phase=Phase.RUNNING), active=(underway(),), progress="copy 3/8"),
            "alice deploying to production (6957bb87): web-8 at copy 3/8, for 3m23s",
        ),
        (
            lane(
                train("alice", 8, stage="production", phase=Phase.RUNNING),
                active=(underway(),),
                progress=Progress("copy", Tally(42, 120, 1)),
            ),
            "alice deploying to production (6957bb87): web-8 at copy, 42/120, 1 failed, for 3m23s",
        ),
        (
            lane(
                train("alice", 8, stage="production", phase=Phase.RUNNING),
                active=(underway(),),
                progress=Progress(tally=Tally(0, 120)),
            ),
            "alice deploying to production (6957bb87): web-8 running, 0/120, for 3m23s",
        ),
        (
            lane(
                train("alice", 8, stage="production", phase=Phase.RUNNING, run_kind=RunKind.ROLLBACK),
                active=(underway(kind=RunKind.ROLLBACK, revision=OLDER),),
            ),
            "alice rolling back production (1a2b3c4d): web-8 running, for 3m23s",
        ),
        (
            lane(train("alice", 9, stage="princess", phase=Phase.FAILED, run=9), stages=(FAILED, PRODUCTION)),
            (
                "alice on princess, web-9 failed at migrate: disk full; "
                ".go tries again, .rollback brings the last good one back, .abort gives up"
            ),
        ),
        (
            lane(train("alice", stage="princess", phase=Phase.FAILED, run=None)),
            (
                "alice on princess, it was rolled back; "
                ".go tries again, .rollback brings the last good one back, .abort gives up"
            ),
        ),
        (
            lane(train("alice", stage="princess", phase=Phase.FAILED, run=9, run_kind=RunKind.ROLLBACK)),
            "alice on princess, the rollback failed; .retry tries the rollback again, .abort gives up",
        ),
        (
            lane(
                train(
                    "alice",
                    stage="princess",
                    phase=Phase.FAILED,
                    run=None,
                    riders=(Rider(person("alice"), Ticket.HOLD),),
                )
            ),
            "alice (HOLD) on princess, it was rolled back; .done ends it",
        ),
        (
            lane(train("alice*", stage="princess"), stages=(PRINCESS, CLAIMED)),
            "alice on princess, waiting for production, which config (config-4 by carol, 3m23s ago) has",
        ),
    ],
)
def test_status_tells_what_the_first_train_does_or_waits_for(now: LaneNow, told: str) -> None:
    assert status([now])[1] == f"web: {told}"


def test_status_tells_what_is_special_about_a_stage() -> None:
    back = StageNow("production", run(6, kind=RunKind.ROLLBACK, revision=OLDER, driver="carol"))
    line = status([lane(stages=(StageNow("canary"), FAILED, back))])[0]
    assert line == (
        "web: canary: nothing yet | princess 6957bb87 by alice 3m00s ago (web-9 failed 3m00s ago)"
        " | production 1a2b3c4d, rolled back by carol 3m00s ago"
    )
    assert (
        "production 1a2b3c4d by bob 2h10m ago, taken by config (config-4 by carol, "
        in status([lane(stages=(CLAIMED,))])[0]
    )
    bare = StageNow("production", run(revision=None))
    assert status([lane(stages=(bare,))])[0] == "web: production by alice 3m00s ago"


def test_a_lane_without_stages_has_no_line_about_places() -> None:
    assert status([lane(train("alice", stage="elsewhere"), stages=())]) == (
        "web: alice on elsewhere, waiting for alice to say .done",
    )


def test_no_guess_is_made_without_history_or_behind_a_hold() -> None:
    queue = (train("alice", 1), train("bob", 2), Hold("lunch", person("dave")), train("carol", 3))
    assert status([lane(*queue)])[2] == 'web: next bob (about 15m), then a hold by dave: "lunch", then carol'
    assert status([lane(*queue, seconds=None)])[2] == 'web: next bob, then a hold by dave: "lunch", then carol'


def test_a_long_queue_is_summed_up() -> None:
    trains = [train(f"p{number} q{number}", number) for number in range(1, 9)]
    assert status([lane(*trains)])[2] == (
        "web: next p2 + q2 (about 15m), then p3 + q3 (about 30m), then p4 + q4 (about 45m),"
        " then p5 + q5 (about 1h00m), then 3 more trains (6 aboard)"
    )


def test_many_lanes_say_at_most_twelve_lines_and_name_them_all() -> None:
    lanes = [lane(train("a", 1), train("b", 2), name=f"lane{number}") for number in range(6)]
    lines = status([*lanes, lane(Hold(), name="held")])
    assert len(lines) <= 12
    assert lines[-1] == (
        "also lane3 2 trains; lane4 2 trains; lane5 2 trains; held on hold, clear (.status LANE tells more)"
    )
    assert len(status(lanes[:4])) == 12
    assert not status(lanes[:4])[-1].startswith("also")


def test_eta_counts_the_trains_before_mine() -> None:
    queue = (train("alice* bob", 1, stage="princess"), train("carol dave", 2), train("dave", 3))
    now = lane(*queue)
    assert eta(now, person("dave")) == (
        (
            "dave: 1 train of web goes before yours (carol with dave): about 15m, as a push takes 15m00s"
            " (the median of the last ones)"
        ),
        "dave: 2 trains of web go before yours (dave): about 30m, as a push takes 15m00s (the median of the last ones)",
    )
    assert eta(now, person("alice")) == (
        "alice: your train is the first of web: alice + bob on princess, waiting for bob to say .good",
    )
    assert eta(now, person("zoe")) == (
        "zoe: you are aboard no train of web; .join, and at most 3 trains go before you, about 45m",
    )
    assert "too few finished pushes" in eta(replace(now, seconds=None), person("carol"))[0]
    assert "a hold stands before it" in eta(lane(Hold("x"), *queue), person("carol"))[0]
    assert eta(lane(), person("zoe")) == ("zoe: you are aboard no train of web; .join, and nobody goes before you",)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "any moment now"), (50, "about 1m"), (890, "about 15m"), (3599, "about 1h00m"), (4700, "about 1h20m")],
)
def test_a_guess_is_no_finer_than_it_can_be(seconds: float, told: str) -> None:
    assert about(seconds) == told


def test_status_tells_what_runs_aside_from_the_line() -> None:
    aside = [train("deployer", n, stage="princess", phase=Phase.RUNNING, run=n, aside=True) for n in range(8, 14)]
    running = tuple(underway(n, stage="princess") for n in range(8, 14))
    now = lane(train("alice"), active=running, progress=Progress("copy", Tally(42, 120, 1)))
    now = replace(now, snapshot=replace(now.snapshot, queue=replace(now.snapshot.queue, aside=tuple(aside[:1]))))
    assert status([now])[1:] == (
        "web: alice first in line, waiting for alice to say .go for princess",
        "web: aside, deployer deploying to princess (6957bb87): web-8 at copy, 42/120, 1 failed, for 3m23s",
    )
    now = replace(now, snapshot=replace(now.snapshot, queue=replace(now.snapshot.queue, aside=tuple(aside))))
    last = status([now])[-1]
    assert last.endswith("web-11 running, for 3m23s; 2 more")
    assert len(last) < 400


async def test_a_way_back_is_offered_only_where_there_is_one(play: Playground) -> None:
    play.change_stage("princess", lambda of: replace(of, rollback_steps=()))
    await play.start()
    play.server.say("al", ".join; .go", "#push")
    await play.settle()
    play.executor.fail(step="build")
    await play.settle()
    assert play.server.spoken[-1].text == "al: .go tries again, .abort gives up"
    play.server.say("al", ".status", "#push")
    await play.settle()
    assert play.server.spoken[-1].text.endswith("; .go tries again, .abort gives up")
