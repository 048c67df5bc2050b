"""What happens in a step: somebody does what their push takes, or anything else that people do; or `machines`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.queue.grammar import parse_message
from pushbot.queue.model import Hold, Mark, Phase, Queue, Train
from pushbot.queue.topic import split_lanes
from pushbot.service.journal.entries import bounded
from tests.soak import talk
from tests.soak.machines import Machines

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.service.spec import LaneSpec
    from tests.soak.crowd import Somebody
    from tests.soak.world import World

WARROOM = "#warroom"


@dataclass(frozen=True, slots=True)
class Said:
    """A line that somebody said, as the journal may have it, and how many outcomes it should have there."""

    texts: frozenset[str]
    outcomes: int


@dataclass(slots=True)
class Acts:
    """All that can be done to a world; each does it now, and says nothing of what comes of it."""

    world: World
    machines: Machines = field(init=False)
    said: list[Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machines = Machines(self.world)

    # --- speaking ----------------------------------------------------------------------------------

    def say(self, one: Somebody, text: str, room: str | None) -> None:
        """Somebody says a line, in a room or to the bot alone."""
        heard = " ".join(text.split("\0"))
        self.world.note(f"{one.nick} ({'in' if self.world.crowd.logged_in(one) else 'out'}) {room}: {heard[:80]!r}")
        called = text.startswith(("pushbot:", "pushbot,"))
        whole = text[len("pushbot:") :].strip() if called else text
        lane, _, rest = whole.partition(": ")
        words = rest if lane in self.world.ledger.lanes else whole
        requests = parse_message(words, addressed=called or room is None)
        self.said.append(Said(frozenset({bounded(whole), bounded(words)}), len(requests)))
        self.world.play.server.say(one.nick, text, room)

    def wake(self, one: Somebody) -> None:
        """Have somebody there and logged in."""
        if not one.online:
            self.world.crowd.come(one)
        if not self.world.crowd.logged_in(one):
            self.world.crowd.log(one, into=True)

    def queue(self, lane: LaneSpec) -> Queue:
        """The lane as it is on record."""
        return self.world.ledger.queues.get(lane.name, Queue())

    def somebody(self) -> Somebody:
        """Anybody who is there."""
        return self.world.dice.choice(self.world.crowd.online)

    def lane(self) -> LaneSpec:
        """Any lane."""
        return self.world.dice.choice(self.world.play.lanes)

    # --- a push ------------------------------------------------------------------------------------

    def board(self) -> None:
        """Somebody wants to push."""
        lane = self.world.dice.choices(self.world.play.lanes, (6, 3, 2))[0]
        text = ".join config" if lane.config else self.world.dice.choice((".join", ".join", ".join last"))
        where = f"{lane.name}: {text}" if lane.name == "web" else text
        self.say(self.somebody(), where, lane.rooms[0].name)

    def press_on(self) -> None:
        """Whoever is waited for at the head of a lane does what is to be done."""
        lanes = [lane for lane in self.world.play.lanes if self.queue(lane).head is not None]
        if not lanes:
            self.board()
            return
        lane = self.world.dice.choice(lanes)
        queue, head = self.queue(lane), self.queue(lane).head
        if head is None or head.running:
            self.machines.runs_go_on()
            return
        who, text = self._next(lane, queue, head)
        if who is None:
            who, text = self.world.dice.choice(self.world.crowd.operators), f".kick {head.driver.name}"
        self.wake(who)
        self.say(who, f"{lane.name}: {text}", lane.rooms[0].name)

    def _next(self, lane: LaneSpec, queue: Queue, head: Train) -> tuple[Somebody | None, str]:
        """Who has to say what for the head to go on."""
        dice, crowd = self.world.dice, self.world.crowd
        driver, operator = crowd.of(head.driver), dice.choice(crowd.operators)
        silent = [crowd.of(rider.person) for rider in head.riders if rider.mark is not Mark.GOOD]
        after = [stage.name for stage in lane.stages]
        following = after.index(head.stage) + 1 if head.stage in after else 0
        stage = lane.stages[min(following, len(after) - 1)]
        first = queue.items[0]
        if isinstance(first, Hold) and dice.random() < 0.4:
            return operator, ".unhold" if first.cause is None else ".resolved"
        if head.phase is Phase.FAILED:
            return driver, dice.choice((".retry", ".retry failed", ".go", ".abort", ".nevermind", ".rollback"))
        if silent and dice.random() < 0.8:
            return dice.choice(silent), ".good"
        if following == len(after):
            return driver, dice.choice((".done", ".go"))
        if stage.second is not None and head.second is None and dice.random() < 0.8:
            others = [one for one in crowd.online if crowd.logged_in(one) and one is not driver]
            return dice.choice(others), ".join with " + head.driver.name if dice.random() < 0.1 else ".second"
        if dice.random() < 0.1:
            return dice.choice((operator, driver)), dice.choice((".confirm", '.override "now or never"', ".done"))
        return driver, ".go"

    # --- people ------------------------------------------------------------------------------------

    def chatter(self) -> None:
        """Anybody says anything."""
        lane, one, dice = self.lane(), self.somebody(), self.world.dice
        text = talk.line(dice, talk.ANYBODY, lane, self.queue(lane), self.world.crowd.online)
        self.say(one, text, dice.choice((lane.rooms[0].name,) * 6 + (None, WARROOM)))

    def rider_speaks(self) -> None:
        """Somebody who is aboard says anything."""
        lane, dice = self.lane(), self.world.dice
        riders = [self.world.crowd.of(rider.person) for train in self.queue(lane).trains for rider in train.riders]
        there = [one for one in riders if one is not None and one.online]
        if there:
            text = talk.line(dice, talk.ANYBODY, lane, self.queue(lane), self.world.crowd.online)
            self.say(dice.choice(there), text, lane.rooms[0].name)

    def operator_speaks(self) -> None:
        """An operator does what others may not."""
        lane, dice = self.lane(), self.world.dice
        one = dice.choice(self.world.crowd.operators)
        if one.online:
            text = talk.line(dice, talk.OPERATORS, lane, self.queue(lane), self.world.crowd.online)
            self.say(one, text, lane.rooms[0].name)

    def keep(self) -> None:
        """Somebody who is not aboard stops the lane, or keeps the stage that its head goes to next."""
        lane, dice = self.lane(), self.world.dice
        head, stages = self.queue(lane).head, [stage.name for stage in lane.stages]
        if head is not None:
            after = stages.index(head.stage) + 1 if head.stage in stages else 0
            stage = stages[min(after, len(stages) - 1)]
            texts = (".hold 5m", ".hold 25m", f".lock {stage} 5m", f'.lock {stage} 25m "mine"', f".lock {stage} 1h")
            self.say(self.somebody(), f"{lane.name}: {dice.choice(texts)}", lane.rooms[0].name)

    def edit(self) -> None:
        """Somebody writes the topic by hand."""
        server, dice, lane, one = self.world.play.server, self.world.dice, self.lane(), self.somebody()
        room, how = lane.rooms[0].name, dice.choice(talk.EDITS)
        names = [each.name for each in self.world.play.lanes if lane.rooms[0] in each.rooms]
        parts = split_lanes(server.topic(room), names)
        bodies = dict(parts) if isinstance(parts, tuple | list) else {lane.name: server.topic(room)}
        bodies[lane.name] = talk.edited(dice, how, bodies.get(lane.name, ""), self.queue(lane), one.nick)
        text = " || ".join(f"{name}: {body}" for name, body in bodies.items()) if len(names) > 1 else bodies[lane.name]
        self.world.note(f"{one.nick} edits {room} ({how}): {text[:150]!r}")
        server.write_topic(one.nick, room, text)

    def rename(self) -> None:
        """Somebody takes another nick, or their own again."""
        one = self.somebody()
        self.world.note(f"{one.nick} takes another nick")
        self.world.crowd.rename(one, one.name if one.nick != one.name else f"{one.name}|away")

    def come_or_go(self) -> None:
        """Somebody comes or leaves."""
        crowd, one = self.world.crowd, self.world.dice.choice(self.world.crowd.people)
        self.world.note(f"{one.name} {'leaves' if one.online else 'comes'}")
        if one.online:
            crowd.go(one)
        else:
            crowd.come(one, logged_in=self.world.dice.random() < 0.8)

    def log_in_or_out(self) -> None:
        """Somebody logs in who is not, or out."""
        seats = [rider.person for train in self.queue(self.lane()).trains for rider in train.riders]
        riders = [one for one in map(self.world.crowd.of, seats) if one is not None and one.online]
        one = self.world.dice.choice([*riders, self.somebody()])
        if one.account is not None:
            into = not self.world.crowd.logged_in(one) or self.world.dice.random() < 0.5
            self.world.note(f"{one.nick} logs {'in' if into else 'out'}")
            self.world.crowd.log(one, into=into)

    def steal(self) -> None:
        """Somebody takes the nick of a rider who is not there, and speaks as if they were that rider."""
        crowd, dice, lane = self.world.crowd, self.world.dice, self.lane()
        seats = [rider.person for train in self.queue(lane).trains for rider in train.riders]
        gone = [one for one in map(crowd.of, seats) if one is not None]
        if not gone:
            return
        victim, thief = dice.choice(gone), dice.choice([*crowd.guests, self.somebody()])
        if victim.online:
            crowd.go(victim)
        if not thief.online:
            crowd.come(thief)
        if crowd.rename(thief, victim.name):
            self.world.note(f"{thief.name} takes the nick of {victim.name}")
            texts = (".nevermind", ".pop", ".good", ".uhoh", ".drive", ".go", ".done", ".unlock {stage}", ".quiet")
            text = talk.line(dice, texts, lane, self.queue(lane), crowd.online)
            self.say(thief, text, lane.rooms[0].name)

    def burst(self) -> None:
        """Several things at the same moment."""
        people = (self.board, self.press_on, self.chatter, self.rider_speaks, self.operator_speaks)
        several = (*people, self.machines.runs_go_on)
        for act in self.world.dice.choices(several, k=self.world.dice.randint(1, 6)):
            act()

    def all(self) -> dict[str, tuple[int, Callable[[], None]]]:
        """Everything that may happen in a step, and how often."""
        return {
            "board": (6, self.board),
            "press on": (70, self.press_on),
            "runs go on": (30, self.machines.runs_go_on),
            "chatter": (16, self.chatter),
            "rider speaks": (10, self.rider_speaks),
            "operator speaks": (3, self.operator_speaks),
            "keep": (3, self.keep),
            "burst": (4, self.burst),
            "edit": (3, self.edit),
            "rename": (3, self.rename),
            "come or go": (8, self.come_or_go),
            "log in or out": (3, self.log_in_or_out),
            "steal": (2, self.steal),
            "commit": (3, self.machines.commit),
            "build": (3, self.machines.build),
            "check": (2, self.machines.check),
            "trouble": (2, self.machines.trouble),
            "wire": (2, self.machines.wire),
        }
