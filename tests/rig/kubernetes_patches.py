"""How an API server applies patches to an object, as far as deploys need it.

- JSON patch (RFC 6902): `test`, `add`, `replace`, `remove`; a failing test is a 422.
- Strategic merge patch (kubernetes.io, "Update API Objects in Place Using kubectl patch"): maps are merged, null
  removes, lists of things with a name are merged by it, `$patch: replace` replaces.
- Server-side apply (kubernetes.io/docs/reference/using-api/server-side-apply): fields have managers; another's field
  with another value is a conflict unless forced; what a manager applied before and leaves out now is removed. Who made
  an ordinary patch owns what it changed, and is another manager than one of the same name who applies.
"""

from __future__ import annotations

import copy
from typing import TypeAlias

from pydantic import JsonValue

Object: TypeAlias = dict[str, JsonValue]
Path = tuple[str, ...]
Owners = dict[Path, set[tuple[str, str]]]
_UNOWNED = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


class PatchRefused(Exception):  # noqa: N818 - says what happened
    """The patch cannot be applied; `conflicts` are (manager, field) of a server-side apply."""

    def __init__(self, message: str, conflicts: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.conflicts = conflicts


def json_patch(target: Object, operations: JsonValue) -> Object:
    """The object after the operations, all or none of them."""
    result: JsonValue = copy.deepcopy(target)
    assert isinstance(operations, list)
    for operation in operations:
        assert isinstance(operation, dict)
        keys = [key.replace("~1", "/").replace("~0", "~") for key in str(operation["path"]).split("/")[1:]]
        parent = result
        for key in keys[:-1]:
            parent = parent[int(key)] if isinstance(parent, list) else _child(parent, key)
        assert isinstance(parent, dict)
        last, what = keys[-1], operation["op"]
        if what == "test" and parent.get(last) != operation["value"]:
            raise PatchRefused("the server rejected our request due to an error in our request")
        if what in {"replace", "remove"} and last not in parent:
            raise PatchRefused("the server rejected our request due to an error in our request")
        if what in {"add", "replace"}:
            parent[last] = copy.deepcopy(operation["value"])
        if what == "remove":
            del parent[last]
    assert isinstance(result, dict)
    return result


def strategic_merge(target: JsonValue, patch: JsonValue) -> JsonValue:
    """The value after the patch."""
    if isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {key: value for key, value in copy.deepcopy(patch).items() if key != "$patch"}
        result = copy.deepcopy(target) if isinstance(target, dict) else {}
        for key, value in patch.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = strategic_merge(result.get(key), value)
        return result
    if isinstance(patch, list) and patch and all(isinstance(each, dict) and "name" in each for each in patch):
        rows = [copy.deepcopy(each) for each in target] if isinstance(target, list) else []
        for each in patch:
            assert isinstance(each, dict)
            at = next((n for n, row in enumerate(rows) if isinstance(row, dict) and row["name"] == each["name"]), None)
            if at is None:
                rows.append(copy.deepcopy(each))
            else:
                rows[at] = strategic_merge(rows[at], each)
        return rows
    return copy.deepcopy(patch)


def apply(live: Object, wanted: Object, owners: Owners, manager: str, *, force: bool) -> tuple[Object, Owners]:
    """The object and its owners after `manager` applied what it wants."""
    me, owners = (manager, "Apply"), {path: set(who) for path, who in owners.items()}
    now, new = fields(live), fields(wanted)
    conflicts = [
        (other, ".".join(("", *path)))
        for path, value in new.items()
        for other, _ in sorted(owners.get(path, set()) - {me})
        if now.get(path) != value
    ]
    if conflicts and not force:
        many = f"{len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}"
        said = ", ".join(f'conflict with "{other}" using apps/v1: {path}' for other, path in conflicts)
        raise PatchRefused(f"Apply failed with {many}: {said}", tuple(conflicts))
    result = strategic_merge(live, wanted)
    assert isinstance(result, dict)
    for path, who in [*owners.items()]:
        if me in who and path not in new:
            who.discard(me)
            if not who:
                del owners[path]
                _remove(result, path)
    for path, value in new.items():
        owners[path] = {me} if now.get(path) != value else owners.get(path, set()) | {me}
    return result, owners


def updated(before: Object, after: Object, owners: Owners, manager: str) -> Owners:
    """The owners after `manager` made an ordinary change."""
    old, new = fields(before), fields(after)
    changed = {path for path, value in new.items() if old.get(path) != value}
    kept = {path: who for path, who in owners.items() if path in new and path not in changed}
    return kept | {path: {(manager, "Update")} for path in changed}


def fields(thing: JsonValue, at: Path = ()) -> dict[Path, JsonValue]:
    """The leaves of an object; parts of lists go by their name."""
    found: dict[Path, JsonValue] = {}
    if isinstance(thing, dict) and thing:
        for key, value in thing.items():
            found |= fields(value, (*at, key))
    elif isinstance(thing, list) and thing and all(isinstance(each, dict) and "name" in each for each in thing):
        for each in thing:
            assert isinstance(each, dict)
            found |= fields(each, (*at, f'[name="{each["name"]}"]'))
    else:
        found[at] = thing
    ours = ("spec", "data", "metadata")
    return {path: value for path, value in found.items() if at or (path and path not in _UNOWNED and path[0] in ours)}


def _child(parent: JsonValue, key: str) -> JsonValue:
    if not isinstance(parent, dict) or key not in parent:
        raise PatchRefused("the server rejected our request due to an error in our request")
    return parent[key]


def _remove(thing: JsonValue, path: Path) -> None:
    for key in path[:-1]:
        if isinstance(thing, list):
            thing = next(each for each in thing if isinstance(each, dict) and f'[name="{each["name"]}"]' == key)
        elif isinstance(thing, dict):
            thing = thing.get(key, {})
    if isinstance(thing, dict):
        thing.pop(path[-1], None)
