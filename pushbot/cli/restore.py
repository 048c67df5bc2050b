"""`pushbot restore`: the record as a backup has it; what stood there is kept."""

from __future__ import annotations

from pathlib import Path

import click

from pushbot.clock import SystemClock
from pushbot.config import load
from pushbot.service.voice.plain import listed
from pushbot.store.backup import beside
from pushbot.store.restore import restore as put_back


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
def restore(config: Path, file: Path) -> None:
    """Make the record in FILE, a backup, that of the bot of CONFIG, which must not run.

    FILE is checked first. What stood there is moved aside, not deleted; CONFIG is left as it is. Runs
    get no number that a folder of a run has already.

    \b
    Example:
      systemctl stop pushbot
      pushbot restore pushbot.toml var/backups/pushbot-20260105T030000Z.sqlite3
      systemctl start pushbot

    Exit code: 0, 1 when nothing was restored, 2 for a configuration with mistakes.
    """  # noqa: D301 - \b is click's mark for lines to keep
    found = load(config)
    done = put_back(file, found.bot.store, found.bot.runs, SystemClock().now())
    entries, last_at = done.contents.entries, done.contents.last_at or "never"
    click.echo(f"{found.bot.store}: restored from {file}, {entries} entries of the journal, the last of {last_at}")
    if done.aside is not None:
        click.echo(f"what stood there is now {done.aside}")
    runs = [f"{run.id} ({run.stage})" for run in done.contents.unfinished]
    if runs:
        click.echo(
            f"in flight at that time: {listed(runs)}; the bot will look for them when it starts,"
            " and call those lost of which nobody can tell"
        )
    click.echo("lines that were owed at that time are said again, marked as such; queues are those of that time")
    old = beside(file)
    if not old.is_file():
        click.echo(f"there is no configuration beside it: {old}")
    elif old.read_bytes() != config.read_bytes():
        click.echo(f"the configuration of that time differs from yours: {old}")
