"""What a workspace consists of: people, conversations, messages. Values and look-ups; nothing here is sent anywhere.

Shapes: docs.slack.dev/reference/objects (user, conversation, usergroup), docs.slack.dev/reference/events/message.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import JsonValue

    Object = dict[str, JsonValue]

TEAM, APP, BOT, BOT_USER = "T024BE7LD", "A024PUSHB", "B024PUSHB", "U024PUSHB"


@dataclass
class User:
    """Somebody. `name` is the handle, `display` what others see (may be empty: then `real_name` shows)."""

    id: str
    name: str
    display: str
    real_name: str
    bot: str = ""
    """The `B…` id, of a bot."""
    deleted: bool = False
    restricted: bool = False
    updated: int = 0
    im: str = ""
    """The conversation between this person and our bot, once there is one."""

    @property
    def shown(self) -> str:
        return self.display or self.real_name

    def json(self) -> Object:
        profile: Object = {
            "display_name": self.display,
            "display_name_normalized": self.display,
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "team": TEAM,
        }
        if self.bot:
            profile |= {"bot_id": self.bot, "api_app_id": APP if self.id == BOT_USER else "A0FOREIGN"}
        return {
            "id": self.id,
            "team_id": TEAM,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "tz": "Europe/Amsterdam",
            "tz_offset": 3600,
            "profile": profile,
            "is_bot": bool(self.bot),
            "is_app_user": False,
            "is_restricted": self.restricted,
            "is_ultra_restricted": False,
            "updated": self.updated,
        }


@dataclass
class Message:
    """One message. `thread` is the `ts` of the thread's first message, of a reply and of a first message with replies.

    `before` are text and blocks as they were before each `chat.update`; `more` are further fields of its subtype.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Object] = field(default_factory=list)
    thread: str | None = None
    broadcast: bool = False
    subtype: str = ""
    client_msg_id: str = ""
    bot: str = ""
    metadata: Object | None = None
    files: list[Object] = field(default_factory=list)
    edited: str = ""
    updated: int = 0
    deleted: bool = False
    before: list[tuple[str, list[Object]]] = field(default_factory=list)
    arguments: Object = field(default_factory=dict)
    """With which the app posted it."""
    more: Object = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        return self.thread is not None and self.thread != self.ts


@dataclass
class Channel:
    """A conversation: `kind` is `channel` (public), `group` (private) or `im`; `members` are user ids."""

    id: str
    name: str
    kind: str = "channel"
    members: list[str] = field(default_factory=list)
    topic: str = ""
    topic_by: str = ""
    purpose: str = ""
    archived: bool = False
    created: int = 1700000000
    messages: list[Message] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    """`ts` of what is pinned, oldest pin first."""
    names: list[str] = field(default_factory=list)
    """Names it had before."""

    def find(self, ts: str) -> Message | None:
        return next((one for one in self.messages if one.ts == ts and not one.deleted), None)

    def json(self) -> Object:
        if self.kind == "im":
            other = next((one for one in self.members if one != BOT_USER), BOT_USER)
            return {"id": self.id, "created": self.created, "is_im": True, "is_archived": False, "user": other,
                    "is_user_deleted": False, "context_team_id": TEAM}  # fmt: skip
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": self.kind == "channel",
            "is_group": self.kind == "group",
            "is_im": False,
            "is_mpim": False,
            "is_private": self.kind == "group",
            "is_archived": self.archived,
            "is_general": self.name == "general",
            "is_shared": False,
            "is_member": BOT_USER in self.members,
            "created": self.created,
            "creator": "W0CREATOR",
            "context_team_id": TEAM,
            "topic": {"value": self.topic, "creator": self.topic_by, "last_set": 0},
            "purpose": {"value": self.purpose, "creator": "", "last_set": 0},
            "previous_names": list(self.names),
            "num_members": len(self.members),
        }


@dataclass
class Group:
    """A user group."""

    id: str
    handle: str
    users: list[str]
    disabled: bool = False

    def json(self) -> Object:
        return {
            "id": self.id,
            "team_id": TEAM,
            "is_usergroup": True,
            "name": self.handle,
            "handle": self.handle,
            "date_delete": 1 if self.disabled else 0,
            "users": list(self.users),
            "user_count": len(self.users),
        }


@dataclass
class Workspace:
    """All of it, and whose turn it is: `ts` and ids never come twice."""

    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    paid: bool = True
    domain: str = "princess"
    clock: Callable[[], float] = lambda: time.time_ns() / 1e9
    _last: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        return next(self._numbers)

    def id(self, kind: str) -> str:
        """A new id of this kind, like `C` or `U`."""
        return f"{kind}0{self.number():08X}"

    def ts(self) -> str:
        """The next timestamp: seconds and six digits, above all before it."""
        self._last = max(self._last + 1, int(self.clock() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def user(self, who: str) -> User:
        """By id, handle or display name; KeyError for nobody."""
        if who in self.users:
            return self.users[who]
        found = [one for one in self.users.values() if who.lstrip("@") in {one.name, one.display}]
        if not found:
            raise KeyError(who)
        return found[0]

    def channel(self, where: str) -> Channel:
        """By id or name, with or without `#`; KeyError for none."""
        if where in self.channels:
            return self.channels[where]
        found = [one for one in self.channels.values() if one.name == where.lstrip("#") and one.kind != "im"]
        if not found:
            raise KeyError(where)
        return found[0]

    def im(self, user: str) -> Channel:
        """The conversation between somebody and our bot, made when there is none."""
        person = self.users[user]
        if not person.im:
            person.im = self.id("D")
            self.channels[person.im] = Channel(person.im, "", "im", [user, BOT_USER])
        return self.channels[person.im]
