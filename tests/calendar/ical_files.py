"""iCalendar files as tests need them."""

from __future__ import annotations


def event(*lines: str, uid: str = "1") -> str:
    """One event, without its calendar."""
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def calendar(*events: str) -> bytes:
    """A file with these events."""
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{''.join(events)}END:VCALENDAR\r\n".encode()
