"""What is put into a lane's mailbox, or the house's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.ports import Manner

if TYPE_CHECKING:
    from asyncio import Future

    from pushbot.ports import Delivery
    from pushbot.queue.commands import BotCommand, Command, Question, Report
    from pushbot.queue.model import Person


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an answer goes: a room of a chat, or a person's address there; the place in that room, and for whom."""

    chat: str
    to: str
    private: bool = False
    spot: str = ""
    whom: str = ""

    def manner(self, *, alone: bool = False) -> Manner:
        """How an answer is meant that is for who asked; with `alone` for nobody else."""
        return Manner(whom=self.whom, alone=alone, spot=self.spot)


@dataclass(frozen=True, slots=True)
class Ask:
    """Something for a lane to do, or, if it is a BotCommand, for the house: `text` is how it was put, for the journal.

    Reports have no origin.
    `deliveries` are what a webhook or a letter brought it by, recorded with it. `seen` is the mark of the board whose
    button it was. `receipt` is fulfilled when all that comes of it is on record, or cannot be recorded.
    """

    what: Command | Report | Question | BotCommand
    by: Person
    text: str
    origin: Origin | None = None
    deliveries: tuple[Delivery, ...] = ()
    seen: str = ""
    receipt: Future[None] | None = field(default=None, compare=False, repr=False)

    def settled(self) -> None:
        """Let whoever waits know that this is done with."""
        if self.receipt is not None and not self.receipt.done():
            self.receipt.set_result(None)
