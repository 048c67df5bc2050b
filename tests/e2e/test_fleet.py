"""A whole bot that releases to real hosts over SSH: it is killed, hosts fail, and people find their way back."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Repository, basics, lane, step
from tests.rig.sshd import SshdRig, user

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People
    from tests.e2e.crowd import Member
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

HOSTS = ("web1", "web2", "web3", "web4")


class Fleet:
    """Four hosts that get releases one by one. A host waits in its restart while a file `wait` is there."""

    def __init__(self, folder: Path, rig: SshdRig) -> None:
        self.rig = rig
        self.folder = folder
        self.servers = rig.start(len(HOSTS))
        self.repository = Repository(folder / "app")

    def config(self, port: int) -> str:
        """The lane `web` with the stage `production`."""
        how = self.rig.connecting()
        hosts = [{"name": each.name, "address": each.host.address} for each in self.servers]
        (self.folder / "hosts.json").write_text(json.dumps(hosts))
        restart = (
            f'echo "$PUSHBOT_RUN $PUSHBOT_KIND $(cat version)" >> "$HOME/restarts"\n'
            f"while [ -e {self.folder}/wait-$PUSHBOT_HOST ]; do sleep 0.02; done\n"
            f'[ ! -e {self.folder}/ill-$PUSHBOT_HOST ] || [ "$PUSHBOT_KIND" = rollback ] || exit 7\n'
            f'echo "$PUSHBOT_REVISION" > "$HOME/revision"'
        )
        given = {
            "user": user(),
            "keys": how.keys,
            "known_hosts": how.known_hosts,
        }
        release = {
            "root": f"{self.rig.folder}/{{host}}/app",
            "repository": str(self.repository.folder),
            "cache": str(self.folder / "cache"),
            "settle": 0,
        }
        return f"""{basics(port)}
[inventories.fleet]
sources = [{{ type = "file", path = "hosts.json" }}]

[pipelines.web]
repository = {{ type = "git", url = "./app" }}
branch = "main"

[[pipelines.web.stages]]
name = "production"
hosts = {{ from = "fleet" }}
rollout = {{ batch = 1 }}
versions = {{ file = "{self.rig.folder}/{{host}}/revision" }}
steps = [{step("restart", restart)}]

[pipelines.web.stages.executor]
type = "ssh"
{_table(given)}

[pipelines.web.stages.executor.release]
{_table(release)}
{lane("web")}"""

    def commit(self, version: str) -> str:
        """A revision of that version."""
        return self.repository.commit(version, version=version)

    @property
    def live(self) -> list[str]:
        """The version that is live on each host."""
        paths = [self.rig.folder / name / "app/current/version" for name in HOSTS]
        return [path.read_text() if path.exists() else "" for path in paths]

    def restarts(self, name: str) -> list[str]:
        """Which runs restarted the host, how, and with what."""
        path = self.rig.folder / name / "restarts"
        return path.read_text().splitlines() if path.exists() else []

    def mark(self, what: str) -> Path:
        """The file that lets a host be ill, or wait."""
        path = self.folder / what
        path.touch()
        return path


def _table(given: Mapping[str, object]) -> str:
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items())


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with SshdRig(tmp_path / "rig") as rig:
        yield Fleet(tmp_path, rig)


async def deployed(bot: BotProcess, fleet: Fleet, alice: Member) -> str:
    """The first release, on all hosts; its revision."""
    revision = fleet.commit("one")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    since = alice.mark
    await alice.asks(".go", "web/main ")
    await alice.hears("alice: you're on production", since=since)
    await alice.asks(".done", "Done.")
    assert fleet.live == ["one"] * 4
    return revision


async def begun(fleet: Fleet, alice: Member, version: str) -> str:
    """The deploy of another version has begun; its revision."""
    revision = fleet.commit(version)
    await alice.asks(".join", "alice: You're up")
    await alice.asks(".go", "is being deployed to production")
    return revision


def worker(bot: BotProcess, run: str) -> int:
    """The process that carries the run out."""
    return int((bot.folder / "var" / "runs" / run / "lock").read_text())


async def test_killed_in_the_middle_it_comes_back_to_its_run(
    irc_server: Ngircd, bots: Bots, people: People, fleet: Fleet
) -> None:
    bot = bots(fleet.config(irc_server.port))
    alice = await people(irc_server, "alice")
    await deployed(bot, fleet, alice)
    wait = fleet.mark("wait-web2")
    await begun(fleet, alice, "two")
    await until(lambda: fleet.live[1] == "two", "the switch of web2")
    for _ in range(2):
        await bot.kill()
        await bot.start()
    await bot.kill()
    wait.unlink()
    await until(lambda: fleet.live == ["two"] * 4, "the other hosts, without a bot")
    since = alice.mark
    await bot.start()
    await alice.hears("successfully deployed to production", since=since, to="#warroom")
    assert [run.state for run in bot.runs()] == ["succeeded", "succeeded"]
    assert all(len(fleet.restarts(name)) == 2 for name in HOSTS)


async def test_killed_with_its_worker_the_rest_is_gone_on_with(
    irc_server: Ngircd, bots: Bots, people: People, fleet: Fleet
) -> None:
    bot = bots(fleet.config(irc_server.port))
    alice = await people(irc_server, "alice")
    await deployed(bot, fleet, alice)
    wait = fleet.mark("wait-web2")
    two = await begun(fleet, alice, "two")
    await until(lambda: fleet.restarts("web2")[1:], "the restart of web2")
    await bot.kill()
    os.kill(worker(bot, "web-2"), signal.SIGKILL)
    wait.unlink()
    since = alice.mark
    await bot.start()
    await alice.hears(".retry failed goes on with the hosts that are left", since=since)
    fleet.commit("three")
    since = alice.mark
    await alice.asks(".retry failed", "but for those that web-2 has done")
    await alice.hears("alice: you're on production", since=since)
    assert fleet.live == ["two"] * 4
    assert fleet.restarts("web1") == ["web-1 deploy one", "web-2 deploy two"]
    assert fleet.restarts("web2") == ["web-1 deploy one", "web-2 deploy two", "web-3 deploy two"]
    assert [run.state for run in bot.runs()] == ["succeeded", "lost", "succeeded"]
    await alice.asks(".versions", f"production: {two[:8]} on 4 hosts; as it should be")


async def test_hosts_that_fail_and_the_way_back(irc_server: Ngircd, bots: Bots, people: People, fleet: Fleet) -> None:
    bot = bots(fleet.config(irc_server.port))
    alice = await people(irc_server, "alice")
    one = await deployed(bot, fleet, alice)
    ill = fleet.mark("ill-web3")
    since = alice.mark
    two = await begun(fleet, alice, "two")
    await alice.hears("1 of 4 hosts failed: web3 (restart: exited with 7); 1 not begun", since=since)
    assert fleet.live == ["two", "two", "one", "one"]
    await alice.asks(".status", ".retry failed goes on with the hosts that are left")
    await alice.asks(".versions", f"{two[:8]} on web1, web2")
    ill.unlink()
    since = alice.mark
    await alice.asks(".rollback", "production")
    await alice.hears("web on production is back on", since=since, to="#warroom")
    assert fleet.live == ["one"] * 4
    assert fleet.restarts("web4") == ["web-1 deploy one"]
    await alice.asks(".versions", f"production: {one[:8]} on 4 hosts")


async def test_an_abort_brings_hosts_under_way_back(
    irc_server: Ngircd, bots: Bots, people: People, fleet: Fleet
) -> None:
    bot = bots(fleet.config(irc_server.port))
    alice = await people(irc_server, "alice")
    await deployed(bot, fleet, alice)
    wait = fleet.mark("wait-web2")
    await begun(fleet, alice, "two")
    await until(lambda: fleet.restarts("web2")[1:], "the restart of web2")
    since = alice.mark
    alice.say(".abort")
    await until(lambda: len(fleet.restarts("web2")) == 3, "web2 on its way back")
    wait.unlink()
    await alice.hears("was stopped", since=since)
    assert fleet.live == ["two", "one", "one", "one"]
    assert fleet.restarts("web2")[2] == "web-2 rollback one"
