"""One reading of one file: where it lies, what has been found wrong so far, and the plugins it names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError

from pushbot.config.problems import Problem, nearest
from pushbot.config.shape import problems_of
from pushbot.errors import PushbotError
from pushbot.plugins import load_plugin, read_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from pushbot.config.problems import Key
    from pushbot.config.shape import Salvaged
    from pushbot.config.tables.table import PluginTable
    from pushbot.plugins import Group, Plugin


@dataclass(frozen=True, slots=True)
class Reading:
    """What all parts of a configuration share while it is put together; `problems` grows."""

    file: Path
    found: Salvaged
    problems: list[Problem] = field(default_factory=list)
    _built: dict[Key, object | None] = field(default_factory=dict)

    def note(self, key: Key, what: str, expected: str | None = None, near: str | None = None) -> None:
        """Remember a problem, once."""
        problem = Problem(self.file, key, what, expected, near)
        if problem not in self.problems:
            self.problems.append(problem)

    def note_unknown(self, key: Key, what: str, name: str, known: Iterable[str], where: str = "") -> None:
        """Remember that `name`, a `what`, is not among the `known` ones."""
        known = list(known)
        near = nearest(name, known)
        others = f"one of {', '.join(known)}" if known else f"a table for it: there is no {what} at all"
        self.note(key, f"there is no {what} '{name}'{where}", None if near else others, near)

    def note_twice(self, what: str, names: Iterable[tuple[Key, str]]) -> None:
        """Remember names that are used a second time, capitals aside, for people would confuse them."""
        seen: dict[str, str] = {}
        for key, name in names:
            if name.casefold() in seen:
                self.note(
                    key,
                    f"there is already a {what} '{seen[name.casefold()]}'",
                    "names that differ in more than capitals",
                )
            seen.setdefault(name.casefold(), name)

    def path(self, text: str) -> Path:
        """The file or folder that `text` names, seen from the folder of the configuration file."""
        return Path(os.path.normpath(self.file.absolute().parent / text))

    def plugin(
        self, group: Group, name: str, options: Mapping[str, object] | None, key: Key
    ) -> tuple[Plugin, BaseModel] | None:
        """The plugin called `name` and its options; None when one of them is no good, which is noted."""
        folders = [self.path(folder) for folder in self.found.table.plugin_path]
        try:
            plugin = load_plugin(group, name, folders)
        except PushbotError as error:
            self.note((*key, "type"), str(error))
            return None
        try:
            return plugin, read_options(plugin, self._options(plugin, options or {}))
        except ValidationError as error:
            self.problems.extend(problems_of(error, plugin.Options, self.file, key))
            return None

    def built(self, group: Group, table: PluginTable, key: Key) -> object | None:
        """What the table at `key` describes (an executor, say), made once; None when it is no good, which is noted."""
        if key not in self._built:
            self._built[key] = self._make(group, table, key)
        return self._built[key]

    def _make(self, group: Group, table: PluginTable, key: Key) -> object | None:
        chosen = self.plugin(group, table.type, table.model_extra, key)
        if chosen is None:
            return None
        plugin, options = chosen
        try:
            return plugin(options)
        except Exception as error:  # noqa: BLE001 - a plugin's own code: its mistakes are told like any other
            words = str(error) if isinstance(error, PushbotError) else f"{type(error).__name__}: {error}"
            self.note(key, f"{group.one} '{table.type}' cannot be made: {words}")
            return None

    def _options(self, plugin: Plugin, options: Mapping[str, object]) -> dict[str, object]:
        """The options with paths seen from the file's folder, as far as the plugin says that they are paths.

        A path called `state` is the folder of the bot's record where nothing else is said.
        """
        fields = plugin.Options.model_fields
        paths = {name for name, field in fields.items() if Path in (field.annotation, *get_args(field.annotation))}
        if "state" in paths:
            options = {"state": str(Path(self.found.table.bot.store).parent), **options}
        return {
            name: str(self.path(value)) if name in paths and isinstance(value, str) else self.anchored(value)
            for name, value in options.items()
        }

    def anchored(self, value: object) -> object:
        """`value` with each text in it that is a relative path made absolute: `./x`, `../x`, and `file:x`."""
        match value:
            case str() if value.startswith(("./", "../")):
                return str(self.path(value))
            case str() if value.startswith("file:"):
                return f"file:{self.path(value.removeprefix('file:'))}"
            case list():
                return [self.anchored(each) for each in value]
            case dict():
                return {key: self.anchored(each) for key, each in value.items()}
            case _:
                return value

    def environment(self, env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Variables for steps, with the files of `file:` references found."""
        return tuple(
            (name, f"file:{self.path(value[5:])}" if value.startswith("file:") else value)
            for name, value in env.items()
        )
