"""Names do not resolve: the resolver is down at the start, or in the middle, or says nothing at all.

What the bot's threads ask is a FIFO in the place of the resolver: nobody there, an empty answer, an address.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import SOON, until
from tests.e2e.made import basics, lane, stage, step
from tests.rig.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

NAME = "irc.push.test"
SITE = f"""
import os
import socket

ask = socket.getaddrinfo


def getaddrinfo(host, *given, **named):
    if host != "{NAME}":
        return ask(host, *given, **named)
    with open(os.environ["RESOLVER"]) as resolver:
        address = resolver.read()
    if not address:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return ask(address, *given, **named)


socket.getaddrinfo = getaddrinfo
"""


@dataclass
class Resolver:
    """Answers with `address` whoever asks; "" is that it cannot tell, and None no answer at all."""

    path: Path
    address: str | None = None
    asked: int = field(default=0)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            if self.address is not None:
                with suppress(OSError):
                    asked = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
                    os.write(asked, self.address.encode())
                    os.close(asked)
                    self.asked += 1


@asynccontextmanager
async def resolver(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Resolver]:
    """A resolver for whoever is started meanwhile."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    made = Resolver(folder / "resolver")
    os.mkfifo(made.path)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("RESOLVER", str(made.path))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(made.run())
        yield made
        task.cancel()


async def deployed(folder: Path) -> None:
    """What people can still do on the machine itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pushbot", "stage", "pushbot.toml", "web", "live"), cwd=folder
    )
    async with asyncio.timeout(SOON):
        assert await process.wait() == 0


async def test_names_that_nobody_can_tell(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy(irc_server.port) as link, resolver(tmp_path, monkeypatch) as names:
        config = basics(link.port, connect_timeout=0.2).replace("127.0.0.1", NAME)
        bot = bots(config + stage("web", "live", [step("build", "true")]) + lane("web"))
        alice = await people(irc_server, "alice")
        bot.launch()

        def tries() -> int:
            return bot.log().count("irc_disconnected")

        await until(lambda: tries() > 8, "tries with a resolver that says nothing")
        await deployed(tmp_path)
        names.address = ""
        await until(lambda: "Temporary failure in name resolution" in bot.log(), "a try with one that cannot tell")
        names.address = "127.0.0.1"
        await bot.entered()
        await alice.hears("deployed to live", to="#warroom")

        names.address = None
        before = tries()
        link.cut()
        await until(lambda: tries() > before + 8, "tries in the middle")
        await deployed(tmp_path)
        assert len(bot.owed()) > 0
        names.address = "127.0.0.1"
        await until(lambda: not bot.owed(), "all is said")
        await alice.asks(".whoami", "you are alice on irc")

        names.address = None
        link.cut()
        await until(lambda: tries() > before + 12, "tries at the end")
        code, seconds = await bot.stop()
        assert (code, seconds < 20) == (0, True)
