"""Hosts without a network: a folder and a real /bin/sh, that can die at any command; and a repository to ship from.

host = ShellHost(tmp_path / "web1")
await recipe.ship(host)
host.dies_at = 3        # the third program that the next script starts is not started: all of it is killed
host.cut = 20_000       # what is fed ends after so many bytes
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.fleet.model import Host
from pushbot_plugins.ssh.settings import Releasing
from pushbot_plugins.ssh.worker.here import Machine
from pushbot_plugins.ssh.worker.recipe import Recipe
from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pushbot_plugins.ssh.settings import Relay
    from pushbot_plugins.ssh.worker.seams import Remote

TOOLS = ("b2sum", "comm", "cp", "date", "ln", "mkdir", "mv", "readlink", "rm", "sleep", "stat", "sync", "tar", "xargs")
COUNTED = """#!/bin/sh
echo >>"{count}"
[ "$(wc -l <"{count}")" -lt {at} ] || kill -KILL 0
exec {tool} "$@"
"""
GIT = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


class ShellHost:
    """A Remote (seams.py). `root` is the folder to release to, below `home`."""

    def __init__(self, home: Path, **labels: str) -> None:
        home.mkdir(parents=True)
        self.home = home
        self.root = home / "app"
        self.env: dict[str, str] = {}
        self._dies_at: int | None = None
        self.cut: int | None = None
        self.wrapped: list[str] = []
        self.fed: list[int] = []
        self._host = Host(home.name, "", tuple(sorted(labels.items())))

    @property
    def host(self) -> Host:
        return self._host

    @property
    def dies_at(self) -> int | None:
        """At which program from now on, in whatever script."""
        return self._dies_at

    @dies_at.setter
    def dies_at(self, at: int | None) -> None:
        self._dies_at = at
        shutil.rmtree(self._counted, ignore_errors=True)
        if at is None:
            return
        self._counted.mkdir()
        count = self.home / "count"
        count.write_text("")
        for each in TOOLS:
            tool = self._counted / each
            tool.write_text(COUNTED.format(count=count, at=at, tool=shutil.which(each)))
            tool.chmod(0o755)

    @property
    def _counted(self) -> Path:
        return self.home / "counted"

    @property
    def live(self) -> Path:
        """The release that is live."""
        return (self.root / "current").resolve(strict=True)

    async def run(
        self,
        script: str,
        *,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        return await self._carried_out((script, "sh", *arguments), None, limit, take, env)

    async def feed(
        self,
        script: str,
        source: Iterable[bytes | memoryview],
        *,
        arguments: Sequence[str] = (),
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        pieces = [bytes(each) for each in source]
        assert all(len(each) <= 256 * 2**10 for each in pieces)
        data = b"".join(pieces)[: self.cut]
        self.fed.append(len(data))
        self.cut = None
        return await self._carried_out((script, "sh", *arguments), data, limit, take)

    async def _carried_out(
        self,
        words: Sequence[str],
        data: bytes | None,
        limit: float,
        take: Callable[[bytes], None],
        env: Mapping[str, str] | None = None,
    ) -> int:
        command = [*self.wrapped, "/bin/sh", "-c", *words]
        process = await asyncio.create_subprocess_exec(
            *(os.fsencode(each) for each in command),
            cwd=self.home,
            env={"PATH": self._path(), "HOME": str(self.home), **self.env, **(env or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(limit):
                out, _ = await process.communicate(data)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        take(out)
        if process.returncode == -signal.SIGKILL:
            raise HostTrouble("run", "the connection broke", sure=False)
        assert process.returncode is not None
        return process.returncode

    def _path(self) -> str:
        """Where programs are: each counted, if the host is to die at one."""
        return ("" if self._dies_at is None else f"{self._counted}:") + "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Told:
    """A Report that remembers."""

    steps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)

    def step(self, name: str) -> None:
        self.steps.append(name)

    def note(self, text: str, host: Host | None = None) -> None:
        self.notes.append(f"{host.name}: {text}" if host else text)

    def output(self, host: Host | None) -> Callable[[bytes], None]:
        assert host is None
        return self.said.append


class Origin:
    """A git repository, and recipes that ship from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "origin"
        self.folder.mkdir(parents=True)
        self.cache = folder / "cache"
        self.groups = folder / "groups"
        self.told = Told()
        self._runs = 0
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, when: str = "2026-01-31T12:00:00Z") -> str:
        env = {**os.environ, **GIT, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        done = subprocess.run(("git", *arguments), cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, when: str = "2026-01-31T12:00:00Z", **files: str | None) -> str:
        """A commit with these files (None: without that one), `__` in a name standing for a dot; its id."""
        for name, text in files.items():
            path = self.folder / name.replace("__", ".")
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change", when=when)
        return self.git("rev-parse", "HEAD")

    def releasing(self, root: Path, **more: object) -> Releasing:
        """What the operator set."""
        plain = Releasing(root=str(root), repository=str(self.folder), cache=str(self.cache), settle=0.0)
        return replace(plain, **more)  # type: ignore[arg-type]

    def recipe(
        self,
        releasing: Releasing,
        revision: str,
        *,
        run: str | None = None,
        relays: tuple[Relay, ...] = (),
        reach: Callable[[Host], Remote] | None = None,
        reverting: bool = False,
    ) -> Recipe:
        """One run."""
        self._runs += 1
        return Recipe(
            releasing,
            relays,
            run=run or f"web-{self._runs}",
            revision=revision,
            here=Machine(f"web-{self._runs}", self.groups),
            report=self.told,
            reach=reach,
            facts={"PUSHBOT_STAGE": "production", "PUSHBOT_LANE": "web"},
            reverting=reverting,
        )


def content(folder: Path) -> dict[str, str]:
    """Every file below a folder with its text, and every link with where it leads; folders that are empty too."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text()
        elif not any(path.iterdir()):
            found[name] = "(empty)"
    return found
