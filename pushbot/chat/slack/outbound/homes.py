"""Keeps people's own pages: https://docs.slack.dev/reference/methods/views.publish."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.outbound.workers import pause
from pushbot.chat.slack.refused import Refused, Unreachable, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.shape import Object
    from pushbot.views import HomeView

LOG = structlog.get_logger()
METHOD = "views.publish"
REMEMBERED = 200
"""Pages of which it is remembered what they show, so that they are not written twice."""


@dataclass(slots=True, eq=False)
class Homes:
    """All pages of one workspace, one written after the other; of a person's only the latest counts.

    No `hash` is given, so that no page is refused because somebody opened it anew meanwhile.
    """

    api: Api
    draw: Callable[[HomeView], Object]
    _waiting: dict[str, HomeView] = field(default_factory=dict)
    _shown: dict[str, Object] = field(default_factory=dict)

    def show(self, person: str, home: HomeView) -> None:
        """Make this somebody's page."""
        self._waiting[person] = home

    def busy(self) -> bool:
        """Whether any is to be written."""
        return bool(self._waiting)

    def give_up(self, reference: str) -> None:
        """Leave the page that is first as it is."""
        LOG.warning("home_not_shown", reference=reference)
        del self._waiting[next(iter(self._waiting))]

    async def work(self) -> None:
        """Write all that are to be written."""
        tries = 0
        while self._waiting:
            await self.api.turn(METHOD)
            person = next(iter(self._waiting))
            home = self._waiting[person]
            view = self.draw(home)
            try:
                if self._shown.get(person) != view:
                    self._shown.pop(person, None)  # nobody knows what it shows, until Slack says so
                    await self.api.send(METHOD, newest=True, user_id=person, view=view)
                    self._shown[person] = view
                    if len(self._shown) > REMEMBERED:
                        del self._shown[next(iter(self._shown))]
            except Unreachable:
                tries += 1
                await asyncio.sleep(pause(tries))
                continue
            except Refused as refused:
                warn("home_refused", refused, person=person)
            tries = 0
            if self._waiting.get(person) is home:
                del self._waiting[person]
