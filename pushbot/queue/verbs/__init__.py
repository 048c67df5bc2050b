"""Every command that can be typed: one small function that reads its arguments, its aliases, its usage.

A new command is its value in `commands`, a function beside the others here, and its line in `VERBS`; `.help`, the
hints and the documentation's tests follow from that line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pushbot.queue import commands as c
from pushbot.queue.verbs import keeping, questions, trains
from pushbot.queue.verbs.said import NAME_LIMIT, REF, Mistake, Request, Said, Verb, Word, needs_text, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NAME_LIMIT", "REF", "VERBS", "Mistake", "Request", "Said", "Verb", "Word", "canonical", "spellings"]


def _help(said: Said) -> Request:
    topic = said.words[0].name if said.words else ""
    return c.Help(canonical(topic) or topic.removeprefix(".").lower() or None)


VERBS: Final[Mapping[str, Verb]] = {
    "join": Verb(
        trains.join,
        '.join [config|askme|hold] [with NAME] [before NAME] [last] ["message"], or .join hotfix "reason"',
        "Gets you on the next open train, or on the one you name; a hotfix goes straight behind the head.",
        ("unir",),
    ),
    "good": Verb(
        plain(c.Good),
        ".good",
        "Says that your change is good on the current stage.",
        ("great", "in", "si", "bueno", "listo"),
    ),
    "uhoh": Verb(
        plain(c.Uhoh),
        ".uhoh",
        "Says that something is wrong: the train does not advance and #warroom hears of it.",
        ("notgood", "not_good", "bad", "fml", "fuck", "fucked"),
    ),
    "go": Verb(trains.go, ".go [REF]", "Marks you good; from the driver, once all are good, it starts the next stage."),
    "drive": Verb(plain(c.Drive), ".drive", "Makes you the driver of the first train you are in."),
    "at": Verb(trains.at, ".at STAGE", "Sets the head's stage by hand, for teams that deploy elsewhere."),
    "done": Verb(plain(c.Done), ".done", "Finishes the head train; the next one is up.", ("finito",)),
    "nevermind": Verb(trains.leave(c.Nevermind), ".nevermind", "Takes you off every train.", ("nm", "olvidate")),
    "pop": Verb(trains.leave(c.Pop), ".pop", "Takes you off the last train you are in."),
    "kick": Verb(trains.kick, ".kick NAME", "Takes somebody off every train."),
    "hold": Verb(keeping.hold, '.hold [2h] ["why"]', "Stops the lane, for a time or until .unhold."),
    "unhold": Verb(plain(c.Unhold), ".unhold", "Releases the lane."),
    "lock": Verb(keeping.lock, '.lock STAGE [2h] ["why"]', "Keeps a stage for you, or keeps it longer."),
    "unlock": Verb(
        keeping.unlock, '.unlock STAGE, or .unlock! STAGE "why"', "Gives your lock back, or takes somebody else's away."
    ),
    "locks": Verb(plain(c.Locks), ".locks", "Lists the stages that people keep, why and until when."),
    "second": Verb(plain(c.Second), ".second", "Gives your word, as another than the driver, for the next stage."),
    "confirm": Verb(plain(c.Confirm), ".confirm", "Says yes to what the checks of the next stage asked about."),
    "override": Verb(
        needs_text(c.Override, "a reason"),
        '.override "why"',
        "Lets the next start go in spite of hours, locks, checks and a missing second word.",
    ),
    "quiet": Verb(plain(c.Quiet), ".quiet", "Spares your train chatter and reminders; once more takes it back."),
    "message": Verb(keeping.message, '.message "text", or .message -', "Puts a note in the topic, or removes it."),
    "deploy": Verb(
        trains.deploy, ".deploy REF to STAGE", "Deploys a branch, tag or commit to a stage beside the line."
    ),
    "abort": Verb(
        trains.abort,
        ".abort [STAGE]",
        "Stops what runs now, or on that stage beside the line; on a failed stage it gives the push up.",
    ),
    "rollback": Verb(trains.rollback, ".rollback [STAGE]", "Brings back the last good revision."),
    "retry": Verb(
        trains.retry, ".retry [failed]", "Runs again what failed; with `failed` only on the hosts that are left."
    ),
    "status": Verb(
        questions.status, ".status [LANE]", "Tells where each lane and stage is, what blocks and who waits."
    ),
    "eta": Verb(plain(c.Eta), ".eta", "Tells about how long it is until your train is up."),
    "blame": Verb(questions.blame, ".blame [STAGE] [PATH]", "Tells what shipped, when and with whom."),
    "changes": Verb(plain(c.Changes), ".changes", "Lists the commits about to ship."),
    "versions": Verb(questions.versions, ".versions [STAGE]", "Tells which hosts of a stage run which version."),
    "log": Verb(questions.log, ".log [RUN]", "Tells where the output of a run is."),
    "history": Verb(questions.history, ".history [N]", "Lists the last pushes, up to 50."),
    "capacity": Verb(
        questions.capacity, ".capacity [LANE]", "Tells how many trains fit a day, and how many are left of this one."
    ),
    "try": Verb(questions.try_, ".try REF [STAGE]", "Runs the checks of a stage on a branch, without queueing."),
    "incident": Verb(
        questions.incident,
        '.incident "what"',
        "Holds every lane and gathers what is known; alone, tells how it stands.",
    ),
    "note": Verb(needs_text(c.Note, "a text"), ".note TEXT", "Puts a line into the incident's timeline."),
    "resolved": Verb(questions.resolved, '.resolved ["how"]', "Ends the incident and releases what it held."),
    "oncall": Verb(plain(c.Oncall), ".oncall", "Tells who is on call."),
    "notify": Verb(
        questions.notify,
        ".notify me when up | when N ahead | off [privately|here]",
        "Says when you want to be called, and where.",
    ),
    "say": Verb(questions.say, ".say ROOM TEXT", "Has me say something in a room."),
    "reload": Verb(plain(c.Reload), ".reload", "Reads the configuration again, all of it or nothing."),
    "help": Verb(_help, ".help [COMMAND]", "Explains the commands, or one of them."),
    "whoami": Verb(plain(c.Whoami), ".whoami", "Tells who I think you are and what you may do."),
}
"""All commands, in the order in which `.help` lists them."""

_SPELLINGS: Final = {name: verb for verb, entry in VERBS.items() for name in (verb, *entry.aliases)}


def spellings() -> tuple[str, ...]:
    """Every word that is a command, the aliases too."""
    return tuple(_SPELLINGS)


def canonical(word: str) -> str | None:
    """The verb that `word` (a verb or an alias, in any case, with or without its dot) stands for."""
    return _SPELLINGS.get(word.removeprefix(".").lower())
