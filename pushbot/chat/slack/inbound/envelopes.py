"""What comes over the socket: what of it matters, and its id.

https://docs.slack.dev/apis/events-api/using-socket-mode

A message has the id of its place, channel and `ts`, so that it is one whether it comes as `message` or as
`app_mention`; and what a client sent twice has a second name in common. Commands and presses have a digest of
their trigger's: that opens windows while it lasts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.slack.shape import part, text
from pushbot.ports import Letter

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pushbot.chat.slack.shape import Object

TALK = frozenset({"", "thread_broadcast", "file_share", "me_message"})
"""Subtypes of `message` that are somebody saying something."""
TOMBSTONE = "tombstone"
TOPIC = frozenset({"channel_topic", "group_topic"})
"""Subtypes that tell of a topic."""
MESSAGES = frozenset({"message", "app_mention"})
PEOPLE = frozenset({"user_change", "user_profile_changed", "team_join"})
COMING = frozenset({"member_joined_channel", "channel_unarchive", "group_unarchive", "group_open"})
"""Events after which the bot may be in a room in which it was not."""
GOING = frozenset(
    {
        "member_left_channel",
        "channel_left",
        "group_left",
        "channel_archive",
        "group_archive",
        "channel_deleted",
        "group_deleted",
        "group_close",
    }
)
"""Events after which it may be in a room no more."""
RENAMES = frozenset({"channel_rename", "group_rename"})
UNPINNED = "pin_removed"
HOME = "app_home_opened"
GROUPS = frozenset({"subteam_created", "subteam_updated", "subteam_members_changed"})
EVENTS = MESSAGES | PEOPLE | COMING | GOING | RENAMES | GROUPS | {HOME, UNPINNED}
INTERACTION = "block_actions"
UNUSED = frozenset(
    {
        *("token", "blocks", "attachments", "files", "root", "bot_profile", "edited", "message", "view", "state"),
        *("metadata", "previous_message", "item"),
    }
)
"""Keys of payloads and events that nothing here looks at: not for disks."""
GONE, LOOSE = "gone", "loose"
"""What is kept of an event that tells of a message that was deleted, or unpinned: the timestamp of the message."""
LONGEST = 200
"""Characters of an id that are kept."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter, and the name that it shares with what the same client sent again; "" for none."""

    letter: Letter
    twin: str = ""


def mail_of(envelope: Object) -> Mail | None:
    """What there is to be kept of an envelope; None where nothing in it is of use."""
    payload, fallback = part(envelope, "payload"), _named("envelope", text(envelope, "envelope_id"))
    match text(envelope, "type"):
        case "events_api":
            event = part(payload, "event")
            name = event_id(event) or _named("event", text(payload, "event_id")) or fallback
            twin = _named("client", text(event, "client_msg_id"))
            matters = concerns(event)
        case "slash_commands":
            name = _named("slash", _digest(text(payload, "trigger_id"))) or fallback
            twin, matters = "", bool(text(payload, "command"))
        case "interactive":
            name = _named("press", _digest(text(payload, "trigger_id"))) or fallback
            twin, matters = "", text(payload, "type") == INTERACTION and _can_be_told_apart(payload.get("actions", []))
        case _:
            return None
    if not matters:
        return None
    kept = _of_use(payload)
    if "event" in kept:
        kept["event"] = _of_use(part(payload, "event")) | taken_away(part(payload, "event"))
    body = json.dumps(kept, ensure_ascii=False).encode("utf-8", "ignore").decode()  # halves of characters are left out
    return Mail(Letter(name, body), twin)


def event_id(event: Object) -> str:
    """The id of a message by its place; "" for any other event."""
    if text(event, "type") not in MESSAGES or not text(event, "ts") or taken_away(event):
        return ""
    return _named("message", f"{text(event, 'channel')}/{text(event, 'ts')}")


def concerns(event: Object) -> bool:
    """Whether an event may matter to the bot: what bots say does not, nor what is edited."""
    kind, subtype = text(event, "type"), text(event, "subtype")
    if kind not in EVENTS:
        return False
    if kind not in MESSAGES or subtype in TOPIC or taken_away(event):
        return True
    return subtype in TALK and not text(event, "bot_id") and bool(text(event, "user"))


def taken_away(event: Object) -> Object:
    """What is kept of an event after which a message may not hang where it did; nothing of any other.

    What had answers leaves a tombstone, and that is told as a change.
    """
    match text(event, "type"), text(event, "subtype"):
        case "message", "message_deleted" if text(event, "deleted_ts"):
            return {GONE: text(event, "deleted_ts")}
        case "message", "message_changed" if text(event, "message", "subtype") == TOMBSTONE:
            return {GONE: text(event, "message", "ts")}
        case kind, _ if kind == UNPINNED:
            return {LOOSE: text(event, "item", "message", "ts"), "channel": text(event, "channel_id")}
        case _:
            return {}


def twin_of(letter: Letter) -> str:
    """The name that a letter shares with its twins, found in its body; "" for none."""
    try:
        return _named("client", text(json.loads(letter.body), "event", "client_msg_id"))
    except (ValueError, RecursionError):
        return ""


def _can_be_told_apart(actions: JsonValue) -> bool:
    """Whether each of the elements that were pressed has a name, by which Bolt finds who listens."""
    return isinstance(actions, list) and all(text(one, "action_id") for one in actions)


def _of_use(found: Object) -> Object:
    return {key: value for key, value in found.items() if key not in UNUSED}


def _named(kind: str, name: str) -> str:
    """An id that any disk takes, whatever Slack calls it; "" for what has no name."""
    return f"{kind}/{name[:LONGEST].encode('ascii', 'backslashreplace').decode()}" if name else ""


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:24] if name else ""
