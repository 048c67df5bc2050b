"""How views look at a time, as arguments of Slack's methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.slack import blocks
from pushbot.chat.slack.outbound.message import AS_IT_IS
from pushbot.views import PushView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.chat.slack.shape import Object
    from pushbot.ports import Clock
    from pushbot.views import HomeView, LaneBoard


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws views as they are now."""

    clock: Clock

    def message(self, view: LaneBoard | PushView) -> Object:
        """The arguments of a message that shows a board or a push."""
        now = self.clock.now()
        drawn = blocks.push(view, now) if isinstance(view, PushView) else blocks.board(view, now)
        return {"text": drawn.fallback, "blocks": [*drawn.blocks], **AS_IT_IS}

    def past(self, lane: str) -> Object:
        """Those of one that shows a lane no more."""
        drawn = blocks.past(lane)
        return {"text": drawn.fallback, "blocks": [*drawn.blocks], **AS_IT_IS}

    def unfollowed(self, push: str, shown: Sequence[Object]) -> Object:
        """Those of one that showed these blocks of a push, when nothing more of it is shown."""
        drawn = blocks.unfollowed(push, shown)
        return {"text": drawn.fallback, "blocks": [*drawn.blocks], **AS_IT_IS}

    def home(self, home: HomeView) -> Object:
        """The view of somebody's own page."""
        return {"type": "home", "blocks": [*blocks.home(home, self.clock.now()).blocks]}
