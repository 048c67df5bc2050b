"""What the bot and the supervisor tell each other: the files of a run's directory.

`job.json` is written once, by the bot, and means that the run has been begun. `lock` is held (flock)
from before that until the supervisor is gone, and holds its process id. The supervisor appends to
`progress`, keeps the process group of the present step in `group`, and writes `outcome.json` last.
`abort` asks it to stop. `output.log` is for people. A supervisor that runs several things at once keeps
their groups in `groups/`, and one that was set up by the operator has that in `settings.json`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.fleet.model import Tally
from pushbot.ports import Job, Outcome

from .plain import revived, text

if TYPE_CHECKING:
    from pathlib import Path

LOG = "output.log"
OUTCOME_ROOM = 16 * 1024
"""Bytes that an outcome needs at the most: five lines of 300 characters and a reason."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of the run whose directory this is."""

    directory: Path

    @property
    def log(self) -> Path:
        """All output of the run, secrets masked."""
        return self.directory / LOG

    @property
    def group(self) -> Path:
        """The process group of the step under way; absent between steps."""
        return self.directory / "group"

    @property
    def groups(self) -> Path:
        """A folder with a file for each process group under way, where there are several at once."""
        return self.directory / "groups"

    @property
    def hosts(self) -> Path:
        """What became of each host, a line as it happens: the last one about a host counts."""
        return self.directory / "hosts.jsonl"

    @property
    def settings(self) -> Path:
        """What the operator set for the stage's executor, references unresolved."""
        return self.directory / "settings.json"

    @property
    def _lock(self) -> Path:
        return self.directory / "lock"

    @property
    def _job(self) -> Path:
        return self.directory / "job.json"

    @property
    def _abort(self) -> Path:
        return self.directory / "abort"

    @property
    def _progress(self) -> Path:
        return self.directory / "progress"

    @property
    def _draft(self) -> Path:
        return self.directory / ".outcome.json"

    @property
    def _outcome(self) -> Path:
        return self.directory / "outcome.json"

    def claim(self) -> int:
        """Take the lock; it is held until every copy of the returned descriptor is closed.

        Raises BlockingIOError when a supervisor holds it.
        """
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        return lock

    def supervised(self) -> bool:
        """Whether the run's supervisor lives. A process id could not tell: those are used again."""
        try:
            lock = os.open(self._lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def supervisor(self) -> int | None:
        """The supervisor's process id, to be trusted only while `supervised`; None for its first moments."""
        number = self._lock.read_text("ascii")
        return int(number) if number else None

    def put_job(self, job: Job, settings: str | None = None) -> None:
        """Write the job for its supervisor, references unresolved. Raises FileExistsError when there is one."""
        draft = self.directory / ".job.json"
        _write(draft, text(job))
        if settings is not None and not self.begun:
            _write(self.settings, settings)
        os.link(draft, self._job)
        draft.unlink()

    @property
    def begun(self) -> bool:
        """Whether a job was ever put here."""
        return self._job.exists()

    def job(self) -> Job:
        """The job as it was put."""
        return revived(Job, json.loads(self._job.read_bytes()))

    def recorded_groups(self) -> list[int]:
        """The process groups that the supervisor has written down as being under way."""
        found = []
        for path in (self.group, *self.groups.glob("*")):
            with contextlib.suppress(FileNotFoundError, ValueError):
                found.append(int(path.read_text("ascii")))
        return found

    def put_progress(self, told: str | Tally) -> None:
        """Tell what begins now, or how far it is; left out when the disk is full."""
        line = f"\t{told.done}\t{told.total}\t{told.failed}" if isinstance(told, Tally) else told
        with contextlib.suppress(OSError), self._progress.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def progress(self, told: int = 0) -> tuple[list[str | Tally], int]:
        """What was told beyond the first `told` bytes, oldest first; and how many bytes are told then."""
        try:
            with self._progress.open("rb") as file:
                file.seek(told)
                data = file.read()
        except FileNotFoundError:
            return [], told
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.decode("utf-8").split("\n")[:-1]
        news = [Tally(*map(int, line[1:].split("\t"))) if line.startswith("\t") else line for line in lines]
        return news, told + len(whole)

    def put_abort(self) -> None:
        """Ask the supervisor, also one that has yet to begin, to stop."""
        self._abort.touch(mode=0o600)

    @property
    def abort_asked(self) -> bool:
        """Whether the run was asked to stop."""
        return self._abort.exists()

    def reserve(self) -> None:
        """Take the room that the outcome will need, so that it can be told also when the disk is full by then."""
        _write(self._draft, " " * OUTCOME_ROOM)

    def put_outcome(self, outcome: Outcome) -> None:
        """Write how the run ended, whole or not at all, also when the power fails or the disk is full."""
        with os.fdopen(os.open(self._draft, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(text(outcome).encode())  # over the room that was reserved
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        self._draft.replace(self._outcome)

    def outcome(self) -> Outcome | None:
        """How the run ended, or None when that was never written."""
        try:
            return revived(Outcome, json.loads(self._outcome.read_bytes()))
        except (FileNotFoundError, ValueError):
            return None


def _write(path: Path, content: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
