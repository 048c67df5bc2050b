"""Several lanes at work at the same time: in one room and in rooms of their own, with stages apart or shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Gate, basics, lane, noted, stage, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]


def config(port: int, folder: Path, web_room: str, search_room: str, lock: str = "") -> str:
    """Two lanes whose deploys to `live` each wait at a gate of their own; `lock` is what both claim."""
    options = f'lock = "{lock}"' if lock else ""
    pipelines = (
        stage(name, "live", [step("build", f'{noted(folder / "steps", "build")}\n: < "{folder / name}"')], options)
        for name in ("web", "search")
    )
    return basics(port) + "".join(pipelines) + lane("web", web_room) + lane("search", search_room)


async def test_in_one_room_at_the_same_time(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    gates = Gate(tmp_path / "web"), Gate(tmp_path / "search")
    bot = bots(config(irc_server.port, tmp_path, "#push", "#push"))
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await bob.asks("search: .join", "bob: You're up")
    await alice.sees("web: alice || search: bob")
    await alice.asks(".go", "web is being deployed to live by alice")
    await bob.asks(".go", "search is being deployed to live by bob")
    await alice.sees("web: <live...> alice* || search: <live...> bob*")
    since = alice.mark
    for gate in reversed(gates):
        await gate.opened()
    await alice.hears("alice: you're on live", since=since)
    await alice.hears("bob: you're on live", since=since)
    await alice.sees("web: <live> alice || search: <live> bob")
    await alice.asks(".done", "Thanks for driving, alice")
    alice.send("TOPIC #push :web: carol || search: <live> bob")
    await alice.hears("carol: You're up")
    await bob.asks(".done", "Thanks for driving, bob")
    await alice.sees("web: carol || search: clear")
    assert [run.state for name in ("web", "search") for run in bot.runs(name)] == ["succeeded", "succeeded"]


async def test_in_rooms_of_their_own(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    rooms = ("#web", "#search", "#warroom")
    gates = Gate(tmp_path / "web"), Gate(tmp_path / "search")
    bot = bots(config(irc_server.port, tmp_path, "#web", "#search"), rooms)
    alice, bob = await people(irc_server, "alice", *rooms), await people(irc_server, "bob", *rooms)
    await bot.start()
    for member, room, other, name in ((alice, "#web", "#search", "web"), (bob, "#search", "#web", "search")):
        await member.asks(".join", f"{member.nick}: You're up", to=room)
        await member.asks(".go", f"{name} is being deployed to live by {member.nick}", to=room)
        await member.sees(f"<live...> {member.nick}*", room=room)
        assert not [line for line in member.said(other) if member.nick in line]
    await alice.hears("web is being deployed to live by alice", to="#warroom")
    await alice.hears("search is being deployed to live by bob", to="#warroom")
    for gate in gates:
        await gate.opened()
    await alice.hears("alice: you're on live", to="#web")
    await alice.hears("bob: you're on live", to="#search")
    await alice.sees("<live> bob", room="#search")


async def test_a_stage_that_lanes_share_has_one_of_them_at_a_time(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    web, search = Gate(tmp_path / "web"), Gate(tmp_path / "search")
    bot = bots(config(irc_server.port, tmp_path, "#push", "#push", lock="the-machine"))
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await bob.asks("search: .join", "bob: You're up")
    alice.say(".go")
    bob.say(".go")  # whoever is first has it, also when both come in one breath
    await alice.sees(lambda topic: topic.count("...") == 1)
    first, second, gate, other = (alice, bob, web, search) if "> alice*" in alice.topic() else (bob, alice, search, web)
    name = "web" if first is alice else "search"
    refusal = await alice.hears("[stage_busy]")
    assert f"{second.nick}: somebody else has it: live: {first.nick} in {name} ({name}-1)" in refusal
    await until(lambda: bot.written("steps"), "the run")  # killed before, the bot could not tell whether it began
    await bot.kill()
    await bot.start()  # a claim outlives the bot, as the run does
    await second.asks(".go", "[stage_busy]")
    await gate.opened()
    await first.hears(f"{first.nick}: you're on live")
    await second.asks(".go", f"being deployed to live by {second.nick}")
    await other.opened()
    await second.hears(f"{second.nick}: you're on live")
    assert len(bot.written("steps")) == 2
