"""YAML that the operator wrote: files of documents, and the values that a run fills into manifests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pathlib import Path

Object: TypeAlias = dict[str, JsonValue]
_OBJECT = TypeAdapter(dict[str, JsonValue])
_ITEMS = TypeAdapter(list[dict[str, JsonValue]])
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@:-]{0,511}")


class _Loader(yaml.SafeLoader):
    """As a cluster reads YAML: what looks like a date is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - it is how PyYAML is told
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def tag(value: str) -> str:
    """What may be part of an image's name (distribution/reference: a tag). Raises PushbotError for anything else."""
    if not _TAG.fullmatch(value):
        raise PushbotError(f"{value[:80]!r} cannot be part of an image's name: letters, digits, '_', '.' and '-' can")
    return value


def image(text: str) -> str:
    """The name of an image. Raises PushbotError when it is none."""
    if not _IMAGE.fullmatch(text):
        raise PushbotError(f"{text[:80]!r} is not the name of an image")
    return text


def documents(path: Path) -> list[Object]:
    """The documents of a YAML (or JSON) file; those of a `List` one by one.

    Raises PushbotError with the file and, for what is no YAML, the line.
    """
    try:
        text = path.read_text("utf-8")
        read = [*yaml.load_all(text, _Loader)]
        found = [_OBJECT.validate_python(one) for one in read if one is not None]
        return [each for one in found for each in (_ITEMS.validate_python(one["items"]) if _is_list(one) else [one])]
    except OSError as error:
        raise PushbotError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise PushbotError(f"{path}:{line} is no YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError):
        raise PushbotError(f"{path} holds something that is no YAML of maps, lists, texts and numbers") from None


def filled(thing: JsonValue, revision: str) -> JsonValue:
    """The manifest with `{revision}` filled in wherever it stands in a text value; keys stay as they are."""
    match thing:
        case dict():
            return {key: filled(value, revision) for key, value in thing.items()}
        case list():
            return [filled(value, revision) for value in thing]
        case str():
            return thing.replace("{revision}", revision)
        case _:
            return thing


def _is_list(one: Object) -> bool:
    return one.get("kind") == "List" and isinstance(one.get("items"), list)
