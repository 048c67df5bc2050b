"""chat.* and pins.* (docs.slack.dev/reference/methods)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.slack.calls import Refusal, malformed
from tests.rig.slack.limits import MESSAGE, judge
from tests.rig.slack.state import BOT, BOT_USER, Message
from tests.rig.slack.text import stored, typed, unescape

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    from tests.rig.slack.calls import Args
    from tests.rig.slack.posts import Posts
    from tests.rig.slack.rooms import Rooms
    from tests.rig.slack.state import Object

TEXT, UPDATED_TEXT, ALL_BLOCKS = 40_000, 4_000, 13_200
"""Characters: text beyond is cut (changelog 2018-04, "Truncating really long messages"); text that chat.update takes
(its page, `msg_too_long`); all texts in blocks (`msg_blocks_too_long`; seen by people, slackapi/bolt-js#2509)."""


class ChatMethods:
    """Writing, changing and pinning messages."""

    def __init__(self, posts: Posts, rooms: Rooms) -> None:
        self.posts, self.rooms = posts, rooms
        self.space = posts.space
        self.methods: dict[str, Callable[[Args], Object]] = {
            "chat.postMessage": self.post,
            "chat.postEphemeral": self.whisper,
            "chat.update": self.update,
            "chat.delete": self.delete,
            "chat.getPermalink": self.permalink,
            "pins.add": self.pin,
            "pins.remove": self.unpin,
            "pins.list": self.pins,
        }

    def post(self, args: Args) -> Object:
        channel = self.rooms.writable(args.must("channel"), args)
        text, blocks = self.content(args)
        thread = self.posts.thread(channel, args.text("thread_ts"))
        message = Message(channel.id, self.space.ts(), BOT_USER, text[:TEXT], blocks, thread, bot=BOT)
        message.arguments = {key: value for key, value in args.given.items() if key != "token"}
        message.metadata = self._metadata(args)
        if thread and args.flag("reply_broadcast"):
            message.broadcast, message.subtype = True, "thread_broadcast"
        self.posts.write(channel, message)
        return {"ok": True, "channel": channel.id, "ts": message.ts, "message": self.posts.json(message)}

    def content(self, args: Args, text_limit: int | None = None) -> tuple[str, list[Object]]:
        """Text and blocks as they are kept, or a refusal."""
        text = stored(args.text("text"))
        if args.flag("link_names") or args.text("parse") == "full":
            text = typed(unescape(text), self.space)
        blocks = judged(args.json("blocks"), self.posts)
        if not text.strip() and not blocks and not args.json("attachments"):
            raise Refusal("no_text")
        if text_limit is not None and len(text) > text_limit:
            raise Refusal("msg_too_long")
        return text, blocks

    def _metadata(self, args: Args) -> Object | None:
        metadata = args.object("metadata")
        if metadata is None:
            return None
        if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
            raise Refusal("invalid_metadata_format")
        return metadata

    def whisper(self, args: Args) -> Object:
        channel = self.rooms.writable(args.must("channel"), args)
        user = args.must("user")
        if user not in channel.members:
            raise Refusal("user_not_in_channel")
        text, blocks = self.content(args)
        made = self.posts.whisper(user, channel.id, text, blocks, self.posts.thread(channel, args.text("thread_ts")))
        return {"ok": True, "message_ts": made.ts}

    def update(self, args: Args) -> Object:
        channel = self.rooms.writable(args.must("channel"), args, by_name=False)
        message = channel.find(args.must("ts"))
        if message is None:
            raise Refusal("message_not_found")
        if message.user != BOT_USER or message.subtype not in {"", "thread_broadcast", "file_share"}:
            raise Refusal("cant_update_message")
        text, blocks = self.content(args, UPDATED_TEXT)
        given_text, given_blocks = args.given.get("text") is not None, args.json("blocks") is not None
        if not given_text:
            text = message.text
        if not given_blocks and not given_text:
            blocks = message.blocks
        if args.given.get("metadata") is not None:
            message.metadata = self._metadata(args)
        self.posts.edit(channel, message, text, blocks, marked=not blocks)
        if args.flag("reply_broadcast") and message.is_reply:
            message.broadcast, message.subtype = True, "thread_broadcast"
        shown = self.posts.json(message)
        return {"ok": True, "channel": channel.id, "ts": message.ts, "text": text, "message": shown}

    def delete(self, args: Args) -> Object:
        channel = self.rooms.writable(args.must("channel"), args, by_name=False)
        message = channel.find(args.must("ts"))
        if message is None:
            raise Refusal("message_not_found")
        if message.user != BOT_USER or message.subtype not in {"", "thread_broadcast", "file_share"}:
            raise Refusal("cant_delete_message")
        self.posts.delete(channel, message)
        return {"ok": True, "channel": channel.id, "ts": message.ts}

    def permalink(self, args: Args) -> Object:
        channel = self.rooms.seen(args.must("channel"), args)
        message = channel.find(args.must("message_ts"))
        if message is None:
            raise Refusal("message_not_found")
        link = f"https://{self.space.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
        if message.is_reply:
            link += f"?thread_ts={message.thread}&cid={channel.id}"
        return {"ok": True, "channel": channel.id, "permalink": link}

    # --- pins ---

    def pin(self, args: Args) -> Object:
        channel = self.rooms.writable(args.must("channel"), args, by_name=False)
        message = channel.find(args.must("timestamp"))
        if message is None:
            raise Refusal("message_not_found")
        if message.ts in channel.pins:
            raise Refusal("already_pinned")
        self.posts.pin(channel, message, BOT_USER, pinned=True)
        return {"ok": True}

    def unpin(self, args: Args) -> Object:
        channel = self.rooms.writable(args.must("channel"), args, by_name=False)
        ts = args.must("timestamp")
        message = channel.find(ts)
        if message is None:
            raise Refusal("message_not_found")
        if ts not in channel.pins:
            raise Refusal("no_pin")
        self.posts.pin(channel, message, BOT_USER, pinned=False)
        return {"ok": True}

    def pins(self, args: Args) -> Object:
        channel = self.rooms.inside(args.must("channel"), args)
        found = [one for ts in reversed(channel.pins) if (one := channel.find(ts))]
        items: list[JsonValue] = [
            {"type": "message", "channel": channel.id, "created": 0, "created_by": BOT_USER,
             "message": self.posts.json(one)}
            for one in found
        ]  # fmt: skip
        return {"ok": True, "items": items}


def judged(blocks: JsonValue, posts: Posts) -> list[Object]:
    """The blocks of a message with ids on all of them; refused when they break a published limit."""
    if blocks is None:
        return []
    if not isinstance(blocks, list):
        raise Refusal("invalid_blocks_format")
    if problems := judge(blocks, MESSAGE):
        said = [str(one) for one in problems]
        raise malformed(*said, error="invalid_blocks")
    kept = named(blocks, posts)
    if sum(len(text) for one in kept for text in texts(one)) > ALL_BLOCKS:
        raise Refusal("msg_blocks_too_long")
    return kept


def named(blocks: list[JsonValue], posts: Posts) -> list[Object]:
    """Copies of these with the `block_id` and `action_id` that Slack gives to those without."""
    made: list[Object] = []
    for block in blocks:
        assert isinstance(block, dict)
        copy: Object = {**block, "block_id": block.get("block_id") or posts.block_id()}
        elements = copy.get("elements")
        if block.get("type") == "actions" and isinstance(elements, list):
            copy["elements"] = [_with_action(one, posts) for one in elements]
        if block.get("type") == "input":
            copy["element"] = _with_action(copy["element"], posts)
        if "accessory" in copy:
            copy["accessory"] = _with_action(copy["accessory"], posts)
        made.append(copy)
    return made


def _with_action(element: JsonValue, posts: Posts) -> JsonValue:
    if not isinstance(element, dict) or element.get("type") == "image":
        return element
    return {**element, "action_id": element.get("action_id") or posts.block_id()}


def texts(value: JsonValue) -> list[str]:
    """All texts anywhere in this."""
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return [str(one) for one in own] + [text for one in value.values() for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, list) else []
