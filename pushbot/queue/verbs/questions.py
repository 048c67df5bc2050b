"""What people ask, and what is said to the bot itself."""

from __future__ import annotations

from pushbot.queue import commands as c
from pushbot.queue.topic_parse import clean_text
from pushbot.queue.verbs.said import REF, Mistake, Request, Said, stage_of

HISTORY_LIMIT = 50
"""How many pushes `.history` lists at most."""
MOST_AHEAD = 20
"""How many trains ahead somebody may want to be told at most."""


def status(said: Said) -> Request:
    """`.status [LANE]`."""
    lane = said.only("one lane")
    return lane if isinstance(lane, Mistake) else c.Status(lane)


def blame(said: Said) -> Request:
    """`.blame [STAGE] [PATH]`."""
    if len(said.words) > 2:  # noqa: PLR2004 - a stage and a path
        return said.wrong("`.blame` takes a stage and a path")
    return c.Blame(tuple(filter(None, (clean_text(word.text) for word in said.words))))


def versions(said: Said) -> Request:
    """`.versions [STAGE]`."""
    stage = said.only("one stage")
    return stage if isinstance(stage, Mistake) else c.Versions(stage)


def log(said: Said) -> Request:
    """`.log [RUN]`."""
    run = said.only("one run")
    return run if isinstance(run, Mistake) else c.Log(run)


def history(said: Said) -> Request:
    """`.history [N]`."""
    count = said.only("one number")
    if count is None:
        return c.History()
    if isinstance(count, Mistake):
        return count
    number = int(count) if count.isascii() and count.isdigit() and len(count) <= len(str(HISTORY_LIMIT)) else 0
    return c.History(number) if 1 <= number <= HISTORY_LIMIT else said.wrong(f"give a number from 1 to {HISTORY_LIMIT}")


def capacity(said: Said) -> Request:
    """`.capacity [LANE]`."""
    lane = said.only("one lane")
    return lane if isinstance(lane, Mistake) else c.Capacity(lane)


def try_(said: Said) -> Request:
    """`.try REF [STAGE]`."""
    if not 1 <= len(said.words) <= 2:  # noqa: PLR2004 - a branch and a stage
        return said.wrong("`.try` takes a branch, tag or commit, and a stage if you like")
    ref, stage = said.words[0].name, stage_of(said.words[1].name) if len(said.words) > 1 else None
    if not REF.fullmatch(ref):
        return said.wrong("that cannot be a branch, tag or commit")
    if len(said.words) > 1 and stage is None:
        return said.wrong("that cannot be the name of a stage")
    return c.Try(ref, stage)


def incident(said: Said) -> Request:
    """`.incident "title"`, or `.incident` for how it stands."""
    return c.OpenIncident(said.text() or None)


def resolved(said: Said) -> Request:
    """`.resolved ["how"]`."""
    return c.Resolved(said.text() or None)


def notify(said: Said) -> Request:
    """`.notify me when up | when N ahead | off`, with `privately` or `here` where it is said."""
    words = [word.text.lower() for word in said.words]
    privately = True if "privately" in words else False if "here" in words else None
    rest = [word for word in words if word not in ("me", "when", "privately", "here")]
    match rest:
        case []:
            return c.SetNotify(privately=privately)
        case ["up"]:
            return c.SetNotify(c.Notify.UP, privately=privately)
        case ["off"]:
            return c.SetNotify(c.Notify.OFF, privately=privately)
        case [number, "ahead"] if number.isascii() and number.isdigit() and 1 <= int(number[:4]) <= MOST_AHEAD:
            return c.SetNotify(c.Notify.AHEAD, int(number), privately=privately)
        case _:
            return said.wrong("I can tell you `when up`, `when 1 ahead` (or more), or `off`")


def say(said: Said) -> Request:
    """`.say ROOM TEXT`."""
    room = said.words[0].name if said.words else ""
    text = said.after(1) if room else ""
    return c.Say(room, text) if text else said.wrong("`.say` needs a room and a text")
