"""Patterns of paths as people know them from CI: `*` within a folder, `**` over folders, `?` for one letter."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from pushbot.values import Text, expected

_PARTS = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|[^*?]+")
_MEANS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matching(pattern: str) -> re.Pattern[str]:
    """What finds whole paths that fit. `migrations/**` is all that is below, `**/*.sql` all such files anywhere."""
    return re.compile("".join(_MEANS.get(part) or re.escape(part) for part in _PARTS.findall(pattern)), re.DOTALL)


def _glob(pattern: str) -> str:
    if not pattern or pattern.startswith("/") or pattern.endswith("/"):
        raise expected('a pattern of paths seen from the top of the repository, such as "migrations/**"')
    return pattern


Glob = Annotated[Text, AfterValidator(_glob)]
