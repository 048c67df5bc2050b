"""IRC: one connection to one network, kept up for ever (docs/adr/0002-irc-on-top-of-the-irc-package.md).

From the socket inwards: `link` opens it, `wire` turns bytes into messages and text into lines,
`registration` gets us in, `session` understands what the server says, `rooms` and `people` remember
it, `outbox` keeps what is to be said and `writer` decides when it goes out. `chat` puts them
together. Only `link`, `writer`'s timer and `chat` know that there is an event loop.
"""

from pushbot.chat.irc.chat import IrcChat
from pushbot.chat.irc.options import IrcOptions, Sasl

__all__ = ["IrcChat", "IrcOptions", "Sasl"]
