"""Order, rate and confirmation of what goes out, on a transport that only remembers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from pushbot.chat.irc.features import Features
from pushbot.chat.irc.options import IrcOptions
from pushbot.chat.irc.outbox import Outbox
from pushbot.chat.irc.own import Own
from pushbot.chat.irc.rooms import Rooms
from pushbot.chat.irc.writer import FULL, PING_EVERY, TOPIC_YIELDS, Bucket, Writer
from pushbot.errors import DeliveryUncertain
from tests.rig.bot import until

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Pipe:
    """The network: takes lines, and can be clogged or closed."""

    lines: list[str] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    clogged: bool = False
    closed: bool = False

    def write(self, data: bytes) -> None:
        assert data.endswith(b"\r\n")
        assert all(len(line) <= 512 for line in data.splitlines(keepends=True))
        self.lines += data.decode().split("\r\n")[:-1]
        self.pieces.append(data)

    def get_write_buffer_size(self) -> int:
        return FULL + 1 if self.clogged else 0

    def is_closing(self) -> bool:
        return self.closed


@dataclass
class Desk:
    """A writer with all it needs, in the room #push."""

    pipe: Pipe
    outbox: Outbox
    rooms: Rooms
    writer: Writer

    def say(self, text: str, to: str = "#push") -> asyncio.Future[None]:
        done = self.outbox.add(to, text)
        self.writer.pump()
        return done

    def sent(self, kind: str) -> list[str]:
        """What went out by the end of the turn, as all that is gathered then does."""
        self.writer._flush()
        return [line.partition(":")[2] for line in self.pipe.lines if line.startswith(kind)]

    def draw(self, topic: str) -> None:
        room = self.rooms.find("#push")
        assert room is not None
        room.draw(topic, asyncio.get_running_loop().time(), 300)
        self.writer.pump()

    @property
    def said(self) -> list[str]:
        return self.sent("PRIVMSG")

    @property
    def topics(self) -> list[str]:
        return self.sent("TOPIC")

    @property
    def pings(self) -> list[str]:
        return self.sent("PING")


@pytest.fixture
def desk() -> Callable[..., Desk]:
    def make(*, burst: int = 1000, rate: float = 0, topic_interval: float = 0.0, enter: bool = True) -> Desk:
        options = IrcOptions(host="irc.test", burst=burst, lines_per_second=rate, topic_interval=topic_interval)
        features = Features()
        pipe, outbox, rooms, own = Pipe(), Outbox(), Rooms(["#push"], features.fold), Own(options, features, "pushbot")
        writer = Writer(options, cast("asyncio.WriteTransport", pipe), outbox, rooms, own)
        if enter:
            for room in rooms:
                room.entering(0.0)
                room.entered(0.0, 300)
            writer.begin()
        return Desk(pipe, outbox, rooms, writer)

    return make


async def test_a_line_is_written_within_the_call(desk: Callable[..., Desk]) -> None:
    made = desk()
    _ = made.say("hello")
    made.draw("alice")
    assert made.pipe.lines == ["PRIVMSG #push :hello", "TOPIC #push :alice"]


async def test_one_ping_confirms_a_burst(desk: Callable[..., Desk]) -> None:
    made = desk()
    done = [made.say(str(number)) for number in range(10)]
    await until(lambda: bool(made.pings))
    assert made.said == [str(number) for number in range(10)]
    assert len(made.pings) == 1
    assert not any(future.done() for future in done)
    late = made.say("late")
    made.writer.pong(made.pings[0])
    assert all(future.done() for future in done)
    assert not late.done()
    await until(lambda: len(made.pings) == 2)
    made.writer.pong(made.pings[1])
    assert late.done()


async def test_a_strange_pong_confirms_nothing(desk: Callable[..., Desk]) -> None:
    made = desk()
    done = made.say("hello")
    await until(lambda: bool(made.pings))
    for token in ["", "alive", "pushbot-", "pushbot-x", "pushbot-0", "pushbot-" + "9" * 5000, "pushbot-²"]:
        made.writer.pong(token)
    assert not done.done()


async def test_lines_go_out_at_the_servers_pace_and_none_is_lost(desk: Callable[..., Desk]) -> None:
    made = desk(burst=5, rate=100)
    for number in range(25):
        _ = made.say(str(number))
    assert len(made.said) == 5
    start = asyncio.get_running_loop().time()
    await until(lambda: len(made.said) == 25)
    assert 0.15 < asyncio.get_running_loop().time() - start < 10
    assert made.said == [str(number) for number in range(25)]


async def test_replies_go_before_topics_but_not_for_ever(desk: Callable[..., Desk]) -> None:
    made = desk(burst=1, rate=200)
    _ = made.say("first")
    made.draw("alice")
    for number in range(30):
        _ = made.say(str(number))
    await until(lambda: bool(made.topics))
    assert TOPIC_YIELDS - 1 <= len(made.said) <= TOPIC_YIELDS + 1
    assert made.said[0] == "first"


async def test_a_ping_comes_after_so_many_lines_at_the_latest(desk: Callable[..., Desk]) -> None:
    made = desk(burst=1, rate=500)
    for number in range(PING_EVERY * 2):
        _ = made.say(str(number))
    await until(lambda: bool(made.pings))
    assert [line.startswith("PING") for line in made.pipe.lines].index(True) == PING_EVERY


async def test_the_latest_topic_wins(desk: Callable[..., Desk]) -> None:
    made = desk(topic_interval=0.05)
    for number in range(40):
        made.draw(str(number))
    assert made.topics == ["0"]
    room = made.rooms.find("#push")
    assert room is not None
    room.echoed("0")
    made.writer.pump()
    await until(lambda: len(made.topics) == 2)
    assert made.topics == ["0", "39"]


async def test_a_clearing_is_written_as_one(desk: Callable[..., Desk]) -> None:
    made = desk()
    room = made.rooms.find("#push")
    assert room is not None
    room.topic = "old"
    made.draw("")
    assert made.pipe.lines == ["TOPIC #push :"]


async def test_what_is_cancelled_is_not_said(desk: Callable[..., Desk]) -> None:
    made = desk(burst=1, rate=50)
    _ = made.say("1")
    made.say("2").cancel()
    _ = made.say("3")
    await until(lambda: len(made.said) == 2)
    assert made.said == ["1", "3"]


async def test_a_cancelled_line_does_not_keep_others_from_being_confirmed(desk: Callable[..., Desk]) -> None:
    made = desk(burst=2, rate=20)
    long = made.say("x" * 900)  # two lines go out, the third does not
    assert len(made.said) == 2
    long.cancel()
    done = made.say("short")
    await until(lambda: bool(made.pings))
    made.writer.pong(made.pings[-1])
    assert made.said[2:] == ["short"]
    assert done.done()


async def test_when_the_link_breaks_only_what_was_written_is_uncertain(desk: Callable[..., Desk]) -> None:
    made = desk(burst=2, rate=0.001)
    written, half, waiting = made.say("1"), made.say("y" * 900), made.say("3")
    assert len(made.said) == 2
    made.writer.close()
    for future in (written, half):
        with pytest.raises(DeliveryUncertain):
            await future
    assert not waiting.done()
    again = Writer(made.writer.options, made.writer.transport, made.outbox, made.rooms, made.writer.own)
    made.pipe.lines.clear()
    again.begin()
    await until(lambda: bool(made.pipe.lines))
    assert made.said == ["3"]
    again.close()


async def test_nothing_is_written_to_a_network_that_does_not_take_it(desk: Callable[..., Desk]) -> None:
    made = desk()
    made.pipe.clogged = True
    _ = made.say("1")
    assert made.said == []
    made.pipe.clogged = False
    await until(lambda: made.said == ["1"])
    made.pipe.closed = True
    _ = made.say("2")
    assert made.said == ["1"]
    assert len(made.outbox) == 1


async def test_before_signing_on_only_the_protocol_speaks(desk: Callable[..., Desk]) -> None:
    made = desk(enter=False)
    _ = made.say("hello", to="alice")
    made.writer.spare("NOTICE alice :x")
    made.writer.control("NICK pushbot")
    assert made.pipe.lines == ["NICK pushbot"]
    made.writer.begin()
    assert made.said == ["hello"]


async def test_no_line_holds_a_line_end(desk: Callable[..., Desk]) -> None:
    made = desk()
    _ = made.say("a\r\nQUIT\0 :b\rTOPIC #push :c")
    made.draw("d\nQUIT")
    made.writer.control("NICK x\r\nQUIT")
    assert made.pipe.lines == ["PRIVMSG #push :aQUIT :bTOPIC #push :c", "TOPIC #push :dQUIT", "NICK xQUIT"]


def test_the_bucket_allows_a_burst_and_then_its_rate() -> None:
    bucket = Bucket(3, 2.0)
    for _ in range(3):
        assert bucket.wait(10.0) == 0.0
        bucket.take(10.0)
    assert bucket.wait(10.0) == 0.5
    assert bucket.wait(10.5) == 0.0
    for _ in range(100):
        bucket.take(10.5)  # lines that could not wait
    assert bucket.wait(10.5) == 2.0
    assert bucket.wait(1000.0) == 0.0
    assert bucket.tokens == 3


def test_without_a_limit_the_bucket_never_waits() -> None:
    bucket = Bucket(1, 0)
    for _ in range(1000):
        assert bucket.wait(1.0) == 0.0
        bucket.take(1.0)


async def test_a_reply_and_the_topic_after_it_go_out_as_one_piece(desk: Callable[..., Desk]) -> None:
    """Else a server that waits for acknowledgements holds the topic back for 40 ms."""
    it = desk()
    _ = it.say("alice: You're up")
    _ = it.say("go on")
    assert it.pipe.pieces == []
    it.draw("alice")
    assert len(it.pipe.pieces) == 1
    assert (it.said, it.topics) == (["alice: You're up", "go on"], ["alice"])


async def test_lines_alone_go_out_when_the_turn_is_over(desk: Callable[..., Desk]) -> None:
    it = desk()
    _ = it.say("one")
    _ = it.say("two")
    await asyncio.sleep(0)
    assert it.pipe.pieces[0] == b"PRIVMSG #push :one\r\nPRIVMSG #push :two\r\n"
