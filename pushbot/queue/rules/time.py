"""What time does to a queue: locks and holds end, their owners are reminded, and people who are silent are asked.

All of it is in the queue as times of the wall clock. So `next_due` can tell at any moment when `passed` has something
to do; a clock that jumps forward has all of that done at once, in order, and one that jumps back makes things later.

A head waits for its driver while all others aboard have given their word, or while the driver has said nothing before
the first stage; else it waits for the riders who are silent. `watched` notes after each decision since when: anew
whenever that changes, or the driver says anything. Who keeps a train that has begun no stage from going, and does not
answer when asked, lets the next one that is ready go first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from pushbot.queue.events import DriverAsked, EndsSoon, Event, HeadChanged, Overtaken, RidersAsked, Unlocked
from pushbot.queue.model import Hold, Item, Lock, Mark, Phase, Queue, Ticket, Train
from pushbot.queue.rules.aboard import next_stage
from pushbot.queue.rules.decision import Decision
from pushbot.queue.rules.holding import released
from pushbot.queue.rules.obstacles import locked, shut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.queue.model import Person
    from pushbot.queue.rules.decision import Facts, Patience

LATER = timedelta(minutes=10)
"""How long what has no known end is taken to last, until it is looked at again."""
STIRS_EVERY = timedelta(minutes=1)
"""A driver who talks is heard no more often."""


def passed(queue: Queue, facts: Facts) -> Decision:
    """Do all that is due at `facts.now`."""
    after, events = queue, list[Event]()
    for what in sorted((one for one in _leases(queue) if _until(one) <= facts.now), key=_until):
        decision = _ended(after, what)
        after, events = decision.queue, [*events, *decision.events]
    remind = timedelta(seconds=facts.patience.remind)
    for what in sorted((one for one in _leases(after) if not one.reminded), key=_until):
        if _until(what) - remind <= facts.now:
            after = _reminded(after, what)
            events.append(EndsSoon(what))
    decision = _asked(after, facts)
    return Decision(decision.queue, (*events, *decision.events))


def next_due(queue: Queue, patience: Patience) -> datetime | None:
    """When `passed` will have something to do, which may be over already; None when nothing depends on time."""
    remind = timedelta(seconds=patience.remind)
    due = [_until(one) if one.reminded else _until(one) - remind for one in _leases(queue)]
    asking = _next_asking(queue, patience)
    if asking is not None:
        due.append(asking)
    return min(due, default=None)


def stirs(queue: Queue, person: Person, now: datetime) -> bool:
    """Whether it is worth noting that `person` said something: they drive the head, which waits for them, or slept."""
    return any(
        train.driver.same(person)
        and (train.asked_at is not None or (train.idle_since is not None and now - train.idle_since >= STIRS_EVERY))
        for train in queue.trains
    )


# --- leases ------------------------------------------------------------------------------------


def _leases(queue: Queue) -> Iterator[Lock | Hold]:
    """What ends by itself."""
    yield from queue.locks
    yield from (item for item in queue.items if isinstance(item, Hold) and item.until is not None)


def _until(lease: Lock | Hold) -> datetime:
    if lease.until is None:
        raise ValueError("a hold without an end is no lease")
    return lease.until


def _ended(queue: Queue, what: Lock | Hold) -> Decision:
    if isinstance(what, Hold):
        return released(queue, what, None)
    return Decision(replace(queue, locks=tuple(one for one in queue.locks if one is not what)), (Unlocked(what, None),))


def _reminded(queue: Queue, what: Lock | Hold) -> Queue:
    if isinstance(what, Lock):
        kept = replace(what, reminded=True)
        return replace(queue, locks=tuple(kept if one is what else one for one in queue.locks))
    hold = replace(what, reminded=True)
    return replace(queue, items=tuple(hold if one is what else one for one in queue.items))


# --- people who are away -----------------------------------------------------------------------


def _waits(queue: Queue) -> Train | None:
    """The head, when it waits for people, and not for an uh-oh to be taken back."""
    head = queue.head
    if head is None or head.running or queue.hold is not None:
        return None
    stuck = any(rider.mark is Mark.BAD or rider.ticket is Ticket.HOLD for rider in head.riders)
    by_itself = head.driver.bot and _for_driver(head)
    return None if by_itself or (stuck and head.phase is not Phase.FAILED) else head


def _silent(train: Train) -> tuple[Person, ...]:
    return tuple(rider.person for rider in train.riders if rider.mark is Mark.NONE and not rider.person.bot)


def _for_driver(train: Train) -> bool:
    """Whether the train waits for its driver, and not for a rider's word."""
    silent = _silent(train)
    return train.phase is Phase.FAILED or not silent or (not train.begun and silent[0].same(train.driver))


def _turn(queue: Queue) -> tuple[int, str | None, Phase, bool, int] | None:
    """What the head waits for; when that becomes another, the waiting begins anew."""
    head = _waits(queue)
    return None if head is None else (head.number, head.stage, head.phase, _for_driver(head), len(head.riders))


def _next_asking(queue: Queue, patience: Patience) -> datetime | None:
    """When somebody is to be asked, or overtaken."""
    head = _waits(queue)
    if head is None or head.idle_since is None or not patience.ask_after:
        return None
    if head.asked_at is not None and _for_driver(head):
        over = head.asked_at + timedelta(seconds=patience.grace)
        return over if not head.begun and _ready(queue, head) is not None else None
    if _for_driver(head) or any(person.key not in head.asked for person in _silent(head)):
        return head.idle_since + timedelta(seconds=patience.ask_after)
    return None


def _asked(queue: Queue, facts: Facts) -> Decision:
    """Ask whom the head waits for, if that has been long enough and nothing else keeps it."""
    head = _waits(queue)
    due = _next_asking(queue, facts.patience)
    if head is None or due is None or due > facts.now or _kept_until(head, facts) is not None:
        return Decision(queue)
    if not _for_driver(head):
        riders = tuple(person for person in _silent(head) if person.key not in head.asked)
        after = replace(head, asked=(*head.asked, *(person.key for person in riders)))
        return Decision(queue.with_train(after), (RidersAsked(after, riders),))
    if head.asked_at is not None:
        return Decision(queue)
    after = replace(head, asked_at=facts.now)
    grace = 0.0 if head.begun else facts.patience.grace
    return Decision(queue.with_train(after), (DriverAsked(after, grace),))


def _kept_until(head: Train, facts: Facts) -> datetime | None:
    """Until when something else than people keeps the head from its next stage, as far as is known."""
    stage = next_stage(head, facts)
    if stage is None:
        return None
    if stage in facts.busy:
        return facts.now
    if head.override is not None:
        return None
    why = shut(stage, facts) or locked(stage, facts, head)
    return None if why is None else max(why.until or facts.now + LATER, facts.now)


def watched(before: Queue, decision: Decision, facts: Facts, *, spoke: bool) -> Decision:
    """`decision` with since when its head waits, and with a train that is ready put before one whose driver is away.

    `spoke` is whether `facts.by` said something, whatever it was.
    """
    queue = decision.queue
    if not facts.patience.ask_after:
        return decision
    for train in queue.trains[1:]:
        asked_at = None if spoke and train.driver.same(facts.by) else train.asked_at
        if train.idle_since is not None or asked_at is not train.asked_at:
            queue = queue.with_train(replace(train, idle_since=None, asked_at=asked_at, asked=()))
    head = queue.head
    if head is not None:
        fresh = _watched(before, queue, head, facts, spoke=spoke)
        queue = queue.with_train(fresh) if fresh is not head else queue
    overtaken = _overtaken(queue, facts)
    return replace(overtaken, events=(*decision.events, *overtaken.events))


def _watched(before: Queue, queue: Queue, head: Train, facts: Facts, *, spoke: bool) -> Train:
    was, turn = before.train(head.number), _turn(queue)
    since, asked_at, asked, now = head.idle_since, head.asked_at, head.asked, facts.now
    kept = _kept_until(head, facts)
    heard = spoke and _for_driver(head) and head.driver.same(facts.by)
    if turn is None:
        since = asked_at = None
    elif kept is not None:
        since, asked_at = kept, None
    elif since is None or since > now or turn != _turn(before) or heard:
        since, asked_at = now, None
    elif asked_at is not None:
        asked_at = min(asked_at, now)
    if was is None or (was.stage, was.run) != (head.stage, head.run):
        asked = ()
    if (since, asked_at, asked) == (head.idle_since, head.asked_at, head.asked):
        return head
    return replace(head, idle_since=since, asked_at=asked_at, asked=asked)


def _ready(queue: Queue, head: Train) -> Train | None:
    """The first train behind the head, and before any hold there, of which everyone says that it can go."""
    behind = queue.items[queue.position(head) + 1 :]
    trains = (item for item in takewhile(lambda item: isinstance(item, Train), behind) if isinstance(item, Train))
    return next((one for one in trains if one.everyone_good and not _stays(one)), None)


def _stays(train: Train) -> bool:
    """Whether it passes nobody: it only holds a place, or was passed itself and its driver not heard of since."""
    return train.asked_at is not None or any(rider.ticket is Ticket.HOLD for rider in train.riders)


def _overtaken(queue: Queue, facts: Facts) -> Decision:
    """Another train goes first when the head's driver was asked, did not answer, and one is ready."""
    head = _waits(queue)
    if head is None or head.begun or head.asked_at is None or not _for_driver(head):
        return Decision(queue)
    ready = _ready(queue, head)
    if ready is None or facts.now < head.asked_at + timedelta(seconds=facts.patience.grace):
        return Decision(queue)
    sleeper = replace(head, idle_since=None, asked=())
    first = replace(ready, idle_since=facts.now)
    items = list[Item]()
    for item in queue.items:
        if item is head:
            items += [first, sleeper]
        elif item is not ready:
            items.append(item)
    after = replace(queue, items=tuple(items))
    return Decision(after, (Overtaken(first, sleeper), HeadChanged(first, held=False)))
