"""One call of the `git` command: in an argument list, in an environment of its own, bounded in time.

Credentials in an address are in no message. Whatever git has started is ended with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pushbot.children import put_down
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_SECRET: Final = re.compile(r"(?<=://)[^/@\s]*@")
_KEPT: Final = ("GIT_SSH", "GIT_SSL", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")


def without_secrets(text: str) -> str:
    """`text` with the credentials in its addresses replaced by `***`."""
    return _SECRET.sub("***@", text)


class GitFailed(PushbotError):  # noqa: N818 - like its parent, it says what is known
    """git said no; `text` is the line of it that tells most, `said` all of it, `out` what it printed all the same."""

    def __init__(self, verb: str, said: str, code: int, out: str) -> None:
        self.code = code
        self.out = out
        self.said = without_secrets(said)
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
        self.text = told.removeprefix("fatal:").removeprefix("error:").strip()[:300]
        super().__init__(f"git {verb} failed: {self.text or 'it did not say why'}")


async def run_git(
    arguments: tuple[str, ...],
    folder: Path,
    timeout: float,  # noqa: ASYNC109 - ends the process group too
    env: Mapping[str, str] = NOTHING,
) -> str:
    """What `git ARGUMENTS` prints, run in `folder`; bytes that are no UTF-8 come as replacement characters.

    `env` is put on top of git's environment. Raises GitFailed, or another PushbotError when git cannot be run or ended.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "--no-pager",
            *arguments,
            cwd=folder,
            env={**_environment(folder), **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # the latter for a NUL
        if shutil.which("git") is None:
            raise PushbotError("git is not installed here; install it with `apt-get install git`") from error
        raise PushbotError(f"cannot run git in {folder}: {error}") from error
    try:
        async with asyncio.timeout(timeout):
            out, said = await process.communicate()
    except TimeoutError as error:
        raise PushbotError(f"git {arguments[0]} took more than {timeout:g}s and was ended") from error
    finally:
        if process.returncode is None:
            await _end(process)
    if process.returncode:
        raise GitFailed(arguments[0], said.decode(errors="replace"), process.returncode, out.decode(errors="replace"))
    return out.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End git with all that it started: a moment to remove its lock files, then KILL."""
    try:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await process.wait()
    finally:
        await put_down(process)


def _environment(folder: Path) -> Mapping[str, str]:
    """Ours without what would point git elsewhere, make it ask, or make it translate its words."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(_KEPT)}
    fixed = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),  # the folder's own repository or none
        "LC_ALL": "C",
    }
    return kept | fixed
