"""Where the arguments of a call are: Slack takes them in several places, a stand-in for it often in one.

Slack's SDK for Python posts objects as JSON, has all else in the query, and gets what it reads; that for JavaScript
posts forms. So a method is first asked in the way that serves both, or most, and as long as it was never answered well
what it refuses as if it had seen no arguments is asked in the others. https://docs.slack.dev/apis/web-api

Slack itself is always asked in the first way. What changes nothing takes no JSON there: arguments are passed over, and
the answer may be a good one to another question.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from pushbot.chat.slack.refused import UNKNOWN


class Way(Enum):
    """How arguments go; what is posted in a form is in the query too."""

    JSON = auto()
    FORM = auto()
    QUERY = auto()


OBJECTS = frozenset({"chat.postMessage", "chat.postEphemeral", "chat.update", "views.publish"})
"""Methods with arguments that are objects; they may be long, and say what is for no log of addresses."""
READING = frozenset({"conversations", "getUploadURLExternal", "history", "info", "list", "members", "replies", "test"})
"""How the names of methods end that change nothing."""
UNSEEN = frozenset(
    {
        *("channel_not_found", "users_list_not_supplied"),
        *("invalid_arguments", "invalid_form_data", "invalid_json", "invalid_post_type", "json_not_object"),
        *("missing_argument", "missing_post_type", "missing_required_field", "no_text", "no_user"),
        *("http_400", "http_411", "http_415", "http_422", UNKNOWN),
    }
)
"""Codes with which arguments are missed."""


@dataclass(slots=True)
class Ways:
    """Which way each method was answered well in, and which are tried until then; `slack`: it is Slack itself."""

    slack: bool = False
    _found: dict[str, Way] = field(default_factory=dict)
    _left: dict[str, deque[Way]] = field(default_factory=dict)

    def of(self, method: str) -> tuple[Way, ...]:
        """The ways to try, one after the other."""
        if method in self._found:
            return (self._found[method],)
        return tuple(self._left.setdefault(method, deque(_first(method)[: 1 if self.slack else None])))

    def good(self, method: str, way: Way) -> None:
        """It was answered well so: there is nothing more to be tried."""
        self._found[method] = way

    def bad(self, method: str) -> None:
        """The server broke down over it, maybe as what it looked for was not there: next time another comes first."""
        if method not in self._found:
            self._left[method].rotate(-1)


def _first(method: str) -> tuple[Way, ...]:
    if method in OBJECTS:
        return Way.JSON, Way.FORM
    if method.rpartition(".")[2] in READING:
        return Way.FORM, Way.QUERY, Way.JSON
    return Way.FORM, Way.JSON
