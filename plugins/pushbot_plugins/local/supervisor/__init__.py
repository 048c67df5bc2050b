"""The process that carries out one run: the standard library and `pushbot.ports` only, so that it starts fast.

It is loaded as the top-level package `supervisor`, without site-packages and without the packages
above it, which would bring pydantic along. Hence the relative imports, and no lazy ones: a run may
well replace the very files that it was started from.

`files.py`: what the bot and the supervisor tell each other through the run's directory, `plain.py` as JSON.
`main.py`: the order of a run. `detach.py`: how it leaves the bot. `processes.py`: one process group.
`health.py`: the probes. `environment.py`: references and variables. `output.py`: output.log, with secrets masked.
"""
