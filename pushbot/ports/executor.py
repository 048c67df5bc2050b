"""Runs: the work of a stage or a rollback, and who carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pushbot.fleet.model import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pushbot.fleet.model import Host, HostVersion, Rollout, Tally, VersionProbe
    from pushbot.queue.commands import RunState
    from pushbot.queue.model import RunKind


@dataclass(frozen=True, slots=True)
class Step:
    """One named step of a stage: an argument list, or a script for `/bin/sh` given by the operator.

    `after` is waited before the step, `timeout` bounds each try, `retries` is how many more tries
    a failing step gets, `retry_delay` the wait between them; all in seconds. Text from chat is only
    ever in the environment. On a stage with hosts a step is for each of them, run there; `once` is
    a step that is run once, on the bot's machine.
    """

    name: str
    run: tuple[str, ...] = ()
    script: str | None = None
    timeout: float = 600.0
    retries: int = 0
    retry_delay: float = 1.0
    after: float = 0.0
    env: tuple[tuple[str, str], ...] = ()
    once: bool = False


class ProbeKind(StrEnum):
    """How a health check looks at a service."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Probe:
    """One health check, tried every `interval` until it has passed `passes` times in a row.

    Healthy when that happens within `window`; with `watch` it must then go on passing for so long.
    `target` is a URL, `host:port`, or for a command the argument list in `run`. `expect` is a text
    that the answer or output must contain; `status` the HTTP status wanted. Both may hold
    `{revision}` and the other names of the step environment.
    """

    kind: ProbeKind
    name: str
    target: str = ""
    run: tuple[str, ...] = ()
    expect: str | None = None
    status: int = 200
    interval: float = 0.5
    timeout: float = 5.0
    window: float = 30.0
    passes: int = 1
    watch: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """All that an executor needs to carry out one run of one stage.

    The order is `steps`, then `health`, then `post`; the run has succeeded when all have. `directory`
    is the run's own, made by the bot; output goes to `output.log` in it, secrets masked. `env` is
    what the operator configured: values may be references `env:NAME` or `file:PATH`, to be resolved
    late and masked. `facts` are the PUSHBOT_* variables of the run, as plain text. `workdir` is where
    steps start. `grace` is how long a process group may take to end after TERM before it gets KILL.
    `hosts` are what the run is for, in the order of the inventory, and `rollout` how it goes over them;
    after a restart of the bot `hosts` is empty, as the executor was given them before. `continues` is the
    directory of an earlier run of the stage: hosts that were finished there are left alone. `called` is what people
    named the stage, where a template made it: `ann` of `staging-ann`.
    """

    run: str
    kind: RunKind
    lane: str
    stage: str
    revision: str | None
    previous: str | None
    branch: str | None
    driver: str
    riders: tuple[str, ...]
    directory: Path
    workdir: Path
    steps: tuple[Step, ...] = ()
    health: tuple[Probe, ...] = ()
    post: tuple[Step, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    timeout: float = 3600.0
    grace: float = 5.0
    hosts: tuple[Host, ...] = ()
    rollout: Rollout = AT_ONCE
    continues: Path | None = None
    called: str = ""

    def facts(self) -> dict[str, str]:
        """The environment that tells a step what it is part of."""
        return {
            "PUSHBOT_RUN": self.run,
            "PUSHBOT_KIND": self.kind,
            "PUSHBOT_LANE": self.lane,
            "PUSHBOT_STAGE": self.stage,
            "PUSHBOT_REVISION": self.revision or "",
            "PUSHBOT_PREVIOUS_REVISION": self.previous or "",
            "PUSHBOT_BRANCH": self.branch or "",
            "PUSHBOT_DRIVER": self.driver,
            "PUSHBOT_RIDERS": " ".join(self.riders),
            **({"PUSHBOT_NAME": self.called} if self.called else {}),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: SUCCEEDED, FAILED or CANCELLED; where and why if not well; its last lines.

    `changed` is whether anything was changed where it ran, None when the step at which it failed tells that.
    """

    state: RunState
    step: str | None = None
    reason: str | None = None
    tail: tuple[str, ...] = ()
    changed: bool | None = None


@dataclass(frozen=True, slots=True)
class Traits:
    """What sets an executor apart.

    `steps`: its stages say in `steps` what to do. `reverts`: it can bring back an earlier revision without
    `rollback_steps`. `hosts`: its stages name the hosts that they are for.
    """

    steps: bool = True
    reverts: bool = False
    hosts: bool = False


class Executor(Protocol):
    """Carries out runs. It keeps no state of its own that a restart of the bot would lose.

    Constructed as `Type(options)`, `options` being an instance of its `Options` model. It may have an
    attribute `traits: Traits`; without one, those that `Traits()` gives are meant.
    """

    async def start(self, job: Job) -> str:
        """Begin the run and return a token by which it can be found again, also after a restart.

        Called at most once for each run. Raises PushbotError when the run could not be begun at all.
        """
        ...

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:
        """Follow the run to its end; may be called again, by another process, after a restart.

        `token` is None when the bot ended while `start` was under way. `progress` is told each step
        as it begins ("migrate 3/8"), and with hosts how many of them are done and failed, as that changes.
        Cancelling this call leaves the run alone. Raises RunLost when
        nobody can tell what became of the run.
        """
        ...

    async def abort(self, job: Job, token: str | None) -> None:
        """Ask the run to stop, with all its processes; `wait` then returns CANCELLED. Safe to repeat.

        Raises PushbotError when it cannot be stopped, with what a person could do.
        """
        ...


@runtime_checkable
class Versions(Protocol):
    """What an executor may have beside: it can ask hosts what they run."""

    async def versions(self, hosts: Sequence[Host], probe: VersionProbe) -> Sequence[HostVersion]:
        """The version of each host, in the order given; a host that does not tell is in it with its trouble.

        Raises PushbotError when no host at all can be asked.
        """
        ...


def traits_of(executor: Executor) -> Traits:
    """What sets `executor` apart."""
    found = getattr(executor, "traits", None)
    return found if isinstance(found, Traits) else Traits()
