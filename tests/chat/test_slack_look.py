"""What `pushbot check` sees of a workspace: `look`, against the Slack on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.options import SlackOptions
from pushbot.chat.slack.setup.check import look
from pushbot.chat.slack.setup.manifest import SCOPES, Part, scopes
from pushbot.errors import PushbotError
from pushbot.ports import Wanted, Worth
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

ROOMS = ("#push", "#warroom")


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("ada", id="U024ADA")
        for room in ROOMS:
            server.add_channel(room)
        _grant(server, scopes())
        yield server


@pytest.fixture
def options(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> SlackOptions:
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    return SlackOptions(api_url=slack.url)


def _grant(slack: SlackServer, granted: Iterable[object]) -> None:
    slack.app.grants[BOT_TOKEN].scopes = {str(getattr(scope, "name", scope)) for scope in granted}


async def seen(
    options: SlackOptions, rooms: Iterable[str] = ROOMS, people: Iterable[str] = (), groups: Iterable[str] = ()
) -> dict[Worth, list[str]]:
    """What was found, by its worth."""
    found: dict[Worth, list[str]] = {worth: [] for worth in Worth}
    async for sight in look(options, tuple(rooms), Wanted(tuple(people), tuple(groups))):
        found[sight.worth].append(sight.text)
    told = "\n".join(text for texts in found.values() for text in texts)
    assert BOT_TOKEN not in told
    assert APP_TOKEN not in told
    return found


async def mistakes(options: SlackOptions, rooms: Iterable[str] = ROOMS, *people: str) -> list[str]:
    return (await seen(options, rooms, people))[Worth.MISTAKE]


async def test_all_is_well_with_the_scopes_of_the_manifest(slack: SlackServer, options: SlackOptions) -> None:
    found = await seen(options, people=["U024ADA"])
    assert found[Worth.GOOD] == [
        "signed in to Princess (https://princess.slack.com/) as pushbot",
        "the app token gets a link (Socket Mode)",
        "the bot is in #push",
        "the bot is in #warroom",
        "all scopes that are needed are granted",
        "1 person of the configuration found",
    ]
    assert not found[Worth.MISTAKE] + found[Worth.WARNING] + found[Worth.UNSEEN]
    assert not [
        call for call in slack.calls if call.method.startswith(("chat.", "pins.a", "views.", "conversations.s"))
    ]


async def test_without_tokens_it_is_not_looked_at(options: SlackOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = []
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name)
        missing.append(f"The secret env:{name} is missing: set the environment variable {name}.")
    found = await seen(options)
    assert found[Worth.UNSEEN] == missing
    assert not found[Worth.MISTAKE]


async def test_one_token_without_the_other_is_a_mistake(options: SlackOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_APP_TOKEN")
    found = await seen(options)
    assert found[Worth.MISTAKE] == [
        "The secret env:SLACK_APP_TOKEN is missing: set the environment variable SLACK_APP_TOKEN."
    ]
    assert not found[Worth.GOOD]


# --- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ((APP_TOKEN, BOT_TOKEN), ["token and app_token are swapped: token is xoxb-…, app_token xapp-…"]),
        (("xoxp-1-2", APP_TOKEN), ["is a user token: take it from Install App"]),
        ((BOT_TOKEN, BOT_TOKEN), ["app_token has to begin with xapp- and is a bot token"]),
        (("xoxe.xoxb-1", "rubbish"), ["turn token rotation off", "app_token has to begin with xapp-"]),
    ],
)
async def test_tokens_of_another_kind_are_told_before_anything_is_asked(
    slack: SlackServer, options: SlackOptions, monkeypatch: pytest.MonkeyPatch, tokens: tuple[str, str], said: list[str]
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", tokens[0])
    monkeypatch.setenv("SLACK_APP_TOKEN", tokens[1])
    told = await mistakes(options)
    assert len(told) == len(said)
    assert all(words in line for words, line in zip(said, told, strict=True))
    assert not slack.calls


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_a_token_that_is_not_taken(slack: SlackServer, options: SlackOptions, code: str) -> None:
    slack.app.grants[BOT_TOKEN].revoked = code
    found = await seen(options)
    (told,) = found[Worth.MISTAKE]
    assert told.startswith(f"token (env:SLACK_BOT_TOKEN) is not taken. Slack refused auth.test ({code}): ")
    assert found[Worth.GOOD] == ["the app token gets a link (Socket Mode)"]


async def test_an_app_token_without_its_scope(slack: SlackServer, options: SlackOptions) -> None:
    slack.app.grants[APP_TOKEN].scopes.clear()
    (told,) = await mistakes(options)
    assert told == (
        "app_token (env:SLACK_APP_TOKEN) opens no link (missing_scope): make an app-level token with the scope "
        "connections:write (Basic Information > App-Level Tokens)"
    )


async def test_socket_mode_that_is_off(slack: SlackServer, options: SlackOptions) -> None:
    slack.app.socket_mode = False
    (told,) = await mistakes(options)
    assert "turn on Socket Mode in the app's settings" in told


# --- scopes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [scope for scope in scopes() if scope.part is Part.BASE], ids=lambda one: one.name)
async def test_each_scope_that_is_missing_is_told_with_its_reason(
    slack: SlackServer, options: SlackOptions, missing: object
) -> None:
    scope = next(one for one in SCOPES if one is missing)
    _grant(slack, {one.name for one in scopes()} - {scope.name})
    told = await mistakes(options)
    assert (
        f"the scope {scope.name} is missing, needed to {scope.why}: "
        "add it under OAuth & Permissions and install the app again"
    ) in told


async def test_scopes_that_are_not_needed_and_such_as_do_no_harm_when_missing(
    slack: SlackServer, options: SlackOptions
) -> None:
    slack.app.grants[BOT_TOKEN].scopes ^= {"files:write", "admin", "usergroups:read", "groups:read"}
    found = await seen(options)
    assert not found[Worth.MISTAKE]
    assert found[Worth.WARNING] == [
        (
            "the scope files:write is missing, needed to attach the end of a log as a snippet: "
            "add it under OAuth & Permissions and install the app again"
        ),
        "wider than needed here: admin, groups:read, usergroups:read; take them out of the app if you can",
    ]


# --- rooms -------------------------------------------------------------------------------------


async def test_rooms_that_are_not_there_or_not_entered_or_archived(slack: SlackServer, options: SlackOptions) -> None:
    slack.add_channel("#away", bot=False)
    far = slack.add_channel("#far", bot=False)
    slack.add_channel("#old").archived = True
    (typo, invite, archived, unknown, by_id) = await mistakes(
        options, ["#puhs", "#away", "#old", "C0NOWHERE", far.id, "#push"]
    )
    assert typo.startswith("there is no channel #puhs that the bot can see: look at its name; if it is private, invite")
    assert invite == "the bot is not in #away: type /invite @pushbot there"
    assert archived == "#old is archived: unarchive it, or take it out of the configuration"
    assert unknown.startswith("there is no channel C0NOWHERE")
    assert by_id == f"the bot is not in {far.id} (#far): type /invite @pushbot there"


async def test_a_room_that_is_named_twice(slack: SlackServer, options: SlackOptions) -> None:
    push = slack.space.channel("#push").id
    assert await mistakes(options, ["#push", push, "push", "#warroom"]) == [
        f"{other} is the same channel as #push: give the room one name in the configuration" for other in (push, "push")
    ]


async def test_a_private_room_takes_more_scopes(slack: SlackServer, options: SlackOptions) -> None:
    slack.add_channel("#secret", private=True)
    (told,) = await mistakes(options, ["#secret"])
    assert told.endswith("(/invite @pushbot), after giving it groups:history, groups:read, groups:write.topic")
    _grant(slack, scopes([Part.SNIPPETS, Part.PRIVATE]))
    found = await seen(options, ["#secret"])
    assert "the bot is in #secret" in found[Worth.GOOD]
    assert not found[Worth.MISTAKE] + found[Worth.WARNING]


async def test_a_room_that_took_an_archived_ones_name(slack: SlackServer, options: SlackOptions) -> None:
    slack.add_channel("#web").archived = True
    slack.add_channel("#web")
    assert "the bot is in #web" in (await seen(options, ["#web"]))[Worth.GOOD]


async def test_rooms_are_found_in_a_large_workspace(slack: SlackServer, options: SlackOptions) -> None:
    for number in range(2500):
        slack.add_channel(f"#c{number}", members=[])
    slack.add_channel("#late", bot=False)
    slack.add_channel("#mine")
    assert not await mistakes(options, ["#mine"])
    assert not slack.called("conversations.list")  # its own are few
    assert await mistakes(options, ["#mine", "#late"]) == ["the bot is not in #late: type /invite @pushbot there"]


# --- people and groups -------------------------------------------------------------------------


async def test_people_who_are_not_there(slack: SlackServer, options: SlackOptions) -> None:
    slack.add_user("gone", id="U024GONE").deleted = True
    slack.add_user("robot", id="U024ROBOT", bot=True)
    found = await seen(options, people=["ada", "U024NOBODY", "U024GONE", "U024ROBOT"])
    name, nobody, gone = found[Worth.MISTAKE]
    assert name == "'ada' is no member id: copy it from the profile (… > Copy member ID)"
    assert nobody.startswith("there is nobody with the member id U024NOBODY (user_not_found)")
    assert gone == "U024GONE (gone) is deactivated: take them out of the configuration"
    assert found[Worth.WARNING] == ["U024ROBOT (robot) is a bot, and bots are not heard"]


async def test_user_groups(slack: SlackServer, options: SlackOptions) -> None:
    slack.add_group("deployers", ["ada"])
    (scope, told) = (await seen(options, groups=["@deployers"]))[Worth.MISTAKE]
    assert scope.startswith("the scope usergroups:read is missing")
    assert "usergroups:read" in told
    _grant(slack, scopes([Part.SNIPPETS, Part.GROUPS]))
    found = await seen(options, groups=["@deployers", "@typo"])
    assert found[Worth.GOOD][-1] == "user group @deployers: 1 in it"
    assert found[Worth.MISTAKE] == ["user group @typo: there is none, or nobody is in it: look at its handle"]
    slack.space.paid = False
    (told,) = (await seen(options, groups=["@deployers", "@typo"]))[Worth.MISTAKE]
    assert "The plan of this Slack workspace has no user groups (paid_teams_only)" in told


async def test_a_stand_in_that_lacks_methods_is_told_as_such(slack: SlackServer, options: SlackOptions) -> None:
    for method in ("pins.list", "users.conversations", "conversations.info", "apps.connections.open"):
        del slack.api.methods[method]
    found = await seen(options)
    (told,) = found[Worth.WARNING]
    assert "does not know pins.list: boards are not pinned" in told
    (told,) = found[Worth.MISTAKE]
    assert "has no Socket Mode" in told
    assert "the bot is in #push" in found[Worth.GOOD]


async def test_where_there_is_no_list_rooms_are_looked_for_by_their_ids(
    slack: SlackServer, options: SlackOptions
) -> None:
    for method in ("conversations.list", "users.conversations"):
        del slack.api.methods[method]
    slack.add_channel("#war", id="C_WAR")
    found = await seen(options, rooms=["C_WAR", "#push"])
    assert "the bot is in C_WAR (#war)" in found[Worth.GOOD]
    (told,) = found[Worth.MISTAKE]
    assert told.startswith("rooms cannot be found by their names")


# --- Slack itself ------------------------------------------------------------------------------


async def test_nobody_there(slack: SlackServer, options: SlackOptions) -> None:
    await slack.down()
    with pytest.raises(PushbotError, match="Slack cannot be reached"):
        await seen(options)
