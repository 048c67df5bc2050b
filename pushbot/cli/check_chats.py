"""`pushbot check`, live: each chat that can be looked at is asked whether all is there that the configuration names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from pushbot.errors import PushbotError
from pushbot.log import one_line
from pushbot.ports import Inspecting, Sight, Wanted, Worth
from pushbot.service.people.directory import account_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushbot.config import ChatPart, Config
    from pushbot.service.people.directory import Directory

LONGEST = 30.0
"""Seconds that a look at one chat may take."""


def looked_well(config: Config) -> bool:
    """Say what is found in each chat that can be looked at; whether there was no mistake among it."""
    chats = [(part, chat) for part in config.chats if isinstance(chat := part.build(), Inspecting)]
    return not chats or asyncio.run(_all(config, chats)) == 0


async def _all(config: Config, chats: Iterable[tuple[ChatPart, Inspecting]]) -> int:
    """Say what is found in each of these, and count the mistakes."""
    return sum([await _look(part, chat, _wanted(config.access.directory, part.name)) for part, chat in chats])


async def _look(part: ChatPart, chat: Inspecting, wanted: Wanted) -> int:
    """Say what is found in one chat, and count the mistakes."""
    found = 0
    try:
        async with asyncio.timeout(LONGEST):
            async for sight in chat.look(wanted):
                found += sight.worth is Worth.MISTAKE
                _say(part.name, sight)
    except TimeoutError:
        _say(
            part.name, Sight(Worth.MISTAKE, f"it took more than {LONGEST:g} s; what came after that was not looked at")
        )
    except PushbotError as error:
        _say(part.name, Sight(Worth.MISTAKE, str(error)))
    else:
        return found
    return found + 1


def _say(chat: str, sight: Sight) -> None:
    text = one_line(f"chat {chat}: {sight.text}")
    match sight.worth:
        case Worth.GOOD:
            click.echo(text)
        case Worth.UNSEEN:
            click.echo(one_line(f"chat {chat}: not looked at: {sight.text}"))
        case Worth.WARNING | Worth.MISTAKE:
            click.echo(f"{sight.worth}: {text}", err=True)


def _wanted(directory: Directory, chat: str) -> Wanted:
    """The accounts and groups of that chat in the configuration, each once."""
    accounts = [account for human in directory.people for account in human.accounts]
    accounts += [account_of(entry) for role in directory.roles_kept for entry in role.people if "/" in entry]
    groups = [account_of(group) for role in directory.roles_kept for group in role.groups]
    return Wanted(
        people=_once(account.who for account in accounts if account.chat == chat),
        groups=_once(group.who for group in groups if group.chat == chat),
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
