"""`pushbot chat`: a chat screen for the terminal."""

from __future__ import annotations

import asyncio
import sys

import click

from pushbot.errors import PushbotError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The IRC server's name or address.")
@click.option("--port", default=6667, show_default=True, type=click.IntRange(1, 65535), help="Its port, without TLS.")
@click.option("--nick", default="you", show_default=True, help="The name under which you speak.")
@click.option(
    "--room", "rooms", default=("#push", "#warroom"), show_default=True, multiple=True, help="A room; may be repeated."
)
def chat(host: str, port: int, nick: str, rooms: tuple[str, ...]) -> None:
    """Show the topic and the rooms of an IRC server, and speak there under one name or several.

    It is made for trying things out: /as bob speaks as somebody else, /help tells the rest.

    \b
    Example:
      pushbot chat --nick alice
    """  # noqa: D301 - \b is click's mark for lines to keep
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise PushbotError("the chat screen needs a terminal; without one, use any IRC client")
    from pushbot.chat.console import Screen  # noqa: PLC0415 - brings a terminal library that no other command needs

    asyncio.run(Screen(host, port, nick, rooms, hints=("/help tells what can be typed here",)).run())
