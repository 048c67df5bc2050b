"""A command that says by its exit code whether a change may go: the test suite, a linter, anything.

What people typed (a branch, their names) reaches it in variables alone; no shell looks at anything.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot.children import run_child
from pushbot.errors import PushbotError
from pushbot.ports import Finding, Inspectable, Verdict
from pushbot.secret import own_variables
from pushbot.values import Flag, Text, Variable, Words  # noqa: TC001 - the same
from pushbot_plugins.checks.words import Secrets, revision_of
from pushbot_plugins.local.supervisor.output import shown
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Change

TAIL = 16 * 2**10
"""Bytes that are kept of what a command prints, the last ones."""


class CommandCheck:
    """Passes when the command exits with 0; else it fails, and its last line says why."""

    class Options(BaseModel):
        """`run` is a list of arguments. `workdir` is where it starts, a folder of its own if not given.

        With `checkout` the files of the revision are put into that one first. Values of `env` may be references.
        """

        model_config = ConfigDict(extra="forbid", frozen=True)

        run: Words
        workdir: Path | None = None
        checkout: Flag = False
        env: dict[Variable, Text] = {}

    def __init__(self, options: Options) -> None:
        self._options = options

    async def look(self, change: Change) -> Verdict:
        """Run it; nothing of it is left then. Raises PushbotError when it cannot be run, or not to its end in time."""
        secrets = Secrets()
        given = secrets.resolved(self._options.env)
        own = {name: value for name, value in os.environ.items() if name not in own_variables()}
        env = {**own, **given, **change.facts()}
        if self._options.checkout:
            await _check_out(change)
        printed = bytearray()
        folder = self._options.workdir or change.directory
        try:
            async with asyncio.timeout(change.patience):
                ended = await run_child(self._options.run, env=env, out=_last(printed), folder=folder)
        except TimeoutError:
            at = _line(printed, secrets)
            raise PushbotError(
                f"{self._called} took more than {change.patience:g} s and was ended" + (f", at: {at}" if at else "")
            ) from None
        except (OSError, ValueError) as error:  # the latter for a NUL
            raise PushbotError(f"{self._called} cannot be run: {getattr(error, 'strerror', None) or error}") from error
        if ended.code == 0:
            return Verdict(Finding.PASSED)
        how = f"exit code {ended.code}" if ended.code > 0 else f"it was ended by {_signal(-ended.code)}"
        said = _line(printed, secrets)
        return Verdict(Finding.FAILED, f"{said} ({how})" if said else how)

    @property
    def _called(self) -> str:
        return one_line(self._options.run[0], 80)


async def _check_out(change: Change) -> None:
    repository = change.repository
    if not isinstance(repository, Inspectable):
        raise PushbotError(
            f"there is no repository to check out from: give the pipeline of {change.lane} one, or no `checkout`"
        )
    await repository.export(revision_of(change), change.directory)


def _last(printed: bytearray) -> Callable[[bytes], bool]:
    """Keeps the last `TAIL` bytes of what comes."""

    def take(piece: bytes) -> bool:
        printed.extend(piece)
        del printed[:-TAIL]
        return True

    return take


def _line(printed: bytearray, secrets: Secrets) -> str:
    """The last line that is not empty, without secrets; one whose beginning is not there may begin in a secret."""
    whole_lines = printed[printed.find(b"\n") + 1 or TAIL :] if len(printed) == TAIL else printed
    whole = secrets.masked(bytes(whole_lines).decode(errors="replace"), cut=True)
    lines = shown(whole.encode(errors="replace"))
    return one_line(lines[-1], 150) if lines else ""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
