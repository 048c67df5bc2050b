"""The local executor: runs carried out on the bot's own machine, which outlive the bot.

`executor.py` is the bot's side of it, `supervisor/` the process that carries out one run (a package
of its own, loaded without this one), and `leftovers.py` clears up after a supervisor that was killed.
docs/adr/0003-a-supervisor-process-per-run.md says why there is such a process.
"""

from pushbot_plugins.local.executor import LocalExecutor

__all__ = ["LocalExecutor"]
