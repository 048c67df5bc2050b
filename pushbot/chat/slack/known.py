"""What outlives a connection to Slack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.options import SlackOptions
    from pushbot.chat.slack.outbound.writer import Writer
    from pushbot.chat.slack.people import Roster
    from pushbot.chat.slack.rooms import Rooms


@dataclass(slots=True)
class Own:
    """Who the bot is in its workspace, by ids; empty until it has asked."""

    user: str = ""
    bot: str = ""
    team: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """The configuration, who we are, the rooms, the people, and the two ways to the server."""

    chat: str
    options: SlackOptions
    own: Own = field(default_factory=Own)
    rooms: Rooms = field(kw_only=True)
    roster: Roster = field(kw_only=True)
    api: Api = field(kw_only=True)
    writer: Writer = field(kw_only=True)
