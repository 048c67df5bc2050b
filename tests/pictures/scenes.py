"""Moments of a usual day, drawn for Slack by the code: what the pictures in docs/pictures are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pushbot.chat.slack import blocks
from pushbot.fleet.model import Tally
from pushbot.ports import PersonRecord, PushRecord, PushState
from pushbot.queue.model import Hold, Lock, Mark, Person, Phase, Rider, Ticket, Train
from pushbot.service.voice.calls import wished
from pushbot.service.voice.homes import pushed
from pushbot.views import HomeView, LaneBoard, Offer, PushEnd, PushView, StageState, StageView, Weight

if TYPE_CHECKING:
    from pushbot.chat.slack.shape import Object

NOW = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
NEW, OLD = "6957bb87c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6", "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b"
PLACES = ("princess", "production")
LINKS = (("Dashboard", "https://grafana.example.com/d/web"), ("Logs", "https://logs.example.com/web"))


@dataclass(frozen=True, slots=True)
class Scene:
    """What is shown: `home` on the bot's own page, else in a message; `opened` is the menu that somebody has open."""

    blocks: list[Object]
    home: bool = False
    pinned: bool = False
    opened: str = ""


def _ago(**time: int) -> datetime:
    return NOW - timedelta(**time)


def _person(name: str) -> Person:
    return Person("slack", f"user:{name}", name)


def _rider(name: str, mark: Mark = Mark.NONE, ticket: Ticket = Ticket.NONE) -> Rider:
    return Rider(_person(name), ticket, mark)


ALICE, BOB, CAROL, DAVE, ERIN = (_rider(name) for name in ("alice", "bob", "carol", "dave", "erin"))
GOOD_ALICE, GOOD_BOB = replace(ALICE, mark=Mark.GOOD), replace(BOB, mark=Mark.GOOD)
UHOH = Offer("uhoh", "Uh-oh", ".uhoh", Weight.DANGER, bound=False)
JOIN = Offer("join", "Join", ".join", bound=False)
LEAVE = Offer("leave", "Leave", ".nevermind", sure="Get off every train of this lane?", bound=False)
GIVE_UP = Offer("abort", "Give up", ".abort", Weight.DANGER, "Give this push up?")
ABORT = Offer("abort", "Abort", ".abort", Weight.DANGER, "Stop what runs now?")
DONE = Offer("done", "Done", ".done", sure="Finish this push here?")
READY = Offer("ready", "Ready", ".good", Weight.PRIMARY)
GO = Offer("go", "Go for production", ".go", Weight.PRIMARY)
AGAIN = Offer("retry", "Try again", ".retry failed", Weight.PRIMARY)
BACK = Offer("rollback", "Roll back", ".rollback", Weight.DANGER, "Bring the last good release back to production?")

REST = (
    Train((CAROL, replace(DAVE, ticket=Ticket.ASKME)), message="new checkout, behind a flag", number=13),
    Train((_rider("erin", ticket=Ticket.CONFIG),), number=14),
)
PRINCESS = StageView("princess", StageState.HERE, NEW, "alice", _ago(minutes=9), links=LINKS[1:])
PRODUCTION = StageView("production", StageState.WAITING, OLD, "erin", _ago(hours=2), links=LINKS)
BOARD = LaneBoard(
    "web",
    (Train((GOOD_ALICE, BOB), "princess", number=12, revision=NEW), *REST),
    (0.0, 900.0, 1800.0),
    stages=(PRINCESS, PRODUCTION),
    offers=(READY,),
    more=(UHOH, GIVE_UP, DONE, JOIN, LEAVE),
    mark="12.princess.31",
    branch="main",
    joining=2700.0,
)
READY_TO_GO = replace(
    BOARD,
    trains=(Train((ALICE, GOOD_BOB), "princess", number=12, revision=NEW), *REST),
    offers=(GO,),
)
RUNNING = replace(
    BOARD,
    trains=(Train((ALICE, BOB), "production", Phase.RUNNING, number=12, revision=NEW), *REST),
    stages=(
        replace(PRINCESS, state=StageState.DONE),
        replace(PRODUCTION, state=StageState.RUNNING, step="restart", tally=Tally(42, 120, 1)),
    ),
    locks=(Lock(3, "staging-erin", _person("erin"), _ago(minutes=40), NOW + timedelta(hours=2), "load test"),),
    offers=(),
    more=(UHOH, ABORT, JOIN, LEAVE),
    mark="12.production....32",
)
FAILED = replace(
    RUNNING,
    trains=(Train((ALICE, replace(BOB, mark=Mark.BAD)), "production", Phase.FAILED, number=12), *REST),
    stages=(
        replace(PRINCESS, state=StageState.DONE),
        replace(
            PRODUCTION,
            state=StageState.FAILED,
            note="web-32 failed at restart: web7.example.com did not come up again (3 of 120 hosts failed)",
        ),
    ),
    locks=(),
    offers=(AGAIN, BACK),
    more=(UHOH, GIVE_UP, DONE, JOIN, LEAVE),
    mark="12.production!.32",
)
HELD = replace(
    BOARD,
    trains=(Train((CAROL, DAVE), number=13),),
    waits=(),
    hold=Hold(
        "payments are slow in eu-west, see https://status.example.com/7",
        _person("erin"),
        _ago(minutes=12),
        NOW + timedelta(minutes=48),
        "incident 7",
    ),
    message="code freeze from Friday 16:00",
    stages=(replace(PRINCESS, state=StageState.DONE), replace(PRODUCTION, state=StageState.DONE)),
    offers=(READY,),
    more=(
        UHOH,
        Offer("unhold", "Release the hold", ".unhold", sure="Release the lane?", bound=False),
        GIVE_UP,
        JOIN,
        LEAVE,
    ),
    joining=None,
)
EMPTY = replace(HELD, lane="config", trains=(), hold=None, message=None, offers=(JOIN,), more=(), mark="")

PUSH = PushView(
    "web",
    12,
    ALICE.person,
    (BOB.person,),
    (
        replace(PRINCESS, state=StageState.DONE, took=83.0, hosts=4, at=_ago(minutes=9)),
        replace(
            PRODUCTION,
            state=StageState.RUNNING,
            revision=NEW,
            at=_ago(minutes=2),
            step="restart",
            tally=Tally(42, 120, 1),
        ),
    ),
    _ago(minutes=11),
    revision=NEW,
    branch="main",
    size="3 commits, 4 files +30 -2",
    run="web-32",
    log="/var/lib/pushbot/runs/web-32/output.log",
)
PUSHED = replace(
    PUSH,
    stages=(
        PUSH.stages[0],
        replace(PUSH.stages[1], state=StageState.DONE, took=341.0, hosts=120, tally=None, step="", at=_ago(minutes=1)),
    ),
    end=PushEnd.DONE,
    ended_at=NOW,
)
BESIDE = replace(
    PUSHED,
    number=11,
    riders=(),
    stages=(
        StageView(
            "staging-alice",
            StageState.FAILED,
            NEW,
            "alice",
            _ago(minutes=1),
            note="failed at migrate: exit code 1",
            took=38.0,
            hosts=1,
        ),
    ),
    began_at=_ago(minutes=1, seconds=52),
    end=PushEnd.FAILED,
    ended_at=_ago(minutes=1),
    branch="new-checkout",
    run="web-30",
    log="/var/lib/pushbot/runs/web-30/output.log",
)
PAGE = HomeView(
    BOB.person,
    (READY_TO_GO, EMPTY),
    ("your train is the first of web: alice + bob on princess, waiting for alice to say .go for production",),
    wished(PersonRecord("bob")),
    (
        Offer("ahead", "When 1 train goes before", ".notify me when 1 ahead", bound=False),
        Offer("off", "Do not call me", ".notify off", bound=False),
        Offer("privately", "In private", ".notify privately", bound=False),
    ),
    (
        pushed(PushRecord("web", 9, PushState.DONE, "bob", ("bob", "erin"), _ago(hours=3), _ago(hours=2), OLD, PLACES)),
        pushed(
            PushRecord("config", 31, PushState.DONE, "bob", ("bob",), _ago(days=1), _ago(days=1), stages=PLACES[1:])
        ),
    ),
    (((), READY_TO_GO.more), (EMPTY.offers, EMPTY.more)),
)


def scenes() -> dict[str, Scene]:
    """Each picture by its name."""
    return {
        "slack-board": Scene(blocks.board(READY_TO_GO, NOW).blocks, pinned=True),
        "slack-board-running": Scene(blocks.board(RUNNING, NOW).blocks, pinned=True, opened="sure.0"),
        "slack-board-failed": Scene(blocks.board(FAILED, NOW).blocks, pinned=True, opened="more.0"),
        "slack-board-held": Scene(blocks.board(HELD, NOW).blocks, pinned=True),
        "slack-push": Scene(blocks.push(PUSH, NOW).blocks),
        "slack-push-done": Scene(blocks.push(PUSHED, NOW).blocks),
        "slack-push-failed": Scene(blocks.push(BESIDE, NOW).blocks),
        "slack-home": Scene(blocks.home(PAGE, NOW).blocks, home=True),
    }
