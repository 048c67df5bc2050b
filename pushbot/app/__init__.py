"""Puts the parts together: what the configuration names, wired to the service, run until told to stop.

`plan.py` says what a bot is made of, `bot.py` wires it, `life.py` is its life from its start to its end,
over any number of configurations (`reload.py`).
"""

from pushbot.app.bot import Bot
from pushbot.app.life import run, serve
from pushbot.app.plan import LAST_WORDS, Errand, Plan, planned
from pushbot.app.reload import Reloads

__all__ = ["LAST_WORDS", "Bot", "Errand", "Plan", "Reloads", "planned", "run", "serve"]
