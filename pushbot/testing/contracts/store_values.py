"""Records in which every field has a value of its own: what a store must give back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pushbot.ports import (
    Delivery,
    Entry,
    IncidentRecord,
    Line,
    Manner,
    Moment,
    PersonRecord,
    PushRecord,
    PushState,
    RunRecord,
)
from pushbot.queue.commands import Notify, RunState
from pushbot.queue.model import Hold, Lock, Mark, Person, Phase, Queue, Rider, RunKind, Ticket, Train, Word

AT = datetime(2026, 1, 5, 9, 0, 0, 250, tzinfo=UTC)
ALICE = Person("irc", "account:alice", "alice", "account alice")
BOB = Person("irc", "nick:b|ob", "B|ob")

QUEUE = Queue(
    items=(
        Hold('fire "drill"', ALICE, AT, AT + timedelta(hours=2), "incident 3", reminded=True),
        Train(
            riders=(Rider(ALICE, Ticket.CONFIG, Mark.GOOD), Rider(BOB, Ticket.NONE, Mark.BAD)),
            stage="princess",
            phase=Phase.RUNNING,
            message="zażółć 🚂",
            number=12,
            run=34,
            run_kind=RunKind.ROLLBACK,
            deployed=True,
            ref="main",
            revision="6957bb87",
            second=Word(BOB),
            override=Word(ALICE, "the shop is down"),
            confirmed=("migrations",),
            quiet=True,
            idle_since=AT,
            asked_at=AT + timedelta(minutes=5),
            asked=("account:alice",),
        ),
        Train((Rider(BOB),), number=13),
        Hold(),
    ),
    message="note",
    next_train=15,
    next_run=36,
    aside=(Train((Rider(ALICE),), stage="prod", phase=Phase.RUNNING, number=14, run=35, aside=True),),
    locks=(Lock(3, "prod", ALICE, AT, AT + timedelta(hours=1), "reindex", reminded=True),),
    next_lock=4,
)
"""A queue in which every field has a value of its own."""

RUN = RunRecord(
    id="web-34",
    lane="web",
    train=12,
    stage="princess",
    kind=RunKind.DEPLOY,
    state=RunState.REQUESTED,
    lock="princess",
    driver="alice",
    riders=("alice", "B|ob"),
    requested_at=AT,
)
FULL_RUN = replace(
    RUN,
    state=RunState.FAILED,
    kind=RunKind.ROLLBACK,
    ref="main",
    revision="6957bb87",
    previous="11111111",
    token="4711",  # noqa: S106 - an executor's token is no secret
    starting=True,
    started_at=AT + timedelta(seconds=1),
    ended_at=AT + timedelta(seconds=2),
    step="migrate",
    reason="exit code 1",
    continues="web-33",
    hosts=120,
    size="3 files, +14 -2",
    override="the shop is down",
    asks=("migrations: two tables change",),
    confirmed=("size",),
    notes=("ci: 14 checks passed",),
)
"""A run in which every field has a value of its own."""

PUSH = PushRecord("web", 12, PushState.UNDERWAY, "alice", ("alice", "B|ob"), AT)
FULL_PUSH = replace(
    PUSH,
    state=PushState.GIVEN_UP,
    ended_at=AT + timedelta(hours=1),
    revision="6957bb87",
    stages=("princess", "prod"),
    people=("person:alice", "irc/account:B|ob"),
)
LINE = Line(
    7,
    "irc",
    "#push",
    "reply",
    "carol, dave: You're up",
    Manner("U024", True, "1.2", "web/12", True, (("carol", "U1"), ("dave", "U2")), True, ("a", "b"), "web-33", 7, True),  # noqa: FBT003 - each field
)
ENTRY = Entry(AT, "account:alice", '.join "with; DROP TABLE lanes"', "done", "alice", "account alice", "irc/#push")
INCIDENT = IncidentRecord(3, "checkout errors", "alice", AT)
FULL_INCIDENT = replace(
    INCIDENT,
    resolved_at=AT + timedelta(minutes=40),
    resolved_by="bob",
    how="rolled back",
    lanes=("api", "web"),
    timeline=(Moment(AT, "alice", "cards are declined"), Moment(AT + timedelta(minutes=9), "B|ob", "it was me")),
    report="var/incidents/3.md",
)
PERSON = PersonRecord("person:alice", AT, Notify.AHEAD, 2, privately=True)
DELIVERY = Delivery("4f2a/web", AT)
