"""A batch of work on one lane, decided but not yet committed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.ports import Work
from pushbot.queue.commands import (
    AbortRefused,
    BotCommand,
    Confirm,
    Deploy,
    EditTopic,
    Passed,
    Question,
    Rename,
    Retry,
    Rollback,
    RunBegan,
    RunCounted,
    RunEnded,
    Stirred,
)
from pushbot.queue.events import AbortRequested, Event, StageRequested
from pushbot.queue.model import Queue, RunKind
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Decision, Facts, Unfinished, decide
from pushbot.service.asks import Ask
from pushbot.service.audience import Audience, Wishes
from pushbot.service.feed import Declined, Feed, Happened, Word
from pushbot.service.journal.entries import ANSWERED, DONE, entered
from pushbot.service.lane.beside import around
from pushbot.service.lane.history import asking, rollback_target, unfinished
from pushbot.service.lane.records import Pushes, push_after, pushes_over, run_asked, run_over
from pushbot.service.lane.runbook import Outputs, number, run_id
from pushbot.service.lane.waiting import stamped
from pushbot.service.people.access import Access
from pushbot.service.people.naming import whom
from pushbot.service.people.remembered import People, Remembering
from pushbot.service.voice.news import Setting
from pushbot.service.voice.plain import Said
from pushbot.service.voice.refusals import quoted_back, refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pushbot.ports import Chat, Delivery, Entry, PushRecord, RunRecord
    from pushbot.queue.commands import Command
    from pushbot.queue.model import Person
    from pushbot.service.asks import Origin
    from pushbot.service.hours.calendars import Hours
    from pushbot.service.lane.runbook import Runbook
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import Announce, LaneSpec


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a lane's decisions are made in: the lane, the other runs, the chats, where news go, who watches, who may."""

    lane: LaneSpec
    announce: Announce
    chats: Mapping[str, Chat]
    runbook: Runbook
    outputs: Outputs
    feed: Feed = field(default_factory=Feed)
    hours: Hours | None = None
    access: Access = field(default_factory=Access)
    wishes: Wishes = field(default_factory=lambda: Wishes(People()))


@dataclass(slots=True)
class Draft:
    """The lane as it shall be, and all that has to be written down and said with it.

    `past` are the last runs of each stage, newest first; None when nobody asks for what needs them, or they
    cannot be read. `words` are for those who watch from within, once all is committed.
    """

    around: Surroundings
    queue: Queue
    known: Pushes
    at: datetime
    past: Mapping[str, Sequence[RunRecord]] | None = None
    asked: list[RunRecord] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    questions: list[Ask] = field(default_factory=list)
    pushes: dict[int, PushRecord] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    _runs: dict[str, RunRecord] = field(default_factory=dict)
    _before: dict[str, RunRecord | None] = field(default_factory=dict)
    _said: list[tuple[Said, Origin | None]] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _deliveries: list[Delivery] = field(default_factory=list)
    _found: Queue = field(init=False)
    _people: Remembering = field(init=False)
    _audience: Audience = field(init=False)

    def __post_init__(self) -> None:
        around, self._found = self.around, self.queue
        self._people = Remembering(around.wishes.people)
        self._audience = Audience(around.lane, around.announce, around.chats, around.wishes, self._people, self.at)

    def take(self, ask: Ask) -> None:
        """Decide one piece of work; its effects are on the draft only, but for its claims on stages."""
        result = self._decided(ask)
        if isinstance(result, Refusal):
            self._refuse(ask, result)
            return
        self._deliveries += ask.deliveries
        if result is None or isinstance(ask.what, Question | BotCommand):
            return
        if isinstance(ask.what, Rename | Passed | Stirred) and not result.events:
            self._become(result.queue)  # at most a note that nobody has to hear of
            return
        run = ask.what.run if isinstance(ask.what, RunCounted | RunBegan | AbortRefused | RunEnded) else None
        record = self._run(run_id(self.around.lane.name, run)) if run is not None else None
        over = run_over(ask.what, record, self.at)
        setting = self._setting(ask, record, over or record)
        told = [(said, ask.origin) for event in result.events for said in self._audience.told(event, setting)]
        if over is not None:
            self._write(over)
        elif isinstance(ask.what, RunCounted | RunBegan) and record is not None:
            self._write(record)
        elif isinstance(ask.what, AbortRefused) and record is not None:
            self._write(replace(record, reason=None))
        for event in result.events:
            self._took_place(event)
        self._said += told
        known = (*self.queue.trains, *self.queue.aside)
        gone = [train for train in known if result.queue.train(train.number) is None]
        for push in pushes_over(gone, self.known, self.pushes, self.at):
            self.pushes[push.number] = push
        self._said += [(said, None) for said in self._audience.nearly(self.queue, result.queue)]
        self._become(result.queue)
        self._entries.append(entered(ask, self.at, DONE))
        self.words.append(Happened(self.around.lane.name, ask, result.events))

    def _refuse(self, ask: Ask, refusal: Refusal) -> None:
        words = [refused(ask.by, refusal)]
        if isinstance(ask.what, EditTopic):  # everybody sees that a topic was put back
            words.append(quoted_back(ask.what.text))
        alone = not isinstance(ask.what, EditTopic)
        self._said += [(Said(text, reply=True, alone=alone), ask.origin) for text in words]
        self._entries.append(entered(ask, self.at, refusal.code))
        self.words.append(Declined(self.around.lane.name, ask, refused(None, refusal)))
        if ask.origin is not None:  # what a webhook brought, and was refused, may be sent again
            self._deliveries += ask.deliveries

    def _become(self, queue: Queue) -> None:
        if queue.locks is not self.queue.locks:  # seen by other lanes at once, as runs are
            self.around.runbook.keep(self.around.lane, queue.locks)
        self.queue = stamped(queue, self.at)

    def would(self, what: Command, by: Person) -> Decision | Refusal:
        """What would become of `what`, if `by` asked it now; nothing comes of this."""
        return self._decided(Ask(what, by, "")) or Decision(self.queue)

    def _decided(self, ask: Ask) -> Decision | Refusal | None:
        """What becomes of it, once it is past the gate; None of a question, which is only taken down."""
        if ask.seen and ask.seen != self.queue.moment:
            return Refusal(Code.STALE_BOARD, fix=".status")
        access, lane, facts = self.around.access, self.around.lane, self._facts(ask)
        refusal = access.refusal(ask.what, self.queue, ask.by, lane, fold=facts.fold, people=facts.people)
        if refusal is not None:
            return refusal
        if isinstance(ask.what, BotCommand):
            raise TypeError("what concerns no lane is for the house")
        if isinstance(ask.what, Question):
            self.questions.append(ask)
            self._entries.append(entered(ask, self.at, ANSWERED))
            return None
        result = decide(self.queue, ask.what, facts)
        if isinstance(ask.what, EditTopic) and isinstance(result, Decision):
            return access.edited(self.queue, result.queue, ask.by, lane) or result
        return result

    def _facts(self, ask: Ask) -> Facts:
        lane, chat = self.around.lane, self.around.chats.get(ask.by.chat)
        wide = around(lane, (ask,), self.queue)
        kept = self.around.runbook.kept(wide, self.at)
        facts = Facts(
            by=ask.by,
            max_riders=lane.max_riders,
            stages=tuple(stage.name for stage in lane.stages),
            rollbacks=frozenset(stage.name for stage in wide.stages if stage.reverts),
            busy=self._busy(wide),
            now=self.at,
            locked={stage: one.lock for stage, one in kept.items()},
            elsewhere={stage: one.lane for stage, one in kept.items() if one.lane != lane.name},
            closed=self.around.hours.shut(wide, self.at) if self.around.hours is not None else {},
            second=frozenset(stage.name for stage in wide.stages if stage.second is not None),
            patience=lane.patience,
            templates=tuple(stage.name for stage in lane.templates),
        )
        if self.past is not None and isinstance(ask.what, Rollback | Deploy | Retry):
            facts = replace(facts, targets=self._targets(self.past), unfinished=self._unfinished(self.past))
        head = self.queue.head
        if self.past is not None and isinstance(ask.what, Confirm) and head is not None:
            asked = {stage: asking(self._ended(runs), head.number) for stage, runs in self.past.items()}
            facts = replace(facts, asking=asked)
        if chat is None:
            return facts
        directory = self.around.access.directory
        facts = replace(facts, fold=chat.fold, people=whom(chat, directory, self.queue))
        return replace(facts, named=lambda name: directory.named(chat.person(name)))

    def _ended(self, runs: Sequence[RunRecord]) -> list[RunRecord]:
        """Those of `runs` that are over, also by this draft."""
        now = (self._runs.get(run.id, run) for run in runs)
        return [run for run in now if run.state.final]

    def _targets(self, past: Mapping[str, Sequence[RunRecord]]) -> frozenset[str]:
        return frozenset(stage for stage, runs in past.items() if rollback_target(self._ended(runs)) is not None)

    def _unfinished(self, past: Mapping[str, Sequence[RunRecord]]) -> dict[str, Unfinished]:
        left = {stage: unfinished(self._ended(runs)) for stage, runs in past.items()}
        return {stage: Unfinished(number(run), run.ref, run.revision) for stage, run in left.items() if run is not None}

    def _busy(self, lane: LaneSpec) -> dict[str, str]:
        """The stages that somebody else has, and who."""
        held = {stage.name: self.around.runbook.holder(stage.lock) for stage in lane.stages}
        return {name: f"{run.driver} in {run.lane} ({run.id})" for name, run in held.items() if run is not None}

    def _run(self, run: str) -> RunRecord | None:
        return self._runs.get(run) or self.around.runbook.get(run)

    def _write(self, record: RunRecord) -> None:
        """Put a run on the draft, and in the runbook at once, so that no other lane takes its stage meanwhile."""
        self._before.setdefault(record.id, self.around.runbook.get(record.id))
        self._runs[record.id] = record
        self.around.runbook.write([record])

    def broke(self, ask: Ask, fault: str) -> None:
        """A bug kept `ask` from being decided: the journal has it by the fault's name."""
        self._entries.append(entered(ask, self.at, fault))

    def forget(self) -> None:
        """The draft was not committed: the claims that it made are given back."""
        self._people.forget()
        self.around.runbook.restore(self._before, self._runs)
        if self.queue.locks is not self._found.locks:
            self.around.runbook.keep(self.around.lane, self._found.locks)

    def _took_place(self, event: Event) -> None:
        push = push_after(event, self.known, self.pushes, self.at)
        if push is not None:
            self.pushes[push.number] = push
        if isinstance(event, StageRequested):
            asked = run_asked(event, self.around.lane, self.at)
            self._write(asked)
            self.asked.append(asked)
        elif isinstance(event, AbortRequested) and event.train.run is not None:
            run = run_id(self.around.lane.name, event.train.run)
            stopped = self._run(run)
            if stopped is not None:  # on record, so that a bot that ends before the run does will see to it later
                self._write(replace(stopped, reason=f"{event.by.name} asked to stop it"))
            self.aborted.append(run)

    def _setting(self, ask: Ask, before: RunRecord | None, record: RunRecord | None) -> Setting:
        """What is told of goes on in this; the run as it was before, and as it is now."""
        lane = self.around.lane
        by = ask.by if ask.origin is not None else None
        if record is None:
            run = run_id(lane.name, ask.what.run) if isinstance(ask.what, RunEnded) else None
            return Setting(lane.name, by, lane.branch, run=run, now=self.at)
        stage = lane.stage(record.stage)
        return Setting(
            lane.name,
            by,
            branch=record.ref or lane.branch,
            run=record.id,
            log=self.around.outputs.shown(record.id) if record.token is not None else None,
            target=record.revision if record.kind is RunKind.ROLLBACK else None,
            links=stage.links if stage else (),
            hosts=record.hosts > 0,
            reverts=stage is not None and stage.reverts,
            asked_to_stop=before is not None and before.reason is not None,
            record=record,
            now=self.at,
        )

    def work(self, speaker: Speaker) -> Work | None:
        """What is to be committed; None when nothing was asked. Questions alone leave the queue as it was."""
        if not self._entries and self.queue is self._found:
            return None
        return Work(
            lane=self.around.lane.name,
            queue=self.queue if self.queue is not self._found or len(self.questions) < len(self._entries) else None,
            entries=tuple(self._entries),
            runs=tuple(self._runs.values()),
            pushes=tuple(self.pushes.values()),
            lines=tuple(self._audience.lines(self._said, speaker)),
            people=self._people.records(),
            spoken=speaker.take_spoken(),
            deliveries=tuple(self._deliveries),
            careful=bool(self._runs),
        )
