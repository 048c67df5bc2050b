"""From a TOML file to a `Config`, or to every problem in it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.config.model import Config


def load(path: Path) -> Config:
    """The configuration in the file at `path`. Raises ConfigErrors with all of its problems."""
    raise NotImplementedError(path)
