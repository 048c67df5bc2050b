"""Facts into words: what is said of them, that it fits, and that nobody's text breaks out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pushbot.ports import ChangeSet, CommitInfo, PushRecord, PushState
from pushbot.queue.commands import RunState
from pushbot.queue.grammar import USAGE, verbs
from pushbot.queue.model import Hold, Person, Phase, Rider, RunKind, Train
from pushbot.service.people.access import Access
from pushbot.service.voice import answers, blame
from pushbot.service.voice.phrases import LINE, clip, shown
from pushbot.service.voice.status import StageNow, status
from pushbot.service.voice.whoami import whoami
from pushbot.testing.clock import START
from tests.service.facts import OLDER, REVISION, ago, commits, lane, person, run, train, underway

HOSTILE = '.go\r\nQUIT :\x01 "\x1b[31m\u202eevil\x00 ' + "x" * 900


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
        "web: there are pushes I could not look into: git is away",
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
    path = "/runs/web-7/output.log"
    failed = run(state=RunState.FAILED, step="migrate", reason="exit code 1")
    assert answers.log(failed, str(path), ("one", "two"), START) == (
        "web-7, deploy of 6957bb87 on production by alice: failed at migrate: exit code 1, 3m00s ago after 23s",
        "web-7: the output is in /runs/web-7/output.log",
        "  | one",
        "  | two",
    )
    assert answers.log(underway(), str(path), None, START) == (
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


def test_whoami_tells_the_name_the_key_the_proof_and_the_trains() -> None:
    snapshot, access = lane(train("bob alice", 1), train("alice", 2)).snapshot, Access()
    alice = replace(person("alice"), proof="account al")
    assert whoami(alice, [snapshot], access.standing(alice, snapshot), "web") == (
        (
            "alice: you are alice on irc, known as nick:alice; proof: account al; aboard the first train of web and"
            " driving a train with 1 before it in the queue of web"
        ),
        (
            "alice: your roles in web now: rider; not yours: .at for the driver of the first train (bob) and operators;"
            " .override .say .reload .resolved .stage for operators"
        ),
    )
    zoe = person("zoe")
    assert whoami(zoe, [snapshot], access.standing(zoe, snapshot), "web") == (
        "zoe: you are zoe on irc, known as nick:zoe; proof: none; aboard no train",
        "zoe: you may ask, and do nothing before you log in",
    )
    ada = Person("slack", "user:U0ADA", "Ada", "Slack user U0ADA", "U0ADA")
    first = whoami(ada, [snapshot], access.standing(ada, snapshot), "web")[0]
    assert first == "Ada: you are Ada on slack, known as slack/U0ADA; proof: Slack user U0ADA; aboard no train"


def hostile_lines() -> list[str]:
    """Every answer, with text by others in each place that takes some."""
    trusted = replace(person(HOSTILE), proof=HOSTILE)
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
        *answers.log(record, "/runs/web-7/output.log", (shown(HOSTILE),), START),
        *answers.no_run("web", HOSTILE),
        *answers.history("web", [push], START),
        *answers.usage(HOSTILE),
        *whoami(person(HOSTILE), [running.snapshot], Access().standing(person(HOSTILE), running.snapshot), "web"),
        *whoami(trusted, [running.snapshot], Access().standing(trusted, running.snapshot), "web"),
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


def test_clip_shows_where_it_cut() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"
