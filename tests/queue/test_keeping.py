"""Locks, holds with an end, and words for the head's next start: before, who says what, after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pushbot.queue import commands as c
from pushbot.queue import events as e
from pushbot.queue.grammar import Mistake, parse_message
from pushbot.queue.model import Hold, Lock, Person, Phase, Queue, RunKind, Word
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Closed, Decision, Facts, Patience, decide
from pushbot.queue.topic import parse, render

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STAGES = ("princess", "production")


def person(name: str) -> Person:
    return Person("", f"nick:{name.casefold()}", name)


FACTS = Facts(
    by=person("nobody"),
    named=person,
    stages=STAGES,
    rollbacks=frozenset(STAGES),
    now=NOW,
    patience=Patience(lock=7200.0, remind=600.0),
)


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def queue_of(topic: str, *locks: Lock) -> Queue:
    queue = parse(topic, person)
    assert isinstance(queue, Queue)
    head = queue.head
    if head is not None and head.phase is not Phase.AT:
        queue = queue.with_train(replace(head, run=7))
    return replace(queue, next_run=8, locks=locks, next_lock=len(locks) + 1)


def lock(owner: str, stage: str = "production", *, hours: float = 2, number: int = 1) -> Lock:
    return Lock(number, stage, person(owner), NOW, later(hours=hours), "reindex")


def said(queue: Queue, line: str, facts: Facts = FACTS) -> Decision | Refusal:
    """What `alice .lock production` makes of the queue, whose locks are known as the service makes them known."""
    who, _, text = line.partition(" ")
    (request,) = parse_message(text)
    assert not isinstance(request, Mistake | c.Question | c.BotCommand)
    own = {one.stage: one for one in queue.locks if one.until > facts.now}
    return decide(queue, request, replace(facts, by=person(who), locked={**facts.locked, **own}))


def done(queue: Queue, line: str, facts: Facts = FACTS) -> Decision:
    result = said(queue, line, facts)
    assert isinstance(result, Decision), result
    return result


def refused(queue: Queue, line: str, facts: Facts = FACTS) -> Refusal:
    """The refusal, also of a `.go` that did the half of it."""
    result = said(queue, line, facts)
    if isinstance(result, Decision):
        return next(event.by for event in result.events if isinstance(event, e.Blocked))
    return result


# --- locks -------------------------------------------------------------------------------------


def test_a_lock_is_a_lease_with_a_number_that_is_never_given_twice() -> None:
    first = done(queue_of("clear"), 'al .lock production 30m "reindex"')
    (kept,) = first.queue.locks
    assert kept == Lock(1, "production", person("al"), NOW, later(minutes=30), "reindex")
    assert first.events == (e.Locked(kept),)
    free = done(first.queue, "al .unlock production").queue
    assert free.locks == ()
    assert done(free, "bo .lock production").queue.locks[0].number == 2


def test_it_lasts_as_long_as_configured_when_nobody_says() -> None:
    assert done(queue_of("clear"), "al .lock princess").queue.locks[0].until == later(hours=2)


def test_the_owner_keeps_it_longer_and_stays_its_owner_since_then() -> None:
    after = done(queue_of("clear", lock("al")), "al .lock production 3h", replace(FACTS, now=later(hours=1)))
    (kept,) = after.queue.locks
    assert (kept.number, kept.since, kept.until, kept.reason) == (1, NOW, later(hours=4), "reindex")
    assert after.events == (e.Locked(kept, extended=True),)


@pytest.mark.parametrize(
    ("topic", "line", "code"),
    [
        ("clear", "bo .lock production", Code.LOCKED),
        ("clear", "bo .unlock production", Code.LOCKED),
        ("clear", "bo .unlock! production", Code.LOCKED),
        ("clear", "bo .unlock princess", Code.NOT_LOCKED),
        ("clear", "bo .unlock moon", Code.UNKNOWN_STAGE),
        ("clear", "bo .lock moon", Code.UNKNOWN_STAGE),
        ("<princess> bo*", "bo .go", Code.LOCKED),
        ("<production!> bo", "bo .retry", Code.LOCKED),
        ("<production!> bo", "bo .rollback", Code.LOCKED),
        ("clear", "bo .rollback production", Code.LOCKED),
        ("al + bo", "bo .rollback production", Code.LOCKED),
        ("<princess...> bo", "al .lock princess", Code.RUN_IN_FLIGHT),
    ],
)
def test_what_a_lock_of_production_by_al_keeps_bo_from(topic: str, line: str, code: Code) -> None:
    assert refused(queue_of(topic, lock("al")), line).code is code


def test_a_refusal_names_the_lock_and_how_it_is_taken_away() -> None:
    refusal = refused(queue_of("<princess> bo*", lock("al")), "bo .go", replace(FACTS, now=later(minutes=5)))
    assert refusal.kept == lock("al")
    assert (refusal.until, refusal.now) == (later(hours=2), later(minutes=5))
    assert refusal.fix == '.unlock! production "why"'


@pytest.mark.parametrize("topic", ["<princess> al*", "<princess> bo* + al*"])
def test_the_owner_goes_under_their_own_lock_and_so_does_their_train(topic: str) -> None:
    queue = queue_of(topic, lock("al"))
    driver = queue.trains[0].driver.name
    assert render(done(queue, f"{driver} .go").queue).startswith("<production...>")


def test_the_owner_may_lock_under_a_run_of_their_own() -> None:
    assert done(queue_of("<princess...> al"), "al .lock princess").queue.locks


def test_a_stage_that_somebody_else_runs_on_is_not_taken() -> None:
    busy = replace(FACTS, busy={"princess": "zoe in search (search-1)"})
    assert refused(queue_of("clear"), "al .lock princess", busy).code is Code.STAGE_BUSY


def test_taking_a_lock_away_frees_no_run() -> None:
    queue = queue_of("<princess...> al", lock("al", "princess"))
    after = done(queue, 'bo .unlock! princess "al is on holiday"')
    assert (after.queue.locks, render(after.queue)) == ((), "<princess...> al")
    assert after.events == (e.Unlocked(lock("al", "princess"), person("bo"), "al is on holiday"),)


@pytest.mark.parametrize("line", ['bo .unlock! "al is away"', "bo .unlock! al is away", "bo .unlock! urgent"])
def test_the_only_lock_need_not_be_named(line: str) -> None:
    (event,) = done(queue_of("clear", lock("al")), line).events
    assert isinstance(event, e.Unlocked)
    assert event.reason == line.split("! ")[1].strip('"')


def test_of_two_locks_one_has_to_be_named() -> None:
    queue = queue_of("clear", lock("al"), lock("al", "princess", number=2))
    assert refused(queue, "bo .unlock! urgent").code is Code.UNKNOWN_STAGE
    assert done(queue, 'bo .unlock! princess "urgent"').queue.locks == (lock("al"),)


def test_a_lock_whose_time_is_over_gives_way_though_it_still_stands_there() -> None:
    after = done(queue_of("clear", lock("al")), "bo .lock production 1h", replace(FACTS, now=later(hours=3)))
    assert [one.owner.name for one in after.queue.locks] == ["bo"]


def test_a_place_kept_in_another_lane_is_taken_away_there() -> None:
    facts = replace(FACTS, locked={"princess": lock("al", "staging")}, elsewhere={"princess": "search"})
    for line in ("bo .go", "bo .lock princess", 'bo .unlock! princess "why"'):
        refusal = refused(queue_of("bo*"), line, facts)
        assert (refusal.code, refusal.fix) == (Code.LOCKED, 'search: .unlock! staging "why"')


def test_the_command_line_is_kept_out_too() -> None:
    queue = queue_of("clear", lock("al"))
    facts = replace(FACTS, by=person("root"), locked={"production": lock("al")})
    result = decide(queue, c.Deploy("production"), facts)
    assert isinstance(result, Refusal)
    assert result.code is Code.LOCKED
    assert isinstance(decide(queue, c.Deploy("princess"), facts), Decision)


def test_a_rollback_by_itself_waits_for_nobody() -> None:
    queue = queue_of("<princess...> bo", lock("al", "princess"))
    result = decide(queue, c.RunEnded(1, 7, c.RunState.FAILED, undo=True), FACTS)
    assert isinstance(result, Decision)
    assert any(isinstance(event, e.StageRequested) for event in result.events)


def test_a_new_name_is_known_to_locks_holds_and_words() -> None:
    hold = Hold("db", person("al"), NOW)
    queue = queue_of("bo*", lock("al"))
    queue = replace(queue, items=(hold, replace(queue.trains[0], second=Word(person("al"), "princess"))))
    result = decide(queue, c.Rename(person("al"), person("alice")), FACTS)
    assert isinstance(result, Decision)
    second = result.queue.trains[0].second
    assert result.queue.locks[0].owner == person("alice")
    assert result.queue.hold is not None
    assert (result.queue.hold.by, second and second.by) == (person("alice"), person("alice"))


# --- holds -------------------------------------------------------------------------------------


def test_a_hold_has_an_end_and_the_same_command_moves_it() -> None:
    first = done(queue_of("al"), 'al .hold 30m "db"')
    assert first.queue.hold is not None
    assert (first.queue.hold.until, first.queue.hold.reminded) == (later(minutes=30), False)
    again = done(first.queue, "al .hold 1h", replace(FACTS, now=later(minutes=20))).queue.hold
    assert again is not None
    assert (again.reason, again.since, again.until) == ("db", NOW, later(minutes=80))


def test_somebody_elses_hold_replaces_it() -> None:
    queue = done(queue_of("al"), 'al .hold 30m "db"').queue
    after = done(queue, 'bo .hold "net"')
    assert render(after.queue) == 'HOLD "net" | al'
    assert after.queue.hold is not None
    assert (after.queue.hold.by, after.queue.hold.until) == (person("bo"), None)


def incident(queue: Queue) -> Queue:
    command = c.PutHold("checkout errors", cause="incident 3")
    result = decide(queue, command, replace(FACTS, by=person("zoe")))
    assert isinstance(result, Decision)
    return result.queue


def test_an_incident_gives_back_the_hold_that_stood_there() -> None:
    queue = incident(done(queue_of("al"), 'al .hold 30m "db"').queue)
    assert render(queue) == 'HOLD "checkout errors" | HOLD "db" | al'
    after = decide(queue, c.Unhold("incident 3"), FACTS)
    assert isinstance(after, Decision)
    assert render(after.queue) == 'HOLD "db" | al'
    assert after.queue.hold is not None
    assert after.queue.hold.until == later(minutes=30)
    assert after.events == (e.Held("db", person("al"), replaced=True, until=later(minutes=30)),)


def test_a_persons_hold_during_an_incident_stands_behind_it_and_is_not_taken_for_it() -> None:
    queue = done(incident(queue_of("al")), 'al .hold "db"').queue
    assert render(queue) == 'HOLD "checkout errors" | HOLD "db" | al'
    assert render(incident(queue)) == render(queue)
    after = decide(queue, c.Unhold("incident 4"), FACTS)
    assert isinstance(after, Refusal)
    assert after.code is Code.NOT_HELD


def test_a_plain_unhold_releases_what_stands_in_front() -> None:
    queue = done(incident(queue_of("al")), 'al .hold "db"').queue
    queue = done(queue, "zoe .unhold").queue
    assert render(queue) == 'HOLD "db" | al'
    after = done(queue, "zoe .unhold")
    assert [type(event) for event in after.events] == [e.Released, e.HeadChanged]


def test_what_the_bot_holds_after_a_rollback_stands_beside_an_incident() -> None:
    queue = incident(queue_of("<princess...> al"))
    queue = queue.with_train(replace(queue.trains[0], run_kind=RunKind.ROLLBACK, run=7))
    result = decide(queue, c.RunEnded(queue.trains[0].number, 7, c.RunState.SUCCEEDED), FACTS)
    assert isinstance(result, Decision)
    assert render(result.queue).startswith('HOLD "checkout errors" | HOLD "princess was rolled back"')


def test_the_refusal_of_a_held_lane_names_the_hold() -> None:
    queue = done(queue_of("al*"), 'bo .hold 30m "db"').queue
    refusal = refused(queue, "al .go", replace(FACTS, now=later(minutes=10)))
    assert (refusal.code, refusal.subject, refusal.fix) == (Code.HELD, "db", ".unhold")
    assert (refusal.kept, refusal.until) == (queue.hold, later(minutes=30))
    assert refused(incident(queue), "al .go").fix == ".resolved"


# --- words for the next start ------------------------------------------------------------------

SECOND = replace(FACTS, second=frozenset({"production"}))


def test_a_stage_may_want_the_word_of_another_than_the_driver() -> None:
    queue = queue_of("<princess> al* + bo*")
    assert refused(queue, "al .go", SECOND).code is Code.SECOND_NEEDED
    assert refused(queue, "al .second", SECOND).code is Code.OWN_WORD
    seconded = done(queue, "zoe .second", SECOND)
    assert seconded.events == (e.Seconded(seconded.queue.trains[0], "production", person("zoe")),)
    assert render(done(seconded.queue, "al .go", SECOND).queue) == "<production...> al* + bo*"


@pytest.mark.parametrize("line", ["bo .drive", "ed .at princess", "ed .at production", "ed .nevermind"])
def test_a_second_word_is_void_when_it_no_longer_fits(line: str) -> None:
    queue = done(queue_of("al* + bo* + ed*"), "bo .second", SECOND).queue
    second = done(queue, line, SECOND).queue.trains[0].second
    assert (second is None) == (line != "ed .nevermind")


def test_a_second_word_is_for_one_branch_and_one_revision() -> None:
    facts = replace(SECOND, second=frozenset({"princess"}))
    queue = done(queue_of("al*"), "bo .second", facts).queue
    blocked = done(queue, "al .go hotfix", facts)
    assert [type(event) for event in blocked.events] == [e.Blocked]
    head = blocked.queue.trains[0]
    assert (head.ref, head.second) == ("hotfix", None)
    again = done(blocked.queue, "bo .second", facts).queue
    assert done(again, "al .go hotfix", facts).queue.trains[0].running
    assert done(again, "al .go", facts).queue.trains[0].ref == "hotfix"


def test_a_second_word_lasts_through_a_failure_and_not_past_the_stage() -> None:
    facts = replace(SECOND, second=frozenset(STAGES))
    queue = done(done(queue_of("al*"), "bo .second", facts).queue, "al .go", facts).queue
    for state, kept in ((c.RunState.FAILED, True), (c.RunState.SUCCEEDED, False)):
        result = decide(queue, c.RunEnded(1, 8, state), facts)
        assert isinstance(result, Decision)
        assert (result.queue.trains[0].second is not None) == kept


def test_the_command_line_has_nobody_to_second_it() -> None:
    result = decide(queue_of("clear"), c.Deploy("production"), replace(SECOND, by=person("root")))
    assert isinstance(result, Refusal)
    assert result.code is Code.SECOND_NEEDED


IN_THE_WAY = replace(
    SECOND,
    locked={"production": lock("al")},
    closed={"production": Closed("outside the hours of office, opens tomorrow", later(hours=15))},
)


def test_an_override_passes_hours_locks_and_a_missing_second_and_is_used_up() -> None:
    queue = queue_of("<princess> bo*")
    assert refused(queue, "bo .go", IN_THE_WAY).code is Code.CLOSED
    overridden = done(queue, 'zoe .override "checkout is down"', IN_THE_WAY)
    assert overridden.events == (e.Overridden(overridden.queue.trains[0], person("zoe"), "checkout is down"),)
    started = done(overridden.queue, "bo .go", IN_THE_WAY)
    (request,) = (event for event in started.events if isinstance(event, e.StageRequested))
    assert (request.override, started.queue.trains[0].override) == ("checkout is down", None)


@pytest.mark.parametrize(("line", "kept"), [("al .nevermind", False), ("bo .drive", False), ("zoe .drive", True)])
def test_an_override_is_for_the_driver_who_got_it_or_gave_it(line: str, *, kept: bool) -> None:
    queue = done(queue_of("al* + bo* + zoe*"), 'zoe .override "checkout is down"').queue
    assert (done(queue, line).queue.trains[0].override is not None) == kept


def test_an_override_is_for_no_other_branch() -> None:
    queue = done(queue_of("al*"), 'zoe .override "checkout is down"').queue
    shut = replace(FACTS, closed={"princess": Closed("outside the hours of office", later(hours=15))})
    blocked = done(queue, "al .go evil", shut)
    assert [type(event) for event in blocked.events] == [e.Blocked]
    head = blocked.queue.trains[0]
    assert (head.ref, head.override, head.running) == ("evil", None, False)
    again = done(blocked.queue, 'zoe .override "that one too"', shut).queue
    assert done(again, "al .go", shut).queue.trains[0].running
    (request,) = (event for event in done(queue, "al .go evil").events if isinstance(event, e.StageRequested))
    assert request.override is None  # so that its checks are looked at


def test_nobody_gets_under_a_lock_by_writing_its_owner_into_the_topic() -> None:
    """On a train that failed nobody is waited for: a name alone is no word of whose lock it is."""
    queue = queue_of("<production!> bo* + al", lock("al"))
    for line in ("bo .go", "bo .retry"):
        assert refused(queue, line).code is Code.LOCKED
    assert done(queue_of("<production!> bo* + al*", lock("al")), "bo .go").queue.trains[0].running


def test_an_override_passes_neither_a_hold_nor_a_run() -> None:
    queue = done(queue_of("<princess> bo*"), 'zoe .override "why"').queue
    assert refused(done(queue, "al .hold").queue, "bo .go").code is Code.HELD
    assert refused(queue, "bo .go", replace(FACTS, busy={"production": "x"})).code is Code.STAGE_BUSY


def test_an_override_lets_a_locked_stage_be_rolled_back_and_is_used_up_by_that() -> None:
    queue = queue_of("bo*", lock("al"))
    overridden = done(queue, 'zoe .override "it burns"').queue
    after = done(overridden, "bo .rollback production").queue
    assert render(after) == '<production...> bo (HOLD) "rollback" | bo*'
    assert [train.override for train in after.trains] == [None, None]


def test_hours_and_a_second_word_keep_nobody_from_rolling_back() -> None:
    facts = replace(IN_THE_WAY, locked={})
    assert done(queue_of("<production> bo"), "bo .rollback", facts).queue.trains[0].running


def test_a_rider_confirms_what_the_checks_asked_until_it_is_another_branch() -> None:
    facts = replace(FACTS, asking={"princess": ("migrations", "size")})
    queue = queue_of("al*")
    assert refused(queue, "bo .confirm", facts).code is Code.NOT_ABOARD
    assert refused(queue, "al .confirm").code is Code.NOTHING_TO_CONFIRM
    confirmed = done(queue, "al .confirm", facts)
    assert confirmed.queue.trains[0].confirmed == ("migrations", "size")
    assert refused(confirmed.queue, "al .confirm", facts).code is Code.NOTHING_TO_CONFIRM
    assert done(confirmed.queue, "al .go", facts).queue.trains[0].confirmed == ("migrations", "size")
    assert done(confirmed.queue, "al .go hotfix", facts).queue.trains[0].confirmed == ()


def test_only_the_driver_has_a_train_quiet_and_once_more_takes_it_back() -> None:
    queue = queue_of("al + bo")
    assert refused(queue, "bo .quiet").code is Code.NOT_PERMITTED
    assert refused(queue, "zoe .quiet").code is Code.NOT_ABOARD
    quiet = done(queue, "al .quiet")
    assert quiet.events == (e.Quieted(quiet.queue.trains[0]),)
    assert not done(quiet.queue, "al .quiet").queue.trains[0].quiet


@pytest.mark.parametrize("line", ["al .second", "al .confirm", 'al .override "x"', "al .quiet"])
def test_words_need_a_train(line: str) -> None:
    assert refused(queue_of("clear"), line).code is Code.EMPTY_QUEUE


@pytest.mark.parametrize("line", ["zoe .second", "al .confirm", 'zoe .override "x"'])
def test_words_for_the_next_start_come_before_it(line: str) -> None:
    assert refused(queue_of("<princess...> al"), line).code is Code.RUN_IN_FLIGHT
