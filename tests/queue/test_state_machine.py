"""Every command and report in any order: what must be true of a queue after each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pushbot.queue import commands as c
from pushbot.queue import events as e
from pushbot.queue.model import Hold, Lock, Mark, Person, Phase, Queue, RunKind, Ticket, Train
from pushbot.queue.refusals import Refusal
from pushbot.queue.rules import Closed, Decision, Facts, Patience, Unfinished, decide
from pushbot.queue.rules.time import next_due
from pushbot.queue.topic import fit, parse, render

NAMES = ("alice", "bob", "Carol", "dave", "a|b", "clear", "HOLD", "[x]")
STAGES = ("princess", "production")
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LIMITS = (0, 1, 10, 40, 100, 450)


def person(name: str) -> Person:
    return Person("irc", f"nick:{name.casefold()}", name)


names = st.sampled_from((*NAMES, "ALICE", "nobody"))
texts = st.none() | st.sampled_from(["x", "the site | is down", "!! it's ||", "…"])
stages = st.sampled_from((*STAGES, "moon"))
refs = st.none() | st.sampled_from(["main", "6957bb87"])
spans = st.none() | st.sampled_from([1.0, 300.0, 1800.0, 7200.0])
joins = st.builds(
    c.Join,
    ticket=st.sampled_from(Ticket),
    companion=st.none() | names,
    before=st.none() | names,
    last=st.booleans(),
    message=texts,
) | st.builds(c.Join, hotfix=st.just(True), message=st.just("it is down"))  # fmt: skip
beside = st.sampled_from(["staging-ann", "staging-bob"])
commands: st.SearchStrategy[c.Command] = st.one_of(
    joins,
    joins,
    st.builds(c.Good),
    st.builds(c.Good),
    st.builds(c.Uhoh),
    st.builds(c.Go, refs),
    st.builds(c.Go, refs),
    st.builds(c.Drive),
    st.builds(c.At, stages),
    st.builds(c.Done),
    st.builds(c.Nevermind),
    st.builds(c.Pop),
    st.builds(c.Kick, names),
    st.builds(c.PutHold, texts, spans),
    st.builds(c.PutHold, texts, cause=st.just("incident 1")),
    st.builds(c.Unhold, st.sampled_from([None, None, "incident 1"])),
    st.builds(c.LockStage, stages, spans, texts),
    st.builds(c.LockStage, st.sampled_from(STAGES), spans),
    st.builds(c.Unlock, stages, st.booleans(), texts),
    st.builds(c.Second),
    st.builds(c.Confirm),
    st.builds(c.Override, st.just("checkout is down")),
    st.builds(c.Quiet),
    st.builds(c.SetMessage, texts),
    st.builds(c.Abort),
    st.builds(c.Abort, st.integers(1, 5)),
    st.builds(c.Rollback, st.none() | stages),
    st.builds(c.Retry, st.booleans()),
    st.builds(c.Deploy, stages, refs, st.booleans()),
    st.builds(c.Deploy, st.sampled_from(STAGES)),
    st.builds(c.Deploy, beside, refs),
    st.builds(c.Rollback, beside),
    st.builds(c.LockStage, beside, spans),
    st.builds(c.Abort, stage=beside),
)
facts_of_the_moment = st.builds(
    Facts,
    by=st.sampled_from(NAMES).map(person),
    named=st.just(person),
    max_riders=st.just(3),
    max_trains=st.just(6),
    stages=st.just(STAGES) | st.just(STAGES) | st.just(()),
    templates=st.just(("staging-*",)) | st.just(()),
    rollbacks=st.sampled_from([frozenset({*STAGES, "staging-ann"}), frozenset({"production"})]),
    busy=st.sampled_from([{}, {}, {"princess": "zoe in search (search-1)"}]),
    unfinished=st.sampled_from([{}, {"production": Unfinished(0, "main", "6957bb87")}]),
    closed=st.sampled_from([{}, {}, {}, {"production": Closed("outside the hours"), "princess": Closed("x", START)}]),
    second=st.sampled_from([frozenset[str](), frozenset({"production"})]),
    asking=st.sampled_from([{}, {"princess": ("migrations",)}]),
)
PATIENCE = Patience(ask_after=600.0, grace=300.0, remind=600.0, lock=7200.0)


def running(queue: Queue) -> list[Train]:
    return [train for train in (*queue.trains, *queue.aside) if train.running]


class AnyOrder(RuleBasedStateMachine):
    """One queue, and the numbers ever given out."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.numbers: set[int] = set()
        self.runs: set[int] = set()
        self.drawn = ["clear"]
        self.now = START
        self.elsewhere: Lock | None = None

    def of_now(self, facts: Facts) -> Facts:
        """The facts with the time, and with what people and runs of this lane have."""
        ours = {train.stage or "": "a run of this lane" for train in running(self.queue)}
        there = self.elsewhere
        locked = {"princess": there} if there is not None and there.until > self.now else {}
        locked |= {lock.stage: lock for lock in self.queue.locks if lock.until > self.now}
        other = {"princess": "search"} if locked.get("princess") is not None and locked["princess"].number == 0 else {}
        return replace(
            facts,
            busy={**facts.busy, **ours},
            now=self.now,
            locked=locked,
            elsewhere=other,
            patience=PATIENCE,
        )

    def take(self, command: c.Command | c.Report, facts: Facts) -> Decision | None:
        """Decide, check what holds for any decision, and go on from there."""
        before = self.queue
        facts = self.of_now(facts)
        result = decide(before, command, facts)
        if isinstance(result, Refusal):
            assert self.queue == before
            assert not isinstance(command, c.Report), "reports are never refused"
            return None
        assert isinstance(result, Decision)
        self.queue = result.queue
        self.check_numbers(before)
        self.check_requests(before, command, result, facts)
        self.check_running(before, command)
        self.check_aside(before, command)
        self.check_begun(before, command)
        self.check_locks(before, command, facts)
        self.check_time(command)
        self.drawn.append(render(self.queue))
        return result

    def check_numbers(self, before: Queue) -> None:
        """A train's number is never another one's."""
        assert self.queue.next_train >= before.next_train
        assert self.queue.next_run >= before.next_run
        known = {train.number for train in (*before.trains, *before.aside)}
        new = [train.number for train in (*self.queue.trains, *self.queue.aside) if before.train(train.number) is None]
        assert len(new) == len(set(new))
        assert known.issubset(self.numbers)
        assert self.numbers.isdisjoint(new)
        self.numbers.update(new)
        assert all(number < self.queue.next_train for number in self.numbers)

    def check_requests(self, before: Queue, command: c.Command | c.Report, result: Decision, facts: Facts) -> None:
        """Runs are asked for the head alone or aside, one at a time, each with a number of its own."""
        requests = [event for event in result.events if isinstance(event, e.StageRequested)]
        assert len(requests) <= 1
        for request in requests:
            assert request.run not in self.runs
            self.runs.add(request.run)
            train = self.queue.train(request.train.number)
            assert train is not None
            assert train.aside or train == self.queue.head
            assert (train.stage, train.run, train.running) == (request.stage, request.run, True)
            assert request.continues is None or (request.continues < request.run and request.kind is RunKind.DEPLOY)
            assert facts.unknown(request.stage) is None
            assert train.aside or request.stage in facts.stages
            if request.kind is RunKind.DEPLOY:
                assert before.hold is None, "a held lane starts no deploy"
                assert request.stage not in facts.busy
                self.check_in_the_way(before, request, facts)
            if isinstance(command, c.Go):
                assert all(rider.ticket is not Ticket.HOLD for rider in train.riders)
                assert all(rider.mark is not Mark.BAD for rider in train.riders)

    def check_in_the_way(self, before: Queue, request: e.StageRequested, facts: Facts) -> None:
        """Hours, people's locks and a missing second word keep every deploy from starting, but for an override."""
        assert request.train.override is None, "an override is used up"
        if request.override is not None:
            was = before.train(request.train.number)
            assert was is not None
            assert was.override is not None
            return
        assert request.stage not in facts.closed
        lock, word = facts.locked.get(request.stage), request.train.second
        people = [facts.by, *(rider.person for rider in request.train.riders)]
        assert lock is None or any(lock.owner.same(one) for one in people)
        if request.stage in facts.second:
            assert word is not None
            assert word.text == request.stage
            assert not word.by.same(request.train.driver)

    def check_locks(self, before: Queue, command: c.Command | c.Report, facts: Facts) -> None:
        """A lock ends by its owner's word, by force, or with its time; each stage has one at most."""
        assert self.queue.next_lock >= before.next_lock
        for was in before.locks:
            now = next((lock for lock in self.queue.locks if lock.number == was.number), None)
            if now is not None:
                kept = isinstance(command, c.Rename | c.LockStage) or now.reminded
                assert now == was or kept
                continue
            unlocked = isinstance(command, c.Unlock) and (command.force or was.owner.same(facts.by))
            assert unlocked or was.until <= facts.now
        assert len({lock.stage for lock in self.queue.locks}) == len(self.queue.locks)

    def check_time(self, command: c.Command | c.Report) -> None:
        """What is due is done at once, and there is always a moment to look again."""
        due = next_due(self.queue, PATIENCE)
        if isinstance(command, c.Passed):
            assert due is None or due > self.now
        ends = [lock.until for lock in self.queue.locks]
        ends += [item.until for item in self.queue.items if isinstance(item, Hold) and item.until is not None]
        assert not ends or (due is not None and due <= min(ends))

    def check_running(self, before: Queue, command: c.Command | c.Report) -> None:
        """A train with a run in flight stays, at its stage, first, until that run ends."""
        was = before.head
        if was is None or not was.running or isinstance(command, c.RunEnded):
            return
        now = self.queue.head
        assert now is not None
        assert (now.number, now.stage, now.run, now.running) == (was.number, was.stage, was.run, True)

    def check_aside(self, before: Queue, command: c.Command | c.Report) -> None:
        """A train aside stays as it is until its run ends, and changes nothing of the line."""
        for was in before.aside:
            if isinstance(command, c.RunEnded) and command.run == was.run:
                continue
            now = self.queue.train(was.number)
            assert now is not None
            assert (now.riders, now.stage, now.run) == (was.riders, was.stage, was.run)
        if isinstance(command, c.Deploy):
            assert (self.queue, len(self.queue.aside)) == (before, len(before.aside) + 1)

    def check_begun(self, before: Queue, command: c.Command | c.Report) -> None:
        """Nothing gets in front of a head that has begun."""
        was, now = before.head, self.queue.head
        if was is None or not was.begun or isinstance(command, c.EditTopic):
            return
        assert not isinstance(command, c.Passed) or now is not None
        if self.queue.train(was.number) is not None:
            assert now is not None
            assert now.number == was.number

    # --- what people and the world do ---

    @rule(command=commands, facts=facts_of_the_moment)
    def somebody_asks(self, command: c.Command, facts: Facts) -> None:
        self.take(command, facts)

    @rule(name=st.sampled_from(NAMES))
    def everyone_is_good_and_the_driver_goes(self, name: str) -> None:
        facts = Facts(person(name), named=person, stages=STAGES, rollbacks=frozenset(STAGES))
        head = self.queue.head
        for rider in head.riders if head else ():
            self.take(c.Good(), replace(facts, by=rider.person))
        if head is not None:
            self.take(c.Go(), replace(facts, by=head.driver))

    @rule(old=names, new=names)
    def somebody_is_called_otherwise(self, old: str, new: str) -> None:
        self.take(c.Rename(person(old), person(new)), Facts(person(new), stages=STAGES))

    @precondition(lambda self: bool(running(self.queue)))
    @rule(
        data=st.data(),
        state=st.sampled_from(c.RunState),
        undo=st.booleans(),
        revision=st.none() | st.just("6957bb87"),
        began=st.booleans(),
    )
    def a_run_goes_on(
        self, data: st.DataObject, state: c.RunState, *, undo: bool, revision: str | None, began: bool
    ) -> None:
        train = data.draw(st.sampled_from(running(self.queue)))
        assert train.run is not None
        facts = Facts(person("bot"), stages=STAGES)
        if began:
            self.take(c.RunCounted(train.number, train.run, "2 hosts"), facts)
            self.take(c.RunBegan(train.number, train.run, revision), facts)
            self.take(c.AbortRefused(train.number, train.run, "it is stuck"), facts)
        self.take(c.RunEnded(train.number, train.run, state, undo=undo), facts)

    @rule(seconds=st.sampled_from([1, 299, 301, 3600, 86_400, -1, -7200]), who=st.sampled_from(NAMES))
    def time_passes_or_the_clock_is_set(self, seconds: int, who: str) -> None:
        self.now += timedelta(seconds=seconds)
        before = self.queue
        holds = [item for item in before.items if isinstance(item, Hold)]
        self.take(c.Passed(), Facts(person("bot"), stages=STAGES))
        gone = [hold for hold in holds if not any(hold is item or hold == item for item in self.queue.items)]
        assert all(hold.until is not None and hold.until <= self.now for hold in gone)
        again = self.queue
        self.take(c.Passed(), Facts(person("bot"), stages=STAGES))
        assert self.queue is again, "what was due is done once"
        self.take(c.Stirred(person(who)), Facts(person(who), stages=STAGES))

    @rule()
    def it_is_just_the_time(self) -> None:
        due = next_due(self.queue, PATIENCE)
        if due is not None:
            self.now, before = max(due, self.now), self.queue
            self.take(c.Passed(), Facts(person("bot"), stages=STAGES))
            assert self.queue is not before, "there was something to do"

    @rule()
    def the_second_train_is_ready_and_the_first_says_nothing(self) -> None:
        facts = Facts(person("bot"), stages=STAGES)
        self.take(c.Join(last=True), replace(facts, by=person("yan")))
        self.take(c.Good(), replace(facts, by=person("yan")))
        was = self.queue.head
        for seconds in (601, 301):
            self.now += timedelta(seconds=seconds)
            self.take(c.Passed(), facts)
        now = self.queue.head
        assert was is not None
        assert now is not None
        if now.number != was.number:
            assert not was.begun
            assert now.everyone_good
            assert [train.number for train in self.queue.trains][1] == was.number

    @rule(who=st.none() | st.sampled_from(NAMES), seconds=st.sampled_from([60, 7200]))
    def another_lane_keeps_the_place(self, who: str | None, seconds: int) -> None:
        until = self.now + timedelta(seconds=seconds)
        self.elsewhere = Lock(0, "princess", person(who), self.now, until) if who is not None else None

    @rule(train=st.integers(0, 5), run=st.integers(0, 5), state=st.sampled_from(c.RunState), undo=st.booleans())
    def word_comes_of_some_run(self, train: int, run: int, state: c.RunState, *, undo: bool) -> None:
        before = self.queue
        self.take(c.RunEnded(train, run, state, undo=undo), Facts(person("bot"), stages=STAGES))
        if (train, run) not in [(one.number, one.run) for one in running(before)]:
            assert (self.queue, self.queue.aside) == (before, before.aside)

    @rule(data=st.data(), facts=facts_of_the_moment)
    def somebody_writes_the_topic(self, data: st.DataObject, facts: Facts) -> None:
        shown = data.draw(st.sampled_from(self.drawn[-3:]))
        parts = shown.split(" | ")
        text = data.draw(
            st.sampled_from(
                [shown, "clear", f"{shown} | zoe", f"HOLD | {shown}", shown.replace("alice", "alice + yan")]
            )
            | st.permutations(parts).map(" | ".join)
            | st.lists(st.sampled_from(parts), max_size=4).map(" | ".join)
        )
        limit = data.draw(st.sampled_from(LIMITS))
        seen = fit(self.queue, limit) if data.draw(st.booleans()) else shown
        self.take(c.EditTopic(text, seen), facts)

    # --- what is always true ---

    @invariant()
    def nobody_is_aboard_a_train_twice(self) -> None:
        for train in self.queue.trains:
            keys = [rider.person.key for rider in train.riders]
            assert len(keys) == len(set(keys))
            assert keys, "no train is empty"

    @invariant()
    def only_the_head_has_a_stage(self) -> None:
        for train in self.queue.trains[1:]:
            assert (train.stage, train.phase) == (None, Phase.AT)
        head = self.queue.head
        if head is not None and head.stage is None:
            assert head.phase is Phase.AT

    @invariant()
    def those_aside_have_a_run_in_flight_each_on_a_stage_of_its_own(self) -> None:
        assert all(train.aside and train.running for train in self.queue.aside)
        stages = [train.stage for train in running(self.queue)]
        assert len(stages) == len(set(stages))

    @invariant()
    def the_topic_tells_it_all(self) -> None:
        assert parse(render(self.queue), person) == self.queue

    @invariant()
    def it_fits_any_limit(self) -> None:
        for limit in LIMITS:
            assert len(fit(self.queue, limit).encode()) <= limit


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_any_order = AnyOrder.TestCase
