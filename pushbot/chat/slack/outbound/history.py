"""What the bot has posted already: found again by the metadata that every message of it carries.

https://docs.slack.dev/messaging/message-metadata: an event type and a payload, which people do not see. The payload
names the record (of lines and pushes) that the bot wrote from, so that another record's are not taken for ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.refused import UNKNOWN, Refused, warn
from pushbot.chat.slack.shape import objects, part, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from pydantic import JsonValue

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.shape import Object

LOG = structlog.get_logger()
LINES, VIEW, PAST = "pushbot_lines", "pushbot_view", "pushbot_past"
"""Event types."""
PAGE, PAGES = 200, 5
"""Messages of one answer, and how many of them are asked for: what was said further back is not looked for."""
TALK = frozenset({"", "bot_message", "thread_broadcast"})
"""Subtypes of what bots say."""
TOMBSTONE = "tombstone"
"""The subtype of what stands in the place of a message that was deleted, and that had answers."""
BOARD = "board "
"""How the key of a lane's board begins; that of a push begins otherwise."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours that shows a view: its key, and whether it is pinned."""

    key: str
    ts: str
    pinned: bool


def of_lines(record: str, keys: Iterable[str]) -> JsonValue:
    """The metadata of a message that says the lines of these keys."""
    return {"event_type": LINES, "event_payload": {"record": record, "lines": list(keys)}}


def of_view(record: str, key: str) -> JsonValue:
    """The metadata of a message that shows a view."""
    return {"event_type": VIEW, "event_payload": {"record": record, "key": key}}


def of_past(record: str) -> JsonValue:
    """The metadata of a message that shows a view no more: nobody takes it for one."""
    return {"event_type": PAST, "event_payload": {"record": record}}


def is_past(message: Object) -> bool:
    """Whether a message is one of these."""
    return text(message, "metadata", "event_type") == PAST


def is_ours(message: Object, record: str) -> bool:
    """Whether a message was written from this record; what says nothing of it may be."""
    return not message.get("metadata") or text(message, "metadata", "event_payload", "record") == record


@dataclass(slots=True)
class Said:
    """What stands there: the messages of lines, by their keys; and of servers that keep no metadata, texts by threads.

    Those are what the bot said last, in its order.
    """

    keys: dict[str, str] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def among(self, lines: Iterable[tuple[str, str, str]]) -> set[str]:
        """The keys of those that were said, of lines with their threads, keys and texts, in their order.

        Of lines that are known by their texts only, the first ones were, as far as they are what was said last.
        """
        left: dict[str, list[tuple[str, str]]] = {}
        found = set[str]()
        for thread, key, written in lines:
            if key in self.keys:
                found.add(key)
            else:
                left.setdefault(thread, []).append((key, written))
        for thread, some in left.items():
            last, wanted = self.texts.get(thread, []), [written for _, written in some]
            most = max((n for n in range(1, len(last) + 1) if last[-n:] == wanted[:n]), default=0)
            found |= {key for key, _ in some[:most]}
        return found


async def said(api: Api, channel: str, threads: Iterable[str], record: str) -> Said:
    """The lines that stand in a channel and these threads of it. Errors as those of `Api.call`."""
    found = Said()
    for thread in {"", *threads}:
        texts: dict[str, str] = {}
        try:
            async for message in _messages(api, channel, thread):
                payload, lines = _payload(message, LINES), part(message, "metadata", "event_payload").get("lines")
                if payload.get("record") == record and isinstance(lines, list):
                    found.keys |= {str(one): text(message, "ts") for one in lines}
                elif _bots(api, message) and not message.get("metadata") and _stands_in(message, thread):
                    texts[text(message, "ts")] = text(message, "text")
        except Refused as refused:
            if not thread or refused.code != "thread_not_found":
                raise
        found.texts[thread] = [line for ts in sorted(texts) for line in texts[ts].split("\n")]
    return found


async def views(api: Api, channel: str, record: str) -> list[Found]:
    """The messages that show a view in a channel, newest first: any board, and pushes of this record.

    Errors as those of `Api.call`.
    """
    found = [one async for message in _messages(api, channel) if (one := _view(api, message, record))]
    known = {one.ts for one in found}
    try:
        pins = objects(await api.call("pins.list", channel=channel), "items")
    except Refused as refused:
        warn("pins_not_looked_at", refused, channel=channel)
        return found
    for message in (part(item, "message") for item in pins):
        if _bots(api, message) and message.get("ts") not in known:
            old = await message_at(api, channel, text(message, "ts"))
            if old is not None and (one := _view(api, old, record)):
                found.append(one)
    return found


async def message_at(api: Api, channel: str, ts: str) -> Object | None:
    """The message of that timestamp, unless it is gone. Errors as those of `Api.call`."""
    answer = await api.call(
        "conversations.history",
        channel=channel,
        oldest=ts,
        latest=ts,
        inclusive=True,
        limit=1,
        include_all_metadata=True,
    )
    if "messages" not in answer:
        raise Refused(UNKNOWN, "conversations.history", where=channel)
    found = objects(answer, "messages")
    if any(one.get("ts") != ts for one in found):  # a stand-in that tells the latest, whatever it is asked for
        found = [one async for one in _messages(api, channel)]
    return next((one for one in found if one.get("ts") == ts and one.get("subtype") != TOMBSTONE), None)


def is_pinned(message: Object) -> bool:
    """Whether a message is pinned."""
    return bool(message.get("pinned_to"))


def _bots(api: Api, message: Object) -> bool:
    """Whether a bot said it; a stand-in for Slack may say of it no more than of what people say."""
    return bool(message.get("bot_id")) or text(message, "user") == api.user != ""


def _stands_in(message: Object, thread: str) -> bool:
    """Whether a message is talk among a thread's answers, or, without a thread, in the channel alone."""
    if text(message, "subtype") not in TALK:
        return False
    above = text(message, "thread_ts")
    return above == thread != text(message, "ts") if thread else above in ("", text(message, "ts"))


async def _messages(api: Api, channel: str, thread: str = "") -> AsyncIterator[Object]:
    method = "conversations.replies" if thread else "conversations.history"
    where: Object = {"ts": thread} if thread else {}
    pages = 0
    async for answer in api.pages(method, channel=channel, limit=PAGE, include_all_metadata=True, **where):
        for message in objects(answer, "messages"):
            yield message
        pages += 1
        if pages >= PAGES:
            return


def _view(api: Api, message: Object, record: str) -> Found | None:
    payload = _payload(message, VIEW)
    key = text(payload, "key")
    if not key or message.get("subtype") == TOMBSTONE or not (key.startswith(BOARD) or payload.get("record") == record):
        return None
    if api.user and text(message, "user") not in ("", api.user):
        return None  # another pushbot's, which shows a lane of that name here too
    return Found(key, text(message, "ts"), is_pinned(message))


def _payload(message: Object, event: str) -> Object:
    return part(message, "metadata", "event_payload") if text(message, "metadata", "event_type") == event else {}


async def shares(api: Api, channel: str, thread: str, file: str) -> bool:
    """Whether a file stands in a thread. Errors as those of `Api.call`."""
    async for message in _messages(api, channel, thread):
        if any(one.get("id") == file for one in objects(message, "files")):
            return True
    return False
