"""How a refusal is told: what is in the way, its code, and the command that would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.topic_parse import one_line
from pushbot.service.voice.keeping import in_the_way
from pushbot.service.voice.plain import lasting

if TYPE_CHECKING:
    from pushbot.queue.grammar import Mistake
    from pushbot.queue.model import Person


def refused(who: Person | None, refusal: Refusal) -> str:
    """One line: who is spoken to, why not, what would help, and the code in brackets."""
    to = f"{who.name}: " if who is not None else ""
    fix = f" Try {refusal.fix}." if refusal.fix else ""
    return f"{to}{_why(refusal)}.{fix} [{refusal.code}]"


def mistaken(who: Person | None, mistake: Mistake) -> str:
    """A command that was not understood, and the nearest one that would be."""
    to = f"{who.name}: " if who is not None else ""
    hint = f" Try {mistake.hint}" if mistake.hint else ""
    return f"{to}{mistake.why.removesuffix('.')}.{hint} [{Code.UNKNOWN_COMMAND}]"


def _why(refusal: Refusal) -> str:  # noqa: C901, PLR0912 - one case a code, so that none is forgotten
    about = refusal.subject
    match refusal.code:
        case Code.ALREADY_ABOARD:
            return f"you are aboard {about}'s train already, the next one with room"
        case Code.ALREADY_DRIVING:
            return "you are driving already"
        case Code.EMPTY_QUEUE:
            return "nobody is in the queue"
        case Code.HEAD_BEGUN:
            return f"{about}'s train is under way; nobody boards it or goes in front of it now"
        case Code.HELD | Code.LOCKED:
            return in_the_way(refusal)
        case Code.SECOND_NEEDED:
            return f"{about} wants the word of another person than the driver"
        case Code.OWN_WORD:
            return "you drive this train; the second word has to be somebody else's"
        case Code.NOT_LOCKED:
            return f"nobody keeps {about}" if about else "nobody keeps a stage here"
        case Code.NOTHING_TO_CONFIRM:
            return "there is nothing that waits for a yes"
        case Code.HOLD_TICKET:
            return f"{about} holds this place in the queue; nothing is deployed from it"
        case Code.LANE_HAS_NO_STAGES:
            return "this lane has no stages of its own: say where you are by hand, and when you are done"
        case Code.NOT_IDENTIFIED:
            return _unknown(about)
        case Code.NOT_PERMITTED:
            return about
        case Code.NO_MESSAGE:
            return "there is no message to remove"
        case Code.NO_ROLLBACK:
            return f"{about} has no rollback steps in the configuration"
        case Code.NOBODY_BY_THAT_NAME:
            return f"nobody called {about} is in the queue"
        case Code.NOT_ABOARD:
            return "you are not aboard"
        case Code.STALE_BOARD:
            return "that button was for what is over by now; look at the board again"
        case Code.STALE_TOPIC:
            return f"you changed an older topic: <{about}> has ended since; look at it again"
        case Code.NOT_EVERYONE_GOOD:
            return f"waiting for {about} to say good"
        case Code.NOT_HELD:
            return "the lane is not held"
        case Code.NOTHING_FAILED:
            return "nothing has failed here"
        case Code.NOTHING_RUNNING:
            return "nothing is running"
        case Code.NOTHING_TO_ROLL_BACK_TO:
            return f"{about} has no good release before this one"
        case Code.QUEUE_FULL:
            return f"the queue has {about} trains, that is all it takes"
        case Code.REVISION_PINNED:
            return f"this train goes with {about[:8]} through all of its stages"
        case Code.RUN_IN_FLIGHT:
            return f"{about} is being deployed right now" if about else "a deploy is under way and has to stay"
        case Code.STAGE_BUSY:
            return f"somebody else has it: {about}"
        case Code.STAGE_NOT_OF_HEAD:
            return f"only the first train can be at a stage, not the one with <{about}>"
        case Code.UNKNOWN_STAGE:
            return f"this lane has no stage called {about}"
        case Code.UNREADABLE_TOPIC:
            return f"I cannot read that topic: {about}"
        case Code.WHICH_LANE:
            return f"which lane do you mean? {about}"
        case Code.WHICH_PERSON:
            return f"{about}: say which"
        case Code.CLOSED:
            return " is ".join(about.split(": ", 1))
        case Code.TIMELINE_FULL:
            return f"the timeline has {about} lines, that is all it takes"
        case Code.TOO_FAST:
            return _too_fast(refusal)
        case Code.TOO_MANY:
            return f"{about}, that is all that this lane takes"
        case Code.UNKNOWN_COMMAND | Code.UNKNOWN_ROOM | Code.INCIDENT_OPEN | Code.NO_INCIDENT:
            return about
        case Code.NOT_RECORDED:
            return f"I cannot write my record down, so nothing was done: {about}"
        case _:
            assert_never(refusal.code)


def _unknown(key: str) -> str:
    """What somebody can do for whom nothing vouches; a chat with nicks has services to log in to."""
    if key.startswith("user:"):
        return (
            "here only full members of the workspace are taken at their word, so I did nothing: ask one of them, "
            "or ask an operator to write guests = true for this chat"
        )
    if key.startswith(("nick:", "mask:")):
        how = "log in with /msg NickServ IDENTIFY ACCOUNT PASSWORD"
    else:
        how = "log in to this chat"
    return f"nothing vouches for who you are here, so I did nothing: {how}, and say it again"


def _too_fast(refusal: Refusal) -> str:
    """How many commands of somebody were not done, and when theirs are done again."""
    count, _, brakes = refusal.subject.partition(" ")
    what = "a command of yours was" if count == "1" else f"{count} of your commands were"
    wait = (refusal.until - refusal.now).total_seconds() if refusal.until and refusal.now else 0.0
    when = f"again in {lasting(wait)}" if wait >= 1 else "again now"
    always = "" if brakes else ". To stop something, .abort, .hold, .uhoh and .incident always work"
    return f"{what} not done, as so many came at once; I do yours {when}{always}"


def late(who: Person) -> str:
    """What was said to a bot that was ended before it did it, and came back when nobody expects it any more."""
    return f"{who.name}: I was away when you said that, and it is long ago, so I did not do it: say it again"


def quoted_back(topic: str) -> str:
    """A topic that was not taken, so that nothing of it is lost."""
    return f"I put mine back. Yours was: {one_line(topic)}"


def found_elsewhere(topic: str) -> str:
    """A topic that was set while the bot was away, so that nothing of it is lost."""
    return f"While I was away the topic became: {one_line(topic)} - I put mine back"


def broken(reference: str) -> str:
    """A bug: what people can do is quote the reference."""
    return f"Something broke in me; nothing was changed. It is in my log as {reference}"


def topic_refused(room: str, cure: str = "") -> str:
    """The chat does not let the bot set the topic."""
    cure = cure or f"make me an operator, or allow it for all with /mode {room} -t"
    return f"I may not set the topic of {room}: {cure}"


def too_many_questions() -> str:
    """More questions at once than are looked into."""
    return "I am still looking into earlier questions; ask again in a moment"


def needs_the_bot(question: str) -> str:
    """A question that only the record of a running bot can answer."""
    return f"only the running bot can answer .{question}"
