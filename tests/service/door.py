"""The way in for the command line, for tests without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.app import Bot
from pushbot.queue.commands import Deploy
from pushbot.queue.model import Person
from pushbot.service.asks import Ask

if TYPE_CHECKING:
    import pytest

    from pushbot.service.lane.conductor import Conductor

ROOT = Person("control", "uid:0", "root", proof="uid 0")


class Door:
    """Knows the bot that runs now; made before the first one starts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bots: list[Bot] = []
        start = Bot.start

        async def starting(bot: Bot) -> None:
            self._bots.append(bot)
            await start(bot)

        monkeypatch.setattr(Bot, "start", starting)

    @property
    def bot(self) -> Bot:
        """The bot that runs, or ran last."""
        return self._bots[-1]

    @property
    def web(self) -> Conductor:
        """The lane `web` of the bot that runs."""
        return self._bots[-1].conductors["web"]

    async def ask(self, stage: str, ref: str | None = None, *, failed: bool = False) -> Ask:
        """Have root ask for a run of a stage."""
        ask = Ask(Deploy(stage, ref, failed), ROOT, f"stage {stage}")
        await self.web.put(ask)
        return ask
