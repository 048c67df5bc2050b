"""What outlives a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.chat.irc.features import Features
    from pushbot.chat.irc.options import IrcOptions
    from pushbot.chat.irc.outbox import Outbox
    from pushbot.chat.irc.own import Own
    from pushbot.chat.irc.people import People
    from pushbot.chat.irc.rooms import Rooms


@dataclass(frozen=True, slots=True)
class Known:
    """The config, the server's rules, ourselves, the rooms, the people, and the lines still to be said."""

    chat: str
    options: IrcOptions
    features: Features
    own: Own
    rooms: Rooms
    people: People
    outbox: Outbox
