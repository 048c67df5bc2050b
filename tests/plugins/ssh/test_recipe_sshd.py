"""Releases over real SSH: to several hosts at once, through relays, and over connections that break."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pushbot_plugins.ssh.settings import Relay
from pushbot_plugins.ssh.worker.net import Network
from pushbot_plugins.ssh.worker.recipe import package as packages
from pushbot_plugins.ssh.worker.seams import HostTrouble
from tests.rig.shellhost import Origin, content
from tests.rig.sshd import Dead, Sshd, SshdRig, user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pushbot.fleet.model import Host
    from pushbot_plugins.ssh.worker.recipe import Recipe

FILES = {f"folder/file{number}": f"{number}" * 5000 for number in range(100)}
SSH = """#!/bin/sh
exec {change} /usr/bin/ssh -F none -i {key} -o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null "$@"
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the release lies on each host."""
    return tmp_path / "{host}" / "app"


async def deployed(recipe: Recipe, network: Network, hosts: list[Host]) -> None:
    async def one(host: Host) -> None:
        remote = network.remote(host)
        await recipe.ship(remote)
        await recipe.switch(remote)
        await recipe.good(remote)
        await recipe.clean(remote)

    async with asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(one(host))


def live(root: Path, host: Host) -> dict[str, str]:
    return content((root.parents[1] / host.name / "app" / "current").resolve(strict=True))


async def test_first_and_next_on_several_hosts(rig: SshdRig, origin: Origin, root: Path) -> None:
    hosts = [server.host for server in rig.start(3)]
    async with Network(rig.connecting()) as network:
        first = origin.recipe(origin.releasing(root), origin.commit(**FILES))
        await deployed(first, network, hosts)
        assert [live(root, host) for host in hosts] == [FILES] * 3
        (origin.folder / "folder" / "file7").unlink()
        second = origin.recipe(origin.releasing(root), origin.commit(index="two"))
        await deployed(second, network, hosts)
        changed = {name: text for name, text in FILES.items() if name != "folder/file7"} | {"index": "two"}
        assert [live(root, host) for host in hosts] == [changed] * 3
        assert second.sent < first.sent / 5
        for host in hosts:
            assert await second.back(network.remote(host))
        assert [live(root, host) for host in hosts] == [FILES] * 3


async def test_a_host_that_dies_within_the_stream(
    rig: SshdRig, origin: Origin, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = rig.one()
    releasing = origin.releasing(root)
    async with Network(rig.connecting()) as network:
        await deployed(origin.recipe(releasing, origin.commit(index="old")), network, [server.host])
    whole = packages.Stream.slices

    def broken(stream: packages.Stream) -> Iterator[bytes | memoryview]:
        pieces = list(whole(stream))
        yield from pieces[:-1]
        server.stop()
        yield pieces[-1]

    new = origin.commit(**FILES)
    monkeypatch.setattr(packages.Stream, "slices", broken)
    async with Network(rig.connecting()) as network:
        with pytest.raises(HostTrouble) as caught:
            await origin.recipe(releasing, new).ship(network.remote(server.host))
        assert caught.value.phase == "copy"
    assert live(root, server.host) == {"index": "old"}
    monkeypatch.undo()
    server.start()
    async with Network(rig.connecting()) as network:
        await deployed(origin.recipe(releasing, new), network, [server.host])
    assert live(root, server.host) == FILES | {"index": "old"}
    left = root.parents[1] / server.host.name / "app" / ".pushbot"
    assert len([path for path in left.iterdir() if path.is_dir()]) == 2


@pytest.fixture
def relay(rig: SshdRig, tmp_path: Path) -> Callable[..., tuple[Sshd, Relay]]:
    """Starts a server that feeds the hosts of a region with its own ssh."""

    def make(region: str, *, known: Path | None = None, change: str = "") -> tuple[Sshd, Relay]:
        name = f"relay{1 + sum(server.name.startswith('relay') for server in rig.servers)}"
        program = tmp_path / f"{name}-bin" / "ssh"
        program.parent.mkdir()
        program.write_text(SSH.format(key=rig.keys.key, known=known or rig.known_hosts, change=change))
        program.chmod(0o755)
        variables = {"HOME": rig.folder / name, "PUSHBOT_RIG": rig.token, "PATH": f"{program.parent}:/usr/bin:/bin"}
        words = " ".join(f'"{key}={value}"' for key, value in variables.items())
        server = rig.one(f"SetEnv {words}", prefix="relay")
        assert server.name == name
        where = (("region", (region,)),)
        return server, Relay(host=f"{user()}@{server.host.reached_at}", where=where, user=user(), at_once=3)

    return make


async def test_relays_feed_the_hosts_near_them(
    rig: SshdRig, origin: Origin, root: Path, relay: Callable[..., tuple[Sshd, Relay]]
) -> None:
    hosts = [server.host for region in ("lon", "dub") for server in rig.start(5, region=region)]
    (one, lon), (_, dub) = relay("lon"), relay("dub")
    async with Network(rig.connecting()) as network:
        for number, files in enumerate([FILES, {"folder/file3": 'it\'s "changed"'}]):
            recipe = origin.recipe(
                origin.releasing(root), origin.commit(**files), relays=(lon, dub), reach=network.remote
            )
            await deployed(recipe, network, hosts)
            assert all(live(root, host) == FILES | files for host in hosts)
            assert recipe.sent == 0
            sizes = [note for note in origin.told.notes if "went to the relay" in note]
            assert len(sizes) == 2 * (number + 1)
            assert recipe.sent_to_relays > 0
    assert len(list((one.folder / ".cache" / "pushbot-relay").glob("*.tar"))) == 2


async def test_a_relay_that_does_not_know_a_host_does_not_feed_it(
    rig: SshdRig, origin: Origin, root: Path, tmp_path: Path, relay: Callable[..., tuple[Sshd, Relay]]
) -> None:
    known, unknown = rig.start(2, region="lon")
    few = tmp_path / "few"
    few.write_text(known.known())
    _, lon = relay("lon", known=few)
    async with Network(rig.connecting()) as network:
        recipe = origin.recipe(origin.releasing(root), origin.commit(**FILES), relays=(lon,), reach=network.remote)
        await deployed(recipe, network, [known.host, unknown.host])
    assert live(root, known.host) == live(root, unknown.host) == FILES
    told = [note for note in origin.told.notes if "it comes directly" in note]
    assert len(told) == 1
    assert told[0].startswith(f"{unknown.name}: the relay {lon.host} could not feed it: Host key verification failed")
    assert recipe.sent == recipe.sent_to_relays


@pytest.mark.parametrize("cut", ["head -c 30000 |", "sed s/1111/1211/g |"])
async def test_what_a_relay_damages_comes_directly(
    rig: SshdRig, origin: Origin, root: Path, relay: Callable[..., tuple[Sshd, Relay]], cut: str
) -> None:
    server = rig.start(1, region="lon")[0]
    _, lon = relay("lon")
    _damage(rig, cut)
    async with Network(rig.connecting()) as network:
        recipe = origin.recipe(origin.releasing(root), origin.commit(**FILES), relays=(lon,), reach=network.remote)
        await deployed(recipe, network, [server.host])
    assert live(root, server.host) == FILES
    assert any("was damaged; it comes directly" in note for note in origin.told.notes)


def _damage(rig: SshdRig, cut: str) -> None:
    """Let the ssh of the relay change what goes through it."""
    program = rig.folder.parent / "relay1-bin" / "ssh"
    program.write_text(program.read_text().replace("exec", cut))


async def test_a_relay_that_is_away_is_passed_over(rig: SshdRig, origin: Origin, root: Path) -> None:
    hosts = [server.host for server in rig.start(2)]
    dead = rig.dead(Dead.REFUSES)
    async with Network(rig.connecting()) as network:
        relays = (Relay(host=dead.reached_at),)
        recipe = origin.recipe(origin.releasing(root), origin.commit(**FILES), relays=relays, reach=network.remote)
        await deployed(recipe, network, hosts)
    assert [live(root, host) for host in hosts] == [FILES, FILES]
    assert sum("is passed over" in note and "refused" in note for note in origin.told.notes) >= 1


async def test_trouble_of_a_host_is_its_own_through_a_relay_too(
    rig: SshdRig, origin: Origin, root: Path, relay: Callable[..., tuple[Sshd, Relay]]
) -> None:
    server = rig.start(1, region="lon")[0]
    _, lon = relay("lon")
    releasing = origin.releasing(root, shared=("settings.ini",))
    async with Network(rig.connecting()) as network:
        recipe = origin.recipe(releasing, origin.commit(settings__ini="x"), relays=(lon,), reach=network.remote)
        with pytest.raises(HostTrouble, match=r"shared/settings\.ini is missing"):
            await recipe.ship(network.remote(server.host))
    assert recipe.sent == 0
