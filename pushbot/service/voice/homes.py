"""What stands on people's own pages, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import PushState
from pushbot.service.voice.keeping import clock_time
from pushbot.service.voice.phrases import clip, crew
from pushbot.service.voice.plain import short
from pushbot.views import push_name

if TYPE_CHECKING:
    from pushbot.ports import PushRecord


def pushed(push: PushRecord) -> str:
    """A push on one line, with the time of its end, as a page is not drawn anew when that gets longer ago."""
    what = f" ({short(push.revision)})" if push.revision else ""
    reached = " > ".join(push.stages) or "no stage reached"
    over = push.state is not PushState.UNDERWAY and push.ended_at is not None
    when = f"{push.state}, {clock_time(push.ended_at)}" if over and push.ended_at is not None else "under way"
    return clip(f"{push_name(push.lane, push.number)}{what} by {crew(push.driver, push.riders)}, {reached}: {when}")
