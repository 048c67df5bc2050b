"""What the configuration says about where things are: folders, ports, rooms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pushbot.config import load
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pushbot.config import ChatPart
    from pushbot.service.spec import StageSpec


@dataclass(frozen=True, slots=True)
class Place:
    """A stage: its name, the root of its releases, where its app answers, and the step that restarts the app."""

    name: str
    root: Path
    url: str
    port: int
    restart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the quickstart needs to know. `rooms` are the lane's room and the one for announcements."""

    config: Path
    var: Path
    source: Path
    host: str
    port: int
    bot: str
    rooms: tuple[str, ...]
    places: tuple[Place, ...]

    @property
    def app(self) -> Path:
        """The web app's own git repository, in which people may edit and commit."""
        return self.var / "app"

    @property
    def log(self) -> Path:
        """The bot's log."""
        return self.var / "log" / "bot.log"


def plan(file: Path, ports: Mapping[int, int]) -> Plan:
    """The plan for the configuration in `file`, other ports put in place of those that `ports` names.

    With other ports the bot runs on a copy of the file in `var/`, whose relative paths lead to the
    same places, as both folders stand side by side. Raises PushbotError, ConfigErrors among them.
    """
    if not file.is_file():
        raise PushbotError(f"there is no {file}; go to the folder of a checkout of pushbot, or name the file")
    source = file.absolute().parent / "quickstart-app"
    if ports:
        file = _moved(file.absolute(), ports)
    config = load(file)
    chat = next((chat for chat in config.chats if _address(chat)), None)
    if chat is None or not config.lanes:
        raise PushbotError(f"{file} names no chat with a host and a port, or no lane; the quickstart needs both")
    host, port, nick = _address(chat) or ("", 0, "")
    lane = config.lanes[0]
    rooms = dict.fromkeys(room.name for room in (*lane.rooms, *config.announce.rooms) if room.chat == chat.name)
    return Plan(
        config=file.absolute(),
        var=config.bot.store.parent,
        source=source,
        host=host,
        port=port,
        bot=nick,
        rooms=tuple(rooms),
        places=tuple(place for stage in lane.stages if (place := _place(stage))),
    )


def read_ports(text: str) -> Mapping[int, int]:
    """Ports to use in place of others, from `6667=7667,8001=9001`. Raises PushbotError when it is not of that form."""
    if not re.fullmatch(r"(\d{1,5}=\d{1,5}(,(?!$)|$))*", text):
        raise PushbotError(f"{text[:60]!r} does not say which ports to use; write it like 6667=7667,8001=9001")
    pairs = (pair.split("=") for pair in text.split(",") if pair)
    return {int(old): int(new) for old, new in pairs}


def _moved(file: Path, ports: Mapping[int, int]) -> Path:
    """A copy of the file in `var/` beside its folder, with other ports."""
    text = file.read_text(encoding="utf-8")
    numbers = re.compile(rf"\b({'|'.join(map(str, ports))})\b")
    copy = file.parent.parent / "var" / file.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(numbers.sub(lambda found: str(ports[int(found[0])]), text), encoding="utf-8")
    return copy


def _address(chat: ChatPart) -> tuple[str, int, str] | None:
    """Host, port and nick in a chat's options, if it has such."""
    host, port, nick = (getattr(chat.options, name, None) for name in ("host", "port", "nick"))
    return (host, port, nick) if isinstance(host, str) and isinstance(port, int) and isinstance(nick, str) else None


def _place(stage: StageSpec) -> Place | None:
    """Where a stage's app is, from its first health check over HTTP."""
    restart = next((step.run for step in stage.steps if step.name == "restart"), ())
    urls = (urlsplit(probe.target) for probe in stage.health if probe.target.startswith("http"))
    for url in urls:
        if url.port:
            return Place(stage.name, stage.workdir, f"{url.scheme}://{url.netloc}/", url.port, restart)
    return None
