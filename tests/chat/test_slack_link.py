"""The link to Slack: what comes is kept, then acknowledged; a link that ends or is changed loses nothing."""

from __future__ import annotations

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from pushbot.chat.slack.options import SlackOptions
from tests.chat.slack_linked import QUICK, linked, workspace
from tests.rig.slack import APP_TOKEN, Http


async def test_all_is_taken_in_order_and_acknowledged() -> None:
    async with workspace() as slack, linked(slack) as taken:
        said = [f".say {number}" for number in range(50)]
        for line in said:
            slack.people.say("ada", "#push", line)
        await slack.settled()
        assert taken.texts == said
        assert len(slack.acked) == len(said)


async def test_what_the_disk_does_not_take_is_not_acknowledged_and_comes_again() -> None:
    async with workspace() as slack:
        slack.links.ack_within, slack.links.pauses = 0.1, (0.05,) * 1000
        async with linked(slack) as taken:
            taken.full = True
            with capture_logs() as logs:
                slack.people.say("ada", "#push", ".join")
                await slack.until(lambda: [one for one in logs if one["event"] == "slack_letter_not_taken"])
            assert not slack.acked
            slack.links.ack_within, taken.full = 60, False
            await slack.settled()
            assert taken.texts == [".join"]


async def test_a_reset_link_is_replaced() -> None:
    async with workspace() as slack, linked(slack) as taken:
        slack.links.reset()
        await slack.until(lambda: taken.links == 2)
        slack.people.say("ada", "#push", ".join")
        await slack.settled()
        assert taken.texts == [".join"]


async def test_a_refused_handshake_is_tried_at_a_new_address() -> None:
    async with workspace() as slack, linked(slack) as taken:
        slack.links.refuse = 3
        slack.links.reset()
        await slack.until(lambda: taken.links == 2)
        assert slack.links.handshakes[-4:] == [403, 403, 403, 101]
        assert len(slack.called("apps.connections.open")) == 5


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_the_next_link_is_opened_before_the_old_one_ends(reason: str) -> None:
    async with workspace() as slack, linked(slack) as taken:
        old = slack.links.open[0]
        slack.links.disconnect(reason)
        slack.people.say("ada", "#push", ".one")
        await slack.until(lambda: len(slack.links.open) == 2)
        assert old in slack.links.open
        slack.people.say("ada", "#push", ".two")
        slack.people.say("ada", "#push", ".three")
        await slack.settled()
        assert sorted(taken.texts) == [".one", ".three", ".two"]


async def test_links_that_are_changed_often_follow_each_other_soon() -> None:
    options = QUICK.model_copy(update={"reconnect_min": 0.2, "reconnect_max": 60.0})
    async with asyncio.timeout(60), workspace() as slack, linked(slack, options) as taken:
        slack.links.grace = 0.1
        for number in range(2, 12):
            slack.links.disconnect("refresh_requested")
            await slack.until(lambda: taken.links == number)  # noqa: B023 - it is waited for here
        slack.people.say("ada", "#push", ".join")
        await slack.settled()
        assert taken.texts == [".join"]


async def test_socket_mode_turned_off_is_said_and_tried_again() -> None:
    async with workspace() as slack, linked(slack) as taken:
        with capture_logs() as logs:
            slack.links.disconnect("link_disabled")
            await slack.until(lambda: taken.links == 2)
        assert any("turn on Socket Mode" in str(one.get("why")) for one in logs)


@pytest.mark.parametrize("error", ["invalid_auth", "account_inactive", "token_revoked"])
async def test_what_no_retry_cures_ends_it_at_the_start(error: str) -> None:
    async with workspace() as slack:
        slack.app.grants[APP_TOKEN].revoked = error
        with pytest.raises(BaseExceptionGroup) as caught:
            async with linked(slack):
                pass
        told = repr(caught.value)
        assert "PushbotError" in told
        assert error in told
        assert "env:SLACK_APP_TOKEN" in told
        assert APP_TOKEN not in told


async def test_later_it_is_tried_again() -> None:
    async with workspace() as slack, linked(slack) as taken:
        slack.app.grants[APP_TOKEN].revoked = "invalid_auth"
        with capture_logs() as logs:
            slack.links.reset()
            await slack.until(lambda: any("invalid_auth" in str(one) for one in logs))
            slack.app.grants[APP_TOKEN].revoked = ""
            await slack.until(lambda: taken.links == 2)
        assert "xapp" not in json.dumps(logs, default=str)
        assert "ticket" not in json.dumps(logs, default=str)


async def test_nonsense_over_the_socket_is_passed_over() -> None:
    async with workspace() as slack, linked(slack) as taken:
        link = slack.links.open[0]
        for nonsense in ("", "{", "[]", '"x"', "null", '{"type": 7, "envelope_id": []}', '{"type": "events_api"}'):
            link.out.put_nowait(nonsense)
        slack.people.say("ada", "#push", ".join")
        await slack.settled()
        assert taken.texts == [".join"]
        assert taken.links == 1


async def test_it_comes_back_when_slack_was_gone() -> None:
    async with workspace() as slack, linked(slack) as taken:
        slack.fault("apps.connections.open", Http(503), 2)
        slack.links.reset()
        await slack.until(lambda: taken.links == 2)


async def test_signing_off_is_quick_also_on_a_dead_link() -> None:
    async with workspace() as slack:
        async with linked(slack, SlackOptions(ping_interval=5)):
            slack.links.die()
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 8  # aiohttp would wait ten
