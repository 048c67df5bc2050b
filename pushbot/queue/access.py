"""Who may do what, as a value: verbs, the roles that may use them, and the one question that every gate asks.

A verb is the name of a command as `.help` lists it, and three more: `hotfix` (`.join hotfix`), `unlock!` (somebody
else's lock) and `stage` (a deploy aside from the line to one of its stages: `pushbot stage`, `.deploy`). `deploy` is to
a stage that a template makes; there a rollback takes it, too. For what is one's own it takes no role: one's own hold,
getting off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pushbot.queue import commands as c
from pushbot.queue.called import called
from pushbot.queue.model import Phase
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.holding import standing
from pushbot.queue.templates import makes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pushbot.queue.model import Hold, Person, Queue, Train

    Asked = c.Command | c.Question | c.BotCommand | c.Report
    Roles = frozenset[str]
    Access = Mapping[str, Roles]

BOT: Final = "bot:pushbot"
"""The key of the bot itself."""


class Role(StrEnum):
    """The roles that nobody has to set up. `rider` and `driver` are those of the first train at that moment."""

    GUEST = "guest"
    ANYONE = "anyone"
    RIDER = "rider"
    DRIVER = "driver"
    OPERATOR = "operator"


_GUEST = frozenset({Role.GUEST.value})
_ANYONE = frozenset({Role.ANYONE.value})
_RIDER = frozenset({Role.RIDER.value})
_IN_CHARGE = frozenset({Role.RIDER.value, Role.OPERATOR.value})
_AT_THE_WHEEL = frozenset({Role.DRIVER.value, Role.OPERATOR.value})
_OPERATOR = frozenset({Role.OPERATOR.value})


def _each(roles: Roles, verbs: str) -> dict[str, Roles]:
    return dict.fromkeys(verbs.split(), roles)


DEFAULTS: Final[Access] = {
    **_each(_GUEST, "status eta blame changes versions history locks capacity oncall help whoami"),
    **_each(_ANYONE, "log try join hotfix good uhoh drive nevermind pop hold lock unlock quiet message"),
    **_each(_ANYONE, "incident note notify deploy"),
    **_each(_RIDER, "go done retry second confirm"),
    **_each(_IN_CHARGE, "rollback abort kick unhold unlock!"),
    **_each(_AT_THE_WHEEL, "at"),
    **_each(_OPERATOR, "override say reload resolved stage"),
}
"""Who may use a verb where the configuration says nothing; there is a line here for every verb."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The roles that may use each verb."""

    roles: Access = field(default_factory=lambda: DEFAULTS)

    def but(self, *others: Access) -> Policy:
        """The same, but for what `others` say; of two that speak of one verb the later one."""
        said = [other for other in others if other]
        return (
            Policy({**self.roles, **{verb: roles for other in said for verb, roles in other.items()}}) if said else self
        )

    def may(self, verb: str) -> Roles:
        """The roles that may use `verb`; for one that is not known those of nobody but operators."""
        return self.roles.get(verb, _OPERATOR)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request takes: each of `verbs`, at `stage` if it is about one; none of them for what is one's own.

    `said` is the verb that was used, empty where it was done otherwise.
    `trains` are those whose riders are meant by `rider`: the first one, or those beside the line that it would stop.
    """

    verbs: tuple[str, ...] = ()
    said: str = ""
    stage: str | None = None
    trains: tuple[Train, ...] = ()


def needs(
    what: Asked,
    queue: Queue | None,
    by: Person,
    *,
    stages: Sequence[str] = (),
    templates: Sequence[str] = (),
    fold: Callable[[str], str] = str.casefold,
    people: Callable[[str], Sequence[Person]] = lambda _: (),
) -> Needs:
    """What it takes to do `what`. Of a topic written by hand that is not known yet: see `edited.verbs_of`.

    `stages` are the lane's, in order; `templates` make others beside the line. `queue` is None for what concerns no
    lane.
    """
    verb = _verb(what)
    if queue is None or verb is None:
        return Needs((verb,) if verb else (), verb or "")
    head = (queue.head,) if queue.head is not None else ()
    named = what.stage if isinstance(what, c.Deploy | c.Rollback | c.Abort) else None
    beside = named if named is not None and named not in stages and makes(templates, named) else None
    trains = _stopped(queue, what.run, beside) if isinstance(what, c.Abort) else head
    verbs: tuple[str, ...] = (verb,)
    if isinstance(what, c.Kick):
        seats = called(queue, what.name, fold, people)
        verbs = () if isinstance(seats, Refusal) or all(seat.same(by) for seat in seats) else verbs
    elif _needs_none(what, queue, trains, by):
        verbs = ()
    elif isinstance(what, c.Deploy) and named in stages:
        verbs = ("stage",)
    elif isinstance(what, c.Rollback) and beside is not None:
        verbs, trains = ("deploy",), ()
    elif isinstance(what, c.PutHold) and any(one.cause is None and not _of(one, by) for one in standing(queue)):
        verbs = ("hold", "unhold")  # it takes the place of somebody else's
    return Needs(verbs, verb, _stage(what, trains, stages), trains)


def _needs_none(what: Asked, queue: Queue, trains: Sequence[Train], by: Person) -> bool:
    """Whether it is one's own, or there is nothing that could be touched: of that the rules have more to say."""
    head = queue.head
    match what:
        case c.Go():
            return head is None or not head.driver.same(by)  # of others it is a word on their own change
        case c.Retry():
            return head is None or head.seat(by) is None
        case c.Done() | c.Second() | c.Confirm() | c.At():
            return head is None
        case c.Abort():
            return not trains
        case c.PutHold(cause=str()) | c.Unhold(cause=str()):
            return True  # asked by the bot, for somebody who was looked at when they asked about the cause
        case c.Unhold():
            return queue.hold is None or _own(queue, by)
        case _:
            return False


def _stage(what: Asked, trains: Sequence[Train], stages: Sequence[str]) -> str | None:
    """The stage that `what` is about."""
    now = trains[0].stage if trains else None
    match what:
        case c.At(stage) | c.LockStage(stage) | c.Deploy(stage):
            return str(stage)
        case c.Unlock(stage):
            return stage or None
        case c.Rollback(stage):
            return stage or now or next(reversed(stages), None)
        case c.Go() | c.Second() | c.Confirm() | c.Override():
            return _next(trains[0], stages) if trains else None
        case c.Done() | c.Retry() | c.Abort():
            return now
        case _:
            return None


def _own(queue: Queue, by: Person) -> bool:
    """Whether the hold that stands is `by`'s own."""
    return queue.hold is not None and _of(queue.hold, by)


def _of(hold: Hold, by: Person) -> bool:
    return hold.by is not None and hold.by.same(by)


def _next(head: Train, stages: Sequence[str]) -> str | None:
    """The stage that the head's next start is for; at the end of its way the last one."""
    if head.stage is None:
        return next(iter(stages), None)
    if head.phase is Phase.FAILED or head.stage not in stages:
        return head.stage
    return next(iter(stages[stages.index(head.stage) + 1 :]), head.stage)


def _stopped(queue: Queue, run: int | None, beside: str | None) -> tuple[Train, ...]:
    """The trains that an `.abort` is about; see the rules."""
    running = [train for train in (*queue.trains, *queue.aside) if train.running]
    if beside is not None:
        return tuple(train for train in running if train.stage == beside)
    if run is not None:
        return tuple(train for train in running if train.run == run)
    if running:
        return tuple(running if running[0].aside else running[:1])
    return (queue.head,) if queue.head is not None and queue.head.phase is Phase.FAILED else ()


_CALLED: Final[Mapping[type[object], str]] = {
    c.PutHold: "hold",
    c.LockStage: "lock",
    c.SetMessage: "message",
    c.OpenIncident: "incident",
    c.SetNotify: "notify",
}
"""The verbs of commands whose type is called otherwise."""


def _verb(what: Asked) -> str | None:
    """The verb of a command; None for what takes no role: reports, and topics, which are looked at afterwards."""
    if isinstance(what, c.Report | c.EditTopic):
        return None
    if isinstance(what, c.Join) and what.hotfix:
        return "hotfix"
    if isinstance(what, c.Unlock) and what.force:
        return "unlock!"
    if isinstance(what, c.OpenIncident) and what.title is None:
        return "status"
    return _CALLED.get(type(what)) or type(what).__name__.lower()


def roles_of(by: Person, own: Roles, trains: Sequence[Train]) -> Roles:
    """The roles that `by` has towards `trains`; `own` are those that the configuration gives. Unproven: a guest."""
    if not by.trusted and by.key != BOT:
        return _GUEST
    aboard = bool(trains) and all(train.seat(by) is not None for train in trains)
    drives = aboard and all(train.driver.same(by) for train in trains)
    found = {Role.RIDER.value: aboard, Role.DRIVER.value: drives}
    return _GUEST | _ANYONE | own | {role for role, true in found.items() if true}


def permitted(policy: Policy, what: Needs, by: Person, own: Roles) -> Refusal | None:
    """Why `by`, to whom the configuration gives the roles `own`, may not do what takes `what`; None if they may."""
    roles = roles_of(by, own, what.trains)
    if not what.verbs and roles == _GUEST:
        return Refusal(Code.NOT_IDENTIFIED, subject=by.key)
    for verb in what.verbs:
        may = policy.may(verb)
        if may & roles:
            continue
        if roles == _GUEST:
            return Refusal(Code.NOT_IDENTIFIED, subject=by.key)
        fix = ".join" if Role.RIDER in may and not what.trains and verb != "stage" else None
        about = f".{verb} is" if verb == what.said else f"that takes .{verb}, which is"
        about = f"a deploy aside from the line to {what.stage} is" if verb == "stage" else about
        return Refusal(Code.NOT_PERMITTED, subject=f"{about} for {who_may(may, what.trains)}", fix=fix)
    return None


def who_may(roles: Roles, trains: Sequence[Train] = ()) -> str:
    """Those who have one of `roles`, in words: `riders of the first train (alice, bob) and operators`."""
    riders = ", ".join(dict.fromkeys(rider.person.name for train in trains for rider in train.riders))
    drivers = ", ".join(dict.fromkeys(train.driver.name for train in trains))
    aside = bool(trains) and all(train.aside for train in trains)
    words = {
        Role.GUEST.value: "everybody",
        Role.ANYONE.value: "everybody who is logged in",
        Role.RIDER.value: ("who started it" if aside else "riders of the first train")
        + (f" ({riders})" if riders else ""),
        Role.DRIVER.value: "the driver of the first train" + (f" ({drivers})" if drivers else ""),
        Role.OPERATOR.value: "operators",
    }
    known = [words[role] for role in words if role in roles]
    named = [*known, *(f"the role {role}" for role in sorted(roles - set(words)))]
    return " and ".join(filter(None, (", ".join(named[:-1]), *named[-1:]))) or "nobody"
