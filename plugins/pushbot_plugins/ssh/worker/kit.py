"""What all hosts of one run are dealt with: put together from its job and from what the operator set."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pushbot.queue.model import RunKind
from pushbot_plugins.local.supervisor.output import Log
from pushbot_plugins.ssh.settings import variables_of
from pushbot_plugins.ssh.worker import balancer
from pushbot_plugins.ssh.worker.health import Health
from pushbot_plugins.ssh.worker.here import Machine
from pushbot_plugins.ssh.worker.ledger import Ledger, finished
from pushbot_plugins.ssh.worker.report import RunReport
from pushbot_plugins.ssh.worker.target import Surroundings
from pushbot_plugins.ssh.worker.web import Web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pushbot.fleet.model import Host
    from pushbot.ports import Job
    from pushbot_plugins.local.supervisor.files import RunFiles
    from pushbot_plugins.ssh.settings import Releasing, Settings
    from pushbot_plugins.ssh.worker.balancer import Balancer
    from pushbot_plugins.ssh.worker.ledger import Finished
    from pushbot_plugins.ssh.worker.recipe import Recipe
    from pushbot_plugins.ssh.worker.seams import Here, Remote
    from pushbot_plugins.ssh.worker.stop import Stop
    from pushbot_plugins.ssh.worker.target import Target


@dataclass(frozen=True, slots=True)
class Kit:
    """`recipe` and `balancer` are None where the stage has none.

    `reach` gives the Remote of a host, `before` is what earlier runs have done of this one's work.
    """

    job: Job
    reach: Callable[[Host], Remote]
    here: Here
    before: Finished
    surroundings: Surroundings
    report: RunReport
    ledger: Ledger
    stop: Stop
    health: Health
    recipe: Recipe | None
    balancer: Balancer | None
    revert_within: float

    def target(self, remote: Remote, facts: Mapping[str, str] | None = None) -> Target:
        """The host as a target of this run."""
        return self.surroundings.target(remote, self.report.output(remote.host), facts)


@asynccontextmanager
async def assembled(
    files: RunFiles, job: Job, settings: Settings, reach: Callable[[Host], Remote], stop: Stop
) -> AsyncIterator[Kit]:
    """The kit of the run in that directory, while it goes on. Raises Unresolved when a reference leads nowhere."""
    draining = settings.draining
    surroundings = Surroundings(job, _root(settings.releasing) if settings.releasing is not None else None)
    headers = surroundings.resolved(draining.headers if draining is not None else ())
    log = Log(files.log, ())
    report = RunReport(files, log, surroundings.secrets, settings.output_limit)
    before = finished(job)
    done = sum(host.name in before.hosts for host in job.hosts)
    allowed = job.rollout.max_failures.of(len(job.hosts))
    own = {name: value for name, value in os.environ.items() if name not in variables_of(settings)}
    here = Machine(job.run, files.groups, job.grace, own)
    web = Web()
    try:
        yield Kit(
            job=job,
            reach=reach,
            here=here,
            before=before,
            surroundings=surroundings,
            report=report,
            ledger=Ledger(files.hosts, len(job.hosts), done, allowed, report.tally),
            stop=stop,
            health=Health(web),
            recipe=_recipe(job, settings, here, report, reach),
            balancer=balancer.made(draining, web=web, here=here, folder=str(job.workdir), headers=headers)
            if draining is not None
            else None,
            revert_within=settings.revert_within,
        )
    finally:
        report.close()
        await web.close()
        log.close()


def _root(releasing: Releasing) -> Callable[[Host], str]:
    from pushbot_plugins.ssh.worker.recipe.site import root_of  # noqa: PLC0415 - as below

    return partial(root_of, releasing)


def _recipe(
    job: Job, settings: Settings, here: Here, report: RunReport, reach: Callable[[Host], Remote]
) -> Recipe | None:
    if settings.releasing is None:
        return None
    from pushbot_plugins.ssh.worker.recipe import Recipe  # noqa: PLC0415 - not loaded where nothing is released

    return Recipe(
        settings.releasing,
        settings.relays,
        run=job.run,
        revision=job.revision or job.run,
        here=here,
        report=report,
        reach=reach,
        facts=job.facts(),
        reverting=job.kind is RunKind.ROLLBACK,
    )
