"""What a bot of the tests works on: its configuration, gates at which its steps wait, a git repository."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.bot import until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# --- configurations ------------------------------------------------------------------------------

UNLIMITED = "[bot]\ncommands_per_minute = 0\n"
"""For people who send more commands than anybody types, where something else is looked at; before all other tables."""


def basics(port: int, *, patient: bool = False, **options: float | str) -> str:
    """The chat and the announcements of a configuration; unless `patient`, without limits for a server without any."""
    quick: dict[str, float | str] = {} if patient else {"lines_per_second": 0, "topic_interval": 0.05}
    here = {"host": "127.0.0.1", "port": port, "identity": "nick"}
    values = {**here, "reconnect_min": 0.05, "reconnect_max": 0.2, **quick, **options}
    lines = ["[chats.irc]", "tls = false", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    return "\n".join([*lines, "", "[announce]", 'rooms = ["irc/#warroom"]', ""])


def lane(name: str, *rooms: str, pipeline: str | None = None, options: str = "") -> str:
    """A lane in rooms of the chat `irc`."""
    where = json.dumps([f"irc/{room}" for room in rooms or ("#push",)])
    return f"\n[lanes.{name}]\nrooms = {where}\npipeline = {json.dumps(pipeline or name)}\n{options}\n"


def step(name: str, script: str) -> str:
    """A step that is a script."""
    return f"{{ name = {json.dumps(name)}, script = {json.dumps(script)} }}"


def stage(pipeline: str, name: str, steps: Iterable[str], options: str = "") -> str:
    """A stage of a pipeline."""
    return (
        f"\n[[pipelines.{pipeline}.stages]]\nname = {json.dumps(name)}\n{options}\nsteps = [\n  "
        + ",\n  ".join(steps)
        + ",\n]\n"
    )


def noted(file: Path, word: str) -> str:
    """A script that appends which run did `word` where, in one write."""
    return f'echo "$PUSHBOT_RUN $PUSHBOT_STAGE {word} $PUSHBOT_REVISION" >> "{file}"'


@dataclass
class Gate:
    """Something that a step waits for until the test lets it go on: a FIFO."""

    path: Path

    def __post_init__(self) -> None:
        os.mkfifo(self.path)

    @property
    def script(self) -> str:
        """What waits."""
        return f': < "{self.path}"'

    async def opened(self) -> None:
        """Wait until somebody waits here, and let them go on."""
        descriptor = -1

        def somebody() -> bool:
            nonlocal descriptor
            with suppress(OSError):
                descriptor = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            return descriptor >= 0

        await until(somebody, f"somebody at {self.path.name}")
        os.close(descriptor)


# --- a repository --------------------------------------------------------------------------------


@dataclass
class Repository:
    """A real git repository."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        """Run git there, as nobody in particular; what it printed."""
        who = {f"GIT_{role}_{what}": "alice" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=os.environ | quiet | who, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self, message: str, **files: str) -> str:
        """Commit files, `_` in their names standing for the dot; the new revision."""
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")
