"""What people read of the bot's words in the Slack of the tests, line by line, and what is no talk there.

A message may hold several lines. It is read as people see it (`rich_text`, in which a mention is shown by the name of
who is meant), and its `text`, which notifications and other programs show, has to say the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rig.slack.text import unescape

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.rig.slack import Message
    from tests.rig.slack.posts import Ephemeral
    from tests.rig.slack.state import Object, Workspace

LINES = "pushbot_lines"
"""The type of the metadata of a message that holds lines of the bot; views have another."""
_KNOWN_AS = r"known (?:as (?:nick:|slack/)|in the configuration as )\S+; proof: (?:nick|Slack user)[^;]*"
_IDENTITY = re.compile(rf"(?<=: you are )(\S+) on \w+, {_KNOWN_AS}")
_MENTION = re.compile(r"<@(\w+)>")


def is_talk(message: Message) -> bool:
    """Whether a message holds lines that the bot said, and is no view, no file and no notice of Slack's."""
    metadata = message.metadata or {}
    return message.subtype in {"", "thread_broadcast"} and metadata.get("event_type", LINES) == LINES


def lines_in(message: Message | Ephemeral, space: Workspace) -> list[str]:
    """The lines of a message as people read them; AssertionError when its text says something else."""
    plain = unescape(_MENTION.sub(lambda found: space.users[found[1]].shown, message.text)).split("\n")
    if not message.blocks:
        return plain
    seen = [line for block in message.blocks for line in _rich(block, space).split("\n")]
    assert seen == plain, f"people read {seen}, and are notified of {plain}"
    return seen


def as_on_irc(text: str) -> str:
    """A line with who somebody is as a chat proves it, in the words of IRC: nothing else differs from chat to chat."""
    return _IDENTITY.sub(r"\1 on irc, known as nick:\1; proof: nick, which is trusted on this network", text)


def _rich(block: Object, space: Workspace) -> str:
    assert block.get("type") == "rich_text", f"talk with a block of the type {block.get('type')}"
    return "\n".join(_run(part, space) for part in _objects(block.get("elements")))


def _run(part: Object, space: Workspace) -> str:
    return "".join(_inline(one, space) for one in _objects(part.get("elements"))).removesuffix("\n")


def _inline(element: Object, space: Workspace) -> str:
    match element.get("type"):
        case "text":
            return str(element["text"])
        case "link":
            return str(element.get("text") or element["url"])
        case "user":
            return space.users[str(element["user_id"])].shown
        case other:
            raise AssertionError(f"a line with an element of the type {other}")


def _objects(found: JsonValue) -> list[Object]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
