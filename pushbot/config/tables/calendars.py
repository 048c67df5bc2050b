"""`[calendars.NAME]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator

from pushbot.config.tables.table import STRICT, one_or_more
from pushbot.values import Name, Text, TimeLimit

HoursNames = Annotated[tuple[Name, ...], BeforeValidator(one_or_more)]
"""Names of calendars, or one alone."""


class CalendarTable(BaseModel):
    """`[calendars.NAME]`."""

    model_config = STRICT

    zone: Text
    open: tuple[Text, ...] = ()
    closed: tuple[Text, ...] = ()
    ical: tuple[Text, ...] = ()
    every: TimeLimit = 900.0
