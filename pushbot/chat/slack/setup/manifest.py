"""What the bot asks of a Slack workspace, once: `pushbot init --slack` writes it, `pushbot check` compares with it.

Each scope has a reason, and none is here that no call and no event needs. Fields and their limits are those of
https://docs.slack.dev/reference/app-manifest, scopes those of https://docs.slack.dev/reference/scopes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import JsonValue

COMMAND = "/push"
"""The slash command."""
CONNECT = "connections:write"
"""The one scope of the app-level token."""


class Part(StrEnum):
    """What the bot can do in Slack: what it always does, and what only some want."""

    BASE = "base"
    SNIPPETS = "snippets"
    PRIVATE = "private-rooms"
    GROUPS = "user-groups"
    JOINING = "joining"


WRITTEN = frozenset({Part.BASE, Part.SNIPPETS})
"""The parts in a manifest for which nobody asked for more."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope of the bot token.

    `why` ends the sentence "it is needed to …". `methods` are those that the bot calls with it, `events` what Slack
    tells only to those who have it.
    """

    name: str
    why: str
    methods: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    part: Part = Part.BASE


FIND = ("conversations.info", "conversations.list", "users.conversations")
LOOK_BACK = ("conversations.history", "conversations.replies")
SCOPES = (
    Scope(
        "channels:history",
        "read the commands that are typed in public channels, and find its own messages again",
        LOOK_BACK,
        ("message.channels",),
    ),
    Scope(
        "channels:read",
        "find public channels by their name, and notice when they are renamed, archived, or the bot is let in",
        methods=FIND,
        events=(
            "channel_archive",
            "channel_deleted",
            "channel_left",
            "channel_rename",
            "channel_unarchive",
            "member_joined_channel",
        ),
    ),
    Scope("channels:write.topic", "keep the queue in the topic of public channels", ("conversations.setTopic",)),
    Scope(
        "chat:write",
        "say anything: lines, boards, threads, and what only one person sees",
        ("chat.delete", "chat.postEphemeral", "chat.postMessage", "chat.update"),
    ),
    Scope("commands", f"be asked by {COMMAND}"),
    Scope("im:history", "read the commands that people send it in private", LOOK_BACK, ("message.im",)),
    Scope(
        "im:write",
        "open the conversation with somebody in private, and look there before it repeats itself",
        ("conversations.open",),
    ),
    Scope(
        "pins:read",
        "find the board of a lane again that was pinned long ago, and notice when one is unpinned",
        methods=("pins.list",),
        events=("pin_removed",),
    ),
    Scope("pins:write", "pin the board of each lane", ("pins.add", "pins.remove")),
    Scope(
        "users:read",
        "call people by their names, and follow renames",
        methods=("bots.info", "users.info", "users.list"),
        events=("team_join", "user_change"),
    ),
    Scope(
        "files:write",
        "attach the end of a log as a snippet",
        ("files.completeUploadExternal", "files.getUploadURLExternal"),
        part=Part.SNIPPETS,
    ),
    Scope(
        "groups:history",
        "read the commands that are typed in private channels, and find its own messages again",
        LOOK_BACK,
        ("message.groups",),
        part=Part.PRIVATE,
    ),
    Scope(
        "groups:read",
        "find private channels by their name, and notice when they are renamed or archived",
        methods=FIND,
        events=(
            "group_archive",
            "group_deleted",
            "group_left",
            "group_rename",
            "group_unarchive",
            "member_joined_channel",
        ),
        part=Part.PRIVATE,
    ),
    Scope(
        "groups:write.topic",
        "keep the queue in the topic of private channels",
        methods=("conversations.setTopic",),
        part=Part.PRIVATE,
    ),
    Scope(
        "usergroups:read",
        "know who is in the user groups that hold roles",
        methods=("usergroups.list", "usergroups.users.list"),
        part=Part.GROUPS,
    ),
    Scope(
        "channels:join",
        "go into public channels of the configuration without being invited",
        ("conversations.join",),
        part=Part.JOINING,
    ),
)
"""All scopes that there is a use for."""

FREE_METHODS = frozenset({"auth.test", "views.publish"})
"""Methods that take any bot token."""
FREE_EVENTS = ("app_home_opened",)
"""Events that take no scope."""


def scopes(parts: Iterable[Part] = WRITTEN) -> tuple[Scope, ...]:
    """The scopes that these parts need; what is always needed is always among them."""
    wanted = {Part.BASE, *parts}
    return tuple(scope for scope in SCOPES if scope.part in wanted)


def manifest(parts: Iterable[Part] = WRITTEN) -> dict[str, JsonValue]:
    """The app as Slack is to make it, able to do these parts."""
    wanted = scopes(parts)
    events = sorted({*FREE_EVENTS, *(event for scope in wanted for event in scope.events)})
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "pushbot",
            "description": "Keeps the push train: who deploys next, and the deploys they ride",
            "background_color": "#2f3e46",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "pushbot", "always_online": False},
            "slash_commands": [
                {
                    "command": COMMAND,
                    "description": "Ask pushbot, as with a dot in the channel",
                    "usage_hint": "join | good | go | status | help",
                    "should_escape": True,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": [scope.name for scope in wanted]}},
        "settings": {
            "event_subscriptions": {"bot_events": [*events]},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def written(parts: Iterable[Part] = WRITTEN) -> str:
    """The same as the text of a JSON file; YAML takes it as it is."""
    return json.dumps(manifest(parts), indent=2) + "\n"
