"""The one door for plugins, ours and yours: an entry point by its name, or `module:Class` from a folder.

A plugin is a class with a pydantic model named `Options` inside; docs/plugins.md tells the rest.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib import import_module, invalidate_caches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Protocol, cast

from pydantic import BaseModel

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType


class Group(StrEnum):
    """A kind of plugin; the value is the name of its group of entry points."""

    CHATS = "pushbot.chats"
    EXECUTORS = "pushbot.executors"
    REPOSITORIES = "pushbot.repositories"
    INVENTORIES = "pushbot.inventories"
    CHECKS = "pushbot.checks"

    @property
    def one(self) -> str:
        """What one plugin of the group is called."""
        return {
            Group.CHATS: "chat",
            Group.EXECUTORS: "executor",
            Group.REPOSITORIES: "repository",
            Group.INVENTORIES: "inventory",
            Group.CHECKS: "check",
        }[self]


class Plugin(Protocol):
    """A plugin's class: what it takes as options is said by its `Options`."""

    Options: type[BaseModel]

    def __call__(self, *args: object) -> object:
        """A new instance, built as its seam in `pushbot.ports` says."""
        ...


def load_plugin(group: Group, name: str, plugin_path: Sequence[Path] = ()) -> Plugin:
    """The plugin class that `name` names: an entry point of `group`, or `module:Class`.

    `module` is looked for among what is installed and then in the folders of `plugin_path`. Raises
    PushbotError when there is no such plugin, its module cannot be imported, or it has no `Options`.
    """
    found = _from_folder(name, plugin_path) if ":" in name else _from_entry_point(group, name)
    options = getattr(found, "Options", None)
    if not (isinstance(found, type) and isinstance(options, type) and issubclass(options, BaseModel)):
        raise PushbotError(f"plugin '{name}' is not a class with a pydantic model named Options: see docs/plugins.md")
    return cast("Plugin", found)


def read_options(plugin: Plugin, options: Mapping[str, object]) -> BaseModel:
    """The plugin's options, checked. Raises pydantic's ValidationError with everything that is wrong."""
    return plugin.Options.model_validate(options)


@cache
def known(group: Group) -> Mapping[str, EntryPoint]:
    """The plugins that are installed, by name. They are looked for once, until `known.cache_clear()`."""
    return {point.name: point for point in entry_points(group=group)}


def _from_entry_point(group: Group, name: str) -> object:
    points = known(group)
    if name in points:
        point = points[name]
        return _attribute(_import(point.module, point.value), point.attr, point.value)
    close = get_close_matches(name, points, n=1)
    meant = f"; did you mean '{close[0]}'?" if close else ""
    names = ", ".join(sorted(points)) or "none"
    raise PushbotError(f"no {group.one} is called '{name}': known are {names}, or write module:Class{meant}")


def _from_folder(name: str, plugin_path: Sequence[Path]) -> object:
    module, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise PushbotError(f"plugin '{name}' is not of the form module:Class")
    with _importable(plugin_path):
        found = _import(module, name)
    top = module.partition(".")[0]
    meant = [path for folder in plugin_path for path in (folder / f"{top}.py", folder / top) if path.exists()]
    loaded = Path(getattr(sys.modules[top], "__file__", None) or top).resolve()
    if meant and not any(loaded.is_relative_to(path.resolve()) for path in meant):
        raise PushbotError(f"plugin '{name}': {meant[0]} has the name of another module ({loaded}); rename it")
    return _attribute(found, attribute, name)


@contextmanager
def _importable(folders: Sequence[Path]) -> Iterator[None]:
    """Folders at the end of `sys.path` during an import: a plugin finds its neighbours, and hides nobody's module."""
    before = sys.path
    sys.path = [*before, *map(str, folders)]
    invalidate_caches()
    try:
        yield
    finally:
        sys.path = before


def _import(module: str, name: str) -> ModuleType:
    try:
        return import_module(module)
    except PushbotError as error:  # it says itself what it lacks
        raise PushbotError(f"plugin '{name}': {error}") from error
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
            missing = f"plugin '{name}': there is no module '{error.name}', neither on plugin_path nor installed"
            raise PushbotError(missing) from error
        if isinstance(error, SyntaxError):
            where = f"{error.filename}:{error.lineno}"
        else:
            last = extract_tb(error.__traceback__)[-1]
            where = f"{last.filename}:{last.lineno}"
        raise PushbotError(f"plugin '{name}' cannot be imported: {where}: {type(error).__name__}: {error}") from error


def _attribute(module: ModuleType, path: str, name: str) -> object:
    found: object = module
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None:
        names = [each for each, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        close = get_close_matches(path, names, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else ""
        raise PushbotError(f"plugin '{name}': {module.__file__} has no '{path}'{meant}")
    return found
