"""The last lines of a run's output, fit to be shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.queue.topic import clean_text

if TYPE_CHECKING:
    from pathlib import Path

TAIL_BYTES = 16_384
TAIL_LINES = 3
_COLOUR = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")


def last_lines(path: Path, count: int = TAIL_LINES) -> tuple[str, ...] | None:
    """The last `count` lines with text of a file of any size, fit to be shown; None when there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PushbotError(f"cannot read {path}: {error.strerror}") from error
    lines = text.splitlines()
    if size > TAIL_BYTES and len(lines) > 1:
        del lines[0]  # it begins somewhere in the middle
    clean = (clean_text(_COLOUR.sub("", line)) for line in lines[-40:])
    return tuple(line for line in clean if line)[-count:]
