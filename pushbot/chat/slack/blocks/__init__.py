"""What Slack shows, as Block Kit: made from values alone, and what a press on it says.

`text` has lines on their way out; `board`, `push` and `home` draw the views of `pushbot/views.py` out of `pieces`.
`pressed` is the inverse: what was offered by what somebody pressed.
"""

from pushbot.chat.slack.blocks.board import board, past
from pushbot.chat.slack.blocks.drawn import Drawn
from pushbot.chat.slack.blocks.home import home
from pushbot.chat.slack.blocks.press import Press, pressed
from pushbot.chat.slack.blocks.push import push, unfollowed

__all__ = ["Drawn", "Press", "board", "home", "past", "pressed", "push", "unfollowed"]
