"""conversations.* and users.conversations (docs.slack.dev/reference/methods), and who may see and write where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.slack.calls import Refusal, cut
from tests.rig.slack.state import BOT_USER, Channel, Message
from tests.rig.slack.text import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    from tests.rig.slack.calls import Args
    from tests.rig.slack.posts import Posts
    from tests.rig.slack.state import Object

TOPIC = 250
"""Characters of a topic; counted as it is kept, which is the stricter reading where `&` stands in it."""
PREFIXES = {"channel": "channels", "group": "groups", "im": "im"}
TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im"}


class Rooms:
    """Conversations as the app may see and change them."""

    def __init__(self, posts: Posts) -> None:
        self.posts, self.space = posts, posts.space
        self.methods: dict[str, Callable[[Args], Object]] = {
            "conversations.list": self.every,
            "users.conversations": self.own,
            "conversations.info": self.info,
            "conversations.members": self.members,
            "conversations.history": self.history,
            "conversations.replies": self.replies,
            "conversations.open": self.opened,
            "conversations.join": self.join,
            "conversations.leave": self.leave,
            "conversations.setTopic": self.set_topic,
        }

    # --- who may what ---

    def need(self, args: Args, *scopes: str) -> None:
        """One of these scopes, or `missing_scope` (docs.slack.dev/authentication/installing-with-oauth)."""
        if args.grant is not None and not args.grant.scopes & set(scopes):
            raise Refusal("missing_scope", needed=scopes[0], provided=",".join(sorted(args.grant.scopes)))

    def seen(self, where: str, args: Args) -> Channel:
        """A conversation the bot may know of, by id."""
        channel = self.space.channels.get(where)
        hidden = channel is not None and channel.kind != "channel" and BOT_USER not in channel.members
        if channel is None or hidden:
            raise Refusal("channel_not_found")
        assert args is not None
        return channel

    def inside(self, where: str, args: Args) -> Channel:
        """A conversation the bot is a member of, by id."""
        channel = self.seen(where, args)
        if BOT_USER not in channel.members:
            raise Refusal("not_in_channel")
        return channel

    def writable(self, where: str, args: Args, *, by_name: bool = True) -> Channel:
        """One the bot may write to: by id, and, where by name, also by name or a person's id (chat.postMessage)."""
        public = bool(args.grant and "chat:write.public" in args.grant.scopes)
        if by_name and where not in self.space.channels:
            if where in self.space.users:
                where = self._im(where).id
                if not self.posts.app.messages_tab:
                    raise Refusal("messages_tab_disabled")
            else:
                named = [one for one in self.space.channels.values() if one.name and one.name == where.lstrip("#")]
                where = named[0].id if named else where
        channel = self.seen(where, args)
        if channel.archived:
            raise Refusal("is_archived")
        if BOT_USER not in channel.members and not (public and by_name):
            raise Refusal("not_in_channel")
        return channel

    def _im(self, user: str) -> Channel:
        person = self.space.users.get(user)
        if person is None:
            raise Refusal("user_not_found")
        if person.deleted:
            raise Refusal("user_disabled")
        if person.bot:
            raise Refusal("cannot_dm_bot")
        return self.space.im(user)

    # --- lists ---

    def every(self, args: Args) -> Object:
        return self._listed(args, [one for one in self.space.channels.values() if self._visible(one)])

    def own(self, args: Args) -> Object:
        user = args.text("user") or BOT_USER
        mine = [one for one in self.space.channels.values() if user in one.members and self._visible(one)]
        return self._listed(args, mine)

    def _visible(self, channel: Channel) -> bool:
        return channel.kind == "channel" or BOT_USER in channel.members

    def _listed(self, args: Args, channels: list[Channel]) -> Object:
        types = [one.strip() for one in args.text("types", "public_channel").split(",")]
        if unknown := [one for one in types if one not in {*TYPES, "mpim"}]:
            raise Refusal("invalid_types", detail=unknown[0])
        for kind in types:
            self.need(args, "mpim:read" if kind == "mpim" else f"{PREFIXES[TYPES[kind]]}:read")
        kinds = {TYPES.get(kind, "") for kind in types}
        archived = args.flag("exclude_archived")
        found = [one for one in channels if one.kind in kinds and not (archived and one.archived)]
        page, more = cut([one.json() for one in found], args, 100)
        return _joined({"ok": True, "channels": page}, more)

    def info(self, args: Args) -> Object:
        channel = self.seen(args.must("channel"), args)
        self.need(args, f"{PREFIXES[channel.kind]}:read")
        return {"ok": True, "channel": channel.json()}

    def members(self, args: Args) -> Object:
        channel = self.seen(args.must("channel"), args)
        self.need(args, f"{PREFIXES[channel.kind]}:read")
        page, more = cut([*channel.members], args, 100)
        return _joined({"ok": True, "members": page}, more)

    # --- what was said ---

    def history(self, args: Args) -> Object:
        channel = self.inside(args.must("channel"), args)
        self.need(args, f"{PREFIXES[channel.kind]}:history")
        found = [one for one in channel.messages if not one.is_reply or one.broadcast]
        page, more = cut([*reversed(self._between(found, args))], args, 100, 999)
        cursor = more["response_metadata"]
        answer: Object = {
            "ok": True,
            "messages": page,
            "has_more": bool(isinstance(cursor, dict) and cursor["next_cursor"]),
            "pin_count": len(channel.pins),
        }
        return answer | (more if answer["has_more"] else {})

    def replies(self, args: Args) -> Object:
        channel = self.inside(args.must("channel"), args)
        self.need(args, f"{PREFIXES[channel.kind]}:history")
        asked = channel.find(args.must("ts"))
        parent = channel.find(asked.thread) if asked and asked.thread else asked
        if parent is None:
            raise Refusal("thread_not_found")
        under = [one for one in channel.messages if one.thread == parent.ts and one.is_reply]
        page, more = cut([*self._between(under, args)], args, 1000)
        cursor = more["response_metadata"]
        has_more = bool(isinstance(cursor, dict) and cursor["next_cursor"])
        first = self.posts.json(parent, metadata=args.flag("include_all_metadata"))
        answer: Object = {"ok": True, "messages": [first, *page], "has_more": has_more}
        return answer | (more if has_more else {})

    def _between(self, messages: list[Message], args: Args) -> list[JsonValue]:
        oldest, latest = args.text("oldest"), args.text("latest")
        for name, value in (("oldest", oldest), ("latest", latest)):
            if value and not value.replace(".", "", 1).isdigit():
                raise Refusal(f"invalid_ts_{name}")
        inclusive, metadata = args.flag("inclusive"), args.flag("include_all_metadata")
        shown = [one for one in messages if not one.deleted]
        if oldest:
            shown = [one for one in shown if float(one.ts) > float(oldest) or (inclusive and one.ts == oldest)]
        if latest:
            shown = [one for one in shown if float(one.ts) < float(latest) or (inclusive and one.ts == latest)]
        return [self.posts.json(one, metadata=metadata) for one in shown]

    # --- changes ---

    def opened(self, args: Args) -> Object:
        self.need(args, "im:write")
        users = [one for one in args.text("users").split(",") if one]
        if len(users) > 1:
            raise Refusal("missing_scope", needed="mpim:write", provided=",".join(sorted(_scopes(args))))
        if where := args.text("channel"):
            channel = self.inside(where, args)
            return {"ok": True, "no_op": True, "already_open": True, "channel": {"id": channel.id}}
        if not users:
            raise Refusal("users_list_not_supplied")
        there = users[0] in self.space.users and bool(self.space.users[users[0]].im)
        channel = self._im(users[0])
        shown: Object = channel.json() if args.flag("return_im") else {"id": channel.id}
        return _joined({"ok": True, "channel": shown}, {"no_op": True, "already_open": True} if there else {})

    def join(self, args: Args) -> Object:
        self.need(args, "channels:join")
        channel = self.seen(args.must("channel"), args)
        if channel.kind != "channel":
            raise Refusal("method_not_supported_for_channel_type")
        if channel.archived:
            raise Refusal("is_archived")
        if BOT_USER in channel.members:
            return {"ok": True, "channel": channel.json(), "warning": "already_in_channel"}
        self.enter(channel, BOT_USER)
        return {"ok": True, "channel": channel.json()}

    def enter(self, channel: Channel, user: str, inviter: str = "") -> None:
        """Somebody becomes a member; everybody sees it, and the app hears `member_joined_channel`."""
        channel.members.append(user)
        text = f"<@{user}> has joined the {channel.kind}"
        self.posts.notice(channel, user, f"{channel.kind}_join", text, {"inviter": inviter} if inviter else {})
        kind = "C" if channel.kind == "channel" else "G"
        event: Object = {"type": "member_joined_channel", "user": user, "channel": channel.id, "channel_type": kind}
        event |= {"team": "T024BE7LD", "event_ts": self.space.ts()} | ({"inviter": inviter} if inviter else {})
        if BOT_USER in channel.members:
            self.posts.app.emit(event, f"{PREFIXES[channel.kind]}:read")

    def leave(self, args: Args) -> Object:
        channel = self.seen(args.must("channel"), args)
        self.need(args, "channels:manage" if channel.kind == "channel" else "groups:write")
        if BOT_USER not in channel.members:
            return {"ok": False, "not_in_channel": True}
        self.exit(channel, BOT_USER)
        return {"ok": True}

    def exit(self, channel: Channel, user: str) -> None:
        """Somebody is no member any more; of itself the bot hears `channel_left`, else `member_left_channel`."""
        self.posts.notice(channel, user, f"{channel.kind}_leave", f"<@{user}> has left the {channel.kind}")
        scope, ts = f"{PREFIXES[channel.kind]}:read", self.space.ts()
        kind = "C" if channel.kind == "channel" else "G"
        there = BOT_USER in channel.members
        channel.members.remove(user)
        if user == BOT_USER:
            event: Object = {"type": f"{channel.kind}_left", "channel": channel.id, "actor_id": user, "event_ts": ts}
            self.posts.app.emit(event, scope)
        elif there:
            event = {"type": "member_left_channel", "user": user, "channel": channel.id, "channel_type": kind}
            self.posts.app.emit(event | {"team": "T024BE7LD", "event_ts": ts}, scope)

    def set_topic(self, args: Args) -> Object:
        channel = self.writable(args.must("channel"), args, by_name=False)
        kind = PREFIXES[channel.kind]
        manage = "channels:manage" if kind == "channels" else f"{kind}:write"
        self.need(args, f"{kind}:write.topic", manage)
        if "topic" not in args.given:
            raise Refusal("invalid_arguments")
        topic = stored(args.text("topic"))
        if len(topic) > TOPIC:
            raise Refusal("too_long")
        self.posts.topic(channel, BOT_USER, topic)
        return {"ok": True, "channel": channel.json()}


def _joined(one: Object, other: Object) -> Object:
    return one | other


def _scopes(args: Args) -> set[str]:
    return args.grant.scopes if args.grant else set()
