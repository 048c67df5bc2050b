"""A hundred and fifty people, who log in and out, lose their nicks to others, and fall out of the net."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from pushbot.queue.model import Person
    from pushbot.testing.chat import ChatServer

FIRST = ("ann", "bob", "cleo", "dan", "eve", "finn", "gus", "hana", "ian", "jo", "kim", "leo", "mia", "ned", "olga")
CROWD = 150
OPERATORS = 4
GUESTS = 6
"""People without any account, whom nobody vouches for."""


@dataclass(slots=True)
class Somebody:
    """One of the people: what they are called now, and by which account they are known if they are logged in."""

    name: str
    account: str | None
    nick: str = ""
    online: bool = False

    @property
    def key(self) -> str:
        """By what the bot knows them, when they are logged in."""
        return f"account:{self.account}"


@dataclass(slots=True)
class Crowd:
    """All of them. What is said of the server is so without the bot hearing of it where a real one does not either."""

    server: ChatServer
    people: list[Somebody] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(CROWD):
            name = f"{FIRST[number % len(FIRST)]}{number // len(FIRST) or ''}"
            self.people.append(Somebody(name, None if number >= CROWD - GUESTS else name))

    @property
    def operators(self) -> list[Somebody]:
        """Those who may do more."""
        return self.people[:OPERATORS]

    @property
    def guests(self) -> list[Somebody]:
        """Those without an account."""
        return self.people[-GUESTS:]

    @property
    def online(self) -> list[Somebody]:
        """Those who are there."""
        return [one for one in self.people if one.online]

    def holder(self, nick: str) -> Somebody | None:
        """Who has that nick now."""
        return next((one for one in self.people if one.online and one.nick.casefold() == nick.casefold()), None)

    def of(self, person: Person) -> Somebody | None:
        """The one who is `person`, if they are in the crowd and logged in."""
        return next((one for one in self.people if one.account is not None and one.key == person.key), None)

    def come(self, one: Somebody, *, logged_in: bool = True) -> None:
        """Somebody connects, under their own nick or, when that is taken, one like it."""
        nick = one.name
        while self.holder(nick) is not None:
            nick += "_"
        one.nick, one.online = nick, True
        self.server._accounts[nick.casefold()] = one.account if logged_in else None

    def go(self, one: Somebody) -> None:
        """Somebody is gone: of that the bot hears nothing, and nobody vouches for the nick any more."""
        one.online = False
        self.server._accounts[one.nick.casefold()] = None

    def rename(self, one: Somebody, nick: str) -> bool:
        """Somebody takes a nick, unless another has it."""
        if not one.online or self.holder(nick) is not None:
            return False
        old, one.nick = one.nick, nick
        self.server.rename(old, nick)
        self.server._accounts.setdefault(old.casefold(), None)
        return True

    def log(self, one: Somebody, *, into: bool) -> None:
        """Somebody logs in, or out."""
        self.server.log_in(one.nick, one.account if into else None)

    def logged_in(self, one: Somebody) -> bool:
        """Whether the network vouches for them."""
        return self.server._accounts.get(one.nick.casefold()) is not None

    def split(self, dice: random.Random) -> list[Somebody]:
        """A netsplit takes half of those who are there."""
        gone = dice.sample(self.online, len(self.online) // 2)
        for one in gone:
            self.go(one)
        return gone
