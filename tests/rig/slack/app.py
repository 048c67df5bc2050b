"""The app, as its settings have it: tokens and scopes, events it asked for, what it is told of.

An event goes out when the app asked for it, one of its bot tokens has the scope, and, of what happens in a
conversation, the bot is a member (docs.slack.dev/apis/events-api; the scopes are those on each event's page).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.rig.slack.state import APP, BOT_USER, TEAM, Channel

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.rig.slack.links import Links
    from tests.rig.slack.state import Object, Workspace

BOT_TOKEN, APP_TOKEN = "xoxb-2154-7731-correcthorse", "xapp-1-A024PUSHB-731-batterystaple"
BOT_SCOPES = frozenset(
    [
        "app_mentions:read",
        "channels:history",
        "channels:join",
        "channels:read",
        "channels:write.topic",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "groups:write.topic",
        "im:history",
        "im:read",
        "im:write",
        "pins:read",
        "pins:write",
        "team:read",
        "usergroups:read",
        "users:read",
    ]
)
EVENTS = frozenset(
    [
        "app_home_opened",
        "app_mention",
        "channel_archive",
        "channel_deleted",
        "channel_left",
        "channel_rename",
        "channel_unarchive",
        "group_archive",
        "group_left",
        "group_rename",
        "group_unarchive",
        "member_joined_channel",
        "member_left_channel",
        "message.channels",
        "message.groups",
        "message.im",
        "pin_added",
        "pin_removed",
        "subteam_members_changed",
        "subteam_updated",
        "team_join",
        "user_change",
        "user_profile_changed",
    ]
)
KINDS = {"channel": "channels", "group": "groups", "im": "im"}


@dataclass
class Grant:
    """What a token is good for."""

    kind: str
    scopes: set[str]
    revoked: str = ""
    """The error that is answered to it, once it is no good any more."""


@dataclass
class App:
    """One installed app."""

    space: Workspace
    links: Links
    grants: dict[str, Grant] = field(
        default_factory=lambda: {
            BOT_TOKEN: Grant("bot", set(BOT_SCOPES)),
            APP_TOKEN: Grant("app", {"connections:write"}),
        }
    )
    events: set[str] = field(default_factory=lambda: set(EVENTS))
    commands: set[str] = field(default_factory=lambda: {"/push"})
    home_tab: bool = True
    messages_tab: bool = True
    """Whether it may write to people in private, and `answers` whether they may write to it."""
    answers: bool = True
    escapes: bool = True
    """Whether mentions in commands come as ids."""
    interactive: bool = True
    socket_mode: bool = True

    def install(self, manifest: Object) -> None:
        """Be set up as this manifest has it, and installed (docs.slack.dev/reference/app-manifest)."""
        scopes, settings = _at(manifest, "oauth_config", "scopes"), _at(manifest, "settings")
        home, commands = _at(manifest, "features", "app_home"), _at(manifest, "features").get("slash_commands")
        self.grants[BOT_TOKEN].scopes = set(_texts(scopes.get("bot")))
        self.events = set(_texts(_at(settings, "event_subscriptions").get("bot_events")))
        made = [one for one in commands if isinstance(one, dict)] if isinstance(commands, list) else []
        self.commands = {str(one["command"]) for one in made}
        self.escapes = all(one.get("should_escape") is True for one in made)
        self.home_tab = home.get("home_tab_enabled") is True
        self.messages_tab = home.get("messages_tab_enabled") is True
        self.answers = self.messages_tab and not home.get("messages_tab_read_only_enabled", True)
        self.interactive = _at(settings, "interactivity").get("is_enabled") is True
        self.socket_mode = settings.get("socket_mode_enabled") is True

    def may(self, *scopes: str) -> bool:
        """Whether a bot token has one of these scopes."""
        return any(grant.scopes & set(scopes) for grant in self.grants.values() if grant.kind == "bot")

    def emit(self, event: Object, scope: str = "", name: str = "") -> None:
        """Tell the app of this, if it may know and wants to."""
        if (name or str(event["type"])) not in self.events or (scope and not self.may(scope)):
            return
        event_id = f"Ev{self.space.number():010X}"
        self.links.deliver("events_api", self.wrapped(event, event_id))

    def emit_in(self, channel: Channel, event: Object) -> None:
        """Tell it of a message event in this conversation."""
        kind = KINDS[channel.kind]
        if BOT_USER in channel.members:
            self.emit(event, f"{kind}:history", f"message.{kind}")

    def wrapped(self, event: Object, event_id: str) -> Object:
        """The Events API's callback around an event."""
        bot: Object = {
            "enterprise_id": None,
            "team_id": TEAM,
            "user_id": BOT_USER,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        return {
            "token": "verification",
            "team_id": TEAM,
            "context_team_id": TEAM,
            "context_enterprise_id": None,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(self.space.clock()),
            "authorizations": [bot],
            "is_ext_shared_channel": False,
            "event_context": f"4-{event_id}",
        }


def _at(value: Object, *path: str) -> Object:
    for name in path:
        inner = value.get(name)
        value = inner if isinstance(inner, dict) else {}
    return value


def _texts(value: JsonValue) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
