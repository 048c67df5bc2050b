"""What is answered from the record, and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Status:
    """`.status [LANE]`."""

    lane: str | None = None


@dataclass(frozen=True, slots=True)
class Eta:
    """`.eta`."""


@dataclass(frozen=True, slots=True)
class Blame:
    """`.blame [STAGE] [PATH]`; `words` are the arguments as written, at most two."""

    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """`.changes`."""


@dataclass(frozen=True, slots=True)
class Versions:
    """`.versions [STAGE]`: what the hosts of a stage run."""

    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """`.log [RUN]`."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """`.history [N]`."""

    count: int = 5


@dataclass(frozen=True, slots=True)
class Help:
    """`.help [COMMAND]`."""

    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Whoami:
    """`.whoami`."""


@dataclass(frozen=True, slots=True)
class Locks:
    """`.locks`: which stages people keep, why and until when."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """`.capacity [LANE]`: how many trains fit a day, and how many are left of this one."""

    lane: str | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """`.try REF [STAGE]`: the checks of a stage, the first one if none is named, on a branch, without queueing."""

    ref: str
    stage: str | None = None


Question = Status | Eta | Blame | Changes | Versions | Log | History | Help | Whoami | Locks | Capacity | Try
