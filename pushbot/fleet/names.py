"""What hosts and labels may be called.

Lists of hosts come from files, commands, HTTP and DNS, and what they say goes to logs, chats, paths and
shells on hosts. So a name is letters, digits, `.`, `_` and `-` and begins with a letter or digit: it is
never an option (`-o`), a way out of a folder (`..`), a second line or something that a shell looks at.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pushbot.fleet.model import Host

NAME_LIMIT = 64
"""Characters of a host's name, as Linux has it (HOST_NAME_MAX); its address may be longer."""
ADDRESS_LIMIT = 253
"""Characters of a name in DNS (RFC 1035, section 2.3.4, written with dots and without the last one)."""
LABEL_LIMIT = 40
VALUE_LIMIT = 64
RESERVED = frozenset({"host", "address"})
"""No labels: `{host}` and `{address}` stand for what a host is called and where it is reached."""
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?")
_PORT_LIMIT = 65535
_COLONS = 2
_SHOWN = 70
_CHARACTERS = "letters, digits, '.', '_' and '-', beginning with a letter or digit"


def host_name(text: str) -> str:
    """`text` when it may be the name of a host: a word or an IPv6 address of at most 64 characters.

    Raises PushbotError when it may not.
    """
    if not (_WORD.fullmatch(text) or is_ipv6(text)):
        raise PushbotError(f"{quoted(text)} cannot be the name of a host: that is {_CHARACTERS}, or an IPv6 address")
    if len(text) > NAME_LIMIT:
        raise PushbotError(
            f"the host name {quoted(text)} has {len(text)} characters, and {NAME_LIMIT} is the most: "
            "give the host a shorter name, and this as its address"
        )
    return text


def address(text: str) -> str:
    """`text` when it may be where a host is reached: `HOST`, `HOST:PORT`, an IPv6 address, `[IPV6]:PORT`.

    Raises PushbotError when it may not.
    """
    match = _BRACKETED.fullmatch(text)
    if match:
        good, port = is_ipv6(match[1]), match[2]
    elif is_ipv6(text):
        good, port = True, None
    else:
        host, colon, digits = text.partition(":")
        good, port = bool(_WORD.fullmatch(host)) and len(host) <= ADDRESS_LIMIT, digits if colon else None
    if not good or (port is not None and not _is_port(port)):
        raise PushbotError(
            f"{quoted(text)} is no address of a host: that is HOST, HOST:PORT, an IPv6 address or [IPV6]:PORT"
        )
    return text


@lru_cache(maxsize=1024)
def label(text: str) -> str:
    """`text` when it may be a label's name: letters, digits and `_`, a letter first, at most 40 characters.

    Raises PushbotError when it may not.
    """
    if not _LABEL.fullmatch(text) or len(text) > LABEL_LIMIT or text in RESERVED:
        raise PushbotError(
            f"{quoted(text)} cannot be a label: that is at most {LABEL_LIMIT} letters, digits and '_', "
            "beginning with a letter, and neither 'host' nor 'address'"
        )
    return text


@lru_cache(maxsize=1024)
def value(text: str) -> str:
    """`text` when it may be a label's value: a word of at most 64 characters. Raises PushbotError when it may not."""
    if not _WORD.fullmatch(text) or len(text) > VALUE_LIMIT:
        raise PushbotError(
            f"{quoted(text)} cannot be the value of a label: that is at most {VALUE_LIMIT} {_CHARACTERS}"
        )
    return text


def checked(host: Host) -> Host:
    """`host` when all that is said of it may be said. Raises PushbotError when not."""
    host_name(host.name)
    if host.address:
        address(host.address)
    for name, text in host.labels:
        label(name)
        value(text)
    return host


def is_ipv6(text: str) -> bool:
    """Whether it is an IPv6 address, without brackets and without a zone (`%eth0`)."""
    if text.count(":") < _COLONS or "%" in text:  # most are not, and to find that out by an exception takes long
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def without_port(text: str) -> str:
    """The host alone of an address as `address` accepts it, IPv6 without brackets."""
    match = _BRACKETED.fullmatch(text)
    if match:
        return match[1]
    return text if is_ipv6(text) else text.partition(":")[0]


def quoted(text: str) -> str:
    """Foreign text for an error: in quotes, with whatever could end a line escaped, and not for ever long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(_PORT_LIMIT)) and 0 < int(text) <= _PORT_LIMIT
