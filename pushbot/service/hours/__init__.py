"""When may be deployed, read from calendars."""
