"""Facts into words: what is said of them, that it fits, and that nobody's text breaks out of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pushbot.ports import ChangeSet, CommitInfo, PushRecord, PushState, RunRecord
from pushbot.queue.commands import RunState
from pushbot.queue.grammar import USAGE, canonical, verbs
from pushbot.queue.model import Hold, Item, Mark, Person, Phase, Queue, Rider, RunKind, Ticket, Train
from pushbot.queue.refusals import Code
from pushbot.queue.verbs import VERBS
from pushbot.service.snapshot import Snapshot
from pushbot.service.spec import LaneSpec
from pushbot.service.voice import answers, blame
from pushbot.service.voice.phrases import LINE, about, clip, shown
from pushbot.service.voice.status import LaneNow, StageNow, eta, status
from pushbot.testing.clock import START

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"
REVISION = "6957bb87" * 5
OLDER = "1a2b3c4d" * 5
HOSTILE = '.go\r\nQUIT :\x01 "\x1b[31m\u202eevil\x00 ' + "x" * 900


def ago(*, minutes: float = 0, seconds: float = 0) -> timedelta:
    return timedelta(minutes=minutes, seconds=seconds)


def person(name: str) -> Person:
    return Person("irc", f"nick:{name}", name)


def train(names: str, number: int = 1, **more: object) -> Train:
    """A train from `alice* bob! carol`."""
    riders = tuple(Rider(person(word.rstrip("*!")), mark=Mark(re.sub(r"[^*!]", "", word))) for word in names.split())
    return replace(Train(riders=riders, number=number), **more)  # type: ignore[arg-type]


def run(number: int = 7, *, minutes: float = 3, **more: object) -> RunRecord:
    """A deploy by alice, with bob, that was there `minutes` before START."""
    record = RunRecord(
        id=f"web-{number}",
        lane="web",
        train=number,
        stage="production",
        kind=RunKind.DEPLOY,
        state=RunState.SUCCEEDED,
        lock="production",
        driver="alice",
        riders=("alice", "bob"),
        requested_at=START - ago(minutes=minutes, seconds=23),
        started_at=START - ago(minutes=minutes, seconds=23),
        ended_at=START - ago(minutes=minutes),
        revision=REVISION,
        previous=OLDER,
    )
    return replace(record, **more)  # type: ignore[arg-type]


def underway(number: int = 8, **more: object) -> RunRecord:
    return replace(replace(run(number), ended_at=None, state=RunState.RUNNING), **more)  # type: ignore[arg-type]


PRINCESS = StageNow("princess", run(7, stage="princess", driver="alice", minutes=3))
PRODUCTION = StageNow("production", run(5, driver="bob", minutes=130, revision=OLDER))


def lane(
    *items: Item,
    name: str = "web",
    stages: tuple[StageNow, ...] = (PRINCESS, PRODUCTION),
    active: tuple[RunRecord, ...] = (),
    progress: str | None = None,
    seconds: float | None = 900.0,
    push: PushRecord | None = None,
) -> LaneNow:
    notes = {active[0].id: progress} if progress else {}
    snapshot = Snapshot(LaneSpec(name, ()), Queue(items), active, notes)
    return LaneNow(snapshot, stages, START, push=push, seconds=seconds)


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
                train("alice", 8, stage="production", phase=Phase.RUNNING, run_kind=RunKind.ROLLBACK),
                active=(underway(kind=RunKind.ROLLBACK, revision=OLDER),),
            ),
            "alice rolling back production (1a2b3c4d): web-8 running, for 3m23s",
        ),
        (
            lane(train("alice", 9, stage="princess", phase=Phase.FAILED, run=9), stages=(FAILED, PRODUCTION)),
            (
                "alice on princess, web-9 failed at migrate: disk full; "
                ".go tries again, .rollback goes back, .abort gives up"
            ),
        ),
        (
            lane(train("alice", stage="princess", phase=Phase.FAILED, run=None)),
            "alice on princess, it was rolled back; .go tries again, .rollback goes back, .abort gives up",
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
        "zoe: you are aboard no train of web; .join, and at most 3 trains goes before you, about 45m",
    )
    assert "too few finished pushes" in eta(replace(now, seconds=None), person("carol"))[0]
    assert "a hold stands before it" in eta(lane(Hold("x"), *queue), person("carol"))[0]
    assert eta(lane(), person("zoe")) == ("zoe: you are aboard no train of web; .join, and nobody goes before you",)


def commits(*subjects: str, total: int | None = None) -> ChangeSet:
    made = tuple(CommitInfo(REVISION, "Alice", START - ago(minutes=60), subject) for subject in subjects)
    return ChangeSet(made, total or len(made), ("Alice", "Bob"), 4, 30, 2)


def test_blame_tells_the_last_push_with_people_commits_and_size() -> None:
    scene = blame.Scene("web", "production", START, run())
    assert blame.last_push(scene, blame.Shipped(run(), commits("Fix the door", "", total=7))) == (
        (
            "web on production: 6957bb87 shipped 3m00s ago by alice with bob"
            " (push 7, web-7, 1a2b3c4d was there before): 7 commits by Alice and Bob, 4 files +30 -2"
        ),
        "6957bb87 Alice, 1h00m ago: Fix the door",
        "6957bb87 Alice, 1h00m ago: (no message)",
        "and 5 older commits",
    )
    assert blame.last_push(scene, blame.Shipped(run(), problem="git is away")) == (
        "web on production: 6957bb87 shipped 3m00s ago by alice with bob (push 7, web-7, 1a2b3c4d was there before)",
        "what came with it I cannot tell: git is away",
    )
    assert blame.last_push(blame.Scene("web", "production", START), None) == (
        "web: nothing was pushed to production yet",
    )


def test_blame_tells_a_rollback_and_a_failed_deploy_first() -> None:
    back = run(8, kind=RunKind.ROLLBACK, revision=OLDER, driver="carol", minutes=1)
    bad = run(9, state=RunState.LOST, driver="dave", minutes=0.5, reason="the machine went down")
    lines = blame.last_push(blame.Scene("web", "production", START, back, bad), blame.Shipped(run()))
    assert lines[:2] == (
        "web on production: web-9, deploy of 6957bb87 by dave, 30s ago, lost: the machine went down",
        "web on production was rolled back to 1a2b3c4d 1m00s ago by carol; what shipped before that:",
    )
    assert len(lines) == 3


def test_blame_of_a_path_lists_pushes() -> None:
    scene = blame.Scene("web", "production", START, run())
    hits = (blame.Shipped(run(), commits("Fix the door", total=3)), blame.Shipped(run(5, minutes=60), commits("Paint")))
    assert blame.touched(scene, blame.Search("web/door.py", hits, 12)) == (
        "web: the last pushes to production that touched web/door.py, newest first:",
        "push 7 by alice with bob, 3m00s ago: 6957bb87 Alice, 1h00m ago: Fix the door (and 2 more commits there)",
        "push 5 by alice with bob, 1h00m ago: 6957bb87 Alice, 1h00m ago: Paint",
    )
    assert blame.touched(scene, blame.Search("prod", (), 12, "git is away", ("princess", "production"))) == (
        "web: none of the last 12 pushes to production touched prod (prod is no stage; those are princess, production)",
        "web: some I could not look into: git is away",
    )


def test_changes_tell_what_is_about_to_ship() -> None:
    what = commits("Fix the door", "Paint it")
    assert blame.changes("web", ["alice", "bob"], "main", old=OLDER, new=REVISION, what=what, now=START) == (
        "web: alice and bob ship main (6957bb87) onto 1a2b3c4d: 2 commits by Alice and Bob, 4 files +30 -2",
        "6957bb87 Alice, 1h00m ago: Fix the door",
        "6957bb87 Alice, 1h00m ago: Paint it",
    )
    nothing = ChangeSet((), 0, (), 0, 0, 0)
    assert blame.changes("web", [], "main", old=REVISION, new=REVISION, what=nothing, now=START) == (
        "web: nobody is aboard; ready to ship: main (6957bb87) onto 6957bb87: no commits that were not there before",
    )
    first = blame.changes("web", ["alice"], "", old=None, new=REVISION, what=what, now=START)
    assert first[0].startswith("web: alice ships 6957bb87, the first push: 2 commits")


def test_log_tells_how_it_went_and_where_the_output_is() -> None:
    path = Path("/runs/web-7/output.log")
    failed = run(state=RunState.FAILED, step="migrate", reason="exit code 1")
    assert answers.log(failed, path, ("one", "two"), START) == (
        "web-7, deploy of 6957bb87 on production by alice: failed at migrate: exit code 1, 3m00s ago after 23s",
        "web-7: the output is in /runs/web-7/output.log",
        "  | one",
        "  | two",
    )
    assert answers.log(underway(), path, None, START) == (
        "web-8, deploy of 6957bb87 on production by alice: running for 3m23s",
        "web-8: there is no output in /runs/web-7/output.log",
    )
    assert answers.no_run("web", None) == ("web: nothing has been run yet",)
    assert "no run called web-99" in answers.no_run("web", "web-99")[0]


def test_history_is_one_line_a_push() -> None:
    began = START - ago(minutes=20)
    done = PushRecord(
        "web", 7, PushState.DONE, "alice", ("alice", "bob"), began, START, REVISION, ("princess", "production")
    )
    late = START + ago(minutes=10)
    assert answers.history("web", [replace(done, number=8, state=PushState.UNDERWAY, ended_at=None), done], late) == (
        "web: push 8 (6957bb87) by alice with bob, princess > production, under way for 30m00s",
        "web: push 7 (6957bb87) by alice with bob, princess > production, done 10m00s ago after 20m00s",
    )
    assert answers.history("web", [], START) == ("web: nothing was pushed yet",)
    given_up = replace(done, state=PushState.GIVEN_UP, stages=(), revision=None)
    assert answers.history("web", [given_up], late) == (
        "web: push 7 by alice with bob, no stage reached, given up 10m00s ago after 20m00s",
    )


def test_help_knows_every_command_and_guesses_at_others() -> None:
    listing = answers.commands()
    assert len(listing) <= 2
    for verb in verbs():
        assert f".{verb}" in listing[0].split()
        line, sentence = USAGE[verb]
        assert answers.usage(verb) == (f"Write {line}", sentence)
    assert answers.usage(".listo") == answers.usage("good")
    assert answers.usage("rolback") == (
        f"There is no command .rolback; the nearest is .rollback: {USAGE['rollback'][1]}",
    )


def test_whoami_tells_the_name_the_key_and_the_trains() -> None:
    snapshot = lane(train("bob alice", 1), train("alice", 2)).snapshot
    assert answers.whoami(person("alice"), [snapshot]) == (
        (
            "alice: you are alice on irc, known as nick:alice; aboard the first train of web and driving"
            " a train with 1 before it in the queue of web"
        ),
    )
    assert answers.whoami(person("zoe"), [snapshot])[0].endswith("; aboard no train")


def hostile_lines() -> list[str]:
    """Every answer, with text by others in each place that takes some."""
    record = run(driver=HOSTILE, riders=(HOSTILE,) * 30, step=HOSTILE, reason=HOSTILE, state=RunState.FAILED)
    good = replace(record, state=RunState.SUCCEEDED)
    people = Train(tuple(Rider(person(f"{HOSTILE}{index}")) for index in range(30)), message=HOSTILE, number=7)
    stages = tuple(StageNow(f"stage{number}", good, record, good) for number in range(6))
    failing = lane(replace(people, stage="stage1", phase=Phase.FAILED, run=7), stages=stages)
    running = lane(
        Hold(HOSTILE, person(HOSTILE)),
        replace(people, stage="stage1", phase=Phase.RUNNING),
        *(replace(people, number=number) for number in range(8, 20)),
        stages=stages,
        active=(underway(7),),
        progress=HOSTILE,
    )
    commit = CommitInfo(REVISION, HOSTILE, START, HOSTILE)
    what = ChangeSet((commit,) * 20, 20, (HOSTILE,) * 9, 1, 1, 1)
    push = PushRecord("web", 7, PushState.DONE, HOSTILE, (HOSTILE,) * 30, START, START, REVISION, ("a" * 60,) * 20)
    scene = blame.Scene("web", "production", START, good, record)
    return [
        *status([failing]),
        *status([running]),
        *blame.last_push(scene, blame.Shipped(good, what)),
        *blame.last_push(scene, blame.Shipped(good, problem=HOSTILE)),
        *blame.touched(scene, blame.Search(HOSTILE, (blame.Shipped(good, what),), 1, HOSTILE)),
        *blame.touched(scene, blame.Search(HOSTILE, (), 1, HOSTILE, ("a", "b"))),
        *blame.by_record("web", push, START),
        *blame.no_such_stage("web", HOSTILE, ["a" * 60] * 20),
        *blame.no_repository("web", HOSTILE, ["a" * 60] * 20),
        *blame.changes("web", [HOSTILE] * 30, HOSTILE, old=OLDER, new=REVISION, what=what, now=START),
        *answers.log(record, Path("/runs/web-7/output.log"), (shown(HOSTILE),), START),
        *answers.no_run("web", HOSTILE),
        *answers.history("web", [push], START),
        *answers.usage(HOSTILE),
        *answers.whoami(person(HOSTILE), [running.snapshot]),
        *answers.unknown_lane(HOSTILE, ["web"] * 300),
    ]


def test_every_line_is_short_printable_and_no_command() -> None:
    for line in hostile_lines():
        assert len(line) <= LINE, line
        assert line.isprintable(), line
        assert not line.startswith("."), line


@pytest.mark.parametrize("verb", verbs())
def test_help_lines_are_short_and_no_commands(verb: str) -> None:
    assert all(len(line) <= LINE and not line.startswith(".") for line in answers.usage(verb))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "any moment now"), (50, "about 1m"), (890, "about 15m"), (3599, "about 1h00m"), (4700, "about 1h20m")],
)
def test_a_guess_is_no_finer_than_it_can_be(seconds: float, told: str) -> None:
    assert about(seconds) == told


def test_clip_shows_where_it_cut() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"


# --- docs/commands.md -------------------------------------------------------------------------------


def cells(heading: str) -> list[str]:
    """The first cells of the tables below a heading."""
    section = DOCS.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.*?) \|(?=.*\|$)", section.replace("\\|", "¦"), re.MULTILINE)
    return [row.replace("¦", "|") for row in rows]


def test_the_docs_write_every_command_as_help_does() -> None:
    headings = ("Getting on and off", "On the way", "The lane", "Questions")
    documented = {cell.strip("`") for heading in headings for cell in cells(heading) if cell.startswith("`.")}
    written = {form for usage in USAGE.values() for form in usage.line.split(", or ")}
    assert documented == written
    assert {canonical(form.split()[0]) for form in documented} == set(verbs())


def test_the_docs_name_every_alias_for_what_it_stands_for() -> None:
    section = DOCS.read_text().split("\n## Other words that work\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`\..*?) \| `\.(\w+)` \|$", section, re.MULTILINE)
    documented = {alias: verb for words, verb in rows for alias in re.findall(r"`\.(\w+)`", words)}
    assert documented == {alias: verb for verb, entry in VERBS.items() for alias in entry.aliases}


def test_the_docs_explain_every_refusal_code_and_no_other() -> None:
    documented = [cell.strip("`") for cell in cells("Why something was not done") if cell.startswith("`")]
    assert sorted(documented) == sorted(Code)
