"""How long the bot puts up with a link: with silence, with none that can be had, and with its own standing still."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from pushbot.chat.slack.inbound import link as hearing_link
from pushbot.chat.slack.inbound.link import PATIENCE, UNPROVEN
from tests.chat.slack_linked import QUICK, linked, workspace
from tests.rig.slack import Slow

if TYPE_CHECKING:
    import pytest

    from tests.rig.slack import SlackServer


async def test_a_dead_link_is_noticed() -> None:
    async with workspace() as slack, linked(slack) as taken:
        slack.links.ack_within = 0.2  # the dead link gets its share of what comes
        await slack.until(lambda: any(link.pings > 1 for link in slack.links.open))  # the first was answered
        began = asyncio.get_running_loop().time()
        slack.links.notices = 60
        slack.links.die()
        await slack.until(lambda: taken.links == 2)
        assert asyncio.get_running_loop().time() - began < QUICK.ping_interval * 3 + QUICK.reconnect_max + 10
        slack.people.say("ada", "#push", ".join")
        await slack.until(lambda: taken.texts == [".join"])


async def test_a_server_that_answers_no_pings_is_given_time() -> None:
    async with workspace() as slack:
        slack.links.pongs = False
        began = asyncio.get_running_loop().time()
        with capture_logs() as logs:
            async with linked(slack, QUICK.model_copy(update={"ping_interval": 0.02})) as taken:
                slack.people.say("ada", "#push", ".one")
                await slack.until(lambda: taken.links >= 2)
                assert asyncio.get_running_loop().time() - began > UNPROVEN * 0.02
                slack.people.say("ada", "#push", ".two")
                await slack.until(lambda: taken.texts == [".one", ".two"])
                await slack.until(lambda: taken.links >= 3)
                assert asyncio.get_running_loop().time() - began > 3 * UNPROVEN * 0.02
        assert any("never answered a ping" in str(one.get("why")) for one in logs)


def stand_still() -> None:
    """Nothing runs, for longer than a link may be silent."""
    time.sleep(QUICK.ping_interval * (PATIENCE + 0.5))


async def told_and_stalled(slack: SlackServer, said: str) -> None:
    """The bot is told something, and stands still before it has looked."""
    await slack.until(lambda: any(link.pings > 1 for link in slack.links.open))  # the first was answered
    event = {"type": "events_api", "envelope_id": said, "payload": {"event": {"text": said}}}
    await slack.links.open[0].socket.send_str(json.dumps(event))
    stand_still()


async def test_what_came_while_the_bot_stood_still_is_taken() -> None:
    async with workspace() as slack, linked(slack) as taken:
        await told_and_stalled(slack, ".go")
        await slack.until(lambda: taken.texts == [".go"])
        assert taken.links == 1


async def test_a_bot_that_stood_still_takes_that_for_no_silence() -> None:
    async with workspace() as slack, linked(slack) as taken:
        (link,) = slack.links.open
        await slack.until(lambda: link.pings > 1)
        stand_still()
        before = link.pings
        await slack.until(lambda: link.pings > before + 3)
        assert taken.links == 1


async def test_what_came_so_long_ago_that_it_would_surprise_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_link, "LATE", timedelta(seconds=1))
    async with workspace() as slack, linked(slack) as taken:
        await told_and_stalled(slack, ".go")
        await slack.until(lambda: taken.links == 2)
        slack.people.say("ada", "#push", ".join")
        await slack.settled()
        assert taken.texts == [".join"]


async def test_a_link_without_a_hello_is_replaced() -> None:
    async with workspace() as slack, linked(slack, QUICK.model_copy(update={"connect_timeout": 2.0})) as taken:
        await slack.until(lambda: any(link.pings > 1 for link in slack.links.open))
        slack.links.hellos = False
        slack.links.reset()
        await slack.until(lambda: taken.links == 2)
        slack.links.hellos = True
        with capture_logs() as logs:
            await slack.until(lambda: taken.links == 3)
        assert any("did not say hello" in str(one.get("why")) for one in logs)
        slack.people.say("ada", "#push", ".join")
        await slack.settled()
        assert taken.texts == [".join"]


async def test_a_link_that_takes_long_to_be_refused_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_link, "HELD", 0.2)
    async with (
        workspace() as slack,
        linked(slack, QUICK.model_copy(update={"reconnect_min": 0.2, "reconnect_max": 0.4})) as taken,
    ):
        slack.fault("apps.connections.open", Slow(0.3), 3)
        slack.links.refuse = 3
        with capture_logs() as logs:
            slack.links.reset()
            await slack.until(lambda: taken.links == 2)
        assert any(one["again_in"] > 0 for one in logs if "WSServerHandshakeError" in str(one.get("why")))


async def test_a_link_that_was_asked_to_leave_and_stays_is_left_once_it_is_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing_link, "LEAVING", 0.2)
    async with workspace() as slack, linked(slack) as taken:
        (old,) = slack.links.open
        await slack.until(lambda: old.pings > 1)
        slack.links.disconnect("warning")
        await slack.until(lambda: taken.links == 2)
        await told_and_stalled(slack, ".go")
        await slack.until(lambda: old not in slack.links.open)
        assert taken.texts == [".go"]
        assert taken.links == 2
