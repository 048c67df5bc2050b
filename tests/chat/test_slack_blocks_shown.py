"""What people read on boards, pushes and their own pages, and what a press says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.blocks import Press, board, home, pressed, push
from pushbot.chat.slack.blocks.drawn import FALLBACK, MOST, weight
from pushbot.chat.slack.shape import objects, part, text
from pushbot.fleet.model import Tally
from pushbot.queue.model import Hold, Lock, Mark, Person, Phase, Rider, RunKind, Ticket, Train
from pushbot.views import HomeView, LaneBoard, Offer, PushEnd, PushView, StageState, StageView, Weight
from tests.pictures import scenes
from tests.rig.slack.pressed import button, elements, option
from tests.rig.slack.shown import blocks_shown
from tests.rig.slack.state import Workspace

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pushbot.chat.slack.blocks import Drawn
    from pushbot.chat.slack.shape import Object


def train(*names: str, number: int = 1) -> Train:
    return Train(tuple(Rider(Person("slack", f"user:{name}", name)) for name in names), number=number)


BOB = Person("slack", "user:bob", "bob")
AT_PROD = replace(train("alice"), stage="prod")


def seen(drawn: Drawn) -> list[str]:
    return blocks_shown(drawn.blocks, Workspace()).split("\n")


def view(drawn: Drawn) -> Object:
    return {"blocks": [*drawn.blocks]}


def line(drawn: Drawn, word: str) -> str:
    return next(one for one in seen(drawn) if word in one)


def test_a_board_says_who_rides_what_is_where_and_what_can_be_done() -> None:
    assert seen(board(scenes.READY_TO_GO, scenes.NOW)) == [
        "web/main",
        "On princess: alice may go on [Give up | Done | Leave]",
        "Trains",
        "• alice drives, bob :white_check_mark: good",
        "• carol drives, dave (ask me) — about 15m",
        "“new checkout, behind a flag”",
        "• erin drives (config) — about 30m",
        "Who joins now: about 45m",
        "Stages",
        ":large_blue_circle:  princess  6957bb87 by alice 2026-11-20 13:53 UTC · Logs",
        ":white_circle:  production  1a2b3c4d by erin 2026-11-20 12:02 UTC · Dashboard · Logs",
        "[Go for production] [Uh-oh | Join]",
    ]


def test_a_run_is_shown_with_its_step_and_how_many_hosts_are_done() -> None:
    shown = seen(board(scenes.RUNNING, scenes.NOW))
    assert shown[1] == "Deploying to production: 42/120, 1 failed [Abort | Leave]"
    assert ":lock:  erin keeps staging-erin until 2026-11-20 16:02 UTC: load test" in shown
    at = next(number for number, one in enumerate(shown) if "production  running" in one)
    assert shown[at].endswith("running at restart · replacing 1a2b3c4d by erin · Dashboard · Logs")
    assert shown[at + 1] == f"{'▰' * 7}{'▱' * 13} 42/120, 1 failed"


def test_what_failed_is_said_with_the_ways_on() -> None:
    drawn = board(scenes.FAILED, scenes.NOW)
    assert seen(drawn)[1].startswith("production failed")
    assert "web-32 failed at restart" in "\n".join(seen(drawn))
    assert line(drawn, "Try again") == "[Try again] [Roll back] [Uh-oh | Join]"
    assert "bob :warning: uh-oh" in line(drawn, "alice drives")
    asked = part(button(view(drawn), "Roll back")[0], "confirm")
    assert text(asked, "text", "text") == "Bring the last good release back to production?"
    assert asked["style"] == "danger"


def test_a_hold_says_why_who_and_until_when() -> None:
    shown = seen(board(scenes.HELD, scenes.NOW))
    assert shown[1].startswith("On hold. First in line: waiting for dave to be ready")
    assert shown[2] == (
        ":no_entry:  On hold for incident 7 by erin since 2026-11-20 13:50 UTC until 2026-11-20 14:50 UTC: "
        "payments are slow in eu-west, see https://status.example.com/7"
    )
    assert shown[3] == "Note: code freeze from Friday 16:00"


def test_an_empty_queue_says_so_and_offers_what_there_is() -> None:
    assert seen(board(scenes.EMPTY, scenes.NOW))[1] == "Nobody is in the queue"
    assert seen(board(scenes.EMPTY, scenes.NOW))[-1] == "[Join]"
    assert seen(board(LaneBoard("web"), scenes.NOW)) == ["web", "Nobody is in the queue"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (train("alice"), "First in line: alice may go on"),
        (train("alice", "bob"), "First in line: waiting for bob to be ready"),
        (replace(AT_PROD, phase=Phase.RUNNING), "Deploying to prod"),
        (replace(AT_PROD, phase=Phase.RUNNING, run_kind=RunKind.ROLLBACK), "Rolling back prod"),
        (replace(AT_PROD, phase=Phase.FAILED, run_kind=RunKind.ROLLBACK, run=7), "The rollback of prod failed"),
        (replace(AT_PROD, phase=Phase.FAILED, run_kind=RunKind.ROLLBACK, run=None), "prod was rolled back"),
        (replace(AT_PROD, riders=(Rider(BOB, mark=Mark.BAD),)), "On prod: stopped by the uh-oh of bob"),
    ],
)
def test_the_first_line_says_what_goes_on(head: Train, said: str) -> None:
    assert seen(board(LaneBoard("web", (head,)), scenes.NOW))[1] == said


@pytest.mark.parametrize(
    ("command", "stage", "said"),
    [
        (".go", None, "First in line: alice may go on"),
        (".second", None, "First in line: waiting for a second word"),
        (".good", None, "First in line: waiting for test"),
        (".good", "test", "On test: waiting for prod"),
        ("", "test", "On test: waiting for prod"),  # the driver has given their word, and somebody keeps the place
        (".done", "prod", "On prod: alice may finish"),
    ],
)
def test_the_first_line_says_only_what_can_be_done(command: str, stage: str | None, said: str) -> None:
    lane = LaneBoard("web", (replace(train("alice"), stage=stage),), stages=(StageView("test"), StageView("prod")))
    assert seen(board(replace(lane, offers=(Offer("x", "X", command),) * bool(command)), scenes.NOW))[1] == said


def test_too_many_trains_are_counted_at_the_tail() -> None:
    lane = LaneBoard("web", tuple(train(f"p{number}", "q", number=number) for number in range(13)))
    assert seen(board(lane, scenes.NOW))[-2:] == ["• p9 drives, q", "+ 3 more trains (6 people)"]
    crowd = replace(lane, trains=(train(*[f"p{number}" for number in range(14)]),))
    assert seen(board(crowd, scenes.NOW))[-1].endswith("p9, 4 more")


def test_of_too_many_stages_those_are_left_out_where_nothing_is() -> None:
    many = tuple(StageView(f"s{number}", StageState.WAITING) for number in range(20))
    lane = LaneBoard("web", stages=(*many, StageView("last", StageState.RUNNING)))
    shown = seen(board(lane, scenes.NOW))
    assert shown[-2:] == [":arrows_counterclockwise:  last  running", "+ 6 more stages"]
    assert "s13" in shown[-3]


def test_what_is_too_much_for_a_message_is_told_with_less() -> None:
    """The most that there may be: long names in a script of three bytes a character, and everything set."""
    name, long = "名" * 80, "字" * 4000
    who = Person("slack", "user:U1", name)
    head = Train((Rider(who, Ticket.HOLD, Mark.BAD),) * 100, message=long)
    address = f"https://example.com/{'x' * 2000}"
    stage = StageView(
        "段" * 80, StageState.RUNNING, long, name, scenes.NOW, long, Tally(1, 9, 8), long, ((long, address),) * 9
    )
    kept = Lock(1, name, who, scenes.NOW, scenes.NOW, long)
    lane = LaneBoard(
        "web", (head,) * 200, (900.0,) * 200, Hold(long, who, scenes.NOW, scenes.NOW, long), long, (stage,) * 30
    )
    drawn = board(replace(lane, locks=(kept,) * 30, branch=long, joining=900.0), scenes.NOW)
    assert weight(drawn.blocks) <= MOST
    assert len(drawn.fallback.encode()) <= FALLBACK
    assert {"+ 197 more trains (19700 people)", "+ 26 more stages", "+ 26 more locks"} <= set(seen(drawn))
    view = PushView("web", 1, who, (who,) * 200, (stage,) * 30, scenes.NOW, PushEnd.DONE, scenes.NOW, *[long] * 5)
    assert weight(push(view, scenes.NOW).blocks) <= MOST


def test_tickets_are_said_in_words() -> None:
    riders = tuple(
        Rider(Person("", name, name), Ticket(ticket))
        for name, ticket in zip("abc", ["c", "askme", "HOLD"], strict=True)
    )
    shown = line(board(LaneBoard("web", (Train(riders),)), scenes.NOW), "drives")
    assert shown == "• a drives (config), b (ask me), c (holds this place)"


def test_a_push_says_all_that_is_known_of_it() -> None:
    assert seen(push(scenes.PUSH, scenes.NOW)) == [
        "web/main (6957bb87)",
        "Deploying to production: 42/120, 1 failed",
        ":white_check_mark:  princess  done in 1m23s · 4 hosts · 2026-11-20 13:53 UTC · Logs",
        ":arrows_counterclockwise:  production  running at restart · began 2026-11-20 14:00 UTC · Dashboard · Logs",
        f"{'▰' * 7}{'▱' * 13} 42/120, 1 failed",
        "alice drives, with bob",
        "3 commits, 4 files +30 -2 · began 2026-11-20 13:51 UTC",
        "push web/12 · run web-32 · log: /var/lib/pushbot/runs/web-32/output.log",
    ]


def test_a_push_that_is_over_says_how_it_ended() -> None:
    assert seen(push(scenes.PUSHED, scenes.NOW))[1] == "Done after 11m00s"
    assert seen(push(replace(scenes.PUSHED, end=PushEnd.GIVEN_UP), scenes.NOW))[1] == "Given up after 11m00s"
    assert seen(push(replace(scenes.PUSHED, end=PushEnd.FAILED), scenes.NOW))[1] == "Failed after 11m00s"
    failed = replace(scenes.PUSH, stages=(StageView("prod", StageState.FAILED, hosts=1, note="no disk"),))
    assert seen(push(failed, scenes.NOW))[1:4] == ["prod failed", ":x:  prod  failed · 1 host", "no disk"]
    undone = replace(failed.stages[0], how="rolled back", note="rolled back to 1a2b3c4d")
    assert seen(push(replace(scenes.PUSH, stages=(undone,)), scenes.NOW))[1:3] == [
        "prod was rolled back",
        ":x:  prod  rolled back · 1 host",
    ]
    undoing = replace(undone, state=StageState.RUNNING, how="rolling back")
    assert seen(push(replace(scenes.PUSH, stages=(undoing,)), scenes.NOW))[1:3] == [
        "Rolling back prod",
        ":arrows_counterclockwise:  prod  rolling back",
    ]
    ahead = replace(scenes.PUSH, stages=(StageView("prod"),))
    assert seen(push(ahead, scenes.NOW))[1:3] == ["Under way", ":white_circle:  prod  to come"]


def test_a_page_has_own_trains_first_then_lanes_wishes_and_pushes() -> None:
    shown = seen(home(scenes.PAGE, scenes.NOW))
    assert shown[:2] == ["Your trains", f"• {scenes.PAGE.mine[0]}"]
    order = [shown.index(one) for one in ("web/main", "config/main", "How I call you", "Your last pushes")]
    assert order == sorted(order)
    assert "[When 1 train goes before] [Do not call me] [In private]" in shown
    nobody = home(HomeView(Person("slack", "user:U1", "zoe")), scenes.NOW)
    assert seen(nobody) == ["Your trains", "You are aboard no train.", "---", "Your last pushes", "None yet."]


def test_a_page_offers_its_person_what_is_theirs() -> None:
    bob = replace(scenes.PAGE, offered=(((), (Offer("uhoh", "Uh-oh", ".uhoh"),)), ((), ())))
    shown = seen(home(bob, scenes.NOW))
    assert "On princess: alice may go on" in shown
    assert "[Uh-oh]" in shown
    assert not any("Go for" in line or "Join" in line for line in shown)


def test_times_are_those_of_whoever_reads_them() -> None:
    near, far = scenes.NOW + timedelta(hours=2), scenes.NOW + timedelta(days=2)
    for until, form in ((near, "{time}"), (far, "{date_short_pretty} at {time}")):
        hold = replace(scenes.HELD.hold, until=until) if scenes.HELD.hold else None
        dates = [
            one
            for one in inside([*board(replace(scenes.HELD, hold=hold), scenes.NOW).blocks])
            if one.get("type") == "date"
        ]
        assert {"type": "date", "timestamp": int(until.timestamp()), "format": form} in [
            {key: one[key] for key in ("type", "timestamp", "format")} for one in dates
        ]


def inside(value: JsonValue) -> list[Object]:
    if isinstance(value, list):
        return [found for one in value for found in inside(one)]
    return [value, *(found for one in value.values() for found in inside(one))] if isinstance(value, dict) else []


def test_the_fallback_says_the_same_without_markup() -> None:
    lane = replace(scenes.HELD, message="<!channel> & *all*")
    fallback = board(lane, scenes.NOW).fallback.split("\n")
    assert fallback[:2] == ["web/main", "On hold. First in line: waiting for dave to be ready"]
    assert "Note: &lt;!channel&gt; &amp; *all*" in fallback
    assert "1. carol drives, dave" in fallback


def test_menus_tell_apart_what_is_asked_about_first() -> None:
    drawn = view(board(scenes.READY_TO_GO, scenes.NOW))
    asking, _, _ = option(drawn, "Give up", "")
    at_once, _, _ = option(drawn, "Uh-oh", "")
    assert "confirm" not in at_once
    assert text(asking, "confirm", "text", "text") == (
        "Give up: Give this push up?  Done: Finish this push here?  Leave: Get off every train of this lane?"
    )


def test_names_of_what_can_be_pressed_stay_the_same() -> None:
    before = board(scenes.BOARD, scenes.NOW)
    later = board(replace(scenes.BOARD, mark="other"), scenes.NOW + timedelta(hours=1))
    names = [[(one["action_id"], where) for one, where in elements(view(drawn))] for drawn in (before, later)]
    assert names[0] == names[1] == [("sure.0", "now:web"), ("ready.0", "next:web"), ("more.0", "next:web")]


def test_a_press_brings_back_command_lane_and_mark() -> None:
    offers = (Offer("go", "Go", ".go", Weight.PRIMARY), Offer("join", "Join", ".join", bound=False))
    drawn = view(board(LaneBoard("web", offers=offers, mark="12.princess.31"), scenes.NOW))
    found = [pressed({"value": one["value"]}) for one, _ in elements(drawn)]
    assert found == [Press(".go", "web", "12.princess.31"), Press(".join", "web", "")]


def test_an_offer_that_no_menu_can_carry_is_left_out_and_no_more_than_five_share_one() -> None:
    more = [Offer(f"o{number}", f"o{number}", f".o{number}") for number in range(7)]
    lane = LaneBoard("web", more=(*more, Offer("long", "long", f".{'x' * 200}")))
    menus = [objects(one, "options") for one, _ in elements(view(board(lane, scenes.NOW)))]
    assert [len(menu) for menu in menus] == [5, 2]


GARBAGE = (
    *(
        "null",
        "7",
        "[]",
        "{}",
        '{"value": 7}',
        '{"value": ""}',
        '{"value": "{"}',
        '{"value": "null"}',
        '{"value": "NaN"}',
    ),
    *('{"value": "[\\"a\\",\\"b\\"]"}', '{"value": "[\\"\\",\\"b\\",\\"c\\"]"}', '{"value": "[1,\\"b\\",\\"c\\"]"}'),
    *('{"value": "{\\"a\\":1}"}', '{"selected_option": null}', '{"selected_option": {"value": "[]"}}'),
    *(
        json.dumps({"value": "[" * 100_000}),
        json.dumps({"value": "1" * 5000}),
        json.dumps({"value": '["a","b","c","d"]'}),
    ),
)


@pytest.mark.parametrize("action", GARBAGE, ids=lambda action: action[:30])
def test_what_was_not_drawn_here_is_no_press(action: str) -> None:
    assert pressed(json.loads(action)) is None
