"""What is known of the releases on one host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """One release on a host.

    `name` is its folder's; `revision` is empty, like the digests, when it is none of ours. `made` names how it was
    made (repository, build and so on), `digest` what is in it, `tree` how its files lie there. `run` shipped it.
    `good` is whether it was seen to be well while live.
    """

    name: str
    revision: str = ""
    made: str = ""
    digest: str = ""
    tree: str = ""
    run: str = ""
    good: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a host stands: what is live, whether the revision wanted is there whole, and what `back` would go to.

    `releases` are all that are whole, oldest first. `free` and `files` are the bytes and files that fit below ROOT.
    """

    live: Release | None
    there: Release | None
    before: Release | None
    releases: tuple[Release, ...] = ()
    free: int = 0
    files: int = 0

    @property
    def done(self) -> bool:
        """Whether the revision wanted is live and good: nothing is left to do."""
        return self.live is not None and self.live.good and self.live == self.there
