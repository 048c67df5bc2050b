"""Etsy's day: 150 engineers and 60 pushes through one lane, all in one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import PushState

if TYPE_CHECKING:
    from pushbot.testing.playground import Playground

PUSH = "#push"
PEOPLE, TRAINS = 150, 60


async def test_sixty_pushes_of_a_hundred_and_fifty_people(play: Playground) -> None:
    await play.start()
    for number in range(PEOPLE):
        company = f" with p{number - number % 3}" if number % 3 else " last"
        play.server.say(f"p{number}", f".join{company}", PUSH)
    for number in range(TRAINS - PEOPLE // 3):
        play.server.say(f"p{number}", ".join last", PUSH)
    await play.settle()
    driven = 0
    while (topic := play.server.topic(PUSH)) != "clear":
        queue = (await play.store.remember("web")).queue
        assert queue is not None
        assert queue.head is not None, topic
        names = [rider.person.name for rider in queue.head.riders]
        for _ in ("princess", "production"):
            for name in (*names[1:], names[0]):
                play.server.say(name, ".go" if name == names[0] else ".good", PUSH)
            await play.settle()
            play.executor.succeed(play.executor.under_way[0])
            await play.pass_time(60)
        play.server.say(names[0], ".done", PUSH)
        await play.settle()
        driven += 1
    pushes = await play.store.pushes("web", limit=100)
    assert driven == len(pushes) == TRAINS
    assert {push.state for push in pushes} == {PushState.DONE}
    assert {name for push in pushes for name in push.riders} == {f"p{number}" for number in range(PEOPLE)}
    assert {push.stages for push in pushes} == {("princess", "production")}
