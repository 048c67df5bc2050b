"""What is known of the releases on one host, as `scripts.LOOK` tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = "1"
_STAMP: Final = "%Y%m%d%H%M%S"
_NAME: Final = re.compile(r"\d{14}")


@dataclass(frozen=True, slots=True)
class Release:
    """One release on a host.

    `name` is its folder's; all else is empty when it is none of ours. `made` names how it was made (repository,
    build and so on), `digest` what is in it, `tree` and `content` what its files look like there. `run` shipped it.
    `good` is whether it was seen to be well while live.
    """

    name: str
    revision: str = ""
    made: str = ""
    digest: str = ""
    tree: str = ""
    content: str = ""
    run: str = ""
    good: bool = False

    def record(self) -> str:
        """The line that is kept of it."""
        return f"{FORMAT} {self.revision} {self.made} {self.digest} {self.tree} {self.content} {self.run}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a host stands: what is live, whether the revision wanted is there whole, and what `back` would go to.

    `releases` are all that are whole, oldest first, `names` all that are taken. `missing` are tools that are not
    there, `unwritable` a folder that would have to be written, `blocked` whether `current` is no link.
    """

    live: Release | None
    there: Release | None
    before: Release | None
    releases: tuple[Release, ...] = ()
    missing: tuple[str, ...] = ()
    unwritable: str = ""
    blocked: bool = False
    names: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the revision wanted is live and good: nothing is left to do."""
        return self.live is not None and self.live.good and self.live == self.there

    def next_name(self, now: datetime, tried: Iterable[str] = ()) -> str:
        """A name for a release made now, later than all there or tried: it is an order first and a time second."""
        last = max((each for each in (*self.names, *tried) if _NAME.fullmatch(each)), default="")
        name = now.strftime(_STAMP)
        if name > last:
            return name
        try:
            return (datetime.strptime(last, _STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)).strftime(_STAMP)
        except ValueError:  # made by somebody else, in no month that there is
            return str(int(last) + 1)


def read(said: str, prefix: str, root: str, revision: str, made: str | None) -> Standing:
    """What the host said. `there` is a release of `revision`, made like `made`; for None, any way."""
    lines = [line.partition(" ") for line in said.splitlines()]
    releases = tuple(sorted(filter(None, map(_release, _all(lines, "release"))), key=lambda each: each.name))
    by_link = {prefix + each.name: each for each in releases}

    def of_link(links: Iterable[str]) -> Release | None:
        for link in links:
            text = link.removeprefix(f"{root}/")
            return by_link.get(text, Release(text)) if text else None
        return None

    live = of_link(_all(lines, "live"))
    fitting = [each for each in releases if each.revision == revision and made in {None, each.made}]
    # The live one goes before all others, then those that were well, then the newest.
    fitting.sort(key=lambda each: (each == live, each.good, each.name))
    return Standing(
        live=live,
        there=fitting[-1] if fitting else None,
        before=of_link(_all(lines, "before")),
        releases=releases,
        missing=tuple(_all(lines, "missing")),
        unwritable=next(iter(_all(lines, "unwritable")), ""),
        blocked=any(word == "blocked" for word, _, _ in lines),
        names=tuple(_all(lines, "folder")),
    )


def _all(lines: Iterable[tuple[str, str, str]], word: str) -> list[str]:
    return [rest for first, _, rest in lines if first == word]


def _release(line: str) -> Release | None:
    words = line.split(" ", 8)
    if len(words) != 9 or words[2] != FORMAT:  # noqa: PLR2004 - name, good, format and six of the record
        return None
    if not (_NAME.fullmatch(words[0]) or words[0] in {"yin", "yang"}):
        return None
    name, good, _, revision, made, digest, tree, content, run = words
    return Release(name, revision, made, digest, tree, content, run, good == "good")
