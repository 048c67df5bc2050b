"""The one gate: everything that is asked of the bot passes it, from wherever it comes, before anything is done.

The lanes ask it for each piece of work (`draft.py`), and the house for what concerns no lane. What may be done is in
`queue/access.py`, who is who in `directory.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.queue.access import BOT, Needs, Policy, Role, needs, permitted, roles_of
from pushbot.queue.commands import Report
from pushbot.queue.edited import verbs_of
from pushbot.service.people.directory import Directory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.queue.commands import BotCommand, Command, Question
    from pushbot.queue.model import Person, Queue, Train
    from pushbot.queue.refusals import Refusal
    from pushbot.service.snapshot import Snapshot
    from pushbot.service.spec import LaneSpec


@dataclass(frozen=True, slots=True)
class Standing:
    """The roles that somebody has at a moment, and the verbs that are not for them, by the roles that may use them."""

    roles: frozenset[str]
    lacking: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = ()
    trains: tuple[Train, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what, for the whole bot."""

    policy: Policy = field(default_factory=Policy)
    directory: Directory = field(default_factory=Directory)

    @property
    def operators(self) -> bool:
        """Whether somebody in a chat can be an operator."""
        role = Role.OPERATOR.value
        kept = (one for one in self.directory.roles_kept if one.name == role)
        listed = any(one.people or one.command or one.groups for one in kept)
        return listed or any(role in one.roles for one in self.directory.people)

    def refusal(
        self,
        what: Command | Question | BotCommand | Report,
        queue: Queue | None,
        by: Person,
        lane: LaneSpec | None,
        *,
        fold: Callable[[str], str] = str.casefold,
        people: Callable[[str], Sequence[Person]] = lambda _: (),
        own: bool = False,
    ) -> Refusal | None:
        """Why `by` may not do `what` now in `lane`, of which `queue` is the state; None when they may.

        `by` is a linked person. `queue` and `lane` are None for what concerns no lane. With `own` it is about what is
        theirs anyway (an incident that they opened): it takes no role then.
        Hand edits of topics pass here, and are looked at by `edited` once it is known what they change.
        """
        if isinstance(what, Report):
            return None
        stages = tuple(stage.name for stage in lane.stages) if lane is not None else ()
        templates = tuple(each.name for each in lane.templates) if lane is not None else ()
        found = needs(what, queue, by, stages=stages, templates=templates, fold=fold, people=people)
        found = Needs() if own else found
        return self._permitted(found, by, lane)

    def edited(self, before: Queue, after: Queue, by: Person, lane: LaneSpec) -> Refusal | None:
        """Why `by` may not make `after` of `before` by writing the topic; None when they may do all that it takes.

        The bot takes over the topic that it finds when it comes to a room for the first time: then all is permitted.
        """
        if by.key == BOT:
            return None
        return self._permitted(verbs_of(before, after, by), by, lane)

    def _permitted(self, what: Needs, by: Person, lane: LaneSpec | None) -> Refusal | None:
        return permitted(self.policy_at(lane, what.stage), what, by, self.directory.roles(by))

    def policy_at(self, lane: LaneSpec | None, stage: str | None = None) -> Policy:
        """What holds in a lane, and at one of its stages: the nearer word counts."""
        if lane is None:
            return self.policy
        spec = lane.stage(stage) if stage is not None else None
        if spec is None:
            return self.policy.but(lane.access)
        second = {"second": frozenset({spec.second})} if spec.second is not None else {}
        return self.policy.but(lane.access, second, spec.access)

    def standing(self, by: Person, here: Snapshot | None) -> Standing:
        """What `by` may not do at this moment in a lane as it is, and who may; without a lane in none."""
        lane = here.spec if here is not None else None
        head = here.queue.head if here is not None else None
        trains = (head,) if head is not None else ()
        roles = roles_of(by, self.directory.roles(by), trains)
        everywhere, lacking = self.policy_at(lane), dict[frozenset[str], list[str]]()
        for verb in everywhere.roles:
            if not everywhere.may(verb) & roles:
                lacking.setdefault(everywhere.may(verb), []).append(f".{verb}")
        for stage in lane.stages if lane is not None else ():
            here_too = self.policy_at(lane, stage.name)
            for verb in here_too.roles:
                if everywhere.may(verb) & roles and not here_too.may(verb) & roles:
                    lacking.setdefault(here_too.may(verb), []).append(f".{verb} at {stage.name}")
        return Standing(roles, tuple((may, tuple(verbs)) for may, verbs in lacking.items()), trains)
