"""What a command says on standard error when it did not do what it was asked for, and its exit code then."""

from __future__ import annotations

import click
import structlog

from pushbot.config.problems import ConfigErrors
from pushbot.errors import PushbotError, fault_reference
from pushbot.log import one_line

FAILED = 1
MISUSED = 2
BUG = 70
"""Exit codes; the last is EX_SOFTWARE of sysexits(3)."""


def told(error: Exception) -> int:
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
            return max(told(each) for each in error.exceptions)
        case _:
            reference = fault_reference()
            structlog.get_logger().error("bug", reference=reference, exc_info=error)
            click.echo(f"pushbot: a bug in pushbot, logged above as {reference}: please report it", err=True)
            return BUG
