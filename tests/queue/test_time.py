"""What time does to a queue: ends, reminders, and people who say nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pushbot.queue import commands as c
from pushbot.queue import events as e
from pushbot.queue.grammar import Mistake, parse_message
from pushbot.queue.model import Person, Queue, Rider, Train
from pushbot.queue.refusals import Refusal
from pushbot.queue.rules import Closed, Facts, Patience, decide
from pushbot.queue.rules.time import next_due, stirs
from pushbot.queue.topic import render

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = 60.0


def person(name: str) -> Person:
    return Person("", f"nick:{name}", name)


FACTS = Facts(
    person("bot"),
    stages=("princess", "production"),
    rollbacks=frozenset({"princess", "production"}),
    patience=Patience(ask_after=10 * MINUTE, grace=5 * MINUTE, remind=10 * MINUTE, lock=120 * MINUTE),
)


@dataclass
class Lane:
    """A queue in time: `say` at this moment, `wait` until then; each gives the events."""

    queue: Queue = field(default_factory=Queue)
    now: datetime = NOW
    facts: Facts = FACTS

    def take(self, what: c.Command | c.Report, who: str = "bot") -> tuple[e.Event, ...]:
        locked = {lock.stage: lock for lock in self.queue.locks if lock.until > self.now}
        facts = replace(self.facts, by=person(who), now=self.now, locked={**self.facts.locked, **locked})
        result = decide(self.queue, what, facts)
        assert not isinstance(result, Refusal), result
        self.queue = result.queue
        return result.events

    def say(self, *lines: str) -> tuple[e.Event, ...]:
        told: tuple[e.Event, ...] = ()
        for line in lines:
            who, _, text = line.partition(" ")
            for request in parse_message(text):
                assert not isinstance(request, Mistake | c.Question | c.BotCommand)
                told = (*told, *self.take(request, who))
        return told

    def jump(self, minutes: float) -> tuple[e.Event, ...]:
        """Set the clock, and do what is due then."""
        self.now += timedelta(minutes=minutes)
        return self.take(c.Passed())

    def wait(self, minutes: float) -> list[tuple[float, str]]:
        """Let time pass as the timetable does: what happened, and how many minutes after the start."""
        until, told = self.now + timedelta(minutes=minutes), list[tuple[float, str]]()
        while (due := self.due) is not None and due <= until:
            self.now = max(self.now, due)
            minute = (self.now - NOW).total_seconds() / 60
            told += [(minute, type(event).__name__) for event in self.take(c.Passed())]
        self.now = until
        return told

    @property
    def due(self) -> datetime | None:
        return next_due(self.queue, self.facts.patience)

    def stage_done(self) -> None:
        head = self.queue.head
        assert head is not None
        assert head.run is not None
        self.take(c.RunEnded(head.number, head.run, c.RunState.SUCCEEDED))


# --- ends and reminders ------------------------------------------------------------------------


def test_an_owner_is_reminded_and_then_it_ends_by_itself() -> None:
    lane = Lane()
    lane.say("al .lock production 1h", 'bo .hold 30m "db"')
    assert lane.wait(90) == [(20, "EndsSoon"), (30, "Released"), (50, "EndsSoon"), (60, "Unlocked")]
    assert (lane.queue, lane.queue.locks, lane.due) == (Queue(), (), None)


def test_a_lease_made_longer_is_reminded_of_again() -> None:
    lane = Lane()
    lane.say("al .lock production 1h")
    lane.wait(55)
    lane.say("al .lock production 1h")
    assert lane.wait(120) == [(105, "EndsSoon"), (115, "Unlocked")]


def test_what_is_shorter_than_the_reminder_is_not_reminded_of() -> None:
    lane = Lane()
    lane.say("al .lock production 5m", "bo .hold 10m")
    assert lane.wait(60) == [(5, "Unlocked"), (10, "Released")]


def test_a_hold_without_an_end_has_none() -> None:
    lane = Lane()
    lane.say("al .hold")
    assert lane.due is None
    assert lane.jump(10_000) == ()


def test_a_jump_of_hours_does_all_that_is_due_once_and_in_order() -> None:
    lane = Lane()
    lane.say("al .lock production 2h", "bo .lock princess 1h", 'zoe .hold 90m "db"', "ed .join")
    events = lane.jump(600)
    names = [type(event).__name__ for event in events]
    assert names == ["Unlocked", "Released", "HeadChanged", "Unlocked"]
    assert [event.lock.stage for event in events if isinstance(event, e.Unlocked)] == ["princess", "production"]
    assert lane.jump(0) == ()


def test_a_clock_that_is_set_back_loses_nothing_and_moves_no_end() -> None:
    lane = Lane()
    lane.say("al .lock production 1h")
    (kept,) = lane.queue.locks
    assert lane.jump(-600) == ()
    assert (lane.queue.locks, lane.due) == ((kept,), kept.until - timedelta(minutes=10))
    assert lane.jump(600 + 60) == (e.Unlocked(kept, None),)


def test_the_end_of_a_hold_behind_an_incident_frees_nobody() -> None:
    lane = Lane()
    lane.say("al .join", 'bo .hold 30m "db"')
    lane.take(c.PutHold("it burns", cause="incident 1"), "zoe")
    assert lane.jump(40) == ()
    assert render(lane.queue) == 'HOLD "it burns" | al'
    assert [type(event) for event in lane.take(c.Unhold("incident 1"), "zoe")] == [e.Released, e.HeadChanged]


# --- people who are away -----------------------------------------------------------------------


def line(*trains: str) -> Lane:
    """A lane with a train for each; who is in capitals has said .good."""
    lane = Lane()
    for train in trains:
        driver, *others = train.lower().split("+")
        lane.say(f"{driver} .join last", *(f"{one} .join with {driver}" for one in others))
        lane.say(*(f"{one.lower()} .good" for one in train.split("+") if one.isupper()))
    return lane


def test_a_driver_who_says_nothing_is_asked_and_the_next_train_that_is_ready_goes_first() -> None:
    lane = line("al+bo", "cy", "DI", "ED")
    assert lane.wait(16) == [(10, "DriverAsked"), (15, "Overtaken"), (15, "HeadChanged")]
    assert render(lane.queue) == "di* | al + bo | cy | ed*"


def test_the_one_who_goes_first_is_waited_for_as_anybody() -> None:
    lane = line("al", "DI", "ED")
    assert lane.wait(35) == [
        (10, "DriverAsked"),
        (15, "Overtaken"),
        (15, "HeadChanged"),
        (25, "DriverAsked"),
        (30, "Overtaken"),
        (30, "HeadChanged"),
    ]
    assert render(lane.queue) == "ed* | di* | al"


def test_who_was_passed_passes_nobody_until_they_are_heard_of() -> None:
    lane = line("AL", "BO")
    lane.wait(20)
    assert render(lane.queue) == "bo* | al*"
    assert lane.wait(600) == [(25, "DriverAsked")]
    assert stirs(lane.queue, person("al"), lane.now)
    assert [type(event) for event in lane.take(c.Stirred(person("al")), "al")] == [e.Overtaken, e.HeadChanged]
    assert render(lane.queue) == "al* | bo*"


def test_when_none_is_ready_the_first_that_becomes_so_goes_at_once() -> None:
    lane = line("al", "CY+di", "ed")
    assert lane.wait(60) == [(10, "DriverAsked")]
    assert lane.due is None
    assert [type(event) for event in lane.say("ed .good")] == [e.Marked, e.Overtaken, e.HeadChanged]
    assert render(lane.queue) == "ed* | al | cy* + di"


def test_any_word_of_the_driver_begins_the_waiting_anew() -> None:
    lane = line("al", "BO")
    lane.wait(9)
    lane.say("al .message later")
    assert lane.wait(6) == []
    lane.wait(5)
    assert stirs(lane.queue, person("al"), lane.now)
    assert not stirs(lane.queue, person("bo"), lane.now)
    lane.take(c.Stirred(person("al")), "al")
    assert not stirs(lane.queue, person("al"), lane.now)
    assert lane.wait(9) == []
    assert lane.wait(2) == [(30, "DriverAsked")]


def test_a_train_that_holds_its_place_and_one_behind_a_hold_pass_nobody() -> None:
    lane = Lane()
    lane.say("al .join", "bo .join hold; .good")
    assert lane.wait(60) == [(10, "DriverAsked")]
    lane = line("al", "BO")
    lane.take(c.EditTopic('al | HOLD "db" | bo*', "al | bo*"), "ed")
    assert lane.wait(60) == [(10, "DriverAsked")]


def test_a_train_that_has_begun_is_not_passed() -> None:
    lane = line("al", "BO")
    lane.say("al .go")
    assert lane.wait(120) == [], "while it runs nobody is asked"
    lane.stage_done()
    assert lane.wait(120) == [(130, "RidersAsked")]
    lane.say("al .good")
    assert lane.wait(120) == [(250, "DriverAsked")]
    assert render(lane.queue) == "<princess> al* | bo*"


def test_riders_on_a_stage_are_asked_once_and_again_on_the_next() -> None:
    lane = line("AL+BO+CY")
    lane.say("al .go")
    lane.stage_done()
    lane.say("bo .good")
    lane.now += timedelta(minutes=10)
    (event,) = lane.take(c.Passed())
    assert isinstance(event, e.RidersAsked)
    assert event.riders == (person("al"), person("cy"))
    assert lane.wait(600) == []
    lane.say("al .good", "cy .good", "al .go")
    lane.stage_done()
    assert [name for _, name in lane.wait(60)] == ["RidersAsked"]


def test_a_silent_rider_is_asked_when_the_driver_is_ready() -> None:
    lane = line("AL+bo", "CY")
    assert lane.wait(60) == [(10, "RidersAsked")]


def test_an_uh_oh_is_left_to_people() -> None:
    lane = line("al+bo", "CY")
    lane.say("bo .uhoh")
    assert lane.wait(600) == []
    lane.say("bo .good")
    assert lane.wait(11) == [(610, "DriverAsked")]


def test_a_failed_stage_waits_for_its_driver() -> None:
    lane = line("AL", "BO")
    lane.say("al .go")
    lane.take(c.RunEnded(1, 1, c.RunState.FAILED))
    assert lane.wait(60) == [(10, "DriverAsked")]


def test_nobody_is_asked_while_the_lane_is_held_and_the_waiting_begins_after_that() -> None:
    lane = line("al", "BO")
    lane.wait(12)
    lane.say('zoe .hold 30m "db"')
    told = lane.wait(45)
    assert told == [
        (32, "EndsSoon"),
        (42, "Released"),
        (42, "HeadChanged"),
        (52, "DriverAsked"),
        (57, "Overtaken"),
        (57, "HeadChanged"),
    ]


def test_nobody_is_asked_while_the_stage_is_closed_and_the_waiting_begins_when_it_opens() -> None:
    lane = line("al", "BO")
    opens = NOW + timedelta(hours=12)
    lane.facts = replace(lane.facts, closed={"princess": Closed("outside the hours", opens)})
    assert lane.wait(11 * 60) == []
    assert lane.due == opens + timedelta(minutes=10)
    lane.facts = replace(lane.facts, closed={})
    assert lane.wait(80) == [(730, "DriverAsked"), (735, "Overtaken"), (735, "HeadChanged")]


def test_nobody_is_asked_while_somebody_else_has_the_stage() -> None:
    lane = line("al", "BO")
    lane.say("zoe .lock princess 1h")
    assert lane.wait(60) == [(50, "EndsSoon"), (60, "Unlocked")]
    assert lane.wait(10) == [(70, "DriverAsked")]
    lane = line("al", "BO")
    lane.facts = replace(lane.facts, busy={"princess": "zoe in search (search-1)"})
    assert lane.wait(200) == []


def test_a_quiet_train_is_passed_as_any() -> None:
    lane = line("al", "BO")
    lane.say("al .quiet")
    assert [name for _, name in lane.wait(15)] == ["DriverAsked", "Overtaken", "HeadChanged"]


def test_the_bot_is_not_asked_for_its_own_trains_but_people_aboard_are() -> None:
    lane = Lane()
    bot = Person("", "bot:pushbot", "pushbot")
    lane.queue = Queue((Train((Rider(bot),), number=1),), next_train=2)
    assert lane.wait(60) == []
    lane.queue = Queue((Train((Rider(bot), Rider(person("al"))), number=1),), next_train=2)
    lane.take(c.Passed())
    assert [name for _, name in lane.wait(60)] == ["RidersAsked"]


def test_with_patience_for_ever_nobody_is_asked() -> None:
    lane = Lane()
    lane.facts = replace(lane.facts, patience=Patience())
    lane.say("al .join", "bo .join last; .good")
    assert lane.due is None
    assert lane.jump(100_000) == ()


def test_a_clock_that_is_set_back_makes_nobody_wait_for_the_old_time() -> None:
    lane = line("al", "BO")
    lane.wait(12)
    lane.jump(-24 * 60)
    assert lane.due == lane.now + timedelta(minutes=10)


def test_a_jump_of_hours_asks_first() -> None:
    lane = line("al", "BO")
    assert [type(event) for event in lane.jump(600)] == [e.DriverAsked]
    assert [type(event) for event in lane.jump(600)] == [e.Overtaken, e.HeadChanged]
