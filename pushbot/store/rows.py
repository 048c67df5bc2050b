"""The values of `pushbot.ports` as JSON and back, checked strictly on the way in.

`written` makes the one document that a commit hands to SQLite; `READERS` of each type make the
value again from the JSON of one row. Reading raises `pydantic.ValidationError` for a row that this
version would not have written: an unknown field or state, a time without a zone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, TypeAdapter

from pushbot.ports import Entry, IncidentRecord, Line, Manner, PersonRecord, PushRecord, RunRecord, Work
from pushbot.queue.commands import RunState
from pushbot.queue.model import Queue, RunKind

T = TypeVar("T")


def _to_text(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError(f"the time {at} has no zone")
    return at.astimezone(UTC).isoformat()


Time = Annotated[
    AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC)), PlainSerializer(_to_text, when_used="json")
]
"""A time as the record keeps it: ISO 8601 in UTC."""

# pushbot.ports and model.py import these for the type checker only, so that their importers stay light.
_NAMES = {"datetime": Time, "Manner": Manner, "Queue": Queue, "RunKind": RunKind, "RunState": RunState}


class Document(Generic[T]):
    """One type of value, as JSON text and back."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter = TypeAdapter(kind)
        self._adapter.rebuild(_types_namespace=_NAMES)

    def write(self, value: T) -> str:
        """`value` as JSON, with every field, also those that are left out of comparisons."""
        return self._adapter.dump_json(value).decode()

    def read(self, text: str) -> T:
        """The value again. Raises `pydantic.ValidationError` when `text` is not one of this version."""
        return self._adapter.validate_json(text, strict=True, extra="forbid")


WORK = Document(Work)
QUEUE = Document(Queue)
RUN = Document(RunRecord)
PUSH = Document(PushRecord)
LINE = Document(Line)
ENTRY = Document(Entry)
INCIDENT = Document(IncidentRecord)
PERSON = Document(PersonRecord)
