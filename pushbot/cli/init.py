"""`pushbot init`: a configuration of one's own to begin with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from shlex import quote

import click

from pushbot.errors import PushbotError

_FILES = {"pushbot.toml": "first.toml", ".gitignore": "first.gitignore"}
"""What is written, and from which file beside this one."""


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Write a configuration that works, with comments, into DIR.

    DIR is made when it is not there. Nothing is overwritten: when a file is in the way, the exit code is
    1 and nothing is written.

    \b
    Example:
      $ pushbot init my-bot
      $ pushbot check my-bot/pushbot.toml
    """  # noqa: D301 - \b is click's mark for lines to keep
    targets = {directory / name: (files(__package__) / source).read_text("utf-8") for name, source in _FILES.items()}
    for target in targets:
        if target.exists() or target.is_symlink():
            raise PushbotError(f"{target} is there already and is left as it is: name another folder, or move it away")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for target, text in targets.items():
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise PushbotError(f"{error.filename} cannot be written: {error.strerror}") from error
    config = quote(str(directory / "pushbot.toml"))
    click.echo(f"Wrote {' and '.join(map(str, targets))}.")
    click.echo(f"Next:\n  edit {config}\n  pushbot check {config}\n  pushbot run {config}")
