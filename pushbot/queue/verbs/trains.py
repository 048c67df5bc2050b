"""What people say about the trains: get on, give their word, drive, go, leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pushbot.queue import commands as c
from pushbot.queue.model import Ticket
from pushbot.queue.topic_parse import clean_text
from pushbot.queue.verbs.said import REF, Mistake, Request, Said, stage_of

if TYPE_CHECKING:
    from collections.abc import Callable

_TICKETS: Final = {"config": Ticket.CONFIG, "askme": Ticket.ASKME, "hold": Ticket.HOLD}
_JOIN_OPTIONS: Final = {"with": "with", "con": "with", "before": "before", "antes": "before"}
_JOIN_FLAGS: Final = {"last": "last", "ultimo": "last", "hotfix": "hotfix", **dict.fromkeys(_TICKETS, "ticket")}


def join(said: Said) -> Request:
    """`.join` in all its forms."""
    given: dict[str, str] = {}
    words = iter(said.words)
    for word in words:
        key = word.text.lower()
        if word.quoted:
            option, value = "message", clean_text(word.text)
        elif (option := _JOIN_OPTIONS.get(key, "")) != "":
            following = next(words, None)
            value = following.name if following else ""
            if not value:
                return said.wrong(f"`{key}` needs a name after it")
        elif (option := _JOIN_FLAGS.get(key, "")) != "":
            value = key
        else:
            return said.wrong(f"I do not understand `{word.name}` after `.join`")
        if option in given:
            return said.wrong("each part of `.join` may be given only once")
        given[option] = value
    message = given.get("message") or None
    if "hotfix" in given:
        if given.keys() - {"hotfix", "message"}:
            return said.wrong("a hotfix goes straight behind the head; it takes only a reason")
        if message is None:
            return said.wrong('a hotfix needs a reason in quotes: `.join hotfix "checkout is down"`')
    return c.Join(
        ticket=_TICKETS.get(given.get("ticket", ""), Ticket.NONE),
        companion=given.get("with"),
        before=given.get("before"),
        last="last" in given,
        message=message,
        hotfix="hotfix" in given,
    )


def go(said: Said) -> Request:
    """`.go [REF]`."""
    ref = said.only("one branch, tag or commit")
    if isinstance(ref, str) and not REF.fullmatch(ref):
        return said.wrong("that cannot be a branch, tag or commit")
    return ref if isinstance(ref, Mistake) else c.Go(ref)


def at(said: Said) -> Request:
    """`.at STAGE`."""
    word = said.only("one stage")
    if isinstance(word, Mistake):
        return word
    stage = stage_of(word)
    return said.wrong("`.at` needs the name of a stage: letters, digits and `_.-`") if stage is None else c.At(stage)


def kick(said: Said) -> Request:
    """`.kick NAME`."""
    name = said.only("one name")
    return said.wrong("`.kick` needs a name") if name is None else name if isinstance(name, Mistake) else c.Kick(name)


def deploy(said: Said) -> Request:
    """`.deploy REF to STAGE`."""
    words = [word.text for word in said.words]
    if len(words) != 3 or words[1].lower() != "to":  # noqa: PLR2004 - `REF to STAGE`
        return said.wrong("`.deploy` needs a branch, tag or commit, then `to`, then a stage")
    stage = stage_of(words[2])
    if not REF.fullmatch(words[0]):
        return said.wrong("that cannot be a branch, tag or commit")
    return said.wrong("a stage has letters, digits and `_.-`") if stage is None else c.Deploy(stage, words[0])


def abort(said: Said) -> Request:
    """`.abort [STAGE]`; the rules know whether a word is a stage or a remark."""
    return c.Abort(stage=stage_of(said.words[0].name) if said.words else None)


def leave(make: Callable[[], Request]) -> Callable[[Said], Request]:
    """A verb that takes its author off trains, and nobody else."""

    def parse(said: Said) -> Request:
        return said.wrong(f"`.{said.verb}` is for yourself and takes no words") if said.words else make()

    return parse


def rollback(said: Said) -> Request:
    """`.rollback [STAGE]`."""
    stage = said.only("one stage")
    return stage if isinstance(stage, Mistake) else c.Rollback(stage)


def retry(said: Said) -> Request:
    """`.retry [failed]`."""
    if [word.text.lower() for word in said.words] not in ([], ["failed"]):
        return said.wrong("`.retry` takes only `failed`")
    return c.Retry(failed=bool(said.words))
