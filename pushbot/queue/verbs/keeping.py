"""What people say to stop a lane or keep a stage, and what others say to that."""

from __future__ import annotations

from pushbot.queue import commands as c
from pushbot.queue.verbs.said import LONGEST, Request, Said, span_at, stage_of


def hold(said: Said) -> Request:
    """`.hold [2h] ["why"]`."""
    seconds, words = span_at(said.words)
    if seconds is None:
        return c.PutHold(said.text() or None)
    too_long = _too_long(said, seconds)
    return too_long or c.PutHold(said.after(words) or None, seconds)


def lock(said: Said) -> Request:
    """`.lock STAGE [2h] ["why"]`."""
    stage = stage_of(said.words[0].name) if said.words else None
    if stage is None:
        return said.wrong("`.lock` needs the name of a stage")
    seconds, words = span_at(said.words[1:])
    reason = said.after(1 + words) or None
    return (_too_long(said, seconds) if seconds is not None else None) or c.LockStage(stage, seconds, reason)


def unlock(said: Said) -> Request:
    """`.unlock STAGE`, or `.unlock! STAGE "why"` for somebody else's; the rules know whether a word is a stage."""
    stage = stage_of(said.words[0].name) if said.words and not said.words[0].quoted else None
    if not said.loud:
        return said.wrong("`.unlock` needs the name of a stage") if stage is None else c.Unlock(stage)
    reason = said.text() if stage is None else said.after(1)
    if stage is None and not reason:
        return said.wrong("to take a lock away, say which and why")
    return c.Unlock(stage or "", force=True, reason=reason or None)


def message(said: Said) -> Request:
    """`.message "text"` or `.message -`."""
    if not said.words:
        return said.wrong("`.message` needs a text, or `-` to remove the note")
    text = said.text()
    return c.SetMessage(None if text == "-" else text or None)


def _too_long(said: Said, seconds: float) -> Request | None:
    if 0 < seconds <= LONGEST:
        return None
    return said.wrong(f"that has to be between a second and {LONGEST / 86_400:g} days")
