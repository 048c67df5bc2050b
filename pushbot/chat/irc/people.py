"""Who is behind a nick, as far as the server vouches for it.

What that takes is the network's `identity`. With `account` it is the account that somebody is logged in to (IRCv3
account-tag, account-notify, extended-join, WHOX, WHOIS 330), or the certificate that they connected with (WHOIS
276); with `hostmask` their `user@host`; with `nick` the nick alone. Whoever has none of it is a nick
that nobody vouches for: a person without `proof`.

What is remembered here is of those who are in our rooms: of others no nick change or goodbye would be seen.
A seat stays with the key that it was taken under; only one that was named by nick alone passes on, to the account
of that name.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, assert_never

from pushbot.chat.irc.options import Identity
from pushbot.chat.irc.wire import plain
from pushbot.ports import Renamed
from pushbot.queue.model import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from pushbot.chat.irc.wire import Message, Source

MOST = 10_000
"""Nicks remembered at once; of the oldest the server is asked anew."""

FRESH = 60.0
"""Seconds for which an answer counts where the server does not tell of logins by itself (account-notify)."""

NICK_PROOF = "nick, which is trusted on this network"

_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
_BROKEN = "\ufffd"
_NO_ACCOUNT = frozenset({"", "*", "0"})


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server says of somebody: their account, and the fingerprint of their certificate; "" for none."""

    account: str = ""
    certificate: str = ""


@dataclass(slots=True)
class Presence:
    """Somebody in our rooms, whatever they are called, from when they came to when they are gone.

    `standing` is None until the server has told it; `told_at` is when it did.
    """

    rooms: set[str] = field(default_factory=set)
    mask: str = ""
    standing: Standing | None = None
    told_at: float = 0.0

    def told(self, standing: Standing) -> None:
        """The server said it now."""
        self.standing, self.told_at = standing, time.monotonic()

    def seen(self, mask: str) -> None:
        """They were shown with that user@host. Where it was another, what was known of them counts no more."""
        if self.mask and mask != self.mask:
            self.standing = None
        self.mask = mask


def sound(text: str) -> bool:
    """Whether `text` is one word and whole: what was lost in it (half characters) could make two people one."""
    return bool(text) and text.isprintable() and " " not in text and _BROKEN not in text


class People:
    """Those in our rooms, by nick, and under which nick each identity was last told of."""

    def __init__(self, chat: str, fold: Callable[[str], str], identity: Identity) -> None:
        self._chat = chat
        self._fold = fold
        self._identity = identity
        self._caps: AbstractSet[str] = frozenset()
        self._here: dict[str, Presence] = {}
        self._called: dict[str, str] = {}

    def begin(self, caps: AbstractSet[str]) -> None:
        """A connection begins, on which `caps` will be the capabilities in force: nothing is known of anybody."""
        self._caps = caps
        self._here.clear()
        self._called.clear()

    # --- who is where ---

    def here(self, nick: str) -> bool:
        """Whether they are in one of our rooms."""
        return self._fold(nick) in self._here

    def came(self, room: str, source: Source, account: str) -> None:
        """Somebody joined; `account` counts with the capability extended-join."""
        here = self._here.get(self._fold(source.nick))
        if here is not None and here.mask not in ("", source.mask):
            self.left(source.nick)  # whoever that was is gone
        here = self._enter(room, source.nick)
        here.seen(source.mask)
        if "extended-join" in self._caps:
            here.told(Standing(account))

    def listed(self, room: str, nicks: Iterable[str]) -> None:
        """The server lists who is in a room."""
        for nick in nicks:
            self._enter(room, nick)

    def described(self, nick: str, *, mask: str = "", account: str | None = None) -> None:
        """An answer to WHO: the user@host, or the account, of somebody in our rooms."""
        here = self._here.get(self._fold(nick))
        if here is not None and mask:
            here.seen(mask)
        if here is not None and account is not None:
            here.told(Standing(account))

    def parted(self, room: str, nick: str) -> None:
        """Somebody is no longer in a room, and so perhaps in none."""
        here = self._here.get(self._fold(nick))
        if here is not None:
            here.rooms.discard(room)
            if not here.rooms:
                self.left(nick)

    def emptied(self, room: str) -> None:
        """We are no longer in a room."""
        for nick in [nick for nick, here in self._here.items() if room in here.rooms]:
            self.parted(room, nick)

    def left(self, nick: str) -> None:
        """They are out of sight; the next one of that name may be somebody else."""
        self._here.pop(self._fold(nick), None)

    def _enter(self, room: str, nick: str) -> Presence:
        if not sound(nick):
            return Presence()  # of no use later: another nick may read like it
        here = self._here.setdefault(self._fold(nick), Presence())
        here.rooms.add(room)
        _bound(self._here)
        return here

    # --- what the server vouches for ---

    def account_told(self, nick: str, account: str) -> Sequence[Renamed]:
        """Somebody in our rooms has logged in, or out ("" or `*`); what the bot is to be told of it."""
        here = self._here.get(self._fold(nick))
        if here is None:
            return ()
        here.told(Standing(account))
        return self.introduced(self.person(nick))

    def speaker(self, message: Message) -> Person | None:
        """Who says this, or None when only the server knows and has to be asked.

        With the capability account-tag each message tells the account, and having no such tag means none.
        """
        nick, mask = message.source.nick, message.source.mask
        here = self._here.get(self._fold(nick))
        if not mask:
            return self.stranger(nick)
        if here is not None:
            here.seen(mask)
        if self._identity is not Identity.ACCOUNT:
            return self._vouched(nick, mask, Standing())
        if "account-tag" in self._caps:
            standing = Standing(message.tags.get("account", ""))
            if here is not None:
                here.told(standing)
            return self._vouched(nick, mask, standing)
        if here is None or here.standing is None:
            return None
        if "account-notify" not in self._caps and time.monotonic() - here.told_at >= FRESH:
            return None
        return self._vouched(nick, mask, here.standing)

    def answered(self, nick: str, mask: str, standing: Standing) -> Person:
        """Who that is by an answer to WHOIS for `nick`, which showed that user@host."""
        here = self._here.get(self._fold(nick))
        if here is not None and here.mask in ("", mask):
            here.told(standing)
        return self._vouched(nick, mask, standing)

    def stranger(self, nick: str) -> Person:
        """Somebody of that nick for whom nobody vouches."""
        return Person(self._chat, f"nick:{self._fold(nick)}", plain(nick))

    def person(self, name: str) -> Person:
        """Who goes by that nick now, as far as that is known."""
        here = self._here.get(self._fold(name), Presence())
        return self._vouched(name, here.mask, here.standing or Standing())

    def _vouched(self, nick: str, mask: str, standing: Standing) -> Person:
        key = proof = ""
        match self._identity:
            case Identity.NICK:
                key, proof = f"nick:{self._fold(nick)}", NICK_PROOF if sound(nick) else ""
            case Identity.HOSTMASK:
                if sound(mask):
                    key, proof = f"mask:{mask.translate(_SMALL)}", f"user@host {mask}"
            case Identity.ACCOUNT:
                if standing.account not in _NO_ACCOUNT and sound(standing.account):
                    key, proof = f"account:{standing.account.translate(_SMALL)}", f"account {standing.account}"
                elif standing.certificate:
                    key, proof = f"cert:{standing.certificate}", f"certificate {standing.certificate}"
            case _:
                assert_never(self._identity)
        return Person(self._chat, key, plain(nick), proof) if key else self.stranger(nick)

    # --- what they are called ---

    def introduced(self, person: Person) -> Sequence[Renamed]:
        """What is to be told before somebody is heard who was not heard yet, or was called otherwise.

        A seat that others kept for a nick is for the account of that name. And the name on their seats is
        the nick that they have now, unless they are here under the other one too.
        """
        if not person.trusted or self._identity is Identity.NICK:
            return ()
        before = self._called.get(person.key)
        if before is not None and (before == person.name or self.person(before).same(person)):
            return ()
        self._called[person.key] = person.name
        _bound(self._called)
        told = [Renamed(self._chat, replace(person, name=before or person.name), person)]
        kind, _, name = person.key.partition(":")
        if before is None and kind == "account":
            told.insert(0, Renamed(self._chat, self.stranger(name), person))
        return told

    def renamed(self, old: str, new: str) -> Sequence[Renamed]:
        """`old` is now called `new`; what the bot is to be told of it."""
        before, here = self.person(old), self._here.pop(self._fold(old), None)
        if here is None or not sound(new):
            self.left(new)
        else:
            self._here[self._fold(new)] = here
            if "account-notify" not in self._caps:
                here.told_at = float("-inf")  # a new nick may cost the login, and nobody would tell
        after = self.person(new)
        if self._identity is Identity.NICK:
            return (Renamed(self._chat, before, after),)
        return self.introduced(after)


def _bound(known: dict[str, Presence] | dict[str, str]) -> None:
    """Forget the oldest when there are too many."""
    if len(known) > MOST:
        del known[next(iter(known))]
