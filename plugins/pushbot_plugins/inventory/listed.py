"""Hosts that stand in the configuration itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot.fleet.listing import entries, with_labels
from pushbot_plugins.inventory.labels import Labels  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host


class ListedHosts:
    """A list in the configuration: what can be wrong with it is found when that is read."""

    class Options(BaseModel):
        """`hosts` are lines as in a file, `"web[001:120].lon region=lon"`, or tables with name, address and labels."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        hosts: tuple[object, ...]
        labels: Labels = {}

    def __init__(self, options: Options) -> None:
        """Raises PushbotError for an entry that is no host."""
        self._hosts = with_labels(entries(options.hosts), options.labels)

    async def hosts(self) -> Sequence[Host]:
        """The hosts, always the same."""
        return self._hosts
