"""`pushbot init`: a configuration of one's own to begin with, for IRC or for Slack."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from pushbot.cli.program import program
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES = {"pushbot.toml": "first.toml", ".gitignore": "first.gitignore"}
"""What is written, and from which file beside this one."""
_FOR_SLACK = _FILES | {"pushbot.toml": "first_slack.toml"}
_MANIFEST = "slack-manifest.json"
_PARTS = ("private-rooms", "user-groups", "joining")
"""What only some want of Slack; the names are those of pushbot.chat.slack.setup.manifest.Part."""


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--slack", is_flag=True, help="For Slack: also the manifest of the app, and the steps to install it.")
@click.option(
    "--with",
    "parts",
    type=click.Choice(_PARTS),
    multiple=True,
    help="With --slack, scopes for more: private channels, user groups as roles, joining public channels uninvited.",
)
def init(directory: Path, parts: tuple[str, ...], *, slack: bool) -> None:
    """Write a configuration that works, with comments, into DIR.

    DIR is made when it is not there. Nothing is overwritten: when a file is in the way, the exit code is
    1 and nothing is written.

    \b
    Examples:
      pushbot init my-bot
      pushbot check my-bot/pushbot.toml
      pushbot init --slack my-bot
      pushbot init --slack --with private-rooms my-bot
    """  # noqa: D301 - \b is click's mark for lines to keep
    if parts and not slack:
        raise click.UsageError("--with is for --slack")
    sources = _FOR_SLACK if slack else _FILES
    texts = {directory / name: (files(__package__) / source).read_text("utf-8") for name, source in sources.items()}
    if slack:
        texts[directory / _MANIFEST] = _manifest(parts)
    _write(directory, texts)
    config = quote(str(directory / "pushbot.toml"))
    click.echo(f"Wrote {', '.join(map(str, texts))}.")
    if slack:
        click.echo(_steps(directory / _MANIFEST, config))
    else:
        click.echo(f"Next:\n  edit {config}\n  {program()} check {config}\n  {program()} run {config}")


def _write(directory: Path, texts: Mapping[Path, str]) -> None:
    for target in texts:
        if target.exists() or target.is_symlink():
            raise PushbotError(f"{target} is there already and is left as it is: name another folder, or move it away")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for target, text in texts.items():
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise PushbotError(f"{error.filename} cannot be written: {error.strerror}") from error


def _manifest(parts: tuple[str, ...]) -> str:
    from pushbot.chat.slack.setup import manifest  # noqa: PLC0415 - Slack's libraries, which only those need who want Slack

    return manifest.written({*manifest.WRITTEN, *map(manifest.Part, parts)})


def _steps(manifest: Path, config: str) -> str:
    """What is left to do by hand, in the order in which it goes."""
    return f"""\
Three steps make it a bot:
  1. Make the app: https://api.slack.com/apps > Create New App > From a manifest; choose your workspace and
     paste {manifest}.
  2. Install it and take its tokens:
     Install App > Install to Workspace, and copy the Bot User OAuth Token:
       export SLACK_BOT_TOKEN=xoxb-...
     Basic Information > App-Level Tokens > Generate, with the scope connections:write:
       export SLACK_APP_TOKEN=xapp-...
  3. In Slack, let it in where it is to work, #push and #warroom (make those channels if there are none), in each:
       /invite @pushbot
Then:
  edit {config}
  {program()} check {config}     (with the tokens set, it asks Slack whether all is there)
  {program()} run {config}"""
