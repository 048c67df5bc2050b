"""Envelopes of any shape, in a row, on a bot that is killed among them: it goes on, and has nothing left over."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import UNLIMITED, Repository
from tests.e2e.town import chat, lanes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import JsonValue

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ENVELOPES = 400
ODD: tuple[JsonValue, ...] = (None, True, -1, 10**30, "", "x" * 5000, "\ud800", "a\nb", "<!channel>", "\u202e.join")
ODD += ([], [[]], [None], {}, {"a": 1}, "1.1", [{"value": '[".join","web",""]'}], ".go", '"\x00')


def recorded(town: Town) -> list[tuple[str, dict[str, JsonValue]]]:
    """What people's doings were told as."""
    return [(one.kind, copy.deepcopy(one.payload)) for one in town.slack.acked]


def places(whole: JsonValue) -> Iterator[tuple[dict[str, JsonValue], str]]:
    """All keys of all objects in it."""
    if isinstance(whole, dict):
        for key, value in whole.items():
            yield whole, key
            yield from places(value)
    for one in whole if isinstance(whole, list) else ():
        yield from places(one)


def bent(payload: dict[str, JsonValue], number: int, dice: random.Random) -> dict[str, JsonValue]:
    """The same under another id, with something else in some places."""
    made: dict[str, JsonValue] = json.loads(json.dumps(payload))
    made |= {key: f"{number}.{key}" for key in ("trigger_id", "event_id") if key in made}
    event = made.get("event")
    if isinstance(event, dict) and "ts" in event:
        event |= {"ts": f"{2_000_000_000 + number}.000001", "client_msg_id": str(number)}
    for there, key in dice.sample(list(places(made)), dice.randint(1, 3)):
        there[key] = dice.choice(ODD)
    return made


async def test_envelopes_of_any_shape(slack: SlackServer, towns: Towns, tmp_path: Path) -> None:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    town = towns(UNLIMITED + "guide = false\n" + chat(slack) + lanes(tmp_path, "web"), "web")
    town.settle_in("ann", "bob")
    await town.bot.start()
    slack.people.say("ann", "#web", ".join")
    await until(lambda: town.shows("web", "ann drives") and town.offers("web", "Join"), "the board")
    await slack.people.choose("bob", town.board(), "Join")
    await slack.people.slash("bob", "#web", "/push", "status")
    slack.people.rename("bob", "Bobby")
    slack.people.write_topic("ann", "#web", "ann | Bobby")
    slack.people.direct("bob", "eta")
    slack.people.open_home("ann")
    await town.at_rest()
    good, dice = recorded(town), random.Random(7)  # noqa: S311 - the same each time
    for number in range(ENVELOPES):
        kind, payload = dice.choice(good)
        slack.links.deliver(kind, bent(payload, number, dice))
        if number == ENVELOPES // 2:
            await town.bot.kill()
            await town.bot.start()
    await town.at_rest()
    slack.people.say("ann", "#web", ".whoami")
    await town.hears("ann: you are ")
    mentioned = {
        one for channel in slack.space.channels.values() for m in channel.messages for one in slack.mentioned(m)
    }
    assert not mentioned & {"channel", "here", "everyone"}
    assert (await town.bot.stop())[0] == 0
