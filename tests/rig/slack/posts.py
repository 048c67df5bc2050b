"""Messages: written, edited, deleted, pinned; what the app is told of it (docs.slack.dev/reference/events/message)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.rig.slack.state import APP, BOT, BOT_USER, TEAM, Channel, Message
from tests.rig.slack.text import as_blocks

if TYPE_CHECKING:
    from tests.rig.slack.app import App
    from tests.rig.slack.state import Object, Workspace


@dataclass(frozen=True)
class Ephemeral:
    """A message only `user` sees."""

    user: str
    channel: str
    ts: str
    text: str
    blocks: list[Object]
    thread: str | None = None


@dataclass
class Posts:
    """All that is written in a workspace."""

    space: Workspace
    app: App
    ephemerals: list[Ephemeral] = field(default_factory=list)

    # --- writing ---

    def person(self, channel: Channel, user: str, text: str, thread: str | None = None) -> Message:
        """A person's message; `text` as Slack keeps it."""
        message = Message(channel.id, self.space.ts(), user, text, as_blocks(text, self.block_id()), thread)
        message.client_msg_id = str(uuid.uuid4())
        message.bot = self.space.users[user].bot
        return self.write(channel, message)

    def thread(self, channel: Channel, ts: str) -> str | None:
        """The thread this `thread_ts` means: that of the reply, when it is one's; none when there is no such message.

        Slack does not refuse then: the message stands in the channel, and the answer has no `thread_ts`
        (slack-go/slack#1571).
        """
        message = channel.find(ts) if ts else None
        return (message.thread or message.ts) if message else None

    def write(self, channel: Channel, message: Message) -> Message:
        """Put a message into a conversation; who is mentioned is told besides."""
        if message.thread:
            parent = channel.find(message.thread)
            if parent:
                parent.thread = parent.ts
        channel.messages.append(message)
        event = self.event(channel, message)
        self.app.emit_in(channel, event)
        mentioned = f"<@{BOT_USER}>" in message.text and message.user != BOT_USER and not message.subtype
        if mentioned and channel.kind != "im" and BOT_USER in channel.members:
            keys: tuple[str, ...] = (
                "user",
                "ts",
                "client_msg_id",
                "text",
                "team",
                "blocks",
                "channel",
                "event_ts",
                "thread_ts",
            )
            mention: Object = {"type": "app_mention"}
            mention.update((key, event[key]) for key in keys if key in event)
            self.app.emit(mention, "app_mentions:read")
        return message

    def notice(self, channel: Channel, user: str, subtype: str, text: str, more: Object | None = None) -> Message:
        """A message of Slack's own about what somebody did."""
        message = Message(channel.id, self.space.ts(), user, text, subtype=subtype, more=more or {})
        return self.write(channel, message)

    def edit(self, channel: Channel, message: Message, text: str, blocks: list[Object], *, marked: bool) -> None:
        """Change a message; `marked` shows it as edited."""
        before = self.json(message)
        message.before.append((message.text, message.blocks))
        message.text, message.blocks = text, blocks
        ts = self.space.ts()
        message.updated += 1
        if marked:
            message.edited = ts
        more: Object = {"message": self.json(message), "previous_message": before}
        self.app.emit_in(channel, self._hidden(channel, "message_changed", ts, more))

    def delete(self, channel: Channel, message: Message) -> None:
        """Delete a message; of one with replies a `tombstone` stays, which is a change."""
        before = self.json(message)
        if message.ts in channel.pins:
            channel.pins.remove(message.ts)
        if "reply_count" in before:
            message.user, message.subtype, message.bot = "USLACKBOT", "tombstone", ""
            message.text, message.blocks, message.files = "This message was deleted.", [], []
            changed: Object = {"message": self.json(message), "previous_message": before}
            self.app.emit_in(channel, self._hidden(channel, "message_changed", self.space.ts(), changed))
            return
        message.deleted = True
        more: Object = {"deleted_ts": message.ts, "previous_message": before}
        self.app.emit_in(channel, self._hidden(channel, "message_deleted", self.space.ts(), more))

    def _hidden(self, channel: Channel, subtype: str, ts: str, more: Object) -> Object:
        kind = {"channel": "channel", "group": "group", "im": "im"}[channel.kind]
        common: Object = {"type": "message", "subtype": subtype, "hidden": True, "channel": channel.id, "ts": ts}
        return common | more | {"event_ts": ts, "channel_type": kind}

    def whisper(self, user: str, channel: str, text: str, blocks: list[Object], thread: str | None = None) -> Ephemeral:
        """A message for one person only."""
        made = Ephemeral(user, channel, self.space.ts(), text, blocks, thread)
        self.ephemerals.append(made)
        return made

    def topic(self, channel: Channel, user: str, topic: str) -> None:
        """Change a topic: everybody sees a message about it, each time."""
        channel.topic, channel.topic_by = topic, user
        done = f"set the channel topic: {topic}" if topic else "cleared the channel topic"
        self.notice(channel, user, "channel_topic", f"<@{user}> {done}", {"topic": topic})

    def pin(self, channel: Channel, message: Message, user: str, *, pinned: bool) -> None:
        """Pin a message, or no longer."""
        if pinned:
            channel.pins.append(message.ts)
        else:
            channel.pins.remove(message.ts)
        item: Object = {"type": "message", "channel": channel.id, "message": self.json(message)}
        event: Object = {
            "type": "pin_added" if pinned else "pin_removed",
            "user": user,
            "channel_id": channel.id,
            "item": item,
            "event_ts": self.space.ts(),
        }
        if BOT_USER in channel.members:
            self.app.emit(event, "pins:read")

    # --- shapes ---

    def block_id(self) -> str:
        return f"b{self.space.number():x}"

    def json(self, message: Message, *, metadata: bool = False) -> Object:
        """A message as conversations.history shows it."""
        made: Object = {"type": "message"}
        if message.subtype:
            made["subtype"] = message.subtype
        made |= {"user": message.user, "text": message.text, "ts": message.ts}
        if message.client_msg_id:
            made["client_msg_id"] = message.client_msg_id
        if message.bot:
            made |= {"bot_id": message.bot, "app_id": APP if message.bot == BOT else "A0FOREIGN", "team": TEAM}
            made["bot_profile"] = self.bot(message.bot)
        if message.blocks:
            made["blocks"] = [*message.blocks]
        if message.files:
            made |= {"files": [*message.files], "upload": False}
        if message.edited:
            made["edited"] = {"user": message.user, "ts": message.edited}
        if message.thread:
            made["thread_ts"] = message.thread
            made |= self._thread(message)
        if metadata and message.metadata:
            made["metadata"] = message.metadata
        channel = self.space.channels[message.channel]
        if message.ts in channel.pins:
            made["pinned_to"] = [channel.id]
        return made | message.more

    def _thread(self, message: Message) -> Object:
        channel = self.space.channels[message.channel]
        if message.is_reply:
            parent = channel.find(str(message.thread))
            return {"parent_user_id": parent.user} if parent else {}
        replies = [one for one in channel.messages if one.thread == message.ts and one.is_reply and not one.deleted]
        if not replies:
            return {}
        users = list(dict.fromkeys(one.user for one in replies))
        return {
            "reply_count": len(replies),
            "reply_users_count": len(users),
            "reply_users": [*users],
            "latest_reply": replies[-1].ts,
            "is_locked": False,
            "subscribed": False,
        }

    def bot(self, bot: str) -> Object:
        name = next((user.name for user in self.space.users.values() if user.bot == bot), "bot")
        app = APP if bot == BOT else "A0FOREIGN"
        return {"id": bot, "app_id": app, "name": name, "deleted": False, "team_id": TEAM, "updated": 0}

    def event(self, channel: Channel, message: Message) -> Object:
        """A message as the Events API tells of it."""
        where: Object = {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.kind}
        made = self.json(message, metadata=True) | where
        if "team" not in made and not message.subtype:
            made["team"] = TEAM
        if message.broadcast and channel.find(str(message.thread)):
            parent = channel.find(str(message.thread))
            made["root"] = self.json(parent) if parent else None
        return made
