"""The command line: `pushbot COMMAND`.

Each command is a file here with a click command of the same name, and a line in `COMMANDS`; it is
imported when it is asked for. Whatever a command raises ends here, in words and an exit code.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click
import structlog

from pushbot.config.problems import ConfigErrors, nearest
from pushbot.errors import PushbotError, fault_reference
from pushbot.log import one_line, set_up

COMMANDS = (
    "quickstart",
    "run",
    "check",
    "explain",
    "plan",
    "init",
    "chat",
    "stage",
    "apply",
    "audit",
    "backup",
    "restore",
)
"""In the order in which a newcomer needs them."""

FAILED = 1
MISUSED = 2
BUG = 70
"""Exit codes; the last is EX_SOFTWARE of sysexits(3)."""


class _Commands(click.Group):
    """The commands by name, and the one place where their errors become words."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in COMMANDS:
            near = nearest(cmd_name, COMMANDS)
            ctx.fail(f"there is no command '{cmd_name}'" + (f"; did you mean '{near}'?" if near else ""))
        return cast("click.Command", getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return cast("object", super().invoke(ctx))
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click knows what to do, also when whoever read our output has gone
        except Exception as error:  # noqa: BLE001 - the last stop: nothing may reach a person as a traceback alone
            ctx.exit(_told(error))


def _told(error: Exception) -> int:
    """Say on standard error what happened, and return the exit code for it."""
    match error:
        case ConfigErrors():
            for problem in error.problems:
                click.echo(one_line(str(problem)), err=True)
            return MISUSED
        case PushbotError():
            click.echo(f"pushbot: {one_line(str(error))}", err=True)
            return FAILED
        case ExceptionGroup() if error.split(PushbotError)[1] is None:
            return max(_told(each) for each in error.exceptions)
        case _:
            reference = fault_reference()
            structlog.get_logger().error("bug", reference=reference, exc_info=error)
            click.echo(f"pushbot: a bug in pushbot, logged above as {reference}: please report it", err=True)
            return BUG


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pushbot")
def main() -> None:
    """Keep the push train: a queue of people in a channel topic, and the deploys they ride.

    \b
    New here? Play with a bot, a chat and a web app on this machine alone:
      make run
    Then make a configuration of your own, check it, and start the bot:
      pushbot init my-bot
      pushbot check my-bot/pushbot.toml
      pushbot run my-bot/pushbot.toml

    \b
    Exit codes of all commands:
      0   all went well
      1   what was tried failed; standard error says why
      2   wrong usage, or a configuration with mistakes
      70  a bug in pushbot
    """  # noqa: D301 - \b is click's mark for lines to keep
    set_up()
