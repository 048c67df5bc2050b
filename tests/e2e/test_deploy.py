"""Real releases of a real web app: the stages of the quickstart, as it has them, on ports that are free."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Repository, basics, lane, stage, step
from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from tests.e2e.conftest import Bots, People
    from tests.e2e.crowd import Member
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

CONFIG = Path(__file__).parents[2] / "config"


@dataclass
class Shop:
    """The app's repository, and where its two stages serve it."""

    folder: Path
    repository: Repository
    ports: tuple[int, int]

    @classmethod
    def made(cls, folder: Path) -> Shop:
        """A new one, with nothing deployed."""
        shutil.copytree(CONFIG / "quickstart-app", folder / "app")
        for name in ("princess", "production"):
            (folder / name).mkdir()
        return cls(folder, Repository(folder / "app"), (free_port(), free_port()))

    def config(self, irc: int) -> str:
        """The quickstart's configuration, seen from this folder."""
        text = (CONFIG / "quickstart.toml").read_text(encoding="utf-8")
        for old, new in (
            ("../var/pushbot.sqlite3", "var/pushbot.sqlite3"),
            ("../var/", "./"),
            ('window = "5s"', 'window = "1s"'),
            ("6667", str(irc)),
            ("8001", str(self.ports[0])),
            ("8002", str(self.ports[1])),
        ):
            assert old in text
            text = text.replace(old, new)
        return text

    def writes(self, version: int, *, healthy: bool = True) -> str:
        """A new version of the page, committed; its revision."""
        page = {"version": version, "message": f"page {version}", "colour": "teal", "healthy": healthy}
        return self.repository.commit(f"Version {version}", page_json=json.dumps(page))

    async def serves(self, number: int) -> str:
        """The revision that the stage of that number answers with, over HTTP."""
        return (await asyncio.to_thread(_get, f"http://127.0.0.1:{self.ports[number]}/version")).strip()

    def current(self, name: str) -> str:
        """The revision of the release that is live on a stage, as its folder tells."""
        release = (self.folder / name / "current").resolve() / ".release.json"
        return str(json.loads(release.read_text(encoding="utf-8"))["revision"])


def _get(url: str) -> str:
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - our own URL
        return str(answer.read().decode())


async def push(driver: Member) -> None:
    """All the way, alone."""
    await driver.asks(".join", f"{driver.nick}: You're up")
    await driver.asks(".go", f"{driver.nick}: you're on princess. app: http://127.0.0.1:")
    await driver.asks(".go", f"{driver.nick}: you're on production.")
    await driver.asks(".done", f"Thanks for driving, {driver.nick}")


async def test_out_back_and_who_it_was(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    shop = Shop.made(tmp_path)
    bot = bots(shop.config(irc_server.port))
    alice, bob, carol = [await people(irc_server, name) for name in ("alice", "bob", "carol")]
    await bot.start()
    first = shop.writes(1)
    await push(alice)
    assert [await shop.serves(0), await shop.serves(1)] == [first, first]

    bad = shop.writes(2, healthy=False)
    since = alice.mark
    await bob.asks(".join", "bob: You're up")
    bob.say(".go")
    for room in ("#push", "#warroom"):
        await alice.hears(f"({bad[:8]}) is being deployed to princess by bob", since=since, to=room)
        await alice.hears(f"({bad[:8]}) failed on princess at health: serves the revision", since=since, to=room)
        await alice.hears(f"web on princess is being rolled back to {first[:8]}", since=since, to=room)
        await alice.hears('web is on hold: "princess failed and is rolled back"', since=since, to=room)
        await alice.hears(f"web on princess is back on {first[:8]}", since=since, to=room)
    await alice.sees('HOLD "princess failed and is rolled back" | <princess!> bob')
    assert [await shop.serves(0), shop.current("princess"), await shop.serves(1)] == [first] * 3
    await bob.asks(".unhold", "web goes on, says bob")
    await bob.asks(".abort", "bob gave up the push of bob")

    third = shop.writes(3)
    await push(carol)
    assert [await shop.serves(0), await shop.serves(1)] == [third, third]
    since = alice.mark
    await alice.asks(".blame page.json", "Version 1")
    told = "\n".join(alice.said(since=since))
    assert "bob" not in told
    assert 0 <= told.index("by carol") < told.index("Version 3") < told.index("by alice") < told.index("Version 1")
    await alice.asks(".blame production nothing.txt", "none of the last 2 pushes to production touched nothing.txt")

    since = alice.mark
    await carol.asks(".rollback", f"web on production is back on {first[:8]}")
    await alice.hears(f"web on production is being rolled back to {first[:8]}", since=since, to="#warroom")
    await alice.sees(lambda topic: topic.startswith('HOLD "production was rolled back"'))
    assert [await shop.serves(0), await shop.serves(1), shop.current("production")] == [third, first, first]


STUBBORN = """
echo $$ > parent
(trap '' TERM; exec sleep 300) & echo $! > child
sleep 300 & echo $! > grandchild
wait
"""


async def test_a_stopped_step_leaves_no_process(irc_server: Ngircd, bots: Bots, people: People) -> None:
    build = step("build", STUBBORN)
    bot = bots(basics(irc_server.port) + stage("web", "live", [build], 'grace = "300ms"') + lane("web"))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    await alice.asks(".go", "is being deployed to live")
    names = ("parent", "child", "grandchild")
    await until(lambda: all(bot.written(name) for name in names), "all processes of the step")
    processes = [int(bot.written(name)[0]) for name in names]
    assert all(_lives(process) for process in processes)
    await alice.asks(".abort", "The deploy of web to live was stopped")
    assert not [process for process in processes if _lives(process)]
    await alice.sees("<live!> alice*")
    assert [run.state for run in bot.runs()] == ["cancelled"]
    await alice.asks(".abort", "alice gave up the push of alice")
    await alice.sees("clear")
    await until(lambda: bot.processes() == {bot.pid}, "nobody is left but the bot")


def _lives(process: int) -> bool:
    """Whether it is there, and more than a dead one that nobody has buried yet."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    return False
