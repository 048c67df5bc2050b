"""The topic: a lane's queue as one line of text, drawn, fitted to a limit, and made whole again.

    topic    = lane *( " || " lane )                   one channel may show several lanes
    lane     = [ name ": " ] body [ ' !! "' note '"' ]      the name only where there are several
    body     = "clear" / item *( " | " item )
    item     = hold / train
    hold     = "HOLD" [ ' "' reason '"' ]
    train    = [ "<" stage [ "..." [ " " progress ] / "!" ] "> " ] rider *( " + " rider ) [ ' "' message '"' ]
    rider    = name [ "*" / "!" ] [ " (" ticket ")" ]       ticket = c / askme / HOLD

`...` is a stage that is running, with how many of its hosts are done (`<prod... 42/120, 1 failed>`),
which is only shown: no reader keeps it. `<stage!>` is one that failed; `*` is a rider who said good,
`!` one who said uhoh. A name that would be misread stands in quotes. Too long for the chat, a topic
goes without the progress, then is shortened from its tail: `alice | bob | +3 trains (7)` hides three
trains with seven riders, `alice + 6 more` six riders, and `…` ends a text that was cut.

Reading is in `topic_parse`; everything is to be had from here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, assert_never

from pushbot.queue.model import Hold, Item, Person, Phase, Queue, Rider, Train
from pushbot.queue.topic_parse import CONTROL, DELIMITERS, Unreadable, clean_text, one_line, parse, split_lanes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Unreadable", "clean_text", "fit", "fit_lanes", "parse", "render", "restore_tail", "split_lanes"]

_BARE = re.compile(rf"(?!(?i:clear|hold)\Z)[^{DELIMITERS}:{CONTROL}\ud800-\udfff]+")
_CUT = "…"
_NO_PROGRESS: Mapping[str, str] = MappingProxyType({})


def render(queue: Queue, progress: str = "") -> str:
    """The whole topic of one lane, as long as it comes out.

    There is no escape inside quotes: `"` is drawn as `'`, control characters as spaces. `progress` is how far
    the stage is that is running, in words without `<`, `>`, `|` and `"`.
    """
    return _line([_item(item, progress=progress) for item in queue.items], queue.message)


def fit(queue: Queue, limit: int, progress: str = "") -> str:
    """The topic of one lane in at most `limit` bytes of UTF-8, shortened from the tail where it must be.

    The progress goes first, then whole trains, then notes, messages and reasons are cut, then riders of the
    head go; last of all the driver's name is cut, at a character's bound.
    """
    if progress and _size(whole := render(queue, progress)) <= limit:
        return whole
    shortest = ""
    for shortest in _forms(queue, limit):
        if _size(shortest) <= limit:
            return shortest
    return shortest.encode()[: max(limit, 0)].decode(errors="ignore")


def fit_lanes(parts: Sequence[tuple[str, Queue]], limit: int, progress: Mapping[str, str] = _NO_PROGRESS) -> str:
    """Several lanes in one topic of at most `limit` bytes: `web: alice | bob || config: clear`.

    The room is shared evenly, and what a lane does not need goes to the others; `progress`, by lane, is shown
    where there is room for all of everything. One lane alone is drawn without its name.
    """
    if len(parts) == 1:
        return fit(parts[0][1], limit, progress.get(parts[0][0], ""))
    whole = " || ".join(f"{name}: {render(queue, progress.get(name, ''))}" for name, queue in parts)
    if progress and _size(whole) <= limit:
        return whole
    labels = [f"{name}: " for name, _ in parts]
    room = limit - sum(map(_size, labels)) - 4 * (len(parts) - 1)
    needs = sorted((_size(render(queue)), index) for index, (_, queue) in enumerate(parts))
    bodies = [""] * len(parts)
    for done, (_, index) in enumerate(needs):
        bodies[index] = fit(parts[index][1], max(room, 0) // (len(parts) - done))
        room -= _size(bodies[index])
    text = " || ".join(label + body for label, body in zip(labels, bodies, strict=True))
    return text.encode()[: max(limit, 0)].decode(errors="ignore")


def restore_tail(edited: Queue, drawn: str, full: Queue) -> Queue:
    """What the editor of a topic meant: `edited`, and at its end what of `full` was not to be seen in `drawn`.

    `drawn` is what `fit` last made of the lane. Hidden riders go back to the train they were hidden
    from, a text that was cut and left alone is whole again, hidden trains follow at the end; so does
    whoever joined after the topic was drawn. An edit that cleared the queue keeps none. Trains are
    numbered as `parse` would have.
    """
    read = parse(drawn, _stranger)
    seen = read if isinstance(read, Queue) else Queue()
    note = full.message if edited.message == seen.message else edited.message
    if not edited.items:
        return replace(edited, message=note)
    visible = list(seen.items or edited.items)  # nothing to go by: who is named in the edit was seen
    pairs, unseen = list[tuple[Item, Item]](), list[Item]()
    for whole in full.items:
        shown = next((item for item in visible if _alikeness(item, whole)), None)
        if shown is None:
            unseen.append(whole)
        else:
            visible.remove(shown)
            pairs.append((shown, whole))
    return _numbered((*_completed(edited.items, pairs), *unseen), note)


# --- drawing -----------------------------------------------------------------------------------


def _line(items: Sequence[str], note: str | None) -> str:
    return (" | ".join(filter(None, items)) or "clear") + (f' !! "{_plain(note)}"' if note else "")


def _item(item: Item, seats: int | None = None, progress: str = "") -> str:
    """One hold or train, the latter with only so many of its riders."""
    match item:
        case Hold(reason=reason):
            return f'HOLD "{_plain(reason)}"' if reason else "HOLD"
        case Train():
            riders = " + ".join(map(_rider, item.riders[:seats]))
            hidden = 0 if seats is None else len(item.riders) - seats
            more = f" + {hidden} more" if hidden > 0 else ""
            far = f" {progress}" if progress and item.phase is Phase.RUNNING else ""
            stage = "" if item.stage is None else f"<{one_line(item.stage)}{item.phase}{far}> "
            message = f' "{_plain(item.message)}"' if item.message else ""
            return f"{stage}{riders}{more}{message}"
        case _:
            assert_never(item)


def _rider(rider: Rider) -> str:
    name = rider.person.name
    shown = name if _BARE.fullmatch(name) else f'"{_plain(name) or "?"}"'
    return f"{shown}{rider.mark} ({rider.ticket})" if rider.ticket else f"{shown}{rider.mark}"


def _plain(text: str) -> str:
    return one_line(text).replace('"', "'").strip()


# --- shortening --------------------------------------------------------------------------------


def _size(text: str) -> int:
    return len(text.encode())


def _forms(queue: Queue, limit: int) -> Iterator[str]:
    """The topic in ever shorter forms; `limit` only keeps us from trying what cannot fit."""
    items = queue.items
    shown = [_item(item) for item in items]
    yield _line(shown, queue.message)
    least = next((i + 1 for i, item in enumerate(items) if isinstance(item, Train)), min(len(items), 1))
    most = limit // 4  # the shortest item with its separator
    for keep in range(min(len(items) - 1, max(most, least)), least - 1, -1):
        yield _line([*shown[:keep], _hidden(items[keep:])], queue.message)
    head, note = _cut_texts(items[:least], queue.message, items[least:], limit)
    mark = _hidden(items[least:])
    yield _line([*map(_item, head), mark], note)
    riders = len(head[-1].riders) if head and isinstance(head[-1], Train) else 1
    for seats in range(min(riders - 1, max(most, 1)), 0, -1):
        yield _line([*(_item(item, seats) for item in head), mark], note)
    bare = [replace(i, message=None) if isinstance(i, Train) else replace(i, reason=None) for i in head]
    yield _line([*(_item(item, 1) for item in bare), mark], None)
    yield _line([_item(item, 1) for item in bare], None)
    alone = [replace(i, riders=i.riders[:1]) if isinstance(i, Train) else i for i in bare]
    yield _line([*map(_item, alone)], None)


def _hidden(items: Sequence[Item]) -> str:
    trains = [item for item in items if isinstance(item, Train)]
    if trains:
        riders = sum(len(train.riders) for train in trains)
        return f"+{len(trains)} train{'s' * (len(trains) > 1)} ({riders})"
    return f"+{len(items)} hold{'s' * (len(items) > 1)}" if items else ""


def _cut_texts(
    items: Sequence[Item], note: str | None, hidden: Sequence[Item], limit: int
) -> tuple[list[Item], str | None]:
    """The same with the note, then the train's message, then reasons cut by as much as it is too long."""
    excess = _size(_line([*map(_item, items), _hidden(hidden)], note)) - limit

    def cut(text: str | None) -> str | None:
        nonlocal excess
        if text is None or excess <= 0:
            return text
        plain = _plain(text).encode()
        short = plain[: max(len(plain) - excess - len(_CUT.encode()), 0)].decode(errors="ignore").rstrip() + _CUT
        if _size(short) >= len(plain):
            return text
        excess -= len(plain) - _size(short)
        return short

    note = cut(note)
    done: list[Item] = []
    for item in reversed(items):
        match item:
            case Train():
                done.insert(0, replace(item, message=cut(item.message)))
            case Hold():
                done.insert(0, replace(item, reason=cut(item.reason)))
            case _:
                assert_never(item)
    return done, note


# --- restoring ---------------------------------------------------------------------------------


def _stranger(name: str) -> Person:
    return Person("", name, name)


def _folded(train: Train) -> list[str]:
    return [_plain(rider.person.name).casefold() for rider in train.riders]


def _alikeness(one: Item, other: Item) -> int:
    """How many riders two trains share; 1 for two holds; 0 when they are not of a kind."""
    if isinstance(one, Train) and isinstance(other, Train):
        return len(set(_folded(one)).intersection(_folded(other)))
    return int(isinstance(one, Hold) and isinstance(other, Hold))


def _completed(edited: Sequence[Item], pairs: list[tuple[Item, Item]]) -> list[Item]:
    """`edited`, where each item gets back what was hidden of it; `pairs` are the visible items, as shown and whole.

    When the only riders shown of a train were replaced by hand, the hidden ones go to a train that
    is new; when they were taken out, they follow at the end.
    """
    items, new = list(edited), list[int]()
    for index, item in enumerate(edited):
        likely = [pair for pair in pairs if isinstance(item, Train) or pair[0] == item]
        pair = max(likely, key=lambda pair: _alikeness(item, pair[0]), default=None)
        if pair is not None and _alikeness(item, pair[0]):
            pairs.remove(pair)
            items[index] = _complete(item, *pair)
        elif isinstance(item, Train):
            new.append(index)
    for shown, whole in pairs:
        hidden = _hidden_riders(shown, whole)
        if hidden and new:
            index = new.pop(0)
            items[index] = _complete(items[index], shown, whole)
        elif hidden:
            items.append(Train(hidden, message=whole.message if isinstance(whole, Train) else None))
    return items


def _complete(item: Item, shown: Item, whole: Item) -> Item:
    """`item`, which an editor made of `shown`, with what `whole` had beyond `shown`."""
    match item, shown, whole:
        case Hold(), Hold(), Hold():
            return whole
        case Train(), Train(), Train():
            message = whole.message if item.message == shown.message else item.message
            return replace(item, riders=item.riders + _hidden_riders(shown, whole), message=message)
        case _:
            return item


def _hidden_riders(shown: Item, whole: Item) -> tuple[Rider, ...]:
    if not isinstance(shown, Train) or not isinstance(whole, Train):
        return ()
    names, hidden = _folded(shown), list[Rider]()
    for rider, name in zip(whole.riders, _folded(whole), strict=True):
        if name in names:
            names.remove(name)
        else:
            hidden.append(rider)
    return tuple(hidden)


def _numbered(items: Sequence[Item], note: str | None) -> Queue:
    done, number = list[Item](), 0
    for item in items:
        number += isinstance(item, Train)
        done.append(replace(item, number=number) if isinstance(item, Train) else item)
    return Queue(tuple(done), note, next_train=number + 1)
