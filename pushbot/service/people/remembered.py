"""What is remembered of people, for all lanes and the house: since when they ride, and how they want to be called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.ports import PersonRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pushbot.queue.model import Person


def key_of(person: Person) -> str:
    """Under what a person is remembered: one key in all chats for those whom the configuration links."""
    return person.key if person.linked else f"{person.chat}/{person.key}"


@dataclass(slots=True)
class People:
    """Everybody of whom something is remembered; whoever is not in it has the defaults. `changed` hears of changes."""

    changed: Callable[[], None] = lambda: None
    _records: dict[str, PersonRecord] = field(default_factory=dict)

    def of(self, person: Person) -> PersonRecord:
        """What is remembered of `person`."""
        return self.named(key_of(person))

    def named(self, key: str) -> PersonRecord:
        """What is remembered under that key."""
        return self._records.get(key) or PersonRecord(key)

    def take(self, records: Iterable[PersonRecord]) -> None:
        """Remember these."""
        self._records |= {record.key: record for record in records}
        self.changed()


@dataclass(slots=True)
class Remembering:
    """What one batch of work writes of people.

    It is in the book at once, so that another batch meanwhile builds on it, and taken back when it is not committed.
    """

    book: People
    _before: dict[str, PersonRecord] = field(default_factory=dict)
    _wrote: dict[str, PersonRecord] = field(default_factory=dict)

    def write(self, record: PersonRecord) -> None:
        """Remember `record`, from now on."""
        self._before.setdefault(record.key, self.book.named(record.key))
        self._wrote[record.key] = record
        self.book.take([record])

    def records(self) -> tuple[PersonRecord, ...]:
        """What is to be committed: of all whom the batch wrote about, what the book has by now."""
        return tuple(self.book.named(key) for key in self._wrote)

    def forget(self) -> None:
        """It was not committed: put back what was there before, where nobody has written since."""
        self.book.take(self._before[key] for key, wrote in self._wrote.items() if self.book.named(key) is wrote)
