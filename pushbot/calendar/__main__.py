"""`python -m pushbot.calendar ZONE START END`: the closed times in the iCalendar file on standard input, as JSON.

A process of its own, as that can be ended whatever a file does to it, and takes no more memory and time than
it is let: `{"spans": [[start, end, why], ...]}`, or `{"trouble": "one sentence"}`.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

from pushbot.calendar.ical import events
from pushbot.errors import PushbotError

MEMORY = 1 << 30
"""Bytes of address space that reading a file may take."""
SECONDS = 20
"""Seconds of work after which the system ends it, should nobody else do so."""


def main(zone: str, start: str, end: str) -> None:
    """Read, and print what was found."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        found = events(sys.stdin.buffer.read(), ZoneInfo(zone), *map(datetime.fromisoformat, (start, end)))
        answer: dict[str, object] = {
            "spans": [(span.start.isoformat(), span.end.isoformat(), span.why) for span in found]
        }
    except PushbotError as error:
        answer = {"trouble": str(error)}
    except MemoryError:
        answer = {"trouble": "it has more in it than there is room for"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
