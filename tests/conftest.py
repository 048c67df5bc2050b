"""Fixtures for all tests: a real IRC server, and people on it."""

from __future__ import annotations

import compileall
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import structlog.dev
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that `tests.rig` is found however pytest was called

from tests.rig.client import Person
from tests.rig.ngircd import Certificates, Ngircd, make_certificates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Connect = Callable[..., Awaitable[Person]]

# Else what tests start would not end on Ctrl-C where the suite itself was started to ignore it (`nohup`, `&`).
signal.signal(signal.SIGINT, signal.default_int_handler)

# Else a bug that is logged draws every local variable, with all that a test is made of: it can take an hour.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback

# Else an example that takes over 200 ms, or some that take over a second to be thought up, as on a busy machine, fail.
settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the bot once: where Python may not keep what it has compiled (in many a container), each bot would."""
    if not hasattr(session.config, "workerinput"):
        for folder in ("pushbot", "plugins"):
            compileall.compile_dir(Path(__file__).parents[1] / folder, quiet=2)


@pytest_asyncio.fixture
async def irc_server() -> AsyncIterator[Ngircd]:
    """A running ngircd without flood limits and without predefined channels."""
    server = Ngircd()
    await server.start()
    yield server
    server.close()


@pytest_asyncio.fixture
async def start_irc() -> AsyncIterator[Callable[..., Awaitable[Ngircd]]]:
    """Starts ngircds of any make: `await start_irc(channels={"#push": "+t"}, limits=True)`."""
    servers: list[Ngircd] = []

    async def start(
        *,
        channels: dict[str, str] | None = None,
        password: str | None = None,
        limits: bool = False,
        nick_length: int = 30,
        tls: Certificates | None = None,
    ) -> Ngircd:
        server = Ngircd(channels or {}, password, limits, nick_length, tls)
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in servers:
        server.close()


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects people: `alice = await connect(server, "alice", "#push")`."""
    people: list[Person] = []

    async def join(server: Ngircd, nick: str, *rooms: str, password: str | None = None) -> Person:
        person = await Person.connect(server.host, server.port, nick, *rooms, password=password)
        people.append(person)
        return person

    yield join
    for person in people:
        await person.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and a certificate of it for localhost."""
    return make_certificates(tmp_path_factory.mktemp("tls"))
