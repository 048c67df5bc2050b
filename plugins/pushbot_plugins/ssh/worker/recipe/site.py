"""Where on a host the releases of a stage lie, and how our scripts are run there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pushbot_plugins.ssh.settings import Layout
from pushbot_plugins.ssh.worker.seams import HostTrouble
from pushbot_plugins.ssh.worker.target import names_of

from .trouble import Said

if TYPE_CHECKING:
    from pushbot.fleet.model import Host
    from pushbot_plugins.ssh.settings import Releasing
    from pushbot_plugins.ssh.worker.seams import Remote

_NAME: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


@dataclass(frozen=True, slots=True)
class Site:
    """ROOT on one host. `prefix` is the folder of releases below it, `settle` in milliseconds, as text."""

    remote: Remote
    root: str
    prefix: str
    settle: str

    @classmethod
    def of(cls, remote: Remote, releasing: Releasing) -> Site:
        """Where the stage's releases lie on that host. Raises HostTrouble when its labels make no path."""
        prefix = "" if releasing.layout is Layout.YIN_YANG else "releases/"
        root = root_of(releasing, remote.host)
        if (unknown := _NAME.search(root)) is not None:
            text = f"it has no label {unknown[1]}, which stands in the path of its releases: {root}"
            raise HostTrouble("preflight", text)
        if not root.startswith("/") or "\n" in root or "\0" in root or ".." in root.split("/"):
            raise HostTrouble("preflight", f"its labels make {root!r} of the root, which is no path")
        return cls(remote, root, prefix, str(round(releasing.settle * 1000)))

    async def run(self, script: str, *arguments: str, limit: float) -> tuple[int, Said]:
        """Carry out one of our scripts; its status, and what it said."""
        said = Said()
        words = (self.root, self.prefix, *arguments)
        return await self.remote.run(script, arguments=words, limit=limit, take=said.take), said


def root_of(releasing: Releasing, host: Host) -> str:
    """ROOT on that host: `{host}`, `{address}` and labels are filled in."""
    names = names_of(host, {})
    return _NAME.sub(lambda match: names.get(match[1], match[0]), releasing.root)
