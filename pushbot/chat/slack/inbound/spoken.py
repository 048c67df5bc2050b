"""Where something was said, whether the bot was meant, and which lines of it count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from pushbot.chat.slack.inbound.mrkdwn import called, commands, lines, named, plain
from pushbot.chat.slack.outbound.outbox import elsewhere
from pushbot.chat.slack.shape import text
from pushbot.ports import Heard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.chat.slack.blocks.press import Press
    from pushbot.chat.slack.known import Known
    from pushbot.chat.slack.shape import Object
    from pushbot.queue.model import Person

SLASH = "slash:"
"""How spots begin that are the answer to one slash command; the letter's id follows."""


@dataclass(frozen=True, slots=True)
class Place:
    """A room, None in private, and the rest of what Heard tells of a place."""

    room: str | None
    addressed: bool
    spot: str = ""
    lane: str = ""
    seen: str = ""

    def heard(self, chat: str, person: Person, line: str, name: str, *, again: bool) -> Heard:
        """What the bot is told when somebody says a line here."""
        return Heard(
            chat,
            self.room,
            person,
            line,
            addressed=self.addressed,
            spot=self.spot,
            lane=self.lane,
            seen=self.seen,
            id=name,
            again=again,
        )


@dataclass(frozen=True, slots=True)
class Spoken:
    """Finds places and lines, by what is known."""

    known: Known

    def message(self, event: Object) -> Iterator[tuple[str, Place]]:
        """The lines of a message that count, with their place; none where it was said to others."""
        channel, thread = text(event, "channel"), text(event, "thread_ts")
        private = is_private(event)
        room = None if private else self.known.rooms.find(channel)
        mentions, said = called(text(event, "text"), self.known.own.user)
        if room is None and not private and not mentions:
            return
        lane = self.known.writer.lane_of(channel, thread) if thread and room is not None else ""
        here = thread if room is not None or private else elsewhere(channel, thread)
        place = Place(room.name if room else None, mentions or private, here, lane)
        yield from self.lines(said, place)

    def lines(self, said: str, place: Place) -> Iterator[tuple[str, Place]]:
        """The lines that count of what was said there."""
        found = lines(plain(said, cache(self.known.roster.spelt), self.known.rooms.name_of))
        by_name, first = named(found[0], self.known.own.name) if found else (False, "")
        if by_name:
            place, found = replace(place, addressed=True), [first, *found[1:]]
        found = found or ([""] if place.addressed else [])
        for line in commands(found, addressed=place.addressed):
            yield line, place

    def asked(self, channel: str, letter: str) -> Place:
        """Where a slash command was given: aloud in a room that the bot is in, else for the one who gave it."""
        room = self.known.rooms.find(channel)
        spot = "" if room is not None and room.inside else f"{SLASH}{letter}"
        return Place(room.name if room else None, addressed=True, spot=spot)

    def pressed(self, channel: str, thread: str, press: Press) -> Place:
        """Where a button was pressed."""
        room = self.known.rooms.find(channel)
        spot = thread if room is not None else ""
        return Place(room.name if room else None, addressed=True, spot=spot, lane=press.lane, seen=press.mark)


def is_private(event: Object) -> bool:
    """Whether something was said between somebody and the bot alone."""
    return text(event, "channel_type") == "im" or text(event, "channel").startswith("D")
