"""Stages beside the line, made by a template when somebody names one: `staging-*` makes `staging-ann`.

What people call such a stage ends up in paths, host names and environments, so it is a part of a DNS label (RFC 1035,
2.3.1) and nothing else, and the whole is one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_CALLED: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?")
TEMPLATE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?-\*")
"""The name of a template: with the longest name in place of its star it has 62 characters, of 63 that a label may."""


def called(template: str, stage: str) -> str | None:
    """What `stage` is called, where `template` makes it (`ann` of `staging-ann`); None where it does not."""
    head = template.removesuffix("*")
    name = stage.removeprefix(head)
    return name if head.endswith("-") and name != stage and _CALLED.fullmatch(name) and head != template else None


def makes(templates: Iterable[str], stage: str) -> bool:
    """Whether one of `templates` makes `stage`."""
    return any(called(template, stage) is not None for template in templates)
