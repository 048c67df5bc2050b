"""What a chat that shows boards shows, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.testing.playground import Playground


async def test_a_board_is_shown_at_the_start_and_after_each_command(play: Playground) -> None:
    screen = play.display()
    await play.start()
    board = screen.boards["#push", "web"]
    assert (board.trains, [offer.label for offer in board.offers]) == ((), ["Join"])
    play.server.say("alice", ".join", "#push")
    await play.settle()
    board = screen.boards["#push", "web"]
    print(board)
    assert [train.driver.name for train in board.trains] == ["alice"]
    assert [offer.label for offer in board.offers] == ["Go for princess"]
    play.server.say("alice", ".go", "#push")
    await play.settle()
    print(screen.boards["#push", "web"])
    play.executor.succeed()
    await play.settle()
    print(screen.boards["#push", "web"])
    print(screen.pushes)
