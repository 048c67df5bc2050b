"""What is put into a lane's mailbox, or the house's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.ports import Delivery
    from pushbot.queue.commands import BotCommand, Command, Question, Report
    from pushbot.queue.model import Person


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an answer goes: a room or a person's name in a chat."""

    chat: str
    to: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Something for a lane to do, or, if it is a BotCommand, for the house: `text` is how it was put, for the journal.

    Reports have no origin.
    `deliveries` are what a webhook brought it by, recorded with it.
    """

    what: Command | Report | Question | BotCommand
    by: Person
    text: str
    origin: Origin | None = None
    deliveries: tuple[Delivery, ...] = ()
