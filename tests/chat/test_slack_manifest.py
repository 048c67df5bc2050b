"""The app manifest: within what Slack takes, and no wider than what the bot calls and hears.

Limits: https://docs.slack.dev/reference/app-manifest and the published schema (slackapi/manifest-schema on GitHub).
Which scope a method takes: the page of each under https://docs.slack.dev/reference/methods.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from pushbot.chat.slack.inbound.envelopes import EVENTS
from pushbot.chat.slack.options import SlackOptions
from pushbot.chat.slack.setup.manifest import (
    COMMAND,
    CONNECT,
    FREE_EVENTS,
    FREE_METHODS,
    SCOPES,
    WRITTEN,
    Part,
    manifest,
    scopes,
    written,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

SLACK = Path(__file__).parents[2] / "pushbot" / "chat" / "slack"
DOCS = Path(__file__).parents[2] / "docs" / "slack.md"
METHOD = re.compile(r"(apps|auth|bots|chat|conversations|files|pins|team|usergroups|users|views)(\.[a-zA-Z]+)+")
TABLES = {"manifest.py", "paces.py", "api.py"}
"""Files that speak of methods, and call none."""

SCOPES_OF = {
    "apps.connections.open": {CONNECT},
    "auth.test": set[str](),
    "bots.info": {"users:read"},
    "chat.delete": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history", "im:history"},
    "conversations.info": {"channels:read", "groups:read"},
    "conversations.list": {"channels:read", "groups:read"},
    "conversations.members": {"channels:read", "groups:read"},
    "conversations.join": {"channels:join"},
    "conversations.open": {"im:write"},
    "conversations.replies": {"channels:history", "groups:history", "im:history"},
    "conversations.setTopic": {"channels:write.topic", "groups:write.topic"},
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "pins.add": {"pins:write"},
    "pins.list": {"pins:read"},
    "pins.remove": {"pins:write"},
    "usergroups.list": {"usergroups:read"},
    "usergroups.users.list": {"usergroups:read"},
    "users.conversations": {"channels:read", "groups:read"},
    "users.info": {"users:read"},
    "users.list": {"users:read"},
    "views.publish": set[str](),
}
SCOPE_OF_EVENT = {
    "channel_archive": "channels:read",
    "channel_deleted": "channels:read",
    "channel_left": "channels:read",
    "channel_rename": "channels:read",
    "channel_unarchive": "channels:read",
    "group_archive": "groups:read",
    "group_deleted": "groups:read",
    "group_left": "groups:read",
    "group_rename": "groups:read",
    "group_unarchive": "groups:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "pin_removed": "pins:read",
    "subteam_members_changed": "usergroups:read",
    "subteam_updated": "usergroups:read",
    "team_join": "users:read",
    "user_change": "users:read",
}
"""Which scope tells of what; `member_joined_channel` takes that of the channel's kind."""


def _called() -> dict[str, set[str]]:
    """The methods that the code names, and in which files."""
    found: dict[str, set[str]] = {}
    for file in SLACK.rglob("*.py"):
        if file.name in TABLES:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and METHOD.fullmatch(node.value):
                found.setdefault(node.value, set()).add(file.name)
    found.setdefault("chat.postMessage", set()).add("paces.py")  # under a name of its own
    return found


def test_no_scope_is_wider_than_what_the_bot_calls_and_hears() -> None:
    called = _called()
    assert called.keys() <= SCOPES_OF.keys()
    needed = set().union(*(SCOPES_OF[method] for method in called))
    heard = {event for scope in SCOPES for event in scope.events}
    needed |= {scope for event, scope in SCOPE_OF_EVENT.items() if event in heard} | {"commands"}
    assert {scope.name for scope in SCOPES} == needed - {CONNECT}


@pytest.mark.parametrize("scope", SCOPES, ids=lambda one: one.name)
def test_each_scope_has_its_calls_and_events(scope: object) -> None:
    one = next(each for each in SCOPES if each is scope)
    called = _called()
    assert set(one.methods) == {method for method in called if one.name in SCOPES_OF[method]}
    assert all(SCOPE_OF_EVENT.get(event, one.name) == one.name for event in one.events)
    assert one.methods or one.events or one.name == "commands"


def test_methods_without_a_scope_are_told() -> None:
    assert {method for method in _called() if not SCOPES_OF[method]} == FREE_METHODS


def test_events_are_those_that_the_bot_understands() -> None:
    asked = {event.partition(".")[0] for scope in SCOPES for event in scope.events} | set(FREE_EVENTS)
    assert asked <= EVENTS


def at(made: JsonValue, *path: str | int) -> JsonValue:
    """What stands in a manifest at this path."""
    for key in path:
        made = made[key]  # type: ignore[index]
    return made


@pytest.mark.parametrize("parts", [(), tuple(WRITTEN), tuple(Part)])
def test_the_manifest_is_what_slack_takes(parts: tuple[Part, ...]) -> None:
    made = manifest(parts)
    assert set(made) == {"_metadata", "display_information", "features", "oauth_config", "settings"}
    assert 1 <= len(str(at(made, "display_information", "name"))) <= 35
    assert 1 <= len(str(at(made, "display_information", "description"))) <= 140
    color = at(made, "display_information", "background_color")
    assert re.fullmatch(r"#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?", str(color))
    assert at(made, "features", "app_home") == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    assert re.fullmatch(r"[a-z0-9._-]{1,80}", str(at(made, "features", "bot_user", "display_name")))
    assert re.fullmatch(r"/[a-z0-9_-]{1,31}", str(at(made, "features", "slash_commands", 0, "command")))
    assert 1 <= len(str(at(made, "features", "slash_commands", 0, "description"))) <= 2000
    assert 1 <= len(str(at(made, "features", "slash_commands", 0, "usage_hint"))) <= 1000
    assert at(made, "features", "slash_commands", 0, "should_escape") is True
    assert at(made, "settings", "socket_mode_enabled") is True
    assert at(made, "settings", "interactivity") == {"is_enabled": True}
    assert at(made, "settings", "token_rotation_enabled") is False
    assert at(made, "oauth_config") == {"scopes": {"bot": [scope.name for scope in scopes(parts)]}}
    events = at(made, "settings", "event_subscriptions", "bot_events")
    assert isinstance(events, list)
    assert len(set(map(str, events))) == len(events) <= 100
    granted = {scope.name for scope in scopes(parts)}
    assert {SCOPE_OF_EVENT[str(event)] for event in events if str(event) in SCOPE_OF_EVENT} <= granted


def test_more_is_asked_only_of_those_who_want_more() -> None:
    plain = {scope.name for scope in scopes()}
    assert not {name for name in plain if name.startswith(("groups:", "usergroups:"))}
    assert {scope.name for scope in scopes([Part.GROUPS])} - plain == {"usergroups:read"}
    assert {scope.name for scope in scopes()} - {scope.name for scope in scopes([])} == {"files:write"}
    assert "message.groups" in written(Part)
    assert "message.groups" not in written()


def test_it_is_yaml_too() -> None:
    assert yaml.safe_load(written()) == manifest()


def test_the_command_is_that_of_the_options() -> None:
    assert SlackOptions.model_fields["command"].default == COMMAND


def test_the_documentation_has_every_scope_with_its_reason() -> None:
    known = {scope.name for scope in SCOPES}
    told = re.findall(r"^\| (?:`([a-z-]+)` \| )?`([a-z:.]+)` \| (.*) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    asked_for = {Part.BASE: "", Part.SNIPPETS: ""}
    assert {(part, scope, why.partition(";")[0]) for part, scope, why in told if scope in known} == {
        (asked_for.get(scope.part, scope.part.value), scope.name, scope.why) for scope in SCOPES
    }
