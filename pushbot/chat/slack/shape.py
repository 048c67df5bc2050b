"""Looking into what Slack sends: JSON of which nothing is certain, whatever its documentation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    Object = dict[str, JsonValue]
    """A JSON object."""


def part(whole: JsonValue, *path: str) -> Object:
    """The object at `path`, empty where there is none."""
    for name in path:
        whole = whole.get(name) if isinstance(whole, dict) else None
    return whole if isinstance(whole, dict) else {}


def text(whole: JsonValue, *path: str) -> str:
    """The text at `path`, "" where there is none."""
    *above, last = path
    found = part(whole, *above).get(last)
    return found if isinstance(found, str) else ""


def true(whole: JsonValue, *path: str) -> bool:
    """Whether there is a true at `path`."""
    *above, last = path
    return part(whole, *above).get(last) is True


def objects(whole: JsonValue, *path: str) -> list[Object]:
    """The objects of the list at `path`, none where there is no list."""
    *above, last = path
    found = part(whole, *above).get(last)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
