"""What can be done next in a lane, as offers: exactly what the gate and the rules would take now, of somebody there.

Commands are tried on behalf of those whom they are for: the head's driver, its riders, anybody who is vouched for, an
operator. Nothing is decided here that is not decided again, in the same way, when somebody presses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pushbot.queue import commands as c
from pushbot.queue.events import Blocked, StageRequested
from pushbot.queue.model import Mark, Person, Phase, RunKind, Ticket
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Decision
from pushbot.service.people.directory import CONTROL
from pushbot.views import Offer, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pushbot.queue.model import Queue, Rider, Train

    Offers = tuple[Offer, ...]

Would = Callable[[c.Command, Person], Decision | Refusal]
"""What would become of a command, asked by that person now; without any effect."""
BUTTONS = 2
"""Offers that are shown at once, so that nobody has to look for theirs."""
LABEL = 30
ANYBODY = Person("", "anybody", "anybody", proof="they press it")
OPERATOR = Person(CONTROL, "operator", "an operator", proof="they press it")
JOIN = Offer("join", "Join", ".join", bound=False)


def seated(person: Person) -> Person:
    """`person` as they are when they press: a seat keeps no proof."""
    return replace(person, proof=person.proof or "they press it")


@dataclass(frozen=True, slots=True)
class Scene:
    """A lane at a moment: `stages` are its names in order, `hosts` whether what failed at the head went over hosts.

    `others` are people who may do what riders may not: operators, those who can give a second word. `one`: what is
    offered is for this person alone, see `for_one`.
    """

    queue: Queue
    stages: Sequence[str]
    would: Would
    hosts: bool = False
    others: Sequence[Person] = ()
    one: Person | None = None

    @property
    def riders(self) -> tuple[Person, ...]:
        """Everybody aboard the head, the driver first."""
        return _people(self.queue.head.riders) if self.queue.head is not None else ()

    def takes(self, what: c.Command, whom: Iterable[Person]) -> bool:
        """Whether one of them would not be refused."""
        return any(isinstance(self.would(what, person), Decision) for person in self._heard(whom))

    def starts(self, what: c.Command, whom: Iterable[Person]) -> bool:
        """Whether one of them would start a run with it."""
        by = self._heard(whom)
        return any(isinstance(event, StageRequested) for each in by for event in _events(self.would(what, each)))

    def _heard(self, whom: Iterable[Person]) -> Iterable[Person]:
        if self.one is None:
            return whom
        return (self.one,) if any(each is ANYBODY or each.same(self.one) for each in whom) else ()

    @property
    def driver(self) -> tuple[Person, ...]:
        """The head's driver, if there is one."""
        return _people(self.queue.head.riders[:1]) if self.queue.head is not None else ()

    @property
    def anybody(self) -> tuple[Person, ...]:
        """Riders first, then whoever else is there."""
        return *self.riders, ANYBODY, *self.others


def for_one(scene: Scene, person: Person) -> Scene:
    """The same lane, with what that person could do, and nobody else."""
    return replace(scene, others=(person,), one=person)


def offers(scene: Scene) -> tuple[Offers, Offers]:
    """The next steps, at most two; and what else is legal now, what is wanted most often first."""
    first = list(_next(scene))
    shown = tuple(first[:BUTTONS])
    names = {offer.command for offer in shown}
    more = [*first[BUTTONS:], *_also(scene)]
    return shown, tuple({offer.command: offer for offer in more if offer.command not in names}.values())


def _next(scene: Scene) -> list[Offer]:
    head = scene.queue.head
    if head is None:
        return [JOIN] if scene.takes(c.Join(), scene.anybody) else []
    if head.running:
        return []
    if head.phase is Phase.FAILED:
        return _after_failure(scene, head)
    return _on_the_way(scene, head)


def _after_failure(scene: Scene, head: Train) -> list[Offer]:
    found, rest = list[Offer](), list[Offer]()
    if scene.takes(c.Confirm(), scene.riders):
        found.append(Offer("confirm", "Confirm", ".confirm", Weight.PRIMARY))
    found += _second(scene)
    if head.run_kind is RunKind.ROLLBACK and head.run is not None:
        if scene.takes(c.Retry(), scene.riders):
            rest.append(Offer("retry", "Try again", ".retry", Weight.PRIMARY))
    else:
        rest = _retry_rest(scene, "Try again")
    go = [Offer("go", "Deploy it again" if rest else "Try again", ".go")] if scene.starts(c.Go(), scene.driver) else []
    if not rest:
        rest = [replace(offer, weight=Weight.PRIMARY) for offer in go] or _ready(scene, head)
    found += rest
    if scene.takes(c.Rollback(), (*scene.riders, *scene.others)) and head.run_kind is not RunKind.ROLLBACK:
        sure = f"Bring the last good release back to {head.stage}?"
        found.append(Offer("rollback", "Roll back", ".rollback", Weight.DANGER, sure))
    return [
        *found,
        *(offer for offer in go if offer.command not in {one.command for one in found}),
        *_done_here(scene, head),
    ]


def _ready(scene: Scene, head: Train) -> list[Offer]:
    """The word of those aboard who have not said that it is good."""
    silent = _people(rider for rider in head.riders if rider.mark is not Mark.GOOD)
    return [Offer("ready", "Ready", ".good", Weight.PRIMARY)] if scene.takes(c.Good(), silent) else []


def _retry_rest(scene: Scene, label: str) -> list[Offer]:
    """To go on with the hosts that are left."""
    if not (scene.hosts and scene.takes(c.Retry(failed=True), scene.riders)):
        return []
    return [Offer("retry", label, ".retry failed", Weight.PRIMARY)]


def _on_the_way(scene: Scene, head: Train) -> list[Offer]:
    found, target = list[Offer](), _target(head, scene.stages)
    if scene.starts(c.Go(), scene.driver):  # all others are good, and this is the driver's word, too
        found.append(Offer("go", _cut(f"Go for {target}"), ".go", Weight.PRIMARY))
    else:
        found = _ready(scene, head)
    found += _second(scene)
    return [*found, *_done_here(scene, head), *_retry_rest(scene, "Try what failed again")]


def _done_here(scene: Scene, head: Train) -> list[Offer]:
    """The end of the way: there is no stage after this one, or somebody holds the place until that is said."""
    over = head.phase is not Phase.FAILED and _target(head, scene.stages) is None
    if not (over or any(rider.ticket is Ticket.HOLD for rider in head.riders)):
        return []
    weight = Weight.PRIMARY if head.everyone_good else Weight.PLAIN
    return [Offer("done", "Done", ".done", weight)] if scene.takes(c.Done(), scene.riders) else []


def _second(scene: Scene) -> list[Offer]:
    """Another person's word, when that alone is missing."""
    if _refused(scene) is not Code.SECOND_NEEDED or not scene.takes(c.Second(), scene.anybody):
        return []
    return [Offer("second", "Give a second word", ".second", Weight.PRIMARY)]


def _refused(scene: Scene) -> Code | None:
    """What stands in the way of the driver's `.go`, also when it would count as their word all the same."""
    for by in scene.driver:
        result = scene.would(c.Go(), by)
        blocked = [event.by for event in _events(result) if isinstance(event, Blocked)]
        return result.code if isinstance(result, Refusal) else blocked[0].code if blocked else None
    return None


def _also(scene: Scene) -> list[Offer]:
    """What else is legal, and of use to somebody."""
    queue, found = scene.queue, list[Offer]()
    head = queue.head
    if head and scene.takes(c.Uhoh(), _people(rider for rider in head.riders if rider.mark is not Mark.BAD)):
        found.append(Offer("uhoh", "Uh-oh", ".uhoh", Weight.DANGER, bound=False))
    aside = _people(train.riders[0] for train in queue.aside)
    if scene.takes(c.Abort(), (*scene.riders, *aside, *scene.others)):
        running = any(train.running for train in (*queue.trains, *queue.aside))
        label, sure = ("Abort", "Stop what runs now?") if running else ("Give up", "Give this push up?")
        found.append(Offer("abort", label, ".abort", Weight.DANGER, sure))
    found += _release(scene)
    if head and head.begun and scene.takes(c.Done(), scene.riders):
        found.append(Offer("done", "Done", ".done", sure="Finish this push here?"))
    if scene.takes(c.Join(), (ANYBODY,)):
        found.append(JOIN)
    if scene.takes(c.Nevermind(), _people(rider for train in queue.trains for rider in train.riders)):
        found.append(Offer("leave", "Leave", ".nevermind", sure="Get off every train of this lane?", bound=False))
    return found


def _release(scene: Scene) -> list[Offer]:
    hold = scene.queue.hold
    owner = (seated(hold.by),) if hold is not None and hold.by is not None else ()
    if hold is None or not scene.takes(c.Unhold(), (*owner, *scene.anybody)):
        return []
    return [Offer("unhold", "Release the hold", ".unhold", Weight.PLAIN, "Release the lane?", bound=False)]


def _people(riders: Iterable[Rider]) -> tuple[Person, ...]:
    """Those who can press something: the bot, which rides with builds that have passed, cannot."""
    return tuple(seated(rider.person) for rider in riders if not rider.person.bot)


def _target(head: Train, stages: Sequence[str]) -> str | None:
    """The stage that the head's next start is for; None at the end of the line."""
    if head.stage is None:
        return next(iter(stages), None)
    return next(iter(stages[stages.index(head.stage) + 1 :]), None) if head.stage in stages else None


def _events(result: Decision | Refusal) -> tuple[object, ...]:
    return result.events if isinstance(result, Decision) else ()


def _cut(label: str) -> str:
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
