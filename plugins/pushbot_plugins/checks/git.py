"""Looks at a change as git has it: does it merge, is it up to date, how large is it, and which paths does it touch.

What is compared is what is on the stage with what is to come, whichever is the newer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, model_validator

from pushbot.errors import PushbotError
from pushbot.ports import Finding, Inspectable, Verdict
from pushbot.values import Flag, Positive, Text, expected
from pushbot_plugins.checks.globs import Glob, matching
from pushbot_plugins.checks.words import counted, listed, revision_of

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence

    from pushbot.ports import Change, Standing, Touched


class GitCheck:
    """Fails for what must not go, asks about what a person should have seen; the worst of it counts."""

    class Options(BaseModel):
        """`merges` and `up_to_date` are held against `branch`.

        More files or lines than `max_files` and `max_lines`, and `paths`, are asked about; `forbidden` paths fail.
        """

        model_config = ConfigDict(extra="forbid", frozen=True)

        branch: Text = "main"
        merges: Flag = False
        up_to_date: Flag = False
        max_files: Positive | None = None
        max_lines: Positive | None = None
        paths: tuple[Glob, ...] = ()
        forbidden: tuple[Glob, ...] = ()

        @model_validator(mode="after")
        def _something(self) -> Self:
            if not (self.merges or self.up_to_date or self.of_files):
                raise expected("one of `merges`, `up_to_date`, `max_files`, `max_lines`, `paths` and `forbidden`")
            return self

        @property
        def of_files(self) -> bool:
            """Whether it has to know which files differ."""
            return bool(self.max_files or self.max_lines or self.paths or self.forbidden)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._asks = [(pattern, matching(pattern)) for pattern in options.paths]
        self._fails = [(pattern, matching(pattern)) for pattern in options.forbidden]

    async def look(self, change: Change) -> Verdict:
        """What it finds. Raises PushbotError when the lane has no repository that can be looked into."""
        options, repository = self._options, change.repository
        if not isinstance(repository, Inspectable):
            raise PushbotError(f"there is no git repository: give the pipeline of {change.lane} one")
        revision = revision_of(change)
        fails: list[str] = []
        asks: list[str] = []
        if options.merges or options.up_to_date:
            fails += self._against(await repository.standing(revision, options.branch))
        if options.of_files:
            touched = await repository.touched(change.previous, revision)
            fails += _within(touched, self._fails, ", which is forbidden")
            asks += _within(touched, self._asks, "")
            asks += self._size(touched) if change.previous is not None else ()
        if fails or asks:
            return Verdict(Finding.FAILED if fails else Finding.ASKS, "; ".join(fails + asks))
        return Verdict(Finding.PASSED)

    def _against(self, standing: Standing) -> Iterator[str]:
        options = self._options
        if options.merges and standing.conflicts:
            yield f"it does not merge with {options.branch}: {listed(standing.conflicts)}"
        if options.up_to_date and standing.behind:
            yield f"it lacks {counted(standing.behind, 'commit')} of {options.branch}"

    def _size(self, touched: Sequence[Touched]) -> Iterator[str]:
        """What is above the limits; what comes to a stage where nothing is known to be is not measured."""
        options = self._options
        lines = sum(file.insertions + file.deletions for file in touched)
        if options.max_files is not None and len(touched) > options.max_files:
            yield f"{counted(len(touched), 'file')} changed, more than {options.max_files}"
        if options.max_lines is not None and lines > options.max_lines:
            yield f"{counted(lines, 'line')} changed, more than {options.max_lines}"


def _within(touched: Sequence[Touched], patterns: Iterable[tuple[str, re.Pattern[str]]], more: str) -> Iterator[str]:
    for pattern, fits in patterns:
        found = [file.path for file in touched if fits.fullmatch(file.path)]
        if found:
            yield f"{counted(len(found), 'file')} in {pattern} changed{more} ({listed(found, 2)})"
