"""What people type, as requests: `.join with bob; .good` becomes `(Join(companion="bob"), Good())`.

A message is for the bot when it starts with one dot and a word of letters and underscores
(`...`, `.5`, `. hello`, `./run` are talk and give nothing), or when the bot was addressed; then the
dot may be left out. `;` outside quotes separates several requests; the dot may be left out after the
first, but what is then no command is taken for talk. Verbs and keywords may be in any case.

Arguments are words or texts in quotes. A quote never closed reads to the end; typographic quotes
count. `.hold` and `.message` also take the rest of the line as it is. Verbs that take nothing
ignore what follows, for people say `.done, thanks all`; but `.pop` and `.nevermind` do not, since
whoever adds a name there means `.kick`.

What cannot be understood is a `Mistake`, a value like any other. All texts and names have passed
`clean_text`. To add a command: its value in `commands`, one function and one line in `_VERBS` here.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pushbot.queue import commands as c
from pushbot.queue.model import Ticket
from pushbot.queue.topic_parse import clean_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_REQUESTS = 10
"""How many requests one message may hold."""

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


class Usage(NamedTuple):
    """How a command is written, and what it does in one sentence."""

    line: str
    about: str


class _Word(NamedTuple):
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """One request as typed: its verb in canonical form, the words after it, and the same as one text."""

    verb: str
    words: tuple[_Word, ...]
    rest: str

    def wrong(self, why: str) -> Mistake:
        return Mistake(f".{self.verb}", why, USAGE[self.verb].line)

    def only(self, what: str) -> str | Mistake | None:
        """The one word that may follow the verb, None without any, a Mistake when there are more."""
        if len(self.words) > 1:
            return self.wrong(f"`.{self.verb}` takes only {what}")
        return _name(self.words[0]) or None if self.words else None

    def text(self) -> str:
        """What follows the verb as one text: without its quotes if it is all in one pair."""
        return clean_text(self.words[0].text if len(self.words) == 1 and self.words[0].quoted else self.rest)


_MESSAGE_PART = re.compile(r'(?:[^;"]+|"[^"]*"?)+')
_VERB = re.compile(r"[^\W\d]+")
_AFTER_VERB = re.compile(r'[!.,:?]*(?=[\s"]|\Z)')
_WORD = re.compile(r'"([^"]*)"?|([^\s"]+)')
_STAGE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_REF = re.compile(r"(?!-)[A-Za-z0-9._/@^~-]{1,200}")
_QUOTES: Final = str.maketrans("“”„‟", '""""')


def parse_message(text: str, *, addressed: bool = False) -> tuple[Request, ...]:
    """The requests in one line of chat, in order; empty for ordinary talk. Never raises.

    `addressed` is whether it was said to the bot alone or after its name: then nothing is talk.
    """
    text = text.strip()
    if not addressed and not text.startswith("."):
        return ()
    if not text.isascii():
        text = text.translate(_QUOTES)
    parts = [part for part in map(str.strip, _MESSAGE_PART.findall(text)) if part] if ";" in text else [text]
    requests: list[Request] = []
    for index, part in enumerate(parts):
        request = _request(part, first=index == 0, addressed=addressed)
        if request is not None:
            requests.append(request)
        elif index == 0:
            return ()
    if len(requests) > MOST_REQUESTS:
        return (Mistake(";", f"that is more than {MOST_REQUESTS} commands in one message; I did none of them"),)
    return tuple(requests)


def canonical(word: str) -> str | None:
    """The verb that `word` (a verb or an alias, in any case, with or without its dot) stands for."""
    word = word.removeprefix(".").lower()
    return word if word in _VERBS else _ALIASES.get(word)


def verbs() -> tuple[str, ...]:
    """All commands, without dots and aliases, in the order in which `.help` lists them."""
    return tuple(_VERBS)


def _request(part: str, *, first: bool, addressed: bool) -> Request | None:
    """The request that `part` of a message is, or None for talk."""
    dotted = part.startswith(".")
    said = part[1:] if dotted else part
    found = _VERB.match(said)
    after = _AFTER_VERB.match(said, found.end()) if found else None
    if found is None or after is None:
        return _unknown(said.split()[0] if said.split() else said) if first and addressed else None
    verb = canonical(found[0])
    if verb is None:
        plain = after.end() == found.end()
        mistake = _unknown(found[0])
        if (dotted and plain) or (first and addressed) or (not first and plain and mistake.hint != ".help"):
            return mistake
        return None
    rest = said[after.end() :]
    words = tuple(_Word(bare or quoted, not bare) for quoted, bare in _WORD.findall(rest)) if rest else ()
    return _VERBS[verb](_Said(verb, words, rest))


def _unknown(word: str) -> Mistake:
    shown = clean_text(word, NAME_LIMIT)
    near = difflib.get_close_matches(shown.lower(), (*_VERBS, *_ALIASES), n=1, cutoff=0.7)
    return Mistake(shown, f"there is no command `.{shown}`", f".{canonical(near[0])}" if near else ".help")


def _name(word: _Word) -> str:
    """A name as a person writes it: `@bob`, `bob:` and `bob,` are bob; a quoted one is taken as it is."""
    text = word.text if word.quoted else word.text.lstrip("@").rstrip(",:")
    return clean_text(text, NAME_LIMIT)


# --- one function for each verb ----------------------------------------------------------------

_TICKETS: Final = {"config": Ticket.CONFIG, "askme": Ticket.ASKME, "hold": Ticket.HOLD}
_JOIN_OPTIONS: Final = {"with": "with", "con": "with", "before": "before", "antes": "before"}
_JOIN_FLAGS: Final = {"last": "last", "ultimo": "last", "hotfix": "hotfix", **dict.fromkeys(_TICKETS, "ticket")}


def _join(said: _Said) -> Request:
    given: dict[str, str] = {}
    words = iter(said.words)
    for word in words:
        key = word.text.lower()
        if word.quoted:
            option, value = "message", clean_text(word.text)
        elif (option := _JOIN_OPTIONS.get(key, "")) != "":
            following = next(words, None)
            value = _name(following) if following else ""
            if not value:
                return said.wrong(f"`{key}` needs a name after it")
        elif (option := _JOIN_FLAGS.get(key, "")) != "":
            value = key
        else:
            return said.wrong(f"I do not understand `{_name(word)}` after `.join`")
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


def _go(said: _Said) -> Request:
    ref = said.only("one branch, tag or commit")
    if isinstance(ref, str) and not _REF.fullmatch(ref):
        return said.wrong("that cannot be a branch, tag or commit")
    return ref if isinstance(ref, Mistake) else c.Go(ref)


def _at(said: _Said) -> Request:
    stage = said.only("one stage")
    if isinstance(stage, Mistake):
        return stage
    stage = (stage or "").removeprefix("<").removesuffix(">")
    if not _STAGE.fullmatch(stage) or stage.endswith("..."):
        return said.wrong("`.at` needs the name of a stage: letters, digits and `_.-`")
    return c.At(stage)


def _kick(said: _Said) -> Request:
    name = said.only("one name")
    return said.wrong("`.kick` needs a name") if name is None else name if isinstance(name, Mistake) else c.Kick(name)


def _hold(said: _Said) -> Request:
    return c.PutHold(said.text() or None)


def _message(said: _Said) -> Request:
    if not said.words:
        return said.wrong("`.message` needs a text, or `-` to remove the note")
    text = said.text()
    return c.SetMessage(None if text == "-" else text or None)


def _leave(make: Callable[[], Request]) -> Callable[[_Said], Request]:
    """A verb that takes its author off trains, and nobody else."""

    def parse(said: _Said) -> Request:
        return said.wrong(f"`.{said.verb}` is for yourself and takes no words") if said.words else make()

    return parse


def _rollback(said: _Said) -> Request:
    stage = said.only("one stage")
    return stage if isinstance(stage, Mistake) else c.Rollback(stage)


def _retry(said: _Said) -> Request:
    if [word.text.lower() for word in said.words] not in ([], ["failed"]):
        return said.wrong("`.retry` takes only `failed`")
    return c.Retry()


def _status(said: _Said) -> Request:
    lane = said.only("one lane")
    return lane if isinstance(lane, Mistake) else c.Status(lane)


def _blame(said: _Said) -> Request:
    if len(said.words) > 2:  # noqa: PLR2004 - a stage and a path
        return said.wrong("`.blame` takes a stage and a path")
    return c.Blame(tuple(filter(None, (clean_text(word.text) for word in said.words))))


def _log(said: _Said) -> Request:
    run = said.only("one run")
    return run if isinstance(run, Mistake) else c.Log(run)


def _history(said: _Said) -> Request:
    count = said.only("one number")
    if count is None:
        return c.History()
    if isinstance(count, Mistake):
        return count
    number = int(count) if count.isascii() and count.isdigit() and len(count) <= len(str(HISTORY_LIMIT)) else 0
    return c.History(number) if 1 <= number <= HISTORY_LIMIT else said.wrong(f"give a number from 1 to {HISTORY_LIMIT}")


def _help(said: _Said) -> Request:
    topic = _name(said.words[0]) if said.words else ""
    return c.Help(canonical(topic) or topic.removeprefix(".").lower() or None)


def _plain(make: Callable[[], Request]) -> Callable[[_Said], Request]:
    """A verb without arguments; what follows is a remark to the room."""
    return lambda _: make()


_VERBS: Final[Mapping[str, Callable[[_Said], Request]]] = {
    "join": _join,
    "good": _plain(c.Good),
    "uhoh": _plain(c.Uhoh),
    "go": _go,
    "drive": _plain(c.Drive),
    "at": _at,
    "done": _plain(c.Done),
    "nevermind": _leave(c.Nevermind),
    "pop": _leave(c.Pop),
    "kick": _kick,
    "hold": _hold,
    "unhold": _plain(c.Unhold),
    "message": _message,
    "abort": _plain(c.Abort),
    "rollback": _rollback,
    "retry": _retry,
    "status": _status,
    "eta": _plain(c.Eta),
    "blame": _blame,
    "changes": _plain(c.Changes),
    "log": _log,
    "history": _history,
    "help": _help,
    "whoami": _plain(c.Whoami),
}

_ALIASES: Final[Mapping[str, str]] = {
    "unir": "join",
    **dict.fromkeys(("great", "in", "si", "bueno", "listo"), "good"),
    **dict.fromkeys(("notgood", "not_good", "bad", "fml", "fuck", "fucked"), "uhoh"),
    "finito": "done",
    **dict.fromkeys(("nm", "olvidate"), "nevermind"),
}

USAGE: Final[Mapping[str, Usage]] = {
    "join": Usage(
        '.join [config|askme|hold] [with NAME] [before NAME] [last] ["message"], or .join hotfix "reason"',
        "Gets you on the next open train, or on the one you name; a hotfix goes straight behind the head.",
    ),
    "good": Usage(".good", "Says that your change is good on the current stage."),
    "uhoh": Usage(".uhoh", "Says that something is wrong: the train does not advance and #warroom hears of it."),
    "go": Usage(".go [REF]", "Marks you good; from the driver, once all are good, it starts the next stage."),
    "drive": Usage(".drive", "Makes you the driver of the first train you are in."),
    "at": Usage(".at STAGE", "Sets the head's stage by hand, for teams that deploy elsewhere."),
    "done": Usage(".done", "Finishes the head train; the next one is up."),
    "nevermind": Usage(".nevermind", "Takes you off every train."),
    "pop": Usage(".pop", "Takes you off the last train you are in."),
    "kick": Usage(".kick NAME", "Takes somebody off every train."),
    "hold": Usage('.hold ["why"]', "Stops the lane until .unhold."),
    "unhold": Usage(".unhold", "Releases the lane."),
    "message": Usage('.message "text" or .message -', "Puts a note in the topic, or removes it."),
    "abort": Usage(".abort", "Stops what runs now; on a failed stage it gives the push up."),
    "rollback": Usage(".rollback [STAGE]", "Brings back the last good revision."),
    "retry": Usage(".retry [failed]", "Runs again what failed."),
    "status": Usage(".status [LANE]", "Tells where each lane and stage is, what blocks and who waits."),
    "eta": Usage(".eta", "Tells about how long it is until your train is up."),
    "blame": Usage(".blame [STAGE] [PATH]", "Tells what shipped, when and with whom."),
    "changes": Usage(".changes", "Lists the commits about to ship."),
    "log": Usage(".log [RUN]", "Tells where the output of a run is."),
    "history": Usage(".history [N]", "Lists the last pushes, up to 50."),
    "help": Usage(".help [COMMAND]", "Explains the commands, or one of them."),
    "whoami": Usage(".whoami", "Tells who I think you are and what you may do."),
}
"""Each verb's usage line and explanation, in the order of `verbs()`."""
