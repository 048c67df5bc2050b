"""The configuration: `load` reads a TOML file into a `Config`, or raises `ConfigErrors` with every problem in it.

`schema.py` has the keys of the file, `model.py` what the app gets, `loader.py` the way between
them, `problems.py` how mistakes are told. docs/configuration.md explains each option.
"""

from pushbot.config.loader import load
from pushbot.config.model import Bot, ChatPart, Config, LogFormat, LogLevel, OnStop
from pushbot.config.problems import ConfigErrors, Problem

__all__ = ["Bot", "ChatPart", "Config", "ConfigErrors", "LogFormat", "LogLevel", "OnStop", "Problem", "load"]
