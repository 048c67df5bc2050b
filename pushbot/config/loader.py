"""From a TOML file to a `Config`, or to every problem in it at once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.config.access import access_of, check_groups, read_access
from pushbot.config.backup import backups
from pushbot.config.calendars import hours_of, read_calendars
from pushbot.config.inventories import read_inventories
from pushbot.config.lines import line_of
from pushbot.config.model import Bot, ChatPart, Config
from pushbot.config.oncall import read_house
from pushbot.config.pipelines import Pipeline, read_pipeline
from pushbot.config.problems import ConfigErrors, Problem
from pushbot.config.reading import Reading
from pushbot.config.shape import salvage
from pushbot.config.web import check_auto, read_web
from pushbot.errors import PushbotError
from pushbot.plugins import Group, known
from pushbot.service.spec import Announce, LaneSpec, Room

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pushbot.config.problems import Key
    from pushbot.config.schema import ChatTable, LaneTable


def load(path: Path) -> Config:
    """The configuration in the file at `path`. Raises ConfigErrors with all of its problems."""
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise ConfigErrors((Problem(path, (), f"not TOML: {error}", line=int(at[1]) if at else None),)) from error
    except RecursionError as error:
        raise ConfigErrors((Problem(path, (), "too many lists or tables within each other"),)) from error
    known.cache_clear()  # a plugin may have been installed since
    reading = Reading(path, salvage(data, path))
    config = _assemble(reading)
    problems = (*reading.found.problems, *reading.problems)
    if config is None or problems:
        raise ConfigErrors(tuple(replace(problem, line=line_of(text, problem.key)) for problem in problems))
    return replace(config, text=text)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise ConfigErrors((Problem(path, (), f"cannot be read: {error.strerror or error}"),)) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigErrors((Problem(path, (), "not UTF-8, as TOML has to be", line=line),)) from error


def _assemble(reading: Reading) -> Config | None:
    table = reading.found.table
    for i, folder in enumerate(table.plugin_path):
        if not reading.path(folder).is_dir():
            reading.note(("plugin_path", i), f"there is no folder {reading.path(folder)}")
    _check_rooms(reading)
    _check_lanes(reading)
    chats = [_read_chat(reading, name, chat) for name, chat in table.chats.items()]
    inventories = read_inventories(reading)
    calendars = read_calendars(reading)
    pipelines = {
        name: read_pipeline(reading, name, each, inventories, calendars) for name, each in table.pipelines.items()
    }
    hours = {
        name: hours_of(reading, lane.hours, ("lanes", name, "hours"), calendars) for name, lane in table.lanes.items()
    }
    web, house = read_web(reading), read_house(reading)
    access = read_access(reading)
    check_groups(reading, (chat for chat in chats if chat is not None))
    of_lanes = {name: access_of(reading, lane.access, ("lanes", name, "access")) for name, lane in table.lanes.items()}
    check_auto(reading, table.lanes, {name: tuple(s.name for s in each.stages) for name, each in pipelines.items()})
    if reading.problems or reading.found.problems:
        return None
    bot = table.bot
    return Config(
        file=reading.file,
        bot=Bot(
            store=reading.path(bot.store),
            runs=reading.path(bot.runs),
            on_stop=bot.on_stop,
            url=bot.url.rstrip("/") if bot.url else None,
            log_format=bot.log_format,
            log_level=bot.log_level,
            drain_for=bot.drain_for,
            syslog=bot.syslog,
            commands_per_minute=bot.commands_per_minute,
        ),
        chats=tuple(chat for chat in chats if chat is not None),
        announce=Announce(
            rooms=_rooms(table.announce.rooms),
            warroom=frozenset(table.announce.warroom),
            lane=frozenset(table.announce.lane),
        ),
        lanes=tuple(
            replace(_lane(name, lane, pipelines), hours=hours[name], access=of_lanes[name])
            for name, lane in table.lanes.items()
        ),
        backup=backups(reading),
        web=web,
        access=access,
        house=house,
    )


def _lane(name: str, table: LaneTable, pipelines: Mapping[str, Pipeline]) -> LaneSpec:
    pipeline = pipelines[table.pipeline] if table.pipeline else Pipeline()
    return LaneSpec(
        name=name,
        rooms=_rooms(table.rooms),
        stages=pipeline.stages,
        templates=pipeline.templates,
        repository=pipeline.repository,
        branch=pipeline.branch,
        max_riders=table.max_riders,
        config=table.config,
        auto=table.auto.spec() if table.auto is not None else None,
        patience=table.patience(),
    )


def _room(text: str) -> Room:
    chat, _, name = text.partition("/")
    return Room(chat, name)


def _rooms(texts: Iterable[str]) -> tuple[Room, ...]:
    return tuple(map(_room, texts))


def _rooms_named(reading: Reading) -> list[tuple[Key, Room]]:
    """Every room that the file names, with the key where it does."""
    table = reading.found.table
    named: list[tuple[Key, Sequence[str]]] = [
        (("lanes", name, "rooms"), lane.rooms) for name, lane in table.lanes.items()
    ]
    named.append((("announce", "rooms"), table.announce.rooms))
    return [((*key, i), _room(text)) for key, texts in named for i, text in enumerate(texts)]


def _check_rooms(reading: Reading) -> None:
    """Note rooms of unknown chats, and rooms that a server would take for one and we for two."""
    chats = reading.found.table.chats
    spelled: dict[str, Room] = {}
    for key, room in _rooms_named(reading):
        if room.chat not in chats and reading.found.whole("chats", room.chat):
            reading.note_unknown(key, "chat", room.chat, chats)
        first = spelled.setdefault(str(room).casefold(), room)
        if first != room:
            reading.note(key, f"'{room}' is written '{first}' elsewhere", "one spelling for one room")


def _check_lanes(reading: Reading) -> None:
    """Note what does not fit among the lanes, and between them and the pipelines."""
    table, whole = reading.found.table, reading.found.whole
    if not table.lanes and whole("lanes"):
        reading.note(("lanes",), "missing", "at least one [lanes.NAME]")
    reading.note_twice("lane", ((("lanes", name), name) for name in table.lanes))
    reading.note_twice("pipeline", ((("pipelines", name), name) for name in table.pipelines))
    takers: dict[str, str] = {}
    for name, lane in table.lanes.items():
        if lane.pipeline is not None and lane.pipeline not in table.pipelines and whole("pipelines", lane.pipeline):
            reading.note_unknown(("lanes", name, "pipeline"), "pipeline", lane.pipeline, table.pipelines)
        for i, room in enumerate(lane.rooms):
            if room in lane.rooms[:i]:
                reading.note(("lanes", name, "rooms", i), f"'{room}' is named twice")
            elif lane.config and takers.setdefault(room, name) != name:
                reading.note(("lanes", name, "config"), f"lane '{takers[room]}' already takes .join config in '{room}'")


def _read_chat(reading: Reading, name: str, table: ChatTable) -> ChatPart | None:
    chosen = reading.plugin(Group.CHATS, table.type or name, table.model_extra, ("chats", name))
    if chosen is None:
        return None
    plugin, options = chosen
    rooms = dict.fromkeys(room.name for _, room in _rooms_named(reading) if room.chat == name)
    part = ChatPart(name, plugin, options, tuple(rooms))
    try:
        part.build()  # a chat looks at its rooms when it is made, and connects only when it is run
    except PushbotError as error:
        reading.note(("chats", name), str(error))
    return part
