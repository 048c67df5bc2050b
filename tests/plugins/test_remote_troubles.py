"""What all executors that call a service have in common, with a server that sends whatever it is told to."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from pushbot.errors import PushbotError
from pushbot.fleet.model import Tally
from pushbot.ports import Job, Outcome
from pushbot.queue.commands import RunState
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.remote_api import Api, Limits, Refused, Unanswered, trusting
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.remote_run import ended, kept, name_of, note, now
from pushbot_plugins.remote_words import Words, log_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.ngircd import Certificates

QUICK = Limits(answer=1.0, patience=0.05, first=0.01)
OK = b"HTTP/1.1 200 OK\r\n"


class State(BaseModel):
    """What a run keeps."""

    at: int


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[str]:
    """A server that answers each connection with these bytes, and hangs up; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff\xfe" * 1000,
        b"HTTP/1.1 99999 ?\r\n\r\n",
        OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        OK + b"".join(b"X%d: a\r\n" % number for number in range(5000)) + b"\r\n",
        OK + b"Content-Length: 100\r\n\r\nabc",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        b"HTTP/1.1 503 ?\r\nRetry-After: " + b"9" * 400 + b"\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_that_is_none_is_no_answer(answer: bytes) -> None:
    async with saying(answer) as url, Api("it", url, limits=QUICK) as api:
        with pytest.raises(Unanswered) as caught:
            await api.get("x", query={"sig": "s1gned"})
        assert "s1gned" not in str(caught.value)
        assert str(caught.value).isprintable()


async def test_a_small_answer_that_becomes_a_large_one_is_not_read() -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with saying(head + bomb) as url, Api("it", url, limits=QUICK) as api:
        with pytest.raises(Refused, match="more than 8388608 bytes"):
            await api.get("x")


@pytest.mark.parametrize(
    "place",
    [
        "https://[::1",
        "http://127.0.0.1:99999999/",
        "//evil.example/x",
        "http:///x",
        "https:evil.example",
        "http://user@{host}/",
        "http://:word@{host}/",
        "https://{host}/",
        "http://{host}\\@evil.example/",
        "x y",
        "x\r\nHost: evil.example",
    ],
)
async def test_what_is_elsewhere_is_never_called(place: str) -> None:
    async with saying(OK + b"Content-Length: 0\r\n\r\n") as url, Api("it", url, limits=QUICK) as api:
        with pytest.raises(PushbotError, match="credentials are for its own address alone"):
            await api.get(place.format(host=url.removeprefix("http://")))


async def test_one_place_may_be_written_in_several_ways() -> None:
    api = Api("it", "https://CI.example/base")
    assert api.at("https://ci.example:443/x?a=1", {"b": "2"}) == "https://ci.example:443/x?a=1&b=2"
    assert api.at("x") == "https://CI.example/base/x"


@pytest.mark.parametrize("wrong", ["authority", "host"])
async def test_who_cannot_show_who_it_is_gets_nothing(certificates: Certificates, wrong: str) -> None:
    """Neither a certificate that nobody vouches for, nor one of another host."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.cert, certificates.key)
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK + b"Content-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        trusted = trusting(certificates.ca)
        async with Api("it", f"https://localhost:{port}", tls=trusted, limits=QUICK) as api:
            assert (await api.get("x")).status == 200
        host, tls_there = ("localhost", None) if wrong == "authority" else ("127.0.0.2", trusted)
        async with Api("it", f"https://{host}:{port}", user=("bot", "word"), tls=tls_there, limits=QUICK) as api:
            with pytest.raises(Unanswered) as caught:
                await api.get("x")
    assert not caught.value.begun
    assert len(asked) == 1


async def test_no_error_leaves_with_a_secret() -> None:
    async with saying(b"") as url:
        with pytest.raises(PushbotError) as caught:
            async with Api("it", url, hide={"swordfish"}, limits=QUICK):
                raise PushbotError("it says that swordfish is wrong")
    assert str(caught.value) == "it says that *** is wrong"


async def test_who_reads_a_large_stream_lets_others_go_on() -> None:
    """However much has come: of 20 streams at once a chat must not notice anything."""
    taken = 0

    def take(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)

    async def look() -> int:
        """The most that came between two turns of the loop."""
        most, before = 0, 0
        while taken < size:
            before = taken
            await asyncio.sleep(0)
            most = max(most, taken - before)
        return most

    size = 4 * 2**20
    answer = OK + b"Content-Length: %d\r\n\r\n" % size + bytes(size)
    async with saying(answer) as url, Api("it", url, limits=QUICK) as api, asyncio.TaskGroup() as group:
        looking = group.create_task(look())
        await api.stream("x", take)
    assert looking.result() <= 16 * 2**10


@pytest.mark.parametrize("page", [b"<script " * 2048, b"<" * 16384, b"<style>" * 2500])
async def test_no_page_takes_long_to_be_made_a_line(page: bytes) -> None:
    answer = b"HTTP/1.1 400 ?\r\nContent-Length: %d\r\n\r\n" % len(page) + page
    async with saying(answer) as url, Api("it", url, limits=QUICK) as api:
        began = time.process_time()
        with pytest.raises(Refused):
            await api.get("x")
        assert time.process_time() - began < 0.25


def test_no_text_takes_long_to_be_made_a_line() -> None:
    began = time.process_time()
    line = one_line("a\x1b[1m" * 2_000_000)
    assert time.process_time() - began < 0.25
    assert len(line) == 300
    assert line.endswith("a...")


# --- what a run is kept as -----------------------------------------------------------------------


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Words:
    monkeypatch.setenv("KEY", "swordfish")
    return Words(replace(job_in(tmp_path), env=(("KEY", "env:KEY"),)))


async def nothing() -> None:
    """Nobody is to be stopped."""


async def test_what_a_service_says_is_told_without_secrets(words: Words, tmp_path: Path) -> None:
    async def follow() -> Outcome:
        return Outcome(RunState.FAILED, "swordfish --key", "swordfish is wrong", ("a swordfish",))

    told: list[str | Tally] = []
    tell = words.telling(told.append)
    tell("Run deploy swordfish")
    tell(Tally(1, 2, 0))
    with log_of(words) as log:
        log.begin("the log of swordfish")
        log.take(b"with swordfish\n")
        log.note("swordfish\nends")
        log.take(b"cut: sword")
        log.take(b"fish")
        outcome = await ended(words, now(), follow, nothing)
    assert told == ["Run deploy ***", Tally(1, 2, 0)]
    assert (outcome.step, outcome.reason) == ("*** --key", "*** is wrong")
    assert outcome.tail == ("a ***",)
    written = (tmp_path / "output.log").read_text()
    assert "fish" not in written + (tmp_path / "outcome.json").read_text()
    assert "with ***" in written


async def test_a_run_that_failed_after_it_was_to_stop_is_cancelled(words: Words) -> None:
    async def follow() -> Outcome:
        return Outcome(RunState.FAILED, "copy", "signal 15")

    RunFiles(words.job.directory).put_abort()
    assert await ended(words, now(), follow, nothing) == Outcome(RunState.CANCELLED, "copy", "signal 15")


async def test_a_clock_that_was_set_back_makes_no_run_longer(words: Words) -> None:
    async def follow() -> Outcome:
        await asyncio.sleep(60)
        raise AssertionError

    words.job = replace(words.job, timeout=0.05, grace=0.05)
    outcome = await ended(words, now() + 3600.0, follow, nothing)
    assert (outcome.state, outcome.step) == (RunState.FAILED, "time limit")


async def test_a_full_disk_does_not_end_a_run_that_goes_on(words: Words) -> None:
    async def follow() -> Outcome:
        return Outcome(RunState.SUCCEEDED)

    directory = words.job.directory
    note(directory, State(at=1))
    (directory / ".remote.json").mkdir()  # nothing can be written there now
    (directory / ".outcome.json").mkdir()
    note(directory, State(at=2))
    assert kept(words.job, State) == State(at=1)
    assert await ended(words, now(), follow, nothing) == Outcome(RunState.SUCCEEDED)


def test_names_of_runs_are_used_once(tmp_path: Path) -> None:
    job: Job = job_in(tmp_path)
    assert name_of(job).startswith(f"{job.run}-")
    assert name_of(job) != name_of(job)
