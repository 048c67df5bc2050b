"""Letters: kept before Slack hears so, told in order, done once, also when the bot is killed at any point."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.inbound.envelopes import mail_of
from pushbot.chat.slack.inbound.inbox import Inbox
from pushbot.errors import PushbotError
from pushbot.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pushbot.ports import Letter, Memory


class Killed(Exception):  # noqa: N818 - it says what happened
    """As the process would be: no clean-up that a test could lean on."""


class Mortal:
    """A drawer of the store; after `left` more writes the process is dead."""

    def __init__(self, memory: Memory, left: int = 10**9) -> None:
        self.memory, self.left = memory, left

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    async def take_in(self, letter: Letter) -> bool:
        self._step()
        return await self.memory.take_in(letter)

    async def waiting(self) -> Sequence[Letter]:
        return await self.memory.waiting()

    async def dealt_with(self, letter: str) -> None:
        self._step()
        await self.memory.dealt_with(letter)

    async def note(self, name: str, text: str | None) -> None:
        await self.memory.note(name, text)

    async def notes(self) -> Mapping[str, str]:
        return await self.memory.notes()


def message(ts: str, said: str, client: str = "", kind: str = "message", **more: object) -> dict[str, object]:
    event = {"type": kind, "channel": "C1", "user": "U1", "text": said, "ts": ts, **more}
    if client:
        event["client_msg_id"] = client
    return {"envelope_id": f"env-{ts}-{kind}", "type": "events_api", "payload": {"event_id": f"Ev{ts}", "event": event}}


class Told:
    """What was dealt with: what it said, and whether it was said that it may have been told before."""

    def __init__(self) -> None:
        self.all: list[tuple[str, bool]] = []

    async def deal(self, letter: Letter, again: bool) -> None:
        said = json.loads(letter.body)["event"]["text"]
        if said == "break":
            raise ValueError(said)
        if said == "refuse":
            raise PushbotError(said)
        self.all.append((said, again))


async def dealt(inbox: Inbox, told: Told) -> None:
    """Deal with all that is there."""
    done = asyncio.Event()

    async def last() -> None:
        done.set()

    inbox.errand(last)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(inbox.run(told.deal))
        await done.wait()
        running.cancel()


async def drawer() -> Memory:
    store = MemoryStore()
    await store.open()
    return store.memory("slack")


async def test_letters_are_told_in_order_and_once() -> None:
    memory, told = await drawer(), Told()
    inbox = Inbox("slack", memory)
    for number in range(5):
        await inbox.take(message(f"{number}", f"say {number}"))  # type: ignore[arg-type]
        await inbox.take(message(f"{number}", f"say {number}"))  # type: ignore[arg-type]
        await inbox.take(message(f"{number}", f"say {number}", kind="app_mention"))  # type: ignore[arg-type]
    assert len(await memory.waiting()) == 5
    await dealt(inbox, told)
    assert told.all == [(f"say {number}", False) for number in range(5)]
    assert await memory.waiting() == ()


async def test_what_a_client_sent_twice_is_told_once_also_after_a_restart() -> None:
    memory, told = await drawer(), Told()
    first = Inbox("slack", memory)
    await first.take(message("1", ".join", client="abc"))  # type: ignore[arg-type]
    await first.take(message("2", ".join", client="abc"))  # type: ignore[arg-type]
    await dealt(first, told)
    second = Inbox("slack", memory)
    await second.resume()
    await second.take(message("3", ".join", client="abc"))  # type: ignore[arg-type]
    await dealt(second, told)
    assert told.all == [(".join", False)]
    assert await memory.waiting() == ()


async def test_what_waits_is_told_first_after_a_restart() -> None:
    memory, told = await drawer(), Told()
    await Inbox("slack", memory).take(message("1", ".join", client="abc"))  # type: ignore[arg-type]
    after = Inbox("slack", memory)
    await after.resume()
    await after.take(message("2", ".good"))  # type: ignore[arg-type]
    await dealt(after, told)
    assert told.all == [(".join", True), (".good", False)]


@pytest.mark.parametrize("said", ["break", "refuse"])
async def test_a_letter_that_breaks_stops_nothing(said: str) -> None:
    memory, told = await drawer(), Told()
    inbox = Inbox("slack", memory)
    await inbox.take(message("1", said))  # type: ignore[arg-type]
    await inbox.take(message("2", ".join"))  # type: ignore[arg-type]
    await dealt(inbox, told)
    assert told.all == [(".join", False)]
    assert await memory.waiting() == ()


async def test_what_is_interrupted_stays() -> None:
    memory = await drawer()
    inbox = Inbox("slack", memory)
    begun = asyncio.Event()

    async def deal(_letter: Letter, _again: bool) -> None:
        begun.set()
        await asyncio.Event().wait()

    await inbox.take(message("1", ".join"))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(inbox.run(deal))
        await begun.wait()
        running.cancel()
    assert [letter.id for letter in await memory.waiting()] == ["message/C1/1"]


@pytest.mark.parametrize("left", range(12))
async def test_killed_at_any_write_nothing_is_lost_and_nothing_is_told_as_new_twice(left: int) -> None:
    memory, told = await drawer(), Told()
    incoming = [message("1", "one", "a"), message("2", "one", "a"), message("3", "two", "b"), message("4", "three")]
    acknowledged = list[object]()
    inbox = Inbox("slack", Mortal(memory, left))
    try:
        for envelope in incoming:
            await inbox.take(envelope)  # type: ignore[arg-type]
            acknowledged.append(envelope)
        while not inbox._queue.empty():
            mail = inbox._queue.get_nowait()
            await inbox._read(mail, told.deal)  # type: ignore[arg-type]
    except Killed:
        pass
    after = Inbox("slack", memory)
    await after.resume()
    for envelope in incoming:
        if envelope not in acknowledged:
            await after.take(envelope)  # type: ignore[arg-type]
    await dealt(after, told)
    assert [said for said, again in told.all if not again or (said, False) not in told.all] == ["one", "two", "three"]
    assert len([one for one in told.all if not one[1]]) == len({said for said, again in told.all if not again})
    assert await memory.waiting() == ()


async def test_a_disk_that_does_not_take_it_is_an_error() -> None:
    class Full(Mortal):
        async def take_in(self, letter: Letter) -> bool:
            raise PushbotError(f"the disk is full: {letter.id}")

    with pytest.raises(PushbotError):
        await Inbox("slack", Full(await drawer())).take(message("1", ".join"))  # type: ignore[arg-type]


async def test_a_disk_that_fails_halfway_costs_only_the_look_for_twins() -> None:
    class Half(Mortal):
        async def take_in(self, letter: Letter) -> bool:
            if letter.id.startswith("client/"):
                raise PushbotError("the disk is full")
            return await self.memory.take_in(letter)

    told, inbox = Told(), Inbox("slack", Half(await drawer()))
    await inbox.take(message("1", ".join", client="abc"))  # type: ignore[arg-type]
    await dealt(inbox, told)
    assert told.all == [(".join", False)]


async def test_a_disk_that_fails_when_a_twin_was_found_tells_it_no_more() -> None:
    class Failing(Mortal):
        async def dealt_with(self, letter: str) -> None:
            if letter == "message/C1/2":
                raise PushbotError("the disk fails")
            await self.memory.dealt_with(letter)

    told, memory = Told(), await drawer()
    inbox = Inbox("slack", Failing(memory))
    await inbox.take(message("1", ".go", client="abc"))  # type: ignore[arg-type]
    with pytest.raises(PushbotError):
        await inbox.take(message("2", ".go", client="abc"))  # type: ignore[arg-type]
    await inbox.take(message("2", ".go", client="abc"))  # type: ignore[arg-type]
    await dealt(inbox, told)
    assert told.all == [(".go", False)]


async def test_what_could_not_be_put_away_is_put_away_with_the_next() -> None:
    class Full(Mortal):
        full = True

        async def dealt_with(self, letter: str) -> None:
            if self.full:
                raise PushbotError("the disk is full")
            await self.memory.dealt_with(letter)

    told, memory = Told(), Full(await drawer())
    inbox = Inbox("slack", memory)
    await inbox.take(message("1", ".go", client="abc"))  # type: ignore[arg-type]
    await dealt(inbox, told)
    assert [letter.id for letter in await memory.waiting()] == ["message/C1/1", "client/abc"]
    memory.full = False
    await inbox.take(message("2", ".status"))  # type: ignore[arg-type]
    await dealt(inbox, told)
    assert await memory.waiting() == ()
    assert told.all == [(".go", False), (".status", False)]


def letter_of(kind: str, payload: Mapping[str, object]) -> str | None:
    mail = mail_of({"type": kind, "envelope_id": "env-1", "payload": payload})  # type: ignore[dict-item]
    return mail.letter.id if mail else None


def test_each_kind_has_its_id() -> None:
    command = {"trigger_id": "12.34.rig", "command": "/push", "token": "verification"}
    assert letter_of("slash_commands", command) == f"slash/{hashlib.sha256(b'12.34.rig').hexdigest()[:24]}"
    assert letter_of("slash_commands", {"command": "/push"}) == "envelope/env-1"
    press = letter_of("interactive", {"type": "block_actions", "trigger_id": "1.2"})
    assert press == f"press/{hashlib.sha256(b'1.2').hexdigest()[:24]}"
    assert letter_of("events_api", {"event_id": "\ud800\n" + "x" * 999, "event": {"type": "user_change"}}) == (
        "event/\\ud800\n" + "x" * 198
    )
    assert letter_of("interactive", {"type": "view_submission", "trigger_id": "1.2"}) is None
    assert letter_of("events_api", {"event_id": "Ev1", "event": {"type": "user_change"}}) == "event/Ev1"
    assert letter_of("hello", {}) is None
    mail = mail_of({"type": "slash_commands", "payload": command})  # type: ignore[dict-item]
    assert mail is not None
    assert "verification" not in mail.letter.body
    said = {"type": "message", "channel": "C1", "ts": "1", "user": "U1", "text": ".join", "blocks": ["once more"]}
    mail = mail_of({"type": "events_api", "payload": {"token": "verification", "event": said}})  # type: ignore[dict-item]
    assert mail is not None
    assert json.loads(mail.letter.body) == {"event": {key: said[key] for key in said if key != "blocks"}}


DELETED = {"type": "message", "ts": "1.0", "text": "a secret", "user": "U1"}


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (
            {"type": "message", "subtype": "message_deleted", "deleted_ts": "1.0", "previous_message": DELETED},
            {"gone": "1.0"},
        ),
        (
            {"type": "message", "subtype": "message_changed", "message": {"subtype": "tombstone", "ts": "1.0"}},
            {"gone": "1.0"},
        ),
        ({"type": "pin_removed", "item": {"type": "message", "message": DELETED}}, {"loose": "1.0"}),
        ({"type": "pin_removed"}, {"loose": ""}),
    ],
)
def test_of_what_was_deleted_or_unpinned_only_the_place_is_kept(event: dict[str, object], kept: dict[str, str]) -> None:
    told = {**event, "ts": "2.0", "channel": "C1", "channel_id": "C1", "previous_message": DELETED}
    mail = mail_of({"type": "events_api", "payload": {"event_id": "Ev1", "event": told}})  # type: ignore[dict-item]
    assert mail is not None
    assert mail.letter.id == "event/Ev1"
    assert json.loads(mail.letter.body)["event"].items() >= {**kept, "channel": "C1"}.items()
    assert "secret" not in mail.letter.body


def test_halves_of_characters_are_not_kept() -> None:
    event = {"type": "message", "ts": "1", "user": "U1", "thread_ts": "\ud800", "text": "\ud83d\ude00 \u00e4 \udfff."}
    mail = mail_of({"type": "events_api", "payload": {"event": event}})  # type: ignore[dict-item]
    assert mail is not None
    kept = json.loads(mail.letter.body)["event"]
    assert (kept["thread_ts"], kept["text"]) == ("", " \u00e4 .")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "subtype": "message_changed", "ts": "1"},
        {"type": "message", "subtype": "message_deleted", "ts": "1"},
        {"type": "message", "subtype": "bot_message", "ts": "1", "user": "U1"},
        {"type": "message", "ts": "1", "user": "U1", "bot_id": "B1", "text": ".join"},
        {"type": "message", "ts": "1", "text": ".join"},
        {"type": "message", "subtype": "channel_join", "ts": "1", "user": "U1"},
        {"type": "reaction_added", "user": "U1"},
        {},
    ],
)
def test_what_matters_to_nobody_is_not_kept(event: dict[str, object]) -> None:
    assert letter_of("events_api", {"event_id": "Ev1", "event": event}) is None


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message", "channel_topic", "group_topic"])
def test_what_people_say_and_topics_are_kept(subtype: str) -> None:
    event = {"type": "message", "subtype": subtype, "channel": "C1", "ts": "1.2", "user": "U1"}
    assert letter_of("events_api", {"event": event}) == "message/C1/1.2"
