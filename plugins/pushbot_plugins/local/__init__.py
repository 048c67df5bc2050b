"""The local executor: runs carried out on the bot's own machine, which outlive the bot.

`executor.py` is the bot's side of it, `supervisor/` the process that carries out one run (a package
of its own, loaded without this one), and `leftovers.py` clears up after a supervisor that was killed.
docs/adr/0003-a-supervisor-process-per-run.md says why there is such a process.

The executor is loaded when it is asked for: other workers use parts of `supervisor/`, and need no pydantic.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot_plugins.local.executor import LocalExecutor

__all__ = ["LocalExecutor"]


def __getattr__(name: str) -> object:
    if name == "LocalExecutor":
        from pushbot_plugins.local.executor import LocalExecutor  # noqa: PLC0415 - see above

        return LocalExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
