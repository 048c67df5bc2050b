"""Secrets by reference: the config says where a secret is, never what it is."""

from __future__ import annotations

import os
from pathlib import Path

from pushbot.errors import PushbotError

REFERENCE = r"^(env|file):\S.*$"
"""What a reference looks like: `env:NAME` or `file:PATH`."""

_own: set[str] = set()


def own_variables() -> frozenset[str]:
    """The environment variables that hold the bot's own secrets, as far as they were looked up: for nobody else."""
    return frozenset(_own)


def resolve_secret(reference: str) -> str:
    """The secret that `env:NAME` or `file:PATH` points to; a file's last line ending is not part of it.

    Raises PushbotError, which names the reference and never a value, when nothing is there.
    """
    kind, _, where = reference.partition(":")
    match kind:
        case "env":
            _own.add(where)
            value = os.environ.get(where)
            if not value:
                raise PushbotError(f"The secret {reference} is missing: set the environment variable {where}.")
            return value
        case "file":
            try:
                value = Path(where).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise PushbotError(f"The secret {reference} cannot be read: {why}.") from None
            if not value:
                raise PushbotError(f"The secret {reference} is empty: put the secret into that file.")
            return value
        case _:
            raise PushbotError("A secret is given as env:NAME or file:PATH, and this one is neither.")
