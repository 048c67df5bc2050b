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
import stat
import struct
from dataclasses import dataclass, field
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
from pushbot.service.feed import Declined, Gone, Happened, HowFar, Lost
from pushbot.service.lane.runbook import run_id
from pushbot.service.people.directory import CONTROL, Directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from pushbot.service.feed import Feed, Word
    from pushbot.service.lane.conductor import Conductor
    from pushbot.service.lane.runbook import Outputs

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
    directory: Directory = field(default_factory=Directory)
    closing: str | None = None
    _listener: socket.socket | None = None
    _inode: int = field(default=0)

    def open(self) -> None:
        """Begin to listen: who connects is served by `run`.

        A socket that cannot be made is logged, and the bot goes on without one. One that is there already is that
        of a bot that was killed, as only one bot has this store. A link is replaced, anything else is left alone.
        """
        listener = socket.socket(socket.AF_UNIX)
        try:
            if stat.S_IFMT(self._found().st_mode) in {stat.S_IFSOCK, stat.S_IFLNK}:
                self.path.unlink()
        except FileNotFoundError:
            pass
        except OSError:
            LOG.warning("no_control_socket_removed", path=str(self.path))
        try:
            with address_of(self.path) as address:
                before = os.umask(0o177)
                try:
                    listener.bind(address)
                finally:
                    os.umask(before)
            listener.listen()
            self._listener, self._inode = listener, self._found().st_ino
        except OSError as error:
            listener.close()
            LOG.warning("no_control_socket", path=str(self.path), error=error.strerror or str(error))

    async def run(self) -> None:
        """Serve until cancelled; then hang up, and take the socket away."""
        if self._listener is None:
            return
        async with asyncio.TaskGroup() as visits:

            def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if server.is_serving():
                    visits.create_task(self._serve(reader, writer), name="visit at the control socket")
                else:
                    writer.close()

            server = await asyncio.start_unix_server(visited, sock=self._listener, limit=LINE_LIMIT)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()
                self._take_away()

    def _found(self) -> os.stat_result:
        return self.path.lstat()

    def _take_away(self) -> None:
        """Remove the socket, if what is there now is ours."""
        with contextlib.suppress(OSError):
            if self._found().st_ino == self._inode:
                self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Visit(self, self.directory.linked(_person(writer)), reader, writer).serve()
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
    kind: RunKind = RunKind.DEPLOY
    unwanted: bool = False

    async def serve(self) -> None:
        request = await self._request()
        if request is None:
            return
        if self.server.closing is not None:
            await self._say(Refused(text=self.server.closing))
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
                    await self._stop(conductor)
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
                self.unwanted = isinstance(REQUEST.validate_json(line), Stop) or self.unwanted
            await self._stop(conductor)

    async def _stop(self, conductor: Conductor) -> None:
        """Have the run stopped if it is unwanted, which may have been said before there was one."""
        if self.unwanted and self.run:
            self.unwanted = False
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
            case Gone(lane=lane) if lane == self.lane:
                why = f"lane '{lane}' has just left the configuration"
                lost = self._ended(self.kind, RunState.LOST, self.run).model_copy(update={"reason": why})
                await self._say(lost if self.run else Refused(text=f"{why}; `.status` tells the rest"))
                return True
            case Lost():
                await self._say(Refused(text="this command did not keep up with the bot; `.status` tells"))
                return True
            case _:
                pass
        return False

    async def _events(self, ours: bool, events: tuple[e.Event, ...]) -> bool:  # noqa: FBT001 - one caller
        over = False
        for event in events:
            if isinstance(event, e.StageRequested) and (ours or event.train.number == self.train):
                self.train, self.run, self.kind = event.train.number, event.run, event.kind
                run = run_id(self.lane, event.run)
                await self._say(Asked(run=run, log=self.server.outputs.shown(run)))
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
                end = self._ended(RunKind.DEPLOY, RunState.SUCCEEDED, train.run)
                return end.model_copy(update={"reason": event.note})
            case e.RolledBack(train) if train.number == self.train:
                end = self._ended(RunKind.ROLLBACK, RunState.SUCCEEDED, self.run)
                return end.model_copy(update={"reason": event.note})
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
    return Person(CONTROL, f"uid:{uid}", name, proof=f"uid {uid}, as the kernel says")
