"""Slack: one connection to one workspace, kept up for ever.

Why it is built so is in docs/adr/0008-slack-through-bolt-behind-our-own-inbox.md.

`chat` puts together what comes in (`inbound/`) and what goes out (`outbound/`, drawn by `blocks/`). Both know the
`people` and the `rooms` of the workspace, and call Slack through `api`, at its `paces`. `setup/` is for before that.
"""

import importlib.util
import sys

from pushbot.errors import PushbotError

if importlib.util.find_spec("slack_bolt") is None:
    raise PushbotError(
        "Slack needs the package slack-bolt, which is not installed here. "
        f"In the folder of pushbot's source: {sys.executable} -m pip install '.[slack]'"
    )

from pushbot.chat.slack.chat import SlackChat
from pushbot.chat.slack.options import SlackOptions

__all__ = ["SlackChat", "SlackOptions"]
