"""One run followed through a service: asked for again and again, until it is in a state that is an end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

from pydantic import BaseModel

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.http.service import GONE, OK, Stop
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.remote_api import Refused
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.remote_run import not_stopped, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushbot.fleet.model import Tally
    from pushbot_plugins.http.service import Service, Told
    from pushbot_plugins.remote_words import RunLog, Words

_OVER = GONE | {204, 409}


class State(BaseModel, frozen=True):
    """How far a run is, as `remote.json` keeps it: begun when (seconds since 1970), under which key, and its id.

    `location` is where the service said that it is asked for; `seen` is how many lines of its log are in ours, which
    had `logged` bytes then.
    """

    begun: float
    key: str
    id: str | None = None
    location: str | None = None
    seen: int = 0
    logged: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """The addresses of a run: `status` and `abort` are templates, seen from `url`; None when there is none."""

    url: str
    status: str | None
    abort: str | None

    def asked(self, words: Words, state: State) -> str | None:
        """Where to ask for it; None when that is not known."""
        if self.status is None:
            return None if state.location is None else urljoin(self.url, state.location)
        return self._filled(self.status, words, state)

    def stopped(self, words: Words, state: State) -> str | None:
        """Where to stop it; None when that is not known yet. Raises PushbotError when it never will be."""
        if self.abort is None:
            raise PushbotError(f"run {state.key} cannot be stopped from here: stop it at {self.url}")
        return self._filled(self.abort, words, state)

    def _filled(self, template: str, words: Words, state: State) -> str | None:
        more = {"key": state.key, "seen": str(state.seen)}
        if "{id}" in template:
            if state.id is None:
                return None
            more["id"] = state.id
        return urljoin(self.url, words.fill(template, _part, more))


def _part(value: str) -> str:
    """A value as part of a path. Raises PushbotError for one that leads elsewhere."""
    if value in {".", ".."}:
        raise PushbotError(f"{value!r} cannot be part of an address")
    return quote(value, safe="")


async def stop(places: Places, service: Service, words: Words, state: State) -> None:
    """Tell the service to stop the run; nothing happens when it is over, or not yet known."""
    place = places.stopped(words, state)
    if place is not None:
        order = Stop(key=state.key, run=words.job.run, id=state.id)
        await service.post(place, order, f"{state.key}-abort", ok=OK | _OVER)


@dataclass(slots=True)
class Following:
    """One pair of eyes on the run. `ends` are the service's words for the states that are an end."""

    places: Places
    ends: Mapping[str, RunState]
    poll: float
    service: Service
    words: Words
    state: State
    log: RunLog
    progress: Callable[[str | Tally], None]
    _stopped: bool = False

    async def to_the_end(self) -> Outcome:
        """How it ended. Raises RunLost when the service does not know it, or cannot be asked."""
        job = self.words.job
        files = RunFiles(job.directory)
        while True:
            place = self.places.asked(self.words, self.state)
            if place is None:
                raise RunLost(
                    f"run {job.run} was sent to {self.places.url}, and it did not say that it took it, or where to ask "
                    "for it: look there before you start it again"
                )
            told = await self.service.ask(place)
            if told is None:
                raise RunLost(f"{self.places.url} knows nothing of run {job.run}: look before you start it again")
            self._take(told)
            state = self.ends.get(told.state)
            if state is not None:
                self.log.end()
                return self._outcome(told, state)
            self._tell(told)
            if files.abort_asked and not self._stopped and self.places.abort is not None:
                self._stopped = True
                try:
                    await self.stop()
                except Refused as error:  # who asked for it was told; the run goes on
                    self._stopped = False
                    not_stopped(job)
                    self.log.note(f"it could not be stopped: {error}")
            await asyncio.sleep(self.poll)

    async def stop(self) -> None:
        """Tell the service to stop it."""
        await stop(self.places, self.service, self.words, self.state)

    def _take(self, told: Told) -> None:
        """Its new log lines: all that come when the address names how many are here, else those after these."""
        new = told.log if "{seen}" in (self.places.status or "") else told.log[self.state.seen :]
        if new:
            self.log.take("".join(f"{line}\n" for line in new).encode(errors="replace"))
            self._note(seen=self.state.seen + len(new), logged=self.log.size)
        if told.id is not None and self.state.id is None:
            self._note(id=told.id)

    def _tell(self, told: Told) -> None:
        self.progress(one_line(told.progress or told.step or told.state, 150) or "under way")
        if told.tally is not None:
            self.progress(told.tally)

    def _outcome(self, told: Told, state: RunState) -> Outcome:
        if state is RunState.SUCCEEDED:
            return Outcome(state)
        step = one_line(told.step, 60) if told.step else "the service"
        reason = one_line(told.reason) if told.reason else f"it ended as {one_line(told.state, 30)}"
        return Outcome(state, step, reason, self.log.tail())

    def _note(self, **known: int | str) -> None:
        """Remember how far it is, also on disk."""
        self.state = self.state.model_copy(update=known)
        note(self.words.job.directory, self.state)
