"""What the bot and the supervisor tell each other: the files of a run's directory.

`job.json` is written once, by the bot, and means that the run has been begun. `lock` is held (flock)
from before that until the supervisor is gone, and holds its process id. The supervisor appends to
`progress`, keeps the process group of the present step in `group`, and writes `outcome.json` last.
`abort` asks it to stop. `output.log` is for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from pushbot.ports import Job, Outcome, Probe, ProbeKind, Step
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind

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
        text = self._lock.read_text("ascii")
        return int(text) if text else None

    def put_job(self, job: Job) -> None:
        """Write the job for its supervisor, references unresolved. Raises FileExistsError when there is one."""
        draft = self.directory / ".job.json"
        _write(draft, json.dumps(asdict(job), default=str))
        os.link(draft, self._job)
        draft.unlink()

    @property
    def begun(self) -> bool:
        """Whether a job was ever put here."""
        return self._job.exists()

    def job(self) -> Job:
        """The job as it was put."""
        data = json.loads(self._job.read_text("utf-8"))
        for name in ("directory", "workdir"):
            data[name] = Path(data[name])
        for name in ("steps", "post"):
            data[name] = tuple(
                Step(**{**step, "run": tuple(step["run"]), "env": _pairs(step["env"])}) for step in data[name]
            )
        data["health"] = tuple(
            Probe(**{**probe, "kind": ProbeKind(probe["kind"]), "run": tuple(probe["run"])}) for probe in data["health"]
        )
        data["kind"] = RunKind(data["kind"])
        data["riders"] = tuple(data["riders"])
        data["env"] = _pairs(data["env"])
        return Job(**data)

    def put_progress(self, text: str) -> None:
        """Tell what begins now; left out when the disk is full."""
        with contextlib.suppress(OSError), self._progress.open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def progress(self) -> list[str]:
        """All that was told so far, oldest first."""
        try:
            text = self._progress.read_text("utf-8")
        except FileNotFoundError:
            return []
        return text.split("\n")[:-1]

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
        text = json.dumps(asdict(outcome)).encode()
        with os.fdopen(os.open(self._draft, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(text)  # over the room that was reserved
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        self._draft.replace(self._outcome)

    def outcome(self) -> Outcome | None:
        """How the run ended, or None when that was never written."""
        try:
            data = json.loads(self._outcome.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return Outcome(RunState(data["state"]), data["step"], data["reason"], tuple(data["tail"]))


def _pairs(rows: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in rows)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
