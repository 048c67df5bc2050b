"""Stages that people name, for real: each makes a folder and is served from a URL of its own, over a crash too."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import Gate, basics, lane, stage, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the URL from which everything in it is served."""
    folder = tmp_path / "sites"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def config(port: int, folder: Path, url: str, gate: Gate) -> str:
    """A line with one stage, and a template whose steps make a folder; that of bob waits at a gate."""
    write = f'mkdir -p "{folder}/$PUSHBOT_NAME"; echo "$PUSHBOT_STAGE $PUSHBOT_REVISION" > "{folder}/$PUSHBOT_NAME/v"'
    health = f'health = [{{ name = "answers", http = "{url}/{{name}}/v", expect = "{{stage}} {{revision}}" }}]\n'
    links = f'links = {{ see = "{url}/{{name}}/" }}\n'
    steps = [step("publish", f'if [ "$PUSHBOT_NAME" = bob ]; then {gate.script}; fi\n{write}')]
    back = f"rollback_steps = [{step('back', write)}]\n"
    stages = stage("web", "production", [step("publish", "true")])
    return basics(port) + stages + stage("web", "staging-*", steps, health + links + back) + lane("web")


async def test_everybody_has_a_place_of_their_own(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path, sites: tuple[Path, str]
) -> None:
    folder, url = sites
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, folder, url, gate))
    ann, bob = await people(irc_server, "ann"), await people(irc_server, "bob")
    await bot.start()

    await ann.asks(".deploy fix-cart to staging-ann", "web/fix-cart (fix-cart) is being deployed to staging-ann by ann")
    await ann.hears(f"ann: you're on staging-ann. see: {url}/ann/ Check your change")
    assert (folder / "ann" / "v").read_text() == "staging-ann fix-cart\n"

    await bob.asks(".deploy main to staging-bob", "web/main (main) is being deployed to staging-bob by bob")
    await ann.asks(".deploy next to staging-bob", "somebody else has it: staging-bob: bob in web (web-2)")
    await bot.kill()
    await bot.start()
    await ann.asks(".deploy next to staging-bob", "somebody else has it: staging-bob: bob in web (web-2)")
    await gate.opened()
    await bob.hears(f"bob: you're on staging-bob. see: {url}/bob/")
    assert (folder / "bob" / "v").read_text() == "staging-bob main\n"

    since = ann.mark
    await ann.asks(".deploy worse to staging-ann", "web/worse (worse) is being deployed to staging-ann")
    await ann.hears("ann: you're on staging-ann.", since=since)
    await ann.asks(".rollback staging-ann", "web on staging-ann is back on fix-cart")
    assert (folder / "ann" / "v").read_text() == "staging-ann fix-cart\n"
    await ann.asks(".status", "web: aside, staging-ann fix-cart, rolled back by ann")
    assert [run.stage for run in bot.runs()] == ["staging-ann", "staging-bob", "staging-ann", "staging-ann"]
    assert not [said for said in ann.heard if said.to == "#warroom"]
    assert bot.trains() == ()


HOSTILE = (
    "main to staging-../../up",
    "main to staging-$(touch${IFS}up)",
    "main to staging-`touch up`",
    "main to staging-..",
    "main to staging-;touch up",
    'main to "staging-a b"',
    "main to staging-{revision}",
    "main to staging-a_b",
    f"main to staging-{'a' * 31}",
    "--help to staging-ann",
    "$(id) to staging-ann",
)


async def test_no_name_gets_out_of_its_place(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path, sites: tuple[Path, str]
) -> None:
    folder, url = sites
    bot = bots(config(irc_server.port, folder, url, Gate(tmp_path / "gate")))
    ann = await people(irc_server, "ann")
    await bot.start()
    for words in HOSTILE:
        await ann.asks(f".deploy {words}", "ann: ")
    await ann.asks(".status", "web: nobody is in the queue")
    assert bot.runs() == []
    assert _up(tmp_path) == []


def _up(folder: Path) -> list[Path]:
    """Whatever a name made beside the folder that is served, or in it."""
    return [*folder.rglob("up"), *(folder / "sites").iterdir()]
