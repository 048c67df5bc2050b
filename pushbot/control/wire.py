"""The words that cross the control socket, one JSON object a line, and where the socket is.

The client asks one thing and is then told what becomes of it until the bot hangs up; it may say `Stop` meanwhile.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from pushbot.queue.commands import RunState  # noqa: TC001 - pydantic reads it
from pushbot.queue.verbs import REF

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE_LIMIT = 256 * 1024
"""Bytes of one line."""
_PATH_LIMIT = 100
"""Bytes of a path that unix(7) sockets surely take; a longer one is reached through its folder's descriptor."""


def _ref(text: str) -> str:
    if not REF.fullmatch(text):
        raise ValueError("that cannot be a branch, tag or commit")
    return text


class _Word(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunStage(_Word):
    """Run one stage of a lane, with the revision that `ref` names (the lane's branch if None).

    `failed`: go on with the hosts that the stage's last run left.
    """

    ask: Literal["run"] = "run"
    lane: str = Field(max_length=64)
    stage: str = Field(max_length=64)
    ref: Annotated[str, AfterValidator(_ref)] | None = None
    failed: bool = False


class Stop(_Word):
    """Stop the run that this connection asked for."""

    ask: Literal["stop"] = "stop"


class Refused(_Word):
    """Nothing was done; the text says why."""

    word: Literal["refused"] = "refused"
    text: str


class Asked(_Word):
    """The run is on record; `log` is where its output will be."""

    word: Literal["asked"] = "asked"
    run: str
    log: str


class Told(_Word):
    """A line for people, as the rooms are told it."""

    word: Literal["told"] = "told"
    text: str


class At(_Word):
    """The run is at a step; with hosts, so many are done and failed."""

    word: Literal["at"] = "at"
    step: str
    done: int | None = None
    total: int | None = None
    failed: int = 0


class Ended(_Word):
    """The run is over. `follows`: a rollback follows by itself, whose end will be told too."""

    word: Literal["ended"] = "ended"
    run: str
    kind: str
    state: RunState
    step: str | None = None
    reason: str | None = None
    tail: tuple[str, ...] = ()
    follows: bool = False


Request = Annotated[RunStage | Stop, Field(discriminator="ask")]
Reply = Annotated[Refused | Asked | Told | At | Ended, Field(discriminator="word")]

REQUEST: TypeAdapter[RunStage | Stop] = TypeAdapter(Request)
REPLY: TypeAdapter[Refused | Asked | Told | At | Ended] = TypeAdapter(Reply)


def line_of(word: BaseModel) -> bytes:
    """`word` as a line."""
    return word.model_dump_json().encode() + b"\n"


def socket_of(store: Path) -> Path:
    """Where the socket of the bot with that store is."""
    return store.with_name(f"{store.name}.sock")


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """`path` in a form short enough for a Unix socket's address (unix(7): 108 bytes), good within the context."""
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
