"""The ssh executor: a stage carried out on hosts, a few or hundreds, from a worker process that outlives the bot.

`executor.py` is the bot's side, with its `options.py`; `worker/` is all that the worker process is made of, which
loads without the bot's side; `settings.py` is what the two share. docs/fleets.md tells what it does for people.
"""
