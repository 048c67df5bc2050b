"""The rules of the queue: `decide(queue, command, facts)`, pure and total.

1. The first train is the head; only the head has a stage. Its first rider drives.
2. A plain `.join` boards the earliest open train behind the head, else starts one at the end.
   A train is open when it has room and nobody aboard brings a ticket.
3. Nobody is aboard one train twice. Nothing jumps in front of a head whose stages have begun.
4. The driver's `.go` starts the next stage once everyone aboard is good, the lane is not held and the
   stage is free. A success asks for fresh marks; a `.uhoh` stays until its rider takes it back.
5. While a run of a train is in flight the train stays: it cannot be done, left by its last rider, moved
   or edited away.
6. A run that failed, was stopped or was lost leaves its train failed; a person decides what follows. The one
   thing that follows by itself is the stage's rollback, when its policy is automatic; then the lane is held.
7. A stage that is run from the command line has a train of its own aside from the line, under the same holds and
   claims. It moves nobody in the line, and is gone when its last run has ended.
8. What has an end, or a patience, is in the queue as a time of the wall clock; `Passed` does what is due.

Every function takes the queue as it is and gives the queue as it shall be with the events that say why,
or a refusal and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from pushbot.queue import commands as c
from pushbot.queue.refusals import Refusal
from pushbot.queue.rules import aboard, boarding, builds, editing, holding, journey, locking, runs, time, words
from pushbot.queue.rules.decision import Closed, Decision, Facts, Patience, Unfinished

if TYPE_CHECKING:
    from pushbot.queue.model import Queue

__all__ = ["Closed", "Decision", "Facts", "Patience", "Unfinished", "decide"]


def decide(queue: Queue, command: c.Command | c.Report, facts: Facts) -> Decision | Refusal:
    """What `command`, asked by `facts.by`, makes of `queue`. Never raises; a refusal changes nothing."""
    decision = _decided(queue, command, facts)
    if isinstance(decision, Refusal):
        return decision
    decision = replace(decision, queue=words.with_words(queue, decision.queue))
    spoke = isinstance(command, c.Stirred) or not isinstance(command, c.Report)
    return time.watched(queue, decision, facts, spoke=spoke)


def _decided(queue: Queue, command: c.Command | c.Report, facts: Facts) -> Decision | Refusal:  # noqa: PLR0912, C901
    match command:
        case c.Join():
            return boarding.join(queue, command, facts)
        case c.Good():
            return aboard.good(queue, facts)
        case c.Uhoh():
            return aboard.uhoh(queue, facts)
        case c.Drive():
            return aboard.drive(queue, facts)
        case c.Nevermind():
            return aboard.leave(queue, facts)
        case c.Pop():
            return aboard.pop(queue, facts)
        case c.Kick(name):
            return aboard.kick(queue, name, facts)
        case c.Go(ref):
            return journey.go(queue, ref, facts)
        case c.At(stage):
            return journey.at(queue, stage, facts)
        case c.Done():
            return journey.done(queue, facts)
        case c.Abort():
            return journey.abort(queue, command, facts)
        case c.Rollback(stage):
            return journey.rollback(queue, stage, facts)
        case c.Retry(failed):
            return journey.retry(queue, facts, failed=failed)
        case c.Deploy():
            return journey.deploy(queue, command, facts)
        case c.PutHold():
            return holding.hold(queue, command, facts)
        case c.Unhold(cause):
            return holding.unhold(queue, cause, facts)
        case c.LockStage():
            return locking.lock(queue, command, facts)
        case c.Unlock():
            return locking.unlock(queue, command, facts)
        case c.Second():
            return words.second(queue, facts)
        case c.Confirm():
            return words.confirm(queue, facts)
        case c.Override(reason):
            return words.override(queue, reason, facts)
        case c.Quiet():
            return words.quiet(queue, facts)
        case c.SetMessage(text):
            return holding.note(queue, text)
        case c.EditTopic():
            return editing.edit(queue, command, facts)
        case c.RunCounted():
            return runs.counted(queue, command)
        case c.RunBegan():
            return runs.began(queue, command)
        case c.AbortRefused():
            return runs.not_stopped(queue, command)
        case c.Built():
            return builds.built(queue, command, facts)
        case c.RunEnded():
            return runs.ended(queue, command, facts)
        case c.Rename(old, new):
            return aboard.rename(queue, old, new)
        case c.Passed():
            return time.passed(queue, facts)
        case c.Stirred():
            return Decision(queue)
        case _:
            assert_never(command)
