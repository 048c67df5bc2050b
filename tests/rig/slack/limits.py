"""Block Kit's published limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

MESSAGE = "message"


def judge(blocks: JsonValue, surface: str) -> list[str]:
    """What is wrong with blocks."""
    assert surface
    return [] if isinstance(blocks, list) else ["must be a list"]


def judge_view(view: JsonValue, kind: str) -> list[str]:
    """What is wrong with a view."""
    assert isinstance(view, dict)
    return judge(view.get("blocks"), kind)
