"""How a day ends: everybody finishes what runs, gives the rest up, and goes home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue.model import Queue

if TYPE_CHECKING:
    from pushbot.service.spec import LaneSpec
    from tests.soak.acts import Acts

ROUNDS = 400
"""More often nobody is asked to finish."""


async def finished(acts: Acts) -> bool:
    """Whether all lanes are empty at last."""
    world = acts.world
    acts.wake(world.crowd.operators[0])
    for _ in range(ROUNDS):
        busy = [lane for lane in world.play.lanes if acts.queue(lane) != Queue() or acts.queue(lane).aside]
        if not busy:
            return True
        for run in world.play.executor.under_way:
            world.play.executor.succeed(run)
        acts.machines.due.clear()
        await world.play.settle()
        for lane in busy:
            _clear(acts, lane)
            await world.play.pass_time(10)
        await world.invariants.look(world.here, full=False, deep=True)
    return False


def _clear(acts: Acts, lane: LaneSpec) -> None:
    """An operator takes away what stands there, but for what runs."""
    queue, operator = acts.queue(lane), acts.world.crowd.operators[0]
    texts = [f'.unlock! {lock.stage} "good night"' for lock in queue.locks]
    texts += [".unhold"] if queue.hold is not None else []
    names = {rider.person.name for train in queue.trains if not train.running for rider in train.riders}
    texts += [f'.kick "{name}"' if " " in name else f".kick {name}" for name in sorted(names)]
    texts += [".message -"] if queue.message is not None else []
    for text in texts:
        acts.world.play.server.say(operator.nick, f"{lane.name}: {text}", lane.rooms[0].name)
