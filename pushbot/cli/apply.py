"""`pushbot apply`: the rules of the queue offline, for trying a policy and for scripts."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pushbot.queue.commands import BotCommand, Question
from pushbot.queue.events import Blocked
from pushbot.queue.grammar import Mistake, parse_message
from pushbot.queue.model import TRAIN_SIZE, Person, Queue
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Facts, decide
from pushbot.queue.topic import Unreadable, clean_text, parse, render
from pushbot.service.voice.news import Setting, told
from pushbot.service.voice.refusals import mistaken, needs_the_bot, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.queue.grammar import Request

LANE = Setting("push")
REFUSED = 1


@dataclass(frozen=True, slots=True)
class Applied:
    """What a message makes of a topic: the topic, what the bot would say, and the code of the first refusal."""

    topic: str
    said: tuple[str, ...]
    refusal: str | None


def person(name: str) -> Person:
    """Somebody on a topic that comes without a chat: names that differ in case only are one person."""
    shown = clean_text(name, 64)
    return Person("", f"nick:{shown.casefold()}", shown)


def applied(topic: str, sender: str, message: str, max_riders: int) -> Applied:
    """The topic after `sender` said `message`; a topic that cannot be read stays as it is. Never raises."""
    queue = parse(topic, person)
    if isinstance(queue, Unreadable):
        refusal = Refusal(Code.UNREADABLE_TOPIC, subject=queue.why)
        return Applied(topic, (refused(None, refusal),), refusal.code)
    facts = Facts(by=person(sender), named=person, max_riders=max_riders)
    said, first = list[str](), None
    for request in parse_message(message):
        queue, lines, code = _step(queue, request, facts)
        said += lines
        first = first or code
    return Applied(render(queue), tuple(said), first)


def _step(queue: Queue, request: Request, facts: Facts) -> tuple[Queue, list[str], str | None]:
    if isinstance(request, Mistake):
        return queue, [mistaken(facts.by, request)], Code.UNKNOWN_COMMAND
    if isinstance(request, Question | BotCommand):
        return queue, [needs_the_bot(type(request).__name__.lower())], None
    result = decide(queue, request, facts)
    if isinstance(result, Refusal):
        return queue, [refused(facts.by, result)], result.code
    setting = Setting(LANE.lane, facts.by)
    lines = [said.text for event in result.events for said in told(event, setting) if not said.aside]
    code = next((event.by.code for event in result.events if isinstance(event, Blocked)), None)
    return result.queue, lines, code


@click.command()
@click.argument("message", required=False)
@click.option("--topic", help="The topic before the message; empty or 'clear' for an empty queue.")
@click.option("--as", "sender", help="Who says the message.")
@click.option(
    "--max-riders", type=click.IntRange(1), default=TRAIN_SIZE, show_default=True, help="Riders a train takes."
)
@click.option("--jsonl", is_flag=True, help="Read one JSON object a line on standard input, write one a line.")
def apply(message: str | None, topic: str | None, sender: str | None, max_riders: int, *, jsonl: bool) -> None:
    """Print what MESSAGE, said in chat, would make of a topic.

    The resulting topic goes to standard output, what the bot would say to standard error. Nothing is
    connected to, nothing is stored.

    \b
      pushbot apply --topic 'alice | bob' --as carol '.join with bob'
      pushbot apply --topic 'alice | bob' --as carol '.join; .good' --max-riders 5

    With --jsonl each line read is an object with the texts "topic", "sender" and "message"; each line
    written has "topic" (the result), "said" (a list of lines) and "refusal" (a code, or null). A line
    that is no such object gets an "error" in its place, and the rest go on.

    \b
      echo '{"topic": "alice", "sender": "bob", "message": ".join"}' | pushbot apply --jsonl

    Exit code: 0 when done, 1 when the command was refused (the topic is printed all the same) or, with
    --jsonl, when a line could not be read, 2 for wrong usage.
    """  # noqa: D301 - \b is click's mark for lines to keep
    if jsonl:
        if message is not None or topic is not None or sender is not None:
            raise click.UsageError("--jsonl reads topic, sender and message from standard input; leave them out here")
        sys.exit(_apply_lines(max_riders))
    if message is None or topic is None or sender is None:
        raise click.UsageError("say --topic, --as and a MESSAGE, or use --jsonl; see pushbot apply --help")
    result = applied(topic, sender, message, max_riders)
    click.echo(result.topic)
    for line in result.said:
        click.echo(line, err=True)
    sys.exit(REFUSED if result.refusal else 0)


def _apply_lines(max_riders: int) -> int:
    """Work through standard input; the exit code."""
    worst = 0
    for text in _lines():
        answer = _answer(text, max_riders)
        worst = max(worst, REFUSED if "error" in answer else 0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return worst


def _lines() -> Iterator[bytes]:
    """The lines of standard input that hold anything."""
    return (line for line in sys.stdin.buffer if line.strip())


def _answer(text: bytes, max_riders: int) -> dict[str, object]:
    """The object to write for the line `text`."""
    try:
        row = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return {"error": f"not a JSON object: {error}"}
    if not isinstance(row, dict):
        return {"error": "not a JSON object, but something else; wanted topic, sender and message"}
    missing = [key for key in ("topic", "sender", "message") if not isinstance(row.get(key), str)]
    if missing:
        return {"error": f"{' and '.join(missing)} must be there and be text"}
    result = applied(row["topic"], row["sender"], row["message"], max_riders)
    return {"topic": result.topic, "said": list(result.said), "refusal": result.refusal}
