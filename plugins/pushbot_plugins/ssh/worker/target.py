"""One host of a run, with all that is said to it and about it: names for templates, variables for commands.

What people typed in a chat is only ever in variables, and percent-encoded in URLs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import quote

from pushbot_plugins.local.supervisor.environment import References

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pushbot.fleet.model import Host
    from pushbot.ports import Job, Step

    from .seams import Remote

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_ODD = re.compile(r"[^A-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Target:
    """A host as a run deals with it.

    `names` are what `{host}`, `{address}`, `{revision}` and labels in templates stand for, `env` the variables of
    what is run for it, `take` gets its output.
    """

    remote: Remote
    names: Mapping[str, str]
    env: Mapping[str, str]
    of_steps: Mapping[str, Mapping[str, str]]
    take: Callable[[bytes], None]

    @property
    def host(self) -> Host:
        """Which host it is."""
        return self.remote.host

    def filled(self, text: str) -> str:
        """`text` with names in braces replaced; those that are not known stay."""
        return _filled(text, self.names, str)

    def url(self, text: str) -> str:
        """The same for a URL: what is filled in is percent-encoded (RFC 3986), an IPv6 address set in brackets."""
        return _filled(text, self.names, _encoded)

    def variables(self, step: Step) -> dict[str, str]:
        """The variables of a step that is run for it: its own before the stage's, the bot's before all."""
        facts = {name: value for name, value in self.env.items() if name.startswith("PUSHBOT_")}
        return {**self.env, **self.of_steps.get(step.name, {}), **facts}


class Surroundings:
    """Makes the targets of one job. All references are looked up when this is made, before anything has run.

    `root` says where releases lie on a host, for PUSHBOT_ROOT. Raises Unresolved.
    """

    def __init__(self, job: Job, root: Callable[[Host], str] | None = None) -> None:
        self._references = References()
        self._own = self._references.resolved(job.env)
        self._steps = {step.name: self._references.resolved(step.env) for step in (*job.steps, *job.post)}
        self._of_hosts = {env: self._references.resolved(env) for env in {host.env for host in job.hosts}}
        self._root = root
        self.facts = job.facts()

    @property
    def secrets(self) -> set[str]:
        """What was found behind references; more may come."""
        return self._references.secrets

    def resolved(self, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Other pairs whose values may be references."""
        return self._references.resolved(pairs)

    def here(self, step: Step) -> dict[str, str]:
        """The variables of a step that is run once, on the bot's machine."""
        return {**self._own, **self._steps[step.name], **self.facts}

    def target(self, remote: Remote, take: Callable[[bytes], None], facts: Mapping[str, str] | None = None) -> Target:
        """The host as a target; with other `facts` than those of the run, if given."""
        host, run = remote.host, facts or self.facts
        root = {} if self._root is None else {"PUSHBOT_ROOT": self._root(host)}
        env = {**self._own, **self._of_hosts[host.env], **run, **facts_of(host), **root}
        return Target(remote, names_of(host, run), env, self._steps, take)


def facts_of(host: Host) -> dict[str, str]:
    """The variables that tell a command which host it is for: PUSHBOT_HOST, PUSHBOT_LABEL_REGION and so on."""
    labels = {f"PUSHBOT_LABEL_{_ODD.sub('_', name.upper())}": value for name, value in host.labels}
    return {**labels, "PUSHBOT_HOST": host.name, "PUSHBOT_ADDRESS": address_of(host)}


def names_of(host: Host, facts: Mapping[str, str]) -> dict[str, str]:
    """What may stand in braces: labels, the run's facts (`{revision}`), `{host}` and `{address}`; the last win."""
    run = {name.removeprefix("PUSHBOT_").lower(): value for name, value in facts.items()}
    return {**dict(host.labels), **run, "host": host.name, "address": address_of(host)}


def address_of(host: Host) -> str:
    """Where the host is reached, without the port: `10.0.0.7`, `::1`."""
    reached = host.reached_at
    if reached.startswith("["):
        return reached[1:].partition("]")[0]
    return reached.rpartition(":")[0] if reached.count(":") == 1 else reached


def reverted(facts: Mapping[str, str], revision: str) -> dict[str, str]:
    """The facts of a run for a host that goes back to `revision`: for it, this is a rollback."""
    return {
        **facts,
        "PUSHBOT_KIND": "rollback",
        "PUSHBOT_REVISION": revision,
        "PUSHBOT_PREVIOUS_REVISION": facts["PUSHBOT_REVISION"],
    }


def _filled(text: str, names: Mapping[str, str], put: Callable[[str], str]) -> str:
    return _NAME.sub(lambda match: put(names[match[1]]) if match[1] in names else match[0], text)


def _encoded(value: str) -> str:
    try:
        return f"[{IPv6Address(value)}]"
    except ValueError:
        return quote(value, safe="")
