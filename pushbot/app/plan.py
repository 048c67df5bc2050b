"""What a bot is made of, and what it is for, whoever makes it: the command line, a test."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.config import OnStop
from pushbot.control.wire import socket_of
from pushbot.service.lane.runbook import Outputs
from pushbot.service.people.access import Access
from pushbot.service.spec import HouseSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pushbot.config import Config
    from pushbot.ports import Chat
    from pushbot.service.spec import Announce, BackupSpec, LaneSpec
    from pushbot.web.spec import WebSpec

LAST_WORDS = 2.0
"""Seconds at the end for runs that were stopped to be recorded, and again for the last lines to be confirmed."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a bot is for that is not to stay. It sets `listening` when its control socket can be used.

    Once `over` is set it ends as soon as nothing runs any more; `staying` is told the runs that it waits for.
    What it is to say at the end may take `last_words` seconds. A bot that is cancelled leaves all runs to the next one.
    """

    staying: Callable[[Sequence[str]], None]
    last_words: float = LAST_WORDS
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Copied:
    """What a bot copies by itself, as `spec` wants it: its record, and the file with its configuration."""

    spec: BackupSpec
    store: Path
    config: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What a bot is made of, whoever made the plan: its chats by name, its lanes, where news and runs' output go.

    `control` is where its door for this machine is to be, None for a bot without one; `web` the one for others.
    `drain_for` is how many seconds it waits at its end for runs in flight, None when it does not.
    `last_words` is how many seconds it may take at the end to have said what it owes. `commands_per_minute` is how
    many one person may send, 0 for no limit.
    """

    chats: Mapping[str, Chat]
    lanes: tuple[LaneSpec, ...]
    announce: Announce
    outputs: Outputs
    abort_on_stop: bool = False
    drain_for: float | None = None
    control: Path | None = None
    last_words: float = LAST_WORDS
    web: WebSpec | None = None
    copied: Copied | None = None
    access: Access = field(default_factory=Access)
    house: HouseSpec = field(default_factory=HouseSpec)
    commands_per_minute: int = 0


def planned(config: Config, kept: Mapping[str, Chat] | None = None) -> Plan:
    """The plan that a configuration describes, its chats built but for those in `kept`."""
    kept = kept or {}
    return Plan(
        chats={part.name: kept.get(part.name) or part.build() for part in config.chats},
        lanes=config.lanes,
        announce=config.announce,
        outputs=Outputs(config.bot.runs, config.bot.url),
        abort_on_stop=config.bot.on_stop is OnStop.ABORT,
        drain_for=config.bot.drain_for if config.bot.on_stop is OnStop.DRAIN else None,
        control=socket_of(config.bot.store),
        web=config.web,
        copied=Copied(config.backup, config.bot.store, config.file),
        access=config.access,
        house=config.house,
        commands_per_minute=config.bot.commands_per_minute,
    )
