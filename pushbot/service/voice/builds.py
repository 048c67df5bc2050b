"""What is said of builds that go by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.service.spec import News
from pushbot.service.voice.phrases import shown
from pushbot.service.voice.plain import Said, called, listed, riders, short

if TYPE_CHECKING:
    from pushbot.queue import events as e
    from pushbot.queue.model import Person, Train

NAME_LENGTH = 60
"""Characters of a build's or an author's name that are shown: they come from outside."""
LINK_LENGTH = 200


def build_queued(event: e.BuildQueued) -> Said:
    """The bot got in line."""
    what = f"{shown(event.branch, NAME_LENGTH)} ({short(event.revision)})"
    if event.newer:
        return Said(f"{what} has passed its builds; my train in line takes that one now.")
    return Said(f"{what} has passed its builds; I am in line with it.")


def given_up(train: Train, by: Person) -> Said:
    """A push was given up; by the bot itself when the checks did not let its train in."""
    if by.bot:
        return Said("I gave my place up; whoever wants to see it through says .join")
    return Said(f"{by.name} gave up the push of {riders(train)}.", news=News.DEPLOY_STOPPED)


def build_failed(event: e.BuildFailed) -> Said:
    """Whose build failed, and where to look."""
    what = f"{shown(event.name, NAME_LENGTH)} failed on {shown(event.branch, NAME_LENGTH)} ({short(event.revision)})"
    link = f": {shown(event.url, LINK_LENGTH)}" if event.url else ""
    authors = listed([shown(name, NAME_LENGTH) for name in event.authors[:5]])
    by = f", by {authors}" if authors else ""
    to = f"{called(event.riders)}: " if event.riders else ""
    return Said(f"{to}{what}{by}{link}", news=News.BUILD_FAILED)
