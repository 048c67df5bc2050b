"""What the server said about itself (ISUPPORT, numeric 005), and the folding of names that follows from it.

`irc.features` parses the values. It sets attributes by the names that the server sends, drops tokens
without a value and keeps old ones for ever: so it sees only the tokens used here, and is
made anew for each connection.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

import structlog
from irc.features import FeatureSet

from pushbot.chat.irc.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = structlog.get_logger()

_USED = frozenset({"CASEMAPPING", "CHANMODES", "CHANTYPES", "NICKLEN", "PREFIX", "TOPICLEN", "WHOX"})

_ASCII = str.maketrans(ascii_uppercase, ascii_lowercase)
_STRICT = str.maketrans(ascii_uppercase + "[]\\", ascii_lowercase + "{}|")
_RFC1459 = str.maketrans(ascii_uppercase + "[]\\^", ascii_lowercase + "{}|~")
_MAPPINGS = {"ascii": _ASCII, "strict-rfc1459": _STRICT, "rfc1459": _RFC1459}

DEFAULT_NICK_LENGTH = 9
"""RFC 1459, section 1.2; what a server that says nothing is sure to take."""


class Features:
    """The limits and rules of the server of the present connection."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all, as on a new connection."""
        self._set = FeatureSet()
        self._mapping = _RFC1459

    def load(self, tokens: Sequence[str]) -> None:
        """Take up the tokens of one 005: `NAME=value`, `NAME` or `-NAME`."""
        for token in tokens:
            name, equals, value = token.partition("=")
            if name.removeprefix("-").upper() not in _USED:
                continue
            try:
                if equals and value:
                    self._set.load_feature(f"{name.upper()}={value}")
                elif name.startswith("-"):
                    self._set.remove(name[1:].lower())
                else:
                    self._set.set(name.upper())
            except (ValueError, IndexError) as error:
                log.warning("irc_isupport_unreadable", token=plain(token), error=str(error))
        self._mapping = _MAPPINGS.get(str(self._value("casemapping")).lower(), _RFC1459)

    def _value(self, name: str) -> object:
        return getattr(self._set, name, None)

    def _number(self, name: str) -> int | None:
        value = self._value(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def fold(self, name: str) -> str:
        """`name` in the form in which the server compares names; only ASCII is folded, as servers do."""
        return name.translate(self._mapping)

    @property
    def topic_length(self) -> int | None:
        """Bytes a topic may have (TOPICLEN; some servers mean characters, which is more), or None when not told."""
        return self._number("topiclen")

    @property
    def nick_length(self) -> int | None:
        """Characters a nick may have (NICKLEN), or None when not told."""
        return self._number("nicklen") or None

    def is_channel(self, name: str) -> bool:
        """Whether `name` is that of a channel (CHANTYPES)."""
        types = self._value("chantypes")
        return name[:1] in (types if isinstance(types, str) else "#&") if name else False

    @property
    def whox(self) -> bool:
        """Whether WHO can be asked for the account of everybody in a room (WHOX)."""
        return bool(self._value("whox"))

    @property
    def marks(self) -> str:
        """The characters that stand before the nicks of members with a standing (PREFIX): @+."""
        prefix = self._value("prefix")
        return "".join(str(mark) for mark in prefix) if isinstance(prefix, dict) else "@+"

    def mode_changes(self, modes: str, arguments: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Each change in a channel's MODE message as sign, letter and argument ("" without).

        Which letters take an argument is told by PREFIX and CHANMODES, which `irc.modes` does not ask.
        """
        kinds = self._value("chanmodes")
        told = [str(letters) for letters in kinds] if isinstance(kinds, list) else ["beI", "k", "l"]
        lists, keys, setting = (*told, "", "", "")[:3]
        always = lists + keys + "".join(self.status_modes)
        sign, left = "+", iter(arguments)
        for letter in modes:
            if letter in "+-":
                sign = letter
            elif letter in always or (letter in setting and sign == "+"):
                yield sign, letter, next(left, "")
            else:
                yield sign, letter, ""

    @property
    def status_modes(self) -> tuple[str, ...]:
        """The letters of the modes that give a member a standing, highest first (PREFIX): o, v."""
        prefix = self._value("prefix")
        return tuple(str(letter) for letter in prefix.values()) if isinstance(prefix, dict) else ("o", "v")
