"""What the listener is told: values made from the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.web.signed import Form

MOST_BODY = 256 * 1024
"""Bytes of a webhook that are taken when the configuration does not say: GitHub sends far less for a build."""


@dataclass(frozen=True, slots=True)
class HookSpec:
    """A webhook: how it is signed, by which secret (a reference), and the lanes that it tells of."""

    name: str
    form: Form
    secret: str
    lanes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WebSpec:
    """Where to listen, how long a body may be in bytes, and the hooks."""

    host: str
    port: int
    max_body: int = MOST_BODY
    hooks: tuple[HookSpec, ...] = ()
