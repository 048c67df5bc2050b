"""`pushbot check`: every mistake of a configuration at once, or what it means in a few lines, and what chats say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushbot.cli.check_chats import looked_well
from pushbot.cli.health_windows import too_short
from pushbot.cli.hosts_words import meant
from pushbot.config import Config, load
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pushbot.service.spec import StageSpec


_NO_OPERATOR = (
    "nobody in a chat is an operator, who may override, reload, and stop what is others'. "
    'Name some: [roles.operator] with people = ["irc/alice"]'
)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Look at the file alone, and ask no chat.")
@click.pass_context
def check(ctx: click.Context, config: Path, *, offline: bool) -> None:
    """Check the configuration in the file CONFIG, and change nothing.

    Each mistake is one line on standard error: where it is, what is wrong, what was expected, and the
    nearest known name. Then the exit code is 2. A good configuration is summed up on standard output. Where the bot
    has a record of its runs, it warns of health checks whose window is short for what their service takes.

    A Slack workspace is then asked, if both tokens are there: whether they are taken, which scopes are missing, whether
    the bot is in each room, and people and groups exist. What is missing is a line on standard error that begins with
    "mistake:", and the exit code is 1. It takes half a minute at most, and changes nothing there.

    \b
    Examples:
      pushbot check --offline pushbot.toml
      pushbot check pushbot.toml
      pushbot.toml:21: pipelines.web.stages[0].timeot: unknown key; did you mean 'timeout'?
    """  # noqa: D301 - \b is click's mark for lines to keep
    found = load(config)
    click.echo(summary(found))
    warnings = [] if found.access.operators else [_NO_OPERATOR]
    try:
        warnings += too_short(found)
    except PushbotError as error:
        warnings.append(str(error))
    for line in warnings:
        click.echo(f"warning: {line}", err=True)
    if not offline and not looked_well(found):
        ctx.exit(1)


def summary(config: Config) -> str:
    """What a configuration means, a line for each lane and for each of its stages."""
    lines = [f"{config.file}: no mistakes found"]
    for lane in config.lanes:
        branch = f", from branch {lane.branch}" if lane.branch else ""
        rooms = ", ".join(map(str, lane.rooms))
        lines.append(f"lane {lane.name} in {rooms}: trains of up to {lane.max_riders}{branch}")
        lines += map(_of_stage, (*lane.stages, *lane.templates))
        if not (lane.stages or lane.templates):
            lines.append("  no stages: the queue alone, stages set by .at")
    rooms = ", ".join(map(str, config.announce.rooms))
    lines.append(f"announcements also in {rooms}" if rooms else "announcements in the lanes' rooms only")
    return "\n".join(lines)


def _of_stage(stage: StageSpec) -> str:
    steps = ", ".join(step.name for step in stage.steps) or "no steps of its own"
    checks = ", ".join(check.name for check in stage.checks)
    hosts = f"; on {meant(stage.hosts)}" if stage.hosts is not None else ""
    by = f" ({stage.executor_name})" if stage.executor_name else ""
    return f"  stage {stage.name}{by}: {steps}{f'; checked by {checks}' if checks else ''}{hosts}"
