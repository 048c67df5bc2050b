"""A job's configuration, changed for one run and put back after it, whatever happens between.

Before anything is changed the configuration is saved in the run's directory; who follows the run puts it back,
also another process after a crash. The changed one has a mark in its description, by which a second run sees that
it is not the job's own. Jenkins has no conditional update: a change by somebody else is seen when the configuration
is put back, and is left alone then, but for the moment between looking and writing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pushbot.errors import PushbotError
from pushbot_plugins.remote_run import put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pushbot.ports import Job
    from pushbot_plugins.jenkins.server import Server

_DOCTYPE = b"<!DOCTYPE"
_MARK = re.compile(r"\[pushbot changed this for run ([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Borrowed:
    """The configuration of the server's job, for this run."""

    server: Server
    job: Job

    @property
    def before(self) -> Path:
        """The configuration as it was, byte for byte."""
        return self.job.directory / "config.before.xml"

    @property
    def _changed(self) -> Path:
        """A digest of what the run made of it; there until it has been put back."""
        return self.job.directory / "config.changed"

    async def change(self, values: Mapping[str, str]) -> None:
        """Set the elements at the paths given (`ElementTree`'s XPath) to their values.

        Raises PushbotError when another run has it changed, or there is nothing at a path.
        """
        before = await self.server.config()
        changed = self._edited(before, values)
        put(self.before, before)
        put(self._changed, _digest(changed))
        await self.server.put_config(changed)
        kept = await self.server.config()
        if self._mark not in kept.decode(errors="replace"):
            raise PushbotError(f"{self._name} was changed by somebody else just now: try again")
        put(self._changed, _digest(kept))  # Jenkins may write it in its own way

    async def put_back(self) -> str | None:
        """Make the configuration what it was; safe to repeat. Why not, when somebody else has changed it meanwhile."""
        if not self._changed.exists():
            return None
        before, now = self.before.read_bytes(), await self.server.config()
        if _digest(now) != _digest(before):
            if _digest(now) != self._changed.read_bytes():
                return (
                    f"{self._name} was changed by somebody else during the run, so it was not put back: "
                    f"what it was before is in {self.before}"
                )
            await self.server.put_config(before)
        self._changed.unlink()
        return None

    @property
    def _name(self) -> str:
        return f"the configuration of {self.server.api.at(self.server.path)}"

    @property
    def _mark(self) -> str:
        return f"[pushbot changed this for run {self.job.run}, and puts it back after it]"

    def _edited(self, xml: bytes, values: Mapping[str, str]) -> bytes:
        try:
            if _DOCTYPE in xml:
                raise PushbotError(f"{self._name} has a DOCTYPE, and is not touched")
            root = ET.fromstring(xml)  # noqa: S314 - no entities without a DOCTYPE, and of bounded size
        except ET.ParseError as error:
            raise PushbotError(f"{self._name} cannot be read: {error}") from None
        description = root.find("description")
        if description is None:
            description = ET.SubElement(root, "description")
        if marked := _MARK.search(description.text or ""):
            raise PushbotError(
                f"{self._name} is changed for run {marked[1]}: wait for its end; if it has ended, "
                "put the job right by hand (config.before.xml in that run's folder is what it was)"
            )
        for path, value in values.items():
            elements = root.findall(path)
            if not elements:
                raise PushbotError(f"{self._name} has nothing at {path}")
            for element in elements:
                element.text = value
        description.text = f"{description.text or ''} {self._mark}".strip()
        return f"<?xml version='1.1' encoding='UTF-8'?>\n{ET.tostring(root, 'unicode')}".encode()


def _digest(xml: bytes) -> bytes:
    """The same for two that differ only in how the XML is written."""
    try:
        if _DOCTYPE in xml:
            return hashlib.sha256(xml).hexdigest().encode()
        text = ET.canonicalize(xml.decode(errors="replace"), strip_text=True)
    except ET.ParseError:
        return hashlib.sha256(xml).hexdigest().encode()
    return hashlib.sha256(text.encode()).hexdigest().encode()
