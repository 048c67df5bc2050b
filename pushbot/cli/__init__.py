"""The command line: `pushbot COMMAND`.

Each command is a file here with a click command of the same name, and a line in `COMMANDS`; it is imported when it is
asked for, with all that it is made of, so that whoever asks for help or the version waits for nothing else. Whatever a
command raises ends here, in words (`failing.py`) and an exit code.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click
from click.shell_completion import CompletionItem

from pushbot.cli.loading import loading

COMMANDS = {
    "quickstart": "Start an IRC server, a bot and a web app to play with.",
    "run": "Run the bot until Ctrl-C or SIGTERM.",
    "check": "Check a configuration, and change nothing.",
    "explain": "Tell what a lane does, defaults included.",
    "plan": "Tell which hosts a stage would reach, batch by batch.",
    "init": "Write a configuration that works, with comments.",
    "chat": "Show the topic and the rooms of an IRC server, and speak there.",
    "stage": "Run a stage now, beside the queue, and follow it to its end.",
    "apply": "Try the queue's rules offline.",
    "audit": "Tell who asked what, and what came of it.",
    "backup": "Copy the record and the configuration.",
    "restore": "Go back to the record of a backup.",
}
"""In the order in which a newcomer needs them, with what `pushbot --help` and a shell that completes say of each."""


class _Commands(click.Group):
    """The commands by name, and the one place where their errors become words."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:  # a shell asks what may follow: nobody is told
                return None
            from pushbot.config.problems import nearest  # noqa: PLC0415 - see above

            near = nearest(cmd_name, COMMANDS)
            ctx.fail(f"there is no command '{cmd_name}'" + (f"; did you mean '{near}'?" if near else ""))
        with loading():
            module = import_module(f"{__name__}.{cmd_name}")
        return cast("click.Command", getattr(module, cmd_name))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        named = [CompletionItem(name, help=what) for name, what in COMMANDS.items() if name.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(tuple(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return cast("object", super().invoke(ctx))
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click knows what to do, also when whoever read our output has gone
        except Exception as error:  # noqa: BLE001 - the last stop: nothing may reach a person as a traceback alone
            from pushbot.cli.failing import told  # noqa: PLC0415 - see above

            ctx.exit(told(error))


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
    from pushbot.log import set_up  # noqa: PLC0415 - see above

    set_up()
