"""From nothing to a running bot: what `pushbot init --slack` writes is installed, checked and run as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.rig.slack import APP_TOKEN, BOT_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

HERE = 'app_token = "env:SLACK_APP_TOKEN"'
"""A line of the configuration that is written."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With what `pushbot init --slack` wrote."""
    made = tmp_path / "my-bot"
    subprocess.run([sys.executable, "-m", "pushbot", "init", "--slack", str(made)], check=True, capture_output=True)
    return made


async def test_what_init_writes_works_as_it_is(
    slack: SlackServer, towns: Towns, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.app.install(json.loads((folder / "slack-manifest.json").read_text("utf-8")))
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    text = (folder / "pushbot.toml").read_text("utf-8")
    assert text.count(HERE) == 1
    town = towns(
        text.replace(HERE, f'{HERE}\napi_url = "{slack.url}"\nmessage_interval = 0\ntopic_interval = 0.1'), "push"
    )
    town.settle_in("ann")
    await town.bot.start()
    slack.people.say("ann", "#push", ".join")
    await town.hears("ann: You're up", "#push")
    for stage in ("princess", "production"):
        slack.people.say("ann", "#push", ".go")
        await town.hears(f"ann: you're on {stage}", "#push")
    assert await slack.people.slash("ann", "#push", "/push", "done") is None
    await town.hears("Done. Thanks for driving, ann!", "#push")
    slack.people.open_home("ann")
    await until(lambda: slack.home("ann"), "ann sees her own page")
    await town.at_rest()
    assert [slack.read(board) for board in slack.pins("#push")]
    assert not [call.method for call in slack.calls if call.error == "missing_scope"]
    assert (await town.bot.stop())[0] == 0
