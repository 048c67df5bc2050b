"""What is filled into the templates of a run that a service carries out, and what of it nobody gets to see.

Secrets are masked in all that the service says, before it gets anywhere: in `output.log`, in what is told of the run
while it goes on, and in its outcome.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from pushbot.errors import PushbotError
from pushbot.fleet.model import Tally
from pushbot.secret import REFERENCE, resolve_secret
from pushbot.values import Url, expected
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.local.supervisor.output import Log, masked
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pushbot.ports import Job

FACTS = ("run", "kind", "lane", "stage", "revision", "previous_revision", "branch", "driver", "riders")
"""What a template may name in braces; other names are those of variables in the stage's `env`."""
_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def naming(*names: str) -> Callable[[str], str]:
    """A check of a template: whether what it names in braces is a fact, one of `names`, or written in capitals."""

    def check(text: str) -> str:
        known = (*names, *FACTS)
        unknown = [name for name in _NAME.findall(text) if name.islower() and name not in known]
        if unknown:
            raise expected(f"{{{'}, {'.join(known)}}} or a variable of the stage's env, and not {{{unknown[0]}}}")
        return text

    return check


Template = Annotated[str, AfterValidator(naming())]
"""A text with `{revision}` and the like in it; or a reference (`env:NAME`, `file:PATH`) to a secret."""


def _address(url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0] or "?" in url or "#" in url:
        raise expected("a URL without a user, a question mark or a hash: secrets are given by reference")
    return url


Address = Annotated[Url, AfterValidator(_address)]
"""Where a service is."""


@dataclass(slots=True)
class Words:
    """What is filled into the templates of one job, and what is kept out of sight.

    `secrets` are all values that came from references so far.

    Raises PushbotError when a reference in the stage's `env` leads nowhere.
    """

    job: Job
    secrets: set[str] = field(default_factory=set)
    _values: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        facts = {name.removeprefix("PUSHBOT_").lower(): value for name, value in self.job.facts().items()}
        self._values = {name: self.secret(value) for name, value in self.job.env} | facts

    def secret(self, text: str) -> str:
        """What a reference leads to, and any other text as it is."""
        if not re.match(REFERENCE, text):
            return text
        value = resolve_secret(text)
        self.secrets.add(value)
        return value

    def know(self, templates: Iterable[str]) -> None:
        """Look up the references among templates that are not filled in now: their values are secrets all the same."""
        for template in templates:
            self.secret(template)

    def hidden(self, text: str) -> str:
        """The text with each secret replaced by `***`."""
        return masked(text, self.secrets)

    def telling(self, progress: Callable[[str | Tally], None]) -> Callable[[str | Tally], None]:
        """`progress`, told no secret."""
        return lambda told: progress(told if isinstance(told, Tally) else self.hidden(told))

    def fill(self, template: str, quote: Callable[[str], str] = str, more: Mapping[str, str] | None = None) -> str:
        """The template with the facts and `more` filled in, each through `quote`; values are not looked at again.

        Raises PushbotError for a name that there is nothing for.
        """

        def word(match: re.Match[str]) -> str:
            try:
                return quote(values[match[1]])
            except KeyError:
                known = ", ".join(sorted(values))
                raise PushbotError(
                    f"there is nothing to fill in for {match[0]} on stage {self.job.stage}; there are {known}"
                ) from None

        values = self._values | dict(more or {})
        if re.match(REFERENCE, template):
            return self.secret(template)
        return _NAME.sub(word, template)


@dataclass(slots=True)
class RunLog:
    """The run's output.log: the service's output between lines of our own."""

    _log: Log
    _words: Words
    _noted: set[str] | None = None

    def begin(self, title: str) -> None:
        """Begin a part of the log."""
        self._log.begin(one_line(self._words.hidden(title)))

    def note(self, text: str) -> None:
        """A line of our own, which may hold what somebody else wrote."""
        self._log.note(one_line(self._words.hidden(text)))

    def once(self, text: str) -> None:
        """The same, unless the log has that line already, be it from a bot before this one."""
        line = one_line(self._words.hidden(text))
        if self._noted is None:
            self._noted = _notes_in(RunFiles(self._words.job.directory).log)
        if line not in self._noted:
            self._noted.add(line)
            self._log.note(line)

    def take(self, data: bytes) -> None:
        """Output of the present part."""
        self._log.take(data)

    def take_back(self, most: int) -> int:
        """Forget output that is not written yet, as it may begin a secret; how many bytes are to be given again.

        That are none when it is more than `most`.
        """
        return self._log.take_back(most)

    @property
    def size(self) -> int:
        """Bytes that the file has by now."""
        return self._log.size

    def end(self) -> None:
        """The present part is over."""
        self._log.end()

    def tail(self) -> tuple[str, ...]:
        """The last lines of the present part."""
        return self._log.tail()


def _notes_in(log: Path) -> set[str]:
    try:
        lines = log.read_text("utf-8", "replace").split("\n")
    except OSError:
        return set()
    return {line.removeprefix("== ") for line in lines if line.startswith("== ")}


def _cut_back(log: Path, size: int) -> None:
    """Take out what is beyond `size` bytes, but for lines of our own."""
    with contextlib.suppress(FileNotFoundError), log.open("r+b") as file:
        if file.seek(0, os.SEEK_END) > size:
            file.seek(size)
            notes = [line for line in file if line.startswith(b"== ")]
            file.truncate(size)
            file.seek(size)
            file.writelines(notes)


@contextlib.contextmanager
def log_of(words: Words, upto: int | None = None) -> Iterator[RunLog]:
    """The run's output.log, added to. Raises PushbotError when it cannot be opened.

    Output that is in it beyond `upto` bytes will come again, as a bot was killed before it had put down how far it was:
    that is taken out first.
    """
    path = RunFiles(words.job.directory).log
    try:
        if upto is not None:
            _cut_back(path, upto)
        log = Log(path, words.secrets)
    except OSError as error:
        raise PushbotError(f"the log of run {words.job.run} cannot be written: {error.strerror}") from error
    try:
        yield RunLog(log, words)
    finally:
        log.end()
        log.close()
