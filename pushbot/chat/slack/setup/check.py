"""`pushbot check` on Slack: tokens, scopes, Socket Mode, rooms, people and groups, and what to do where it lacks.

Nothing is changed there: only methods that read are called, and the address for a link, which is not used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slack_sdk.web.async_client import AsyncWebClient

from pushbot.chat.slack.api import Api
from pushbot.chat.slack.groups import UserGroups
from pushbot.chat.slack.options import API_URL, token_at
from pushbot.chat.slack.refused import UNKNOWN, WITHOUT, Refused
from pushbot.chat.slack.setup.check_rooms import rooms_seen
from pushbot.chat.slack.setup.manifest import CONNECT, Part, scopes
from pushbot.errors import PushbotError
from pushbot.ports import Sight, Worth
from pushbot.secret import resolve_secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from pushbot.chat.slack.answer import Answer
    from pushbot.chat.slack.options import SlackOptions
    from pushbot.ports import Wanted

BOT_KIND, APP_KIND = "xoxb-", "xapp-"
"""How a bot token and an app-level token begin (https://docs.slack.dev/authentication/tokens)."""
OTHER_KINDS = {
    BOT_KIND: "a bot token",
    APP_KIND: "an app-level token",
    "xoxp-": "a user token",
    "xoxe": "a token that expires: turn token rotation off, or make the app anew from the manifest",
    "xoxa-": "a legacy token",
    "xoxs-": "a token of a browser session",
}
MEMBER = re.compile(r"[UW][\w-]+", re.ASCII)
READ = ("conversations.history", "pins.list", "users.info", "users.list")
"""Methods that stand-ins for Slack often lack, and that only read."""
ADD = "add it under OAuth & Permissions and install the app again"


async def look(options: SlackOptions, rooms: Sequence[str], wanted: Wanted) -> AsyncIterator[Sight]:
    """What there is in Slack of what the bot counts on. Raises PushbotError when Slack cannot be asked further."""
    missing = [*_missing(options.token), *_missing(options.app_token)]
    for why in missing:  # who has set one meant to set both
        yield Sight(Worth.UNSEEN if len(missing) > 1 else Worth.MISTAKE, why)
    if missing:
        return
    token, app_token = token_at(options.token), token_at(options.app_token)
    wrong = list(_kinds(token, app_token))
    for sight in wrong:
        yield sight
    if wrong:
        return
    bot_client = AsyncWebClient(token=token, base_url=options.api_url)
    app_client = AsyncWebClient(token=app_token, base_url=options.api_url)
    async with Api(bot_client, quiet=True) as bot, Api(app_client, quiet=True) as app:
        try:
            who = await bot.call("auth.test")
            granted = _listed(bot.scopes)
        except Refused as refusal:
            yield Sight(Worth.MISTAKE, f"token ({options.token}) is not taken. {refusal}")
            who, granted = {}, None
        else:
            yield Sight(Worth.GOOD, f"signed in to {who.get('team')} ({who.get('url')}) as {who.get('user')}")
        async for sight in _socket_mode(app, await _app_of(bot, who), options.app_token):
            yield sight
        if who:
            async for sight in _inside(bot, str(who.get("user")), granted, rooms, wanted):
                yield sight


async def _inside(
    api: Api, name: str, granted: frozenset[str] | None, rooms: Sequence[str], wanted: Wanted
) -> AsyncIterator[Sight]:
    """What there is in the workspace, where the bot is called `name`."""
    private = list[bool]()
    async for sight in rooms_seen(api, rooms, granted, name, private):
        yield sight
    parts = {Part.BASE, *([Part.GROUPS] if wanted.groups else []), *([Part.PRIVATE] if any(private) else [])}
    for sight in _scopes(granted, parts):
        yield sight
    async for sight in _people(api, wanted.people):
        yield sight
    async for sight in _groups(api, wanted.groups):
        yield sight
    async for sight in _stand_in(api):
        yield sight


def _missing(reference: str) -> Iterator[str]:
    """Why there is no token where it should be, if there is none."""
    try:
        resolve_secret(reference)
    except PushbotError as error:
        yield str(error)


def _kinds(token: str, app_token: str) -> Iterator[Sight]:
    """What is wrong with the tokens at first sight. No part of them is told but how they begin."""
    if token.startswith(APP_KIND) and app_token.startswith(BOT_KIND):
        yield Sight(Worth.MISTAKE, f"token and app_token are swapped: token is {BOT_KIND}…, app_token {APP_KIND}…")
        return
    for option, given, kind, place in (
        ("token", token, BOT_KIND, "Install App > Bot User OAuth Token"),
        ("app_token", app_token, APP_KIND, "Basic Information > App-Level Tokens"),
    ):
        if not given.startswith(kind):
            what = next((words for start, words in OTHER_KINDS.items() if given.startswith(start)), "something else")
            yield Sight(Worth.MISTAKE, f"{option} has to begin with {kind} and is {what}: take it from {place}")


def _listed(scopes: str | None) -> frozenset[str] | None:
    """The scopes of the token, None where Slack did not say."""
    return None if scopes is None else frozenset(filter(None, map(str.strip, scopes.split(","))))


def _scopes(granted: frozenset[str] | None, needed: set[Part]) -> Iterator[Sight]:
    """Which scopes are missing, and for what; which are wider than needed."""
    if granted is None:
        yield Sight(Worth.UNSEEN, "which scopes the token has: Slack did not say")
        return
    wanted = scopes({*needed, Part.SNIPPETS})
    missing = [scope for scope in wanted if scope.name not in granted]
    for scope in missing:
        worth = Worth.MISTAKE if scope.part in needed else Worth.WARNING
        yield Sight(worth, f"the scope {scope.name} is missing, needed to {scope.why}: {ADD}")
    if not missing:
        yield Sight(Worth.GOOD, "all scopes that are needed are granted")
    if wider := sorted(granted - {scope.name for scope in scopes({*needed, Part.SNIPPETS, Part.JOINING})}):
        yield Sight(Worth.WARNING, f"wider than needed here: {', '.join(wider)}; take them out of the app if you can")


async def _app_of(api: Api, who: Answer) -> str:
    """The id of the app whose bot token it is; empty where that cannot be seen."""
    if not who:
        return ""
    try:
        bot = (await api.call("bots.info", bot=who.get("bot_id"))).get("bot")
    except Refused:
        return ""
    return str(bot.get("app_id") or "") if isinstance(bot, dict) else ""


async def _socket_mode(api: Api, app: str, where: str) -> AsyncIterator[Sight]:
    try:
        await api.call("apps.connections.open")
    except Refused as refusal:
        if refusal.code == "missing_scope":
            cure = f"make an app-level token with the scope {CONNECT} (Basic Information > App-Level Tokens)"
        elif refusal.code in {"invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"}:
            cure = "make a new one under Basic Information > App-Level Tokens"
        elif refusal.code == UNKNOWN:
            cure = "the server at api_url has no Socket Mode, and without it nobody is heard"
        else:
            cure = "turn on Socket Mode in the app's settings, see docs/slack.md"
        yield Sight(Worth.MISTAKE, f"app_token ({where}) opens no link ({refusal.code}): {cure}")
        return
    yield Sight(Worth.GOOD, "the app token gets a link (Socket Mode)")
    try:
        other = str((await api.call("auth.test")).get("app_id") or "")
    except Refused:
        return
    if app and other and app != other:
        yield Sight(Worth.MISTAKE, f"token is of the app {app}, app_token of the app {other}: take both from one app")


async def _stand_in(api: Api) -> AsyncIterator[Sight]:
    """What the bot goes without where this is not Slack, nor all of it. Only what reads is tried."""
    if api.client.base_url == API_URL:
        return
    for method in READ:
        try:
            await api.call(method, channel="C0", limit=1)
        except Refused as refusal:
            if refusal.code == UNKNOWN:
                yield Sight(Worth.WARNING, f"the server at api_url does not know {method}: {WITHOUT[method]}")
        except PushbotError as error:
            yield Sight(Worth.WARNING, str(error))


async def _people(api: Api, people: Iterable[str]) -> AsyncIterator[Sight]:
    known = 0
    for who in people:
        if not MEMBER.fullmatch(who):
            yield Sight(Worth.MISTAKE, f"'{who}' is no member id: copy it from the profile (… > Copy member ID)")
            continue
        try:
            user = (await api.call("users.info", user=who)).get("user")
        except Refused as refusal:
            if refusal.code == "missing_scope":
                return  # told with the scopes
            yield Sight(Worth.MISTAKE, f"there is nobody with the member id {who} ({refusal.code}): look it up anew")
            continue
        user = user if isinstance(user, dict) else {}
        if user.get("deleted"):
            yield Sight(Worth.MISTAKE, f"{who} ({user.get('name')}) is deactivated: take them out of the configuration")
        elif user.get("is_bot"):
            yield Sight(Worth.WARNING, f"{who} ({user.get('name')}) is a bot, and bots are not heard")
        else:
            known += 1
    if known:
        yield Sight(Worth.GOOD, f"{known} {'person' if known == 1 else 'people'} of the configuration found")


async def _groups(api: Api, groups: Iterable[str]) -> AsyncIterator[Sight]:
    known = UserGroups(api)
    for group in groups:
        try:
            members = await known.members(group)
        except PushbotError as error:
            yield Sight(Worth.MISTAKE, f"user group {group}: {error}")
            return  # it is the same for all
        if members:
            yield Sight(Worth.GOOD, f"user group {group}: {len(members)} in it")
        else:
            yield Sight(Worth.MISTAKE, f"user group {group}: there is none, or nobody is in it: look at its handle")
