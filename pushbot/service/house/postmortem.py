"""What is left of an incident to talk about: a post-mortem in Markdown, begun with all that was gathered.

Whatever people said is text there and nothing else: no word of chat can become a link, an image, a heading, a table,
HTML, code or the mention of somebody, in CommonMark and in what is built on it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from pushbot.queue.topic import clean_text
from pushbot.service.voice.plain import lasting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from pushbot.ports import IncidentRecord, Moment

IN_FLIGHT: Final = "in flight: "
BEFORE: Final = "pushed before: "
"""How the bot's own lines of a timeline begin that tell what was going on when the incident began."""
LINE: Final = 400
"""Characters of what somebody said that are kept."""
SLUG: Final = 50
_MARKUP = re.compile(r"([\\`*_\[\]<>|&~$^=#!{}]|(?<=\d)[.)](?=\s|$)|^[-+:]|\.(?=\S))")
"""What Markdown and its dialects may read as more than a character, anywhere or at the beginning of a line."""
_LINKED = re.compile(r"(?<=:)(?=//)|(?<=@)|(?<=www)(?=\.)|(?<=#)(?=\d)", re.IGNORECASE)
_JOINER: Final = "\u2060"
"""Cannot be seen; keeps `https:` from `//` and `@` from a name: some programs look for links in escaped text too."""
_BLAMELESS = (
    "Everybody who took part did what made sense with what they knew at that moment. This page is about how it could "
    "happen and what would have helped, not about who it was."
)
_SECTIONS = (
    ("What went well", "- "),
    ("What did not go well", "- "),
    ("Where we got lucky", "- "),
    ("What we do about it", "| what | who | until |\n|---|---|---|\n|  |  |  |"),
)


def escaped(text: str) -> str:
    """`text` by others as one line of Markdown that shows just that."""
    return _MARKUP.sub(r"\\\1", _LINKED.sub(_JOINER, clean_text(text, LINE))) or "\u2013"


def file_name(incident: IncidentRecord) -> str:
    """`2026-11-21-incident-3-checkout-errors.md`: nothing in it but small letters of ASCII, digits and `-`."""
    plain = unicodedata.normalize("NFKD", incident.title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:SLUG].strip("-")
    return f"{incident.opened_at:%Y-%m-%d}-incident-{incident.number}{f'-{slug}' if slug else ''}.md"


def postmortem(incident: IncidentRecord) -> str:
    """The page. Times are in UTC."""
    timeline = incident.timeline
    flight, before = _told(timeline, IN_FLIGHT), _told(timeline, BEFORE)
    rest = [moment for moment in timeline if moment.who or not moment.text.startswith((IN_FLIGHT, BEFORE))]
    people = dict.fromkeys(moment.who for moment in timeline if moment.who)
    parts = [
        f"# Incident {incident.number}: {escaped(incident.title)}",
        _span(incident, timeline),
        _BLAMELESS,
        f"## Summary\n\n{escaped(incident.how) if incident.how else '(two or three sentences for who was not there)'}",
        "## Impact\n\n- Who noticed, and what they saw:\n- From when until when:\n- How it was found:",
        f"## Timeline (UTC)\n\n{_listed(_line(moment, incident.opened_at) for moment in rest)}",
        f"## What was in flight when it began\n\n{_listed(map(escaped, flight))}",
        f"## The last pushes before it\n\n{_listed(map(escaped, before))}",
        f"## What was held\n\n{_listed(map(escaped, incident.lanes))}",
        f"## Who took part\n\n{_listed(map(escaped, people))}",
        *(f"## {title}\n\n{body}" for title, body in _SECTIONS),
    ]
    return "\n\n".join(parts) + "\n"


def kept(folder: Path, incident: IncidentRecord) -> Path:
    """Write the page into `folder`, and say where; nothing that is there already is written over. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    name, text = file_name(incident), postmortem(incident)
    for number in range(1, 100):
        path = folder / (name if number == 1 else f"{name.removesuffix('.md')}-{number}.md")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(17, "there are a hundred of that name", str(folder / name))


def _span(incident: IncidentRecord, timeline: tuple[Moment, ...]) -> str:
    opened = f"Opened {_stamp(incident.opened_at)} by {escaped(timeline[0].who) if timeline else 'somebody'}"
    if incident.resolved_at is None:
        return f"{opened}; still open."
    by = next((moment.who for moment in reversed(timeline) if moment.at == incident.resolved_at and moment.who), "")
    took = lasting((incident.resolved_at - incident.opened_at).total_seconds())
    return f"{opened}, resolved {_stamp(incident.resolved_at)}{f' by {escaped(by)}' if by else ''}, after {took}."


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _line(moment: Moment, opened: datetime) -> str:
    at = f"{moment.at:%H:%M:%S}" if moment.at.date() == opened.date() else f"{moment.at:%Y-%m-%d %H:%M:%S}"
    return f"{at} {f'**{escaped(moment.who)}**' if moment.who else '*pushbot*'} {escaped(moment.text)}"


def _told(timeline: Iterable[Moment], kind: str) -> list[str]:
    return [m.text.removeprefix(kind) for m in timeline if not m.who and m.text.startswith(kind)]


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "- nothing"
