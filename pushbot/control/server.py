"""The bot's side of the control socket: who connects is asked of the kernel, and what they ask goes to the lane.

The socket is the owner's alone (mode 0600), and there is one bot to a store, so whoever gets through is the user who
runs the bot, or root. Nothing that comes in by it is believed beyond that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from pushbot.control.wire import (
    LINE_LIMIT,
    REQUEST,
    Asked,
    At,
    Ended,
    Refused,
    RunStage,
    Stop,
    Told,
    address_of,
    line_of,
)
from pushbot.errors import fault_reference
from pushbot.queue import events as e
from pushbot.queue.commands import Abort, Deploy, RunState
from pushbot.queue.model import Person, RunKind
from pushbot.service.asks import Ask
from pushbot.service.feed import Declined, Happened, HowFar, Lost
from pushbot.service.runbook import run_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from pushbot.service.conductor import Conductor
    from pushbot.service.feed import Feed, Word
    from pushbot.service.runbook import Outputs

LOG = structlog.get_logger()
ASK_WITHIN = 10.0
"""Seconds in which who connects says what they want."""
_PEER = struct.Struct("3i")


@dataclass(slots=True)
class ControlServer:
    """Serves the socket at `path` until cancelled."""

    path: Path
    conductors: Mapping[str, Conductor]
    feed: Feed
    outputs: Outputs
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen. A socket that cannot be made is logged, and the bot goes on without one."""
        self.path.unlink(missing_ok=True)  # of a bot that was killed: only one bot has this store
        listener = socket.socket(socket.AF_UNIX)
        try:
            with address_of(self.path) as address:
                before = os.umask(0o177)
                try:
                    listener.bind(address)
                finally:
                    os.umask(before)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_LIMIT)
        except OSError as error:
            listener.close()
            LOG.warning("no_control_socket", path=str(self.path), error=error.strerror or str(error))

    async def run(self) -> None:
        """Serve until cancelled, and take the socket away then."""
        if self._server is None:
            return
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._server.close()
            self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Visit(self, _person(writer), reader, writer).serve()
        except* (OSError, ValueError):
            pass  # whoever it was has gone, or speaks another language; the run, if any, goes on
        except* Exception:
            LOG.exception("control_broke", reference=fault_reference())
        finally:
            writer.close()


@dataclass(slots=True)
class _Visit:
    """One connection: one thing asked, and all that is told of it."""

    server: ControlServer
    person: Person
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    lane: str = ""
    train: int | None = None
    run: int = 0

    async def serve(self) -> None:
        request = await self._request()
        if request is None:
            return
        conductor = self.server.conductors.get(request.lane)
        if conductor is None:
            await self._say(Refused(text=f"the bot that runs has no lane '{request.lane}': its configuration is older"))
            return
        self.lane = request.lane
        text = f"stage {request.stage}" + (f" --ref {request.ref}" if request.ref else "")
        ask = Ask(Deploy(request.stage, request.ref, failed=request.failed), self.person, text)
        with self.server.feed.watched() as words:
            await conductor.put(ask)
            async with asyncio.TaskGroup() as group:
                stopping = group.create_task(self._heed(conductor))
                while not await self._told(ask, await words.get()):
                    pass
                stopping.cancel()

    async def _request(self) -> RunStage | None:
        try:
            async with asyncio.timeout(ASK_WITHIN):
                line = await self.reader.readline()
            request = REQUEST.validate_json(line)
        except TimeoutError:
            return None
        except ValidationError:
            await self._say(
                Refused(text="the bot that runs does not understand this command: it is of another version")
            )
            return None
        return request if isinstance(request, RunStage) else None

    async def _heed(self, conductor: Conductor) -> None:
        """Stop the run when that is asked for."""
        while line := await self.reader.readline():
            with contextlib.suppress(ValidationError):
                if isinstance(REQUEST.validate_json(line), Stop) and self.run:
                    await conductor.put(Ask(Abort(run=self.run), self.person, "stop"))

    async def _told(self, ask: Ask, word: Word) -> bool:
        """Pass on what concerns this visit; whether it is over."""
        match word:
            case Declined(ask=about, why=why) if about is ask:
                await self._say(Refused(text=why))
                return True
            case Declined(ask=about, why=why) if isinstance(about.what, Abort) and about.by is self.person:
                await self._say(Told(text=why))
            case Happened(lane=lane, events=events) if lane == self.lane:
                return await self._events(word.ask is ask, events)
            case HowFar(run=run, step=step, tally=tally) if self.run and run == run_id(self.lane, self.run):
                count = (tally.done, tally.total, tally.failed) if tally is not None else (None, None, 0)
                await self._say(At(step=step, done=count[0], total=count[1], failed=count[2]))
            case Lost():
                await self._say(Refused(text="this command did not keep up with the bot; `.status` tells"))
                return True
            case _:
                pass
        return False

    async def _events(self, ours: bool, events: tuple[e.Event, ...]) -> bool:  # noqa: FBT001 - one caller
        for event in events:
            if isinstance(event, e.StageRequested) and (ours or event.train.number == self.train):
                self.train, self.run = event.train.number, event.run
                run = run_id(self.lane, event.run)
                await self._say(Asked(run=run, log=self.server.outputs.shown(run)))
        over = False
        for event in events:
            if isinstance(event, e.HostsCounted) and event.train.number == self.train:
                for text in (event.summary, *event.mismatches):
                    await self._say(Told(text=text))
            end = self._end(event)
            if end is not None:
                await self._say(end)
                over = not end.follows
        return over

    def _end(self, event: e.Event) -> Ended | None:
        match event:
            case e.StageSucceeded(train) if train.number == self.train:
                return self._ended(RunKind.DEPLOY, RunState.SUCCEEDED, train.run)
            case e.RolledBack(train) if train.number == self.train:
                return self._ended(RunKind.ROLLBACK, RunState.SUCCEEDED, self.run)
            case e.RunFailed(train) if train.number == self.train:
                end = self._ended(event.kind, RunState.FAILED, train.run)
                more = {"step": event.step, "reason": event.reason, "tail": event.tail, "follows": event.undo}
                return end.model_copy(update=more)
            case e.RunCancelled(train) if train.number == self.train:
                return self._ended(event.kind, RunState.CANCELLED, train.run)
            case e.RunWasLost(train) if train.number == self.train:
                return self._ended(event.kind, RunState.LOST, train.run).model_copy(update={"reason": event.reason})
            case _:
                return None

    def _ended(self, kind: RunKind, state: RunState, run: int | None) -> Ended:
        return Ended(run=run_id(self.lane, run or self.run), kind=kind, state=state)

    async def _say(self, word: BaseModel) -> None:
        self.writer.write(line_of(word))
        await self.writer.drain()


def _person(writer: asyncio.StreamWriter) -> Person:
    """Who connected, as the kernel knows them (unix(7), SO_PEERCRED)."""
    connection: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"user {uid}"
    return Person("control", f"uid:{uid}", name)
