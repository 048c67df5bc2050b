"""An incident in a real bot on a real server: who is new, what is held over a kill, and the page that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import basics, lane, stage, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ROSTER = '[[rotations]]\nteam = "dev"\npeople = ["bob"]\nstart = 2020-01-01\nzone = "Europe/London"\n'


async def test_an_incident_over_a_kill(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    (tmp_path / "oncall.toml").write_text(ROSTER)
    pipelines = "".join(stage(name, "live", [step("build", "true")]) for name in ("web", "search"))
    oncall = '\n[oncall]\nroster = "oncall.toml"\n'
    bot = bots(basics(irc_server.port) + pipelines + lane("web", "#push") + lane("search", "#push") + oncall)
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    await bot.start()
    since = alice.mark
    await alice.asks("web: .join", "alice: You're up")
    await alice.hears("Welcome aboard, alice!", to="alice", since=since)
    since = bob.mark
    alice.say('.incident "checkout <b>errors</b>"')
    await bob.hears("INCIDENT 1, says alice: checkout <b>errors</b>", to="#warroom", since=since)
    await bob.hears("bob: you are on call", to="#warroom", since=since)
    await alice.sees(lambda topic: topic.count('HOLD "incident 1: checkout <b>errors</b>"') == 2)
    bob.say("see [the graph](http://graphs.example.org)", to="#warroom")
    await bob.asks(".note the database is fine", "bob: noted for incident 1.")
    await bot.kill()
    await bot.start()
    await alice.asks(".status", 'Incident 1 "checkout <b>errors</b>", opened by alice')
    await alice.asks("web: .go", "[held]")
    since = alice.mark
    alice.say(".resolved rolled back by hand", to="#warroom")
    await alice.hears("is over after", to="#warroom", since=since)
    await alice.sees("web: alice* || search: clear")
    pages = tmp_path / "var" / "incidents"
    named = "????-??-??-incident-1-checkout-b-errors-b.md"
    await until(lambda: [*pages.glob(named)], "a page")
    text = next(pages.glob(named)).read_text("utf-8")
    assert text.startswith("# Incident 1: checkout \\<b\\>errors\\</b\\>\n")
    assert "**bob** see \\[the graph\\](http:\u2060//graphs\\.example\\.org)\n" in text
    assert "**bob** the database is fine\n" in text
