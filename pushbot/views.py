"""What a chat that can show more than lines shows: boards, pushes, a person's own page; as values.

They are views, like the topic: made from what is on record (`service/views/boards.py`), drawn by a chat in its own way
(`chat/slack/blocks/`), and drawn again when they were lost. All text in them is plain, without any markup, and may be
by hostile people: whoever draws it escapes and shortens it. Times are in UTC; what is so long ago is for the chat to
put in the words of who looks at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.fleet.model import Tally
    from pushbot.queue.model import Hold, Lock, Person, Train


class Weight(StrEnum):
    """How an offer should look: as any other, as the way on, or as what hurts when pressed by mistake."""

    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that may be done next: `label` in words of at most 30 characters, `command` as people would type it.

    `name` is stable, one word, for who tells offers apart (`go`, `ready`). `sure` is a question to be answered with
    yes before it is done; empty for none. `bound`: it is meant for what was shown with it, and for nothing later.
    """

    name: str
    label: str
    command: str
    weight: Weight = Weight.PLAIN
    sure: str = ""
    bound: bool = True


class StageState(StrEnum):
    """How a stage stands, or how far a push has come there."""

    WAITING = "waiting"
    HERE = "here"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage. `revision` is what is there, `by` who brought it and `at` when; None where nothing is known.

    While it runs `step` is what it is at ("migrate 3/8"), `tally` how many hosts are done. `note` is what stands in
    the way, or went wrong, in words: another lane, closed hours, the step that failed. `took` are the seconds that a
    push needed for it, `hosts` how many it went to, 0 where it goes to none. `how` is more than `state` says: what runs
    is `rolling back`, what went wrong was `stopped`, or `rolled back`.
    """

    name: str
    state: StageState = StageState.WAITING
    revision: str | None = None
    by: str | None = None
    at: datetime | None = None
    step: str = ""
    tally: Tally | None = None
    note: str = ""
    links: tuple[tuple[str, str], ...] = ()
    took: float | None = None
    hosts: int = 0
    how: str = ""


@dataclass(frozen=True, slots=True)
class LaneBoard:
    """A lane as everybody may see it: who rides in which train, what is on which stage, and what can be done next.

    `trains` are the line, head first, `waits` about how many seconds each has to wait, None where nobody can tell.
    `joining` is the same for who joins now. `locks` are people's (no stage has them in its `note` here). `offers` are
    at most two, the next steps, `more` what else is legal. `mark` is what the bound offers were made for
    (`Queue.moment`): a press brings it back, and one that is over is refused.
    """

    lane: str
    trains: tuple[Train, ...] = ()
    waits: tuple[float | None, ...] = ()
    hold: Hold | None = None
    message: str | None = None
    stages: tuple[StageView, ...] = ()
    locks: tuple[Lock, ...] = ()
    offers: tuple[Offer, ...] = ()
    more: tuple[Offer, ...] = ()
    mark: str = ""
    branch: str | None = None
    joining: float | None = None


class PushEnd(StrEnum):
    """How a push stands."""

    UNDERWAY = "under way"
    DONE = "done"
    FAILED = "failed"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class PushView:
    """One train's journey: everything that who looks at it wants to know (version, stages, hosts, people).

    `riders` are the others aboard. `size` is how large the change is, in words; `run` the id of the newest run, `log`
    where its output is.
    """

    lane: str
    number: int
    driver: Person
    riders: tuple[Person, ...]
    stages: tuple[StageView, ...]
    began_at: datetime
    end: PushEnd = PushEnd.UNDERWAY
    ended_at: datetime | None = None
    revision: str | None = None
    branch: str | None = None
    size: str | None = None
    run: str | None = None
    log: str | None = None

    @property
    def name(self) -> str:
        """What names it for ever, over all lanes: `web/12`."""
        return push_name(self.lane, self.number)


def push_name(lane: str, number: int) -> str:
    """What names a push for ever: `web/12`."""
    return f"{lane}/{number}"


@dataclass(frozen=True, slots=True)
class HomeView:
    """A person's own page: their trains, the queues, how they are called, what went out last.

    `mine` says of each train that they are in where it stands, in words; `wish` how they are called, in words, and
    `wishes` are the offers to change that. `last` are pushes that they rode, newest first, in words. `offered` is what
    the person could do in each of `boards`, as `LaneBoard.offers` and `more` are what anybody could; empty: just that.
    """

    person: Person
    boards: tuple[LaneBoard, ...] = ()
    mine: tuple[str, ...] = ()
    wish: str = ""
    wishes: tuple[Offer, ...] = ()
    last: tuple[str, ...] = ()
    offered: tuple[tuple[tuple[Offer, ...], tuple[Offer, ...]], ...] = ()
