"""Who is behind a nick, as far as the server tells.

An account, where the server vouches for one (IRCv3 account-tag, extended-join, account-notify), is who
somebody is; else it is the nick. So that nobody loses a seat by logging in, or by having been
named by others before speaking, the first sight of an account behind a nick is told as a renaming.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import Renamed
from pushbot.queue.model import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from pushbot.chat.irc.wire import Message

MOST = 10_000
"""Nicks remembered at once; the oldest are forgotten first, which costs them one more renaming."""


class People:
    """The accounts and spellings of the nicks seen on this connection."""

    def __init__(self, chat: str, fold: Callable[[str], str]) -> None:
        self._chat = chat
        self._fold = fold
        self._accounts: dict[str, str] = {}
        self._linked: dict[str, str] = {}

    def forget_all(self) -> None:
        """A connection has ended: who comes back may have logged out."""
        self._accounts.clear()
        self._linked.clear()

    def account_told(self, nick: str, account: str | None) -> None:
        """The server said which account `nick` is logged in to, None for none."""
        folded = self._fold(nick)
        if not account:
            self._accounts.pop(folded, None)
            return
        self._accounts[folded] = account
        if len(self._accounts) > MOST:
            del self._accounts[next(iter(self._accounts))]

    def person(self, nick: str) -> Person:
        """The person who has that nick now."""
        folded = self._fold(nick)
        account = self._accounts.get(folded)
        return Person(self._chat, f"account:{account}" if account else f"nick:{folded}", nick)

    def met(self, message: Message, caps: AbstractSet[str]) -> Sequence[Renamed]:
        """Somebody speaks; what is to be told first, when an account is seen behind that nick for the first time.

        With the capability account-tag each message tells the account, and having no such tag means none.
        """
        nick = message.source.nick
        if "account-tag" in caps:
            self.account_told(nick, message.tags.get("account"))
        folded = self._fold(nick)
        account = self._accounts.get(folded)
        if account is None or self._linked.get(folded) == account:
            return ()
        self._linked[folded] = account
        if len(self._linked) > MOST:
            del self._linked[next(iter(self._linked))]
        return (Renamed(self._chat, Person(self._chat, f"nick:{folded}", nick), self.person(nick)),)

    def renamed(self, old: str, new: str) -> Renamed:
        """`old` is now called `new`."""
        before, was, now = self.person(old), self._fold(old), self._fold(new)
        for known in (self._accounts, self._linked):
            if (account := known.pop(was, None)) is not None:
                known[now] = account
        return Renamed(self._chat, before, self.person(new))

    def left(self, nick: str) -> None:
        """`nick` has left the network; the next one of that name may be somebody else."""
        folded = self._fold(nick)
        self._accounts.pop(folded, None)
        self._linked.pop(folded, None)
