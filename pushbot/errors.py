"""What the outside world does to us: expected troubles, told to people in words; and names for our own faults."""

import secrets


class PushbotError(Exception):
    """Something expected of the outside world went wrong; the text is for a person to read.

    Raise it with one sentence that says what happened, where, and what to do. Anything
    that is not a PushbotError is a bug in pushbot.
    """


class RunLost(PushbotError):  # noqa: N818 - `lost` is the word for this state of a run
    """A run was begun before a restart and nobody can tell how it ended; a person has to decide."""


class DeliveryUncertain(PushbotError):  # noqa: N818 - it says what is known, which is not that it failed
    """A line was written to a link that broke before the server confirmed it; it may have been seen."""


class InUse(PushbotError):  # noqa: N818 - it says what was found
    """Another pushbot has the database open."""


def fault_reference() -> str:
    """A name for one occurrence of a bug, the same in the log and in chat: `fault-1f3a9c`."""
    return f"fault-{secrets.token_hex(3)}"
