"""The chat screen itself: draws the scene, and turns what is typed into speech or into what a `/word` does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prompt_toolkit.application import Application, get_app
from prompt_toolkit.data_structures import Point
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    AnyContainer,
    Dimension,
    DynamicContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import TextArea

from pushbot.chat.console.scene import Room, Scene
from pushbot.chat.console.voice import Remark, Said, Sound, Voice
from pushbot.chat.console.wire import clean
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples

_WIDE: Final = 120
_PAGE: Final = 10
_STYLE: Final = Style.from_dict(
    {
        "topic": "bg:#1f3a5f #ffffff bold",
        "title": "bg:#444444 #ffffff",
        "prompt": "bold",
        "who": "bold",
        "private": "italic",
        "remark": "#888888",
        "hint": "#c8a000",
    }
)
_HELP: Final = (
    "what you type is said in the room that the prompt names; TAB goes to the other, PgUp and PgDn look back",
    "/as NICK          speak as somebody else, over a connection of their own; /as alone: as yourself again",
    "/as NICK TEXT     say one thing as somebody else",
    "/msg NICK TEXT    say something in private, such as /msg pushbot status",
    "/quit             leave (or Ctrl-C)",
)


@dataclass(frozen=True, slots=True)
class Extra:
    """One more `/word`: how to use it, and what is called with the speaker's nick and the rest of the line.

    The call returns the lines to show; its PushbotError is shown as a line.
    """

    word: str
    usage: str
    call: Callable[[str, str], Awaitable[Sequence[str]]]


class Screen:
    """A full-screen chat client for the rooms of one IRC server, of which the first has the topic on top."""

    def __init__(
        self,
        host: str,
        port: int,
        nick: str,
        rooms: tuple[str, ...],
        *,
        hints: Sequence[str] = (),
        extras: Sequence[Extra] = (),
    ) -> None:
        self._address = (host, port)
        self._names = rooms
        self._scene = Scene(rooms)
        self._room = self._scene.main
        self._ears = Voice(host, port, nick, rooms, self._take, ears=True)
        self._voice = self._ears
        self._voices = {nick.lower(): self._ears}
        self._extras = {extra.word: extra for extra in extras}
        self._tasks: list[asyncio.Task[None]] = []
        self._group = asyncio.TaskGroup()
        self._app = self._application()
        for hint in hints:
            self._scene.hint(hint)

    async def run(self) -> None:
        """Show the screen until the user leaves; needs a terminal."""
        async with self._group:
            self._begin(self._ears)
            try:
                await self._app.run_async(handle_sigint=False)
            finally:
                for voice in self._voices.values():
                    voice.quit()
                for task in self._tasks:
                    task.cancel()

    def note(self, text: str) -> None:
        """Show a remark among the lines of the first room."""
        self._take(Remark(clean(text)))

    # --- what is typed -----------------------------------------------------------------------

    def _typed(self, buffer: Buffer) -> bool:
        """Take one line of input; False empties the input."""
        text = clean(buffer.text).strip()
        if text.startswith("/"):
            word, _, rest = text[1:].partition(" ")
            self._command(word, rest.strip())
        elif text:
            self._speak(self._voice, self._room.name, text)
        return False

    def _command(self, word: str, rest: str) -> None:
        match word:
            case "quit":
                self._app.exit()
            case "help":
                for line in (*_HELP, *(extra.usage for extra in self._extras.values())):
                    self._scene.hint(line)
            case "as":
                self._speak_as(*rest.split(" ", 1))
            case "msg" if " " in rest:
                self._speak(self._voice, *rest.split(" ", 1))
            case _ if word in self._extras:
                self._tasks.append(self._group.create_task(self._extra(self._extras[word], rest)))
            case _:
                words = ", ".join(f"/{each}" for each in ("as", "msg", *self._extras, "help", "quit"))
                self._scene.hint(f"there is no /{word} like that; there are {words}")

    def _speak_as(self, nick: str, text: str = "") -> None:
        """Say `text` as `nick`; without a text, speak as `nick` from now on."""
        voice = self._voices.get(nick.lower()) if nick else self._ears
        if voice is None:
            voice = Voice(*self._address, nick, self._names, self._take, ears=False)
            self._voices[nick.lower()] = voice
            self._begin(voice)
        if text:
            self._speak(voice, self._room.name, text)
        else:
            self._voice = voice

    def _speak(self, voice: Voice, to: str, text: str) -> None:
        """Say something, and show it here if no voice of ours will hear it."""
        voice.say(to, text)
        if voice is self._ears or to.lower() not in self._scene.rooms:
            self._scene.take(Said(to, voice.nick, text))

    def _begin(self, voice: Voice) -> None:
        self._tasks.append(self._group.create_task(self._serve(voice)))

    async def _serve(self, voice: Voice) -> None:
        """Keep a voice; one that the server has refused is forgotten."""
        await voice.run()
        self._voices = {name: each for name, each in self._voices.items() if each is not voice}
        self._voice = self._ears if self._voice is voice else self._voice
        self._app.invalidate()

    async def _extra(self, extra: Extra, rest: str) -> None:
        try:
            lines = await extra.call(self._voice.nick, rest)
        except PushbotError as error:
            lines = (str(error),)
        for line in lines:
            self._scene.hint(clean(line))
        self._app.invalidate()

    def _take(self, sound: Sound) -> None:
        self._scene.take(sound)
        self._app.invalidate()

    # --- what is drawn -----------------------------------------------------------------------

    def _application(self) -> Application[None]:
        rooms = self._scene.rooms.values()
        panes = [_pane(room, lambda: self._room, 2 if room is self._scene.main else 1) for room in rooms]
        across, down = VSplit(panes, padding=1, padding_char="│"), HSplit(panes)
        entry = TextArea(height=1, multiline=False, wrap_lines=False, prompt=self._prompt, accept_handler=self._typed)
        body: list[AnyContainer] = [
            Window(
                FormattedTextControl(self._topic),
                height=Dimension(min=1, max=4),
                dont_extend_height=True,
                wrap_lines=True,
                style="class:topic",
            ),
            DynamicContainer(lambda: across if get_app().output.get_size().columns >= _WIDE else down),
            entry,
        ]
        layout = Layout(HSplit(body), focused_element=entry)
        return Application(layout, key_bindings=self._keys(), style=_STYLE, full_screen=True)

    def _topic(self) -> StyleAndTextTuples:
        room = self._scene.main
        return [("class:topic", f" {room.name}  {room.topic or '(no topic)'} ")]

    def _prompt(self) -> StyleAndTextTuples:
        return [("class:prompt", f"[{self._room.name}] {self._voice.nick}> ")]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c")
        @keys.add("c-d")
        def leave(event: KeyPressEvent) -> None:
            event.app.exit()

        @keys.add("tab")
        def other_room(_event: KeyPressEvent) -> None:
            rooms = list(self._scene.rooms.values())
            self._room = rooms[(rooms.index(self._room) + 1) % len(rooms)]

        @keys.add("pageup")
        def back(_event: KeyPressEvent) -> None:
            self._room.scroll(_PAGE)

        @keys.add("pagedown")
        def forth(_event: KeyPressEvent) -> None:
            self._room.scroll(-_PAGE)

        return keys


def _pane(room: Room, current: Callable[[], Room], weight: int) -> HSplit:
    """A room's name above its lines, the latest at the bottom, as large beside others as `weight` says."""

    def title() -> StyleAndTextTuples:
        behind = f"  ({room.behind} more below, PgDn)" if room.behind else ""
        return [("", f"{'>' if current() is room else ' '} {room.name}{behind}")]

    def lines() -> StyleAndTextTuples:
        found: StyleAndTextTuples = []
        for shown in room.lines:
            if shown.who:
                found.append((f"class:who,{shown.tone}", f"{shown.who}: "))
            found.append((f"class:{shown.tone}", f"{shown.text}\n"))
        return [*found[:-1], (found[-1][0], found[-1][1].rstrip("\n"))] if found else found

    def last() -> Point:
        return Point(0, max(0, len(room.lines) - 1 - room.behind))

    text = FormattedTextControl(lines, show_cursor=False, get_cursor_position=last)
    return HSplit(
        [
            Window(FormattedTextControl(title), height=1, style="class:title"),
            Window(text, wrap_lines=True, height=Dimension(weight=weight), width=Dimension(weight=weight)),
        ]
    )
