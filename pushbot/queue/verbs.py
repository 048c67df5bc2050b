"""Every command that can be typed: one small function that reads its arguments, its aliases, its usage.

A new command is its value in `commands`, a function here, and its line in `VERBS`; `.help`, the
hints and the documentation's tests follow from that line. All texts and names have passed `clean_text`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pushbot.queue import commands as c
from pushbot.queue.model import Ticket
from pushbot.queue.topic_parse import STAGE, clean_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME_LIMIT = 64
"""Characters of a name, stage or other single word that are kept."""

HISTORY_LIMIT = 50
"""How many pushes `.history` lists at most."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something said to the bot that is no request: the word, a plain sentence, and what to type instead."""

    word: str
    why: str
    hint: str | None = None


Request = c.Command | c.Question | Mistake


class Verb(NamedTuple):
    """How a command is read, how it is written, what it does in one sentence, and its other names."""

    read: Callable[[Said], Request]
    line: str
    about: str
    aliases: tuple[str, ...] = ()


class Word(NamedTuple):
    """One argument, and whether it stood in quotes."""

    text: str
    quoted: bool

    @property
    def name(self) -> str:
        """A name as people write it: `@bob`, `bob:` and `bob,` are bob; a quoted one is taken as it is."""
        return clean_text(self.text if self.quoted else self.text.lstrip("@").rstrip(",:"), NAME_LIMIT)


class Said(NamedTuple):
    """One request as typed: its verb, not an alias; the words after it; and the same as one text."""

    verb: str
    words: tuple[Word, ...]
    rest: str

    def wrong(self, why: str) -> Mistake:
        """The arguments are not right: `why`, and the usage."""
        return Mistake(f".{self.verb}", why, VERBS[self.verb].line)

    def only(self, what: str) -> str | Mistake | None:
        """The one word that may follow the verb, None without any, a Mistake when there are more."""
        if len(self.words) > 1:
            return self.wrong(f"`.{self.verb}` takes only {what}")
        return self.words[0].name or None if self.words else None

    def text(self) -> str:
        """What follows the verb as one text: without its quotes if it is all in one pair."""
        return clean_text(self.words[0].text if len(self.words) == 1 and self.words[0].quoted else self.rest)


REF = re.compile(r"(?!-)[A-Za-z0-9._/@^~-]{1,200}")
"""A branch, tag or commit as people may name it: nothing that git or a shell could take for an option."""

_STAGE = re.compile(STAGE)

_TICKETS: Final = {"config": Ticket.CONFIG, "askme": Ticket.ASKME, "hold": Ticket.HOLD}
_JOIN_OPTIONS: Final = {"with": "with", "con": "with", "before": "before", "antes": "before"}
_JOIN_FLAGS: Final = {"last": "last", "ultimo": "last", "hotfix": "hotfix", **dict.fromkeys(_TICKETS, "ticket")}


def _join(said: Said) -> Request:
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


def _go(said: Said) -> Request:
    ref = said.only("one branch, tag or commit")
    if isinstance(ref, str) and not REF.fullmatch(ref):
        return said.wrong("that cannot be a branch, tag or commit")
    return ref if isinstance(ref, Mistake) else c.Go(ref)


def _at(said: Said) -> Request:
    stage = said.only("one stage")
    if isinstance(stage, Mistake):
        return stage
    stage = (stage or "").removeprefix("<").removesuffix(">")
    if not _STAGE.fullmatch(stage):
        return said.wrong("`.at` needs the name of a stage: letters, digits and `_.-`")
    return c.At(stage)


def _kick(said: Said) -> Request:
    name = said.only("one name")
    return said.wrong("`.kick` needs a name") if name is None else name if isinstance(name, Mistake) else c.Kick(name)


def _hold(said: Said) -> Request:
    return c.PutHold(said.text() or None)


def _message(said: Said) -> Request:
    if not said.words:
        return said.wrong("`.message` needs a text, or `-` to remove the note")
    text = said.text()
    return c.SetMessage(None if text == "-" else text or None)


def _leave(make: Callable[[], Request]) -> Callable[[Said], Request]:
    """A verb that takes its author off trains, and nobody else."""

    def parse(said: Said) -> Request:
        return said.wrong(f"`.{said.verb}` is for yourself and takes no words") if said.words else make()

    return parse


def _rollback(said: Said) -> Request:
    stage = said.only("one stage")
    return stage if isinstance(stage, Mistake) else c.Rollback(stage)


def _retry(said: Said) -> Request:
    if [word.text.lower() for word in said.words] not in ([], ["failed"]):
        return said.wrong("`.retry` takes only `failed`")
    return c.Retry(failed=bool(said.words))


def _status(said: Said) -> Request:
    lane = said.only("one lane")
    return lane if isinstance(lane, Mistake) else c.Status(lane)


def _blame(said: Said) -> Request:
    if len(said.words) > 2:  # noqa: PLR2004 - a stage and a path
        return said.wrong("`.blame` takes a stage and a path")
    return c.Blame(tuple(filter(None, (clean_text(word.text) for word in said.words))))


def _versions(said: Said) -> Request:
    stage = said.only("one stage")
    return stage if isinstance(stage, Mistake) else c.Versions(stage)


def _log(said: Said) -> Request:
    run = said.only("one run")
    return run if isinstance(run, Mistake) else c.Log(run)


def _history(said: Said) -> Request:
    count = said.only("one number")
    if count is None:
        return c.History()
    if isinstance(count, Mistake):
        return count
    number = int(count) if count.isascii() and count.isdigit() and len(count) <= len(str(HISTORY_LIMIT)) else 0
    return c.History(number) if 1 <= number <= HISTORY_LIMIT else said.wrong(f"give a number from 1 to {HISTORY_LIMIT}")


def _help(said: Said) -> Request:
    topic = said.words[0].name if said.words else ""
    return c.Help(canonical(topic) or topic.removeprefix(".").lower() or None)


def _plain(make: Callable[[], Request]) -> Callable[[Said], Request]:
    """A verb without arguments; what follows is a remark to the room."""
    return lambda _: make()


VERBS: Final[Mapping[str, Verb]] = {
    "join": Verb(
        _join,
        '.join [config|askme|hold] [with NAME] [before NAME] [last] ["message"], or .join hotfix "reason"',
        "Gets you on the next open train, or on the one you name; a hotfix goes straight behind the head.",
        ("unir",),
    ),
    "good": Verb(
        _plain(c.Good),
        ".good",
        "Says that your change is good on the current stage.",
        ("great", "in", "si", "bueno", "listo"),
    ),
    "uhoh": Verb(
        _plain(c.Uhoh),
        ".uhoh",
        "Says that something is wrong: the train does not advance and #warroom hears of it.",
        ("notgood", "not_good", "bad", "fml", "fuck", "fucked"),
    ),
    "go": Verb(_go, ".go [REF]", "Marks you good; from the driver, once all are good, it starts the next stage."),
    "drive": Verb(_plain(c.Drive), ".drive", "Makes you the driver of the first train you are in."),
    "at": Verb(_at, ".at STAGE", "Sets the head's stage by hand, for teams that deploy elsewhere."),
    "done": Verb(_plain(c.Done), ".done", "Finishes the head train; the next one is up.", ("finito",)),
    "nevermind": Verb(_leave(c.Nevermind), ".nevermind", "Takes you off every train.", ("nm", "olvidate")),
    "pop": Verb(_leave(c.Pop), ".pop", "Takes you off the last train you are in."),
    "kick": Verb(_kick, ".kick NAME", "Takes somebody off every train."),
    "hold": Verb(_hold, '.hold ["why"]', "Stops the lane until .unhold."),
    "unhold": Verb(_plain(c.Unhold), ".unhold", "Releases the lane."),
    "message": Verb(_message, '.message "text", or .message -', "Puts a note in the topic, or removes it."),
    "abort": Verb(_plain(c.Abort), ".abort", "Stops what runs now; on a failed stage it gives the push up."),
    "rollback": Verb(_rollback, ".rollback [STAGE]", "Brings back the last good revision."),
    "retry": Verb(_retry, ".retry [failed]", "Runs again what failed; with `failed` only on the hosts that are left."),
    "status": Verb(_status, ".status [LANE]", "Tells where each lane and stage is, what blocks and who waits."),
    "eta": Verb(_plain(c.Eta), ".eta", "Tells about how long it is until your train is up."),
    "blame": Verb(_blame, ".blame [STAGE] [PATH]", "Tells what shipped, when and with whom."),
    "changes": Verb(_plain(c.Changes), ".changes", "Lists the commits about to ship."),
    "versions": Verb(_versions, ".versions [STAGE]", "Tells which hosts of a stage run which version."),
    "log": Verb(_log, ".log [RUN]", "Tells where the output of a run is."),
    "history": Verb(_history, ".history [N]", "Lists the last pushes, up to 50."),
    "help": Verb(_help, ".help [COMMAND]", "Explains the commands, or one of them."),
    "whoami": Verb(_plain(c.Whoami), ".whoami", "Tells who I think you are."),
}
"""All commands, in the order in which `.help` lists them."""

_SPELLINGS: Final = {name: verb for verb, entry in VERBS.items() for name in (verb, *entry.aliases)}


def spellings() -> tuple[str, ...]:
    """Every word that is a command, the aliases too."""
    return tuple(_SPELLINGS)


def canonical(word: str) -> str | None:
    """The verb that `word` (a verb or an alias, in any case, with or without its dot) stands for."""
    return _SPELLINGS.get(word.removeprefix(".").lower())
