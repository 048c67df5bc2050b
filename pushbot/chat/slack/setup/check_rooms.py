"""What `pushbot check` sees of the rooms: each there, not archived, the bot let in, and free to write."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pushbot.chat.slack.refused import UNKNOWN, Refused
from pushbot.chat.slack.rooms import ID
from pushbot.chat.slack.setup.manifest import SCOPES, Part
from pushbot.chat.slack.shape import objects, part, text, true
from pushbot.ports import Sight, Worth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.shape import Object

PAGE = 1000
PRIVATE = frozenset(scope.name for scope in SCOPES if scope.part is Part.PRIVATE)


async def rooms_seen(
    api: Api, rooms: Sequence[str], granted: frozenset[str] | None, name: str, private: list[bool]
) -> AsyncIterator[Sight]:
    """What there is of each room; `private` is told of each that is found whether it is private.

    `name` is what the bot is called there, for the words that invite it.
    """
    names = {_called(room) for room in rooms if not ID.fullmatch(room)}
    try:
        ids = await _named(api, names, granted or frozenset())
    except Refused as refusal:
        by_id = [room for room in rooms if ID.fullmatch(room) or (refusal.code == UNKNOWN and room[0] != "#")]
        if len(by_id) < len(rooms):
            yield Sight(Worth.MISTAKE, f"rooms cannot be found by their names. {refusal}")
        ids, rooms = {_called(room): room for room in by_id}, by_id
    known = dict[str, str]()
    for room in rooms:
        where = room if ID.fullmatch(room) else ids.get(_called(room), "")
        channel = await _channel(api, where) if where else {}
        if (other := known.setdefault(where or room, room)) != room:
            again = f"{room} is the same channel as {other}: give the room one name in the configuration"
            yield Sight(Worth.MISTAKE, again)
        elif channel:
            private.append(true(channel, "is_private"))
            for sight in _of_room(room, channel, name):
                yield sight
        else:
            after = f", after giving it {', '.join(sorted(PRIVATE))}"
            lacks = granted is None or not granted >= PRIVATE
            yield Sight(
                Worth.MISTAKE,
                f"there is no channel {room} that the bot can see: look at its name; if it is private, invite the bot "
                f"(/invite @{name}){after if lacks else ''}",
            )


def _called(room: str) -> str:
    """The name of a room as names are compared."""
    return room.removeprefix("#").casefold()


async def _named(api: Api, names: set[str], granted: frozenset[str]) -> dict[str, str]:
    """The ids of the channels of these names; where one was archived and another has its name now, the latter's.

    The bot's own are looked at first: a workspace may have very many. Raises Refused.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(Refused):  # the same is asked of the whole list then
        names = await _among(api, "users.conversations", names, granted, found)
    await _among(api, "conversations.list", names, granted, found)
    return found


async def _among(api: Api, method: str, missing: set[str], granted: frozenset[str], found: dict[str, str]) -> set[str]:
    """Add to `found` the ids of channels of these names in a list of Slack's; the names that are missing still."""
    types = "public_channel,private_channel" if "groups:read" in granted else "public_channel"
    if missing:
        async for page in api.pages(method, types=types, limit=PAGE):
            for channel in objects(page, "channels"):
                names = {_called(text(channel, "name")), _called(text(channel, "id"))}
                for name in names & missing:
                    found[name] = text(channel, "id")
                    missing = missing if true(channel, "is_archived") else missing - {name}
            if not missing:
                break
    return missing


async def _channel(api: Api, where: str) -> Object:
    """What Slack tells of the channel of that id; nothing, when it does not."""
    try:
        return part(await api.call("conversations.info", channel=where), "channel")
    except Refused as refused:
        return {"id": where} if refused.code == UNKNOWN else {}


def _of_room(room: str, channel: Object, name: str) -> Iterator[Sight]:
    called = f"#{channel['name']}" if channel.get("name") else room
    shown = room if room == called else f"{room} ({called})"
    if channel.get("is_archived"):
        yield Sight(Worth.MISTAKE, f"{shown} is archived: unarchive it, or take it out of the configuration")
        return
    if channel.get("is_member", True) is not True:
        yield Sight(Worth.MISTAKE, f"the bot is not in {shown}: type /invite @{name} there")
        return
    if channel.get("is_read_only") or channel.get("is_thread_only"):
        yield Sight(Worth.WARNING, f"in {shown} not everybody may post: let the bot, in the channel's settings")
    if channel.get("is_general"):
        yield Sight(Worth.WARNING, f"{shown} is for everybody: the workspace may let only admins set its topic and pin")
    if channel.get("is_ext_shared") or channel.get("is_pending_ext_shared"):
        yield Sight(
            Worth.WARNING, f"{shown} is shared with another organization, whose people can speak to the bot too"
        )
    yield Sight(Worth.GOOD, f"the bot is in {shown}")
