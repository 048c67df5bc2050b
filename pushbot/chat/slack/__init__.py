"""Slack: one connection to one workspace, kept up for ever.

Why it is built so is in docs/adr/0008-slack-through-bolt-behind-our-own-inbox.md.

What comes in: `link` keeps the socket, `envelopes` says what of it matters, `inbox` writes that down before Slack is
told so, and gives it on in order; `hearing` has Bolt sort it and makes of it what the bot is told, with `spoken`,
`words`, `people` and `rooms`; `entering` gets into the rooms.

What goes out: `writer` hands it to who does it. `talk` says lines that wait in an `outbox`, `whisper` those for one
person; `topic`, `wall` and `homes` keep what is shown; `snippets` sends the ends of logs. `places` and `lookback` know
what stands there already, `blocks` draws it, `api` calls Slack at its `paces`. `chat` puts them together.
"""

import importlib.util

from pushbot.errors import PushbotError

if importlib.util.find_spec("slack_bolt") is None:
    raise PushbotError("Slack needs the package slack-bolt: pip install 'pushbot[slack]'.")

from pushbot.chat.slack.chat import SlackChat
from pushbot.chat.slack.options import SlackOptions

__all__ = ["SlackChat", "SlackOptions"]
