"""Everything that reads what strangers write, each as a function of bytes that must come back.

A target raises only what its parser is documented to raise, which is taken here; anything else is a bug. Where a parser
promises more than to come back, that is asserted too. `test_fuzz_targets.py` tries each a little in the suite,
`make fuzz` for a minute by coverage.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from pushbot.calendar.ical import events
from pushbot.calendar.written import read_entry
from pushbot.chat.irc.features import Features
from pushbot.chat.irc.options import Identity
from pushbot.chat.irc.wire import LineBuffer, clean, parse, split
from pushbot.config import load
from pushbot.config.problems import ConfigErrors
from pushbot.control.wire import REPLY, REQUEST
from pushbot.errors import PushbotError
from pushbot.fleet.listing import from_json, listed
from pushbot.fleet.ranges import expand
from pushbot.queue.commands import EditTopic
from pushbot.queue.grammar import parse_message
from pushbot.queue.model import Person, Queue
from pushbot.queue.rules import Decision, Facts, decide
from pushbot.queue.topic import Unreadable, fit, render, split_lanes
from pushbot.queue.topic import parse as parse_topic
from pushbot.service.house.oncall import read_roster
from pushbot.store.rows import QUEUE, RUN
from pushbot.web.payloads import Unreadable as UnreadableHook
from pushbot.web.payloads import builds
from pushbot.web.signed import Form, Unsigned, identified
from tests.chat.test_irc_people import session as signed_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALICE = Person("irc", "nick:alice", "alice", proof="the test")
CAPS = ["message-tags", "account-tag", "account-notify", "extended-join", "echo-message"]
FACTS = Facts(by=ALICE, stages=("princess", "production"), now=NOW)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _person(name: str) -> Person:
    return Person("irc", f"nick:{name.casefold()}", name)


def irc_session(data: bytes) -> None:
    """A whole connection: whatever a server says, the bot goes on, and writes no line that the wire does not take."""
    asyncio.run(_session(data))


async def _session(data: bytes) -> None:
    for identity in Identity:
        session, pipe = signed_on(identity, CAPS)
        for line in data.split(b"\n"):
            session.receive(line.rstrip(b"\r")[:8191])
        session.close()
        assert all(len(line.encode()) < 512 and not set("\r\n\0") & set(line) for line in pipe.sent)


def roster(data: bytes) -> None:
    """Who is on call."""
    path = _folder() / "roster.toml"
    path.write_bytes(data)
    with suppress(PushbotError):
        for rotation in read_roster(path):
            rotation.duty(NOW)


def grammar(data: bytes) -> None:
    """What people type."""
    text = _text(data)
    assert len(parse_message(text)) <= len(text)
    parse_message(text, addressed=True)


def topic(data: bytes) -> None:
    """A topic by hand: what is read is drawn so that it is read as the same again."""
    read = parse_topic(_text(data), _person)
    if isinstance(read, Unreadable):
        return
    again = parse_topic(render(read), _person)
    assert again == read, (render(read), again)
    assert len(fit(read, 120).encode()) <= 120
    split_lanes(_text(data), ["web", "config"])


def edit(data: bytes) -> None:
    """A topic by hand on a queue that is in use."""
    before, _, after = _text(data).partition("\n")
    queue = parse_topic(before, _person)
    if isinstance(queue, Queue):
        made = decide(queue, EditTopic(after, render(queue)), replace(FACTS, named=_person))
        if isinstance(made, Decision):
            render(made.queue)


def irc_line(data: bytes) -> None:
    """What a server sends, in any pieces."""
    buffer = LineBuffer()
    half = len(data) // 2
    for piece in (data[:half], data[half:], b"\r\n"):
        for line in buffer.feed(piece):
            parse(line)


def irc_text(data: bytes) -> None:
    """What is to be said: no piece is longer than it may be, none can end the line."""
    text = clean(_text(data))
    assert not {"\r", "\n", "\0"} & set(text)
    assert all(len(piece.encode()) <= 64 for piece in split(text, 64))


def irc_features(data: bytes) -> None:
    """ISUPPORT."""
    features = Features()
    features.load(_text(data).split())
    features.fold(_text(data))


def configuration(data: bytes) -> None:
    """A configuration file."""
    path = _folder() / "pushbot.toml"
    path.write_bytes(data)
    with suppress(ConfigErrors):
        load(path)


def calendar_entry(data: bytes) -> None:
    """`mon-fri 09:00-17:00` and its like."""
    with suppress(ValueError, PushbotError):
        read_entry(_text(data))


def icalendar_file(data: bytes) -> None:
    """A calendar of somebody else."""
    with suppress(PushbotError):
        events(data, ZoneInfo("Europe/London"), NOW.replace(month=1), NOW)


def hook_github(data: bytes) -> None:
    """A webhook of GitHub."""
    for event in ("status", "check_suite", "workflow_run"):
        with suppress(UnreadableHook):
            builds(Form.GITHUB, {"X-GitHub-Event": event}, data)


def hook_own(data: bytes) -> None:
    """A webhook of a script."""
    with suppress(UnreadableHook):
        builds(Form.PUSHBOT, {}, data)


def hook_signature(data: bytes) -> None:
    """A signature by somebody who does not know the secret: never a good one."""
    given, _, body = _text(data).partition("\n")
    headers = {"X-Hub-Signature-256": given, "X-Pushbot-Signature": given, "X-Pushbot-Timestamp": body[:12]}
    for form in Form:
        try:
            identified(form, "a secret that nobody guesses", headers, body.encode(errors="replace"), NOW)
        except Unsigned:
            continue
        raise AssertionError(form)


def control(data: bytes) -> None:
    """The control socket, both ways."""
    for side in (REQUEST, REPLY):
        with suppress(ValidationError):
            side.validate_json(data)


def hosts(data: bytes) -> None:
    """A list of hosts."""
    for read in (listed, from_json, expand):
        with suppress(PushbotError, ValueError):
            cast("Callable[[str], object]", read)(_text(data))


def rows(data: bytes) -> None:
    """The record, damaged."""
    for document in (QUEUE, RUN):
        with suppress(ValidationError):
            document.read(_text(data))


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="pushbot-fuzz-"))


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    each.__name__: each
    for each in (
        irc_session,
        roster,
        grammar,
        topic,
        edit,
        irc_line,
        irc_text,
        irc_features,
        configuration,
        calendar_entry,
        icalendar_file,
        hook_github,
        hook_own,
        hook_signature,
        control,
        hosts,
        rows,
    )
}

SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "grammar": (
        b'.join with bob before carol last "a message"; go',
        b".hold 2h why",
        b'.unlock! production "x"',
        b".try main",
    ),
    "topic": (b'web: <princess... 4/9> alice* + bob (c) "x" | HOLD "y" | carol! (askme) !! "note" || config: clear',),
    "edit": (b"alice + bob | carol\n<princess> alice* | carol + bob", b'HOLD "x" | alice\nalice'),
    "irc_line": (b"@account=alice;time=x :alice!a@h PRIVMSG #push :.join\r\n:s 005 me TOPICLEN=300 :x\r\n",),
    "irc_session": (
        b":alice!a@h JOIN #push alice :A\n:alice!a@h PRIVMSG #push :.go\n@account=alice :alice!a@h PRIVMSG pushbot :go",
        b":s 354 pushbot 152 bob bob\n:bob!b@h NICK alice\n:s 330 pushbot alice acc :is\n:s 318 pushbot alice :End",
        b":bob!b@h TOPIC #push :HOLD | bob\n:s 332 pushbot #push :x\n:s 482 pushbot #push :no\n:bob!b@h QUIT :a.b c.d",
    ),
    "roster": ((Path(__file__).parents[2] / "config" / "oncall.toml").read_bytes(),),
    "irc_text": ("é\u202e\x02\x0304,05colour\x03\x01ACTION\x01".encode(),),
    "irc_features": (b"CASEMAPPING=ascii TOPICLEN=307 NICKLEN=30 CHANTYPES=# PREFIX=(ov)@+",),
    "configuration": (b'[chats.irc]\nhost = "h"\n[lanes.web]\nrooms = ["irc/#push"]\n',),
    "calendar_entry": (b"mon-fri 09:00-17:00", b'2026-12-24..2027-01-02 "year end"', b'*-12-25 "christmas"'),
    "icalendar_file": (
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261121T100000Z\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\nEND:VCALENDAR\n",
    ),
    "hook_github": (
        b'{"sha": "' + b"6" * 40 + b'", "state": "failure", "context": "ci", "branches": [{"name": "main"}]}',
        b'{"action": "completed", "check_suite": {"head_sha": "'
        + b"6" * 40
        + b'", "head_branch": "m", "conclusion": "success"}}',
    ),
    "hook_own": (b'{"branch": "main", "revision": "' + b"6" * 40 + b'", "state": "success"}',),
    "control": (b'{"ask": "stage", "lane": "web", "stage": "production"}', b'{"ask": "stop"}'),
    "hosts": (b"lon-[1-9] region=lon\n# x\n", b'[{"name": "a", "labels": {"x": "y"}}]'),
    "rows": (QUEUE.write(Queue()).encode(),),
}
"""What each begins with, so that it need not find the form by chance."""
