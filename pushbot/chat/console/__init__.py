"""A chat screen for the terminal: a small IRC client that shows the topic, #push and #warroom at once.

`wire.py` reads lines of IRC and makes text safe for a terminal, `voice.py` is one connection that
hears and speaks, `scene.py` is what there is to see, `screen.py` draws it and takes what is typed.
"""

from pushbot.chat.console.screen import Extra, Screen

__all__ = ["Extra", "Screen"]
