"""How this program is called, for commands that people copy."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from shlex import quote


def program() -> str:
    """`pushbot` where the PATH leads to this very one, else its path, as short as it is from here."""
    path = Path(sys.executable).with_name("pushbot")
    if shutil.which("pushbot") == str(path):
        return "pushbot"
    here = Path.cwd()
    return quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
