"""Health probes, against a real server of each kind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.ports import Outcome, Probe, ProbeKind, Step
from pushbot.queue.commands import RunState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.plugins.local.conftest import Bench

WELL = Outcome(RunState.SUCCEEDED)
QUICK = {"interval": 0.01, "timeout": 20.0, "window": 20.0}
"""What is well is seen to be so on any machine; what stays ill is given up after a `window` of its own."""


class Web:
    """A web server that answers with `answers` in turn, the last one for ever; None never answers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.address = f"127.0.0.1:{port}"
        self.answers: list[tuple[int, str] | None] = [(200, "hello")]
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head.split(b"\r\n")[0].decode())
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await reader.read()
            else:
                status, body = answer
                more = "Location: http://127.0.0.1:1/\r\n" if status == 302 else ""
                writer.write(f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    served: list[Web] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await served[0].serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    served.append(Web(server.sockets[0].getsockname()[1]))
    async with server:
        yield served[0]


def http(web: Web, path: str = "/", **more: str | float | None) -> Probe:
    return replace(Probe(ProbeKind.HTTP, "web", target=web.url + path), **{**QUICK, **more})  # type: ignore[arg-type]


def command(script: str, **more: str | float | None) -> Probe:
    run = ("sh", "-c", script)
    return replace(Probe(ProbeKind.COMMAND, "app", run=run), **{**QUICK, **more})  # type: ignore[arg-type]


async def checked(bench: Bench, probe: Probe) -> Outcome:
    return await bench.run(replace(bench.job(), health=(probe,)))


async def test_a_service_becomes_well(bench: Bench, web: Web) -> None:
    web.answers = [(503, "starting"), (200, "rev 6957bb87c0ffee00000000000000000000000000 {x}")]
    probe = http(web, "/{revision}/{nothing}?by={driver}", expect="rev {revision} {x}")
    job = replace(bench.job(), health=(probe,), driver="a b&c")
    assert await bench.run(job) == WELL
    assert web.asked == ["GET /6957bb87c0ffee00000000000000000000000000/{nothing}?by=a%20b%26c HTTP/1.1"] * 2


async def test_a_service_that_stays_ill_fails_the_run(bench: Bench, web: Web) -> None:
    web.answers = [(500, "oops")]
    job = replace(
        bench.job(Step("publish", run=("true",))),
        health=(http(web, window=1.5),),
        post=(Step("clean", script="exit 9"),),
    )
    outcome = await bench.run(job)
    reason = f"GET {web.url}/ answered 500, wanted 200, still after 1.5 s"
    assert outcome == Outcome(RunState.FAILED, "health: web", reason)
    assert len(web.asked) > 1
    assert bench.told == ["publish 1/3", "health: web 2/3"]


async def test_an_answer_without_the_text_is_ill(bench: Bench, web: Web) -> None:
    outcome = await checked(bench, http(web, expect="rev {revision}", window=1.5))
    assert outcome.reason == (
        f"GET {web.url}/ answered 200, but without 'rev 6957bb87c0ffee00000000000000000000000000', still after 1.5 s"
    )


async def test_a_redirect_is_an_answer_and_not_followed(bench: Bench, web: Web) -> None:
    web.answers = [(302, "")]
    assert await checked(bench, http(web, status=302)) == WELL


async def test_a_service_that_hangs_is_ill(bench: Bench, web: Web) -> None:
    web.answers = [None]
    began = time.monotonic()
    outcome = await checked(bench, http(web, timeout=0.3, window=3.0))
    assert (outcome.reason or "").startswith(f"GET {web.url}/ gave no answer within 0.")
    assert time.monotonic() - began < 20
    assert len(web.asked) > 1


async def test_a_service_that_is_not_there_is_ill(bench: Bench, web: Web) -> None:
    outcome = await checked(bench, replace(http(web, window=1.5), target="http://127.0.0.1:1/"))
    assert outcome.reason == "GET http://127.0.0.1:1/ failed: Connection refused, still after 1.5 s"


async def test_one_good_answer_is_not_three_in_a_row(bench: Bench, web: Web) -> None:
    web.answers = [(200, ""), (200, ""), (500, ""), (200, "")]
    assert await checked(bench, http(web, passes=3)) == WELL
    assert len(web.asked) == 6


async def test_a_service_is_watched_after_it_was_well(bench: Bench, web: Web) -> None:
    web.answers = [(200, ""), (200, ""), (500, "")]
    outcome = await checked(bench, http(web, watch=5.0))
    assert (outcome.reason or "").startswith(f"GET {web.url}/ answered 500, wanted 200, ")
    assert (outcome.reason or "").endswith(" s into the watch of 5 s")


async def test_a_watch_that_goes_well_ends(bench: Bench, web: Web) -> None:
    began = time.monotonic()
    assert await checked(bench, http(web, watch=0.1)) == WELL
    assert time.monotonic() - began >= 0.1
    assert len(web.asked) > 1, "it is looked at again, how often is up to the machine"


async def test_tcp(bench: Bench, web: Web) -> None:
    assert await checked(bench, replace(http(web), kind=ProbeKind.TCP, target=web.address)) == WELL


async def test_tcp_refused(bench: Bench, web: Web) -> None:
    outcome = await checked(bench, replace(http(web, window=1.5), kind=ProbeKind.TCP, target="127.0.0.1:1"))
    assert outcome.reason == "TCP 127.0.0.1:1 took no connection: Connection refused, still after 1.5 s"


async def test_command(bench: Bench) -> None:
    assert await checked(bench, command("echo rev $PUSHBOT_REVISION", expect="rev {revision}")) == WELL
    assert "\nrev 6957bb87" in bench.log


@pytest.mark.parametrize(
    ("script", "reason", "tail"),
    [
        ("echo sick; exit 4", "sh ended with exit code 4, still after 1.5 s", ("sick",)),
        ("echo fine", "sh ended well, but without 'wanted' in its output, still after 1.5 s", ("fine",)),
    ],
)
async def test_command_that_fails(bench: Bench, script: str, reason: str, tail: tuple[str, ...]) -> None:
    outcome = await checked(bench, command(script, expect="wanted", window=1.5))
    assert (outcome.state, outcome.step, outcome.reason) == (RunState.FAILED, "health: app", reason)
    assert set(outcome.tail) == set(tail)


async def test_command_that_is_not_there(bench: Bench) -> None:
    outcome = await checked(bench, replace(command("", window=1.5), run=("no-such-check",)))
    assert (outcome.reason or "").startswith("no-such-check could not be started: no-such-check: No such file")


async def test_the_runs_time_bounds_health_too(bench: Bench) -> None:
    job = replace(bench.job(), health=(command("exit 1", window=60.0),), timeout=0.1)
    assert (await bench.run(job)).reason == "the run took longer than its 0.1 s"
