"""What is kept of a run that GitHub carries out (`remote.json` in its directory)."""

from __future__ import annotations

from pydantic import BaseModel


class Asked(BaseModel):
    """Written before GitHub is asked, and again when it has told the `number` of the run or deployment.

    `call` is the run's name with something added that is used once, by which it is found again; `begun` are seconds
    since 1970.
    """

    call: str
    begun: float
    number: int | None = None
