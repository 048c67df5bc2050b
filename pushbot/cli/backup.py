"""`pushbot backup`: a copy of the record and the configuration, also beside a running bot."""

from __future__ import annotations

from pathlib import Path

import click

from pushbot.clock import SystemClock
from pushbot.config import load
from pushbot.store.backup import back_up, beside, named_by


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path), required=False)
def backup(config: Path, file: Path | None) -> None:
    """Copy the record of the bot of CONFIG to FILE, and CONFIG itself beside it. The bot may run meanwhile.

    Without FILE the copy gets the time as its name, in the folder of `[backup]`. It is checked before it
    gets its name, so a file that is there is good. The output of runs is not part of it.

    \b
    Examples:
      pushbot backup pushbot.toml
      pushbot backup pushbot.toml /mnt/elsewhere/before-upgrade.sqlite3

    Exit code: 0, 1 when there is no good copy, 2 for a configuration with mistakes.
    """  # noqa: D301 - \b is click's mark for lines to keep
    found = load(config)
    target = file or named_by(found.backup.folder, SystemClock().now())
    copied = back_up(found.bot.store, config, target)
    click.echo(f"{target}: {copied.entries} entries of the journal, the last of {copied.last_at or 'never'}")
    click.echo(f"{beside(target)}: the configuration")
