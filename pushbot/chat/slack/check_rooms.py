"""What `pushbot check` sees of the rooms: each there, not archived, the bot let in, and free to write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pushbot.chat.slack.manifest import SCOPES, Part
from pushbot.chat.slack.refused import Refused
from pushbot.ports import Sight, Worth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from pydantic import JsonValue

    from pushbot.chat.slack.api import Api

CHANNEL = re.compile(r"[CG][A-Z0-9]{6,}")
PAGE = 1000
_NONE: dict[str, JsonValue] = {"is_archived": True}
PRIVATE = frozenset(scope.name for scope in SCOPES if scope.part is Part.PRIVATE)


async def rooms_seen(
    api: Api, rooms: Sequence[str], granted: frozenset[str] | None, name: str, private: list[bool]
) -> AsyncIterator[Sight]:
    """What there is of each room; `private` is told of each that is found whether it is private.

    `name` is what the bot is called there, for the words that invite it.
    """
    names = {room.removeprefix("#") for room in rooms if not CHANNEL.fullmatch(room)}
    try:
        named = await _named(api, names, granted or frozenset())
    except Refused as refusal:
        yield Sight(Worth.MISTAKE, f"rooms cannot be found by their names. {refusal}")
        named = {}
        rooms = [room for room in rooms if CHANNEL.fullmatch(room)]
    for room in rooms:
        channel = named.get(room.removeprefix("#")) or await _by_id(api, room)
        if channel is None:
            hint = (
                "" if granted is not None and granted >= PRIVATE else f", after giving it {', '.join(sorted(PRIVATE))}"
            )
            yield Sight(
                Worth.MISTAKE,
                f"there is no channel {room} that the bot can see: look at its name; "
                f"if it is private, invite the bot (/invite @{name}){hint}",
            )
            continue
        private.append(bool(channel.get("is_private")))
        for sight in _of_room(room, channel, name):
            yield sight


async def _named(api: Api, names: set[str], granted: frozenset[str]) -> dict[str, dict[str, JsonValue]]:
    """The channels of these names; where one was archived and another has its name now, the latter."""
    found: dict[str, dict[str, JsonValue]] = {}
    types = "public_channel,private_channel" if "groups:read" in granted else "public_channel"
    if not names:
        return found
    async for page in api.pages("conversations.list", types=types, limit=PAGE):
        channels = page.get("channels")
        for channel in channels if isinstance(channels, list) else ():
            name = str(channel.get("name")) if isinstance(channel, dict) else ""
            if isinstance(channel, dict) and name in names and found.get(name, _NONE).get("is_archived"):
                found[name] = channel
        if found.keys() >= names and not any(one.get("is_archived") for one in found.values()):
            break
    return found


async def _by_id(api: Api, room: str) -> dict[str, JsonValue] | None:
    if not CHANNEL.fullmatch(room):
        return None
    try:
        channel = (await api.call("conversations.info", channel=room)).get("channel")
    except Refused:
        return None
    return channel if isinstance(channel, dict) else None


def _of_room(room: str, channel: dict[str, JsonValue], name: str) -> Iterator[Sight]:
    called = f"#{channel.get('name')}"
    shown = room if room == called else f"{room} ({called})"
    if channel.get("is_archived"):
        yield Sight(Worth.MISTAKE, f"{shown} is archived: unarchive it, or take it out of the configuration")
        return
    if not channel.get("is_member"):
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
