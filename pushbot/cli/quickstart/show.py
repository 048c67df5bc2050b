"""What people see of the quickstart: the chat screen in a terminal, else a few words and the bot's log."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final, Protocol
from urllib.error import URLError
from urllib.request import urlopen

from pushbot.cli.program import program
from pushbot.cli.quickstart import demo
from pushbot.log import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.chat.console import Screen
    from pushbot.cli.quickstart.plan import Place, Plan

_POLL: Final = 0.1
_NICK: Final = "alice"  # as in all of our examples


class Show(Protocol):
    """A way to show what goes on."""

    async def run(self) -> None:
        """Show it until the user has had enough."""
        ...

    def note(self, text: str) -> None:
        """Tell people something in between."""
        ...


class Stream:
    """Words at the beginning, then the bot's log, for ever; made for logs and pipes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    async def run(self) -> None:
        """Returns only when nobody reads any more."""
        try:
            await self._tell()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains on its way out

    async def _tell(self) -> None:
        plan = self._plan
        command = program()
        self.note(
            f"an IRC server is up on {plan.host}:{plan.port} with {' and '.join(plan.rooms)}; the bot is {plan.bot}"
        )
        self.note(
            f"join {plan.rooms[0]} with any IRC client (or `{command} chat --port {plan.port}`) and say, in turn:"
        )
        self.note("    .join     .go     .good     .go     .good     .go")
        for place in plan.places:
            self.note(f"see what is on {place.name}:    curl {place.url}")
        self.note(f"make a new version to deploy:    {command} quickstart --commit 'Hello again'")
        self.note(f"the bot's log, also in {plan.log}, follows; Ctrl-C ends everything")
        with plan.log.open(encoding="utf-8", errors="replace") as log:
            while True:
                while text := log.read(65536):
                    sys.stdout.write(text)
                sys.stdout.flush()
                await asyncio.sleep(_POLL)

    def note(self, text: str) -> None:
        """Print a line."""
        print(one_line(text), flush=True)


def screen(plan: Plan) -> Screen:
    """The chat screen, with the words that only make sense in the quickstart."""
    from pushbot.chat.console import Extra, Screen  # noqa: PLC0415 - brings a terminal library that streams do not need

    async def commit(nick: str, text: str) -> Sequence[str]:
        said = await asyncio.to_thread(demo.commit, plan.app, nick, text)
        return (said, "now .join (or .go, if you are aboard) to deploy it")

    async def broken(nick: str, text: str) -> Sequence[str]:
        said = await asyncio.to_thread(demo.commit, plan.app, nick, text or "This one is broken", healthy=False)
        return (said, "its health check will fail: deploy it, and see it rolled back")

    async def curl(_nick: str, _text: str) -> Sequence[str]:
        return [f"{place.name}: {await asyncio.to_thread(_served, place)}" for place in plan.places]

    hints = (
        f"Welcome. You are {_NICK}; {plan.bot} keeps the queue in the topic above. Say, in turn:",
        "  .join   get on a train",
        "  .go     deploy to the first stage (later: to the next)",
        "  .good   your change is good where it is now; then .go again",
        f"See the new version with /curl here, or anywhere: curl {plan.places[0].url}" if plan.places else "",
        "/commit TEXT makes a new version, /break one that fails. /as bob: be somebody else",
        f"/help and .help tell the rest. Any IRC client can come too: {plan.host}, port {plan.port}",
    )
    extras = (
        Extra("commit", "/commit TEXT      commit a new version of the demo app, which shows TEXT", commit),
        Extra("break", "/break [TEXT]     commit a version whose health check fails", broken),
        Extra("curl", "/curl             what the demo app answers now on each stage", curl),
    )
    return Screen(plan.host, plan.port, _NICK, plan.rooms, hints=hints, extras=extras)


def _served(place: Place) -> str:
    """What the app on a stage says of itself, in one line."""
    try:
        with urlopen(place.url, timeout=3) as answer:  # noqa: S310 - the address is the operator's, of plain http
            text: str = answer.read(1000).decode(errors="replace")
    except (URLError, OSError) as error:
        return f"nothing there yet ({getattr(error, 'reason', error)})"
    return ", ".join(text.split("\n")).strip(", ")
