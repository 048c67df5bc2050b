"""The option that all inventories have: labels for every host of theirs."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from pushbot.errors import PushbotError
from pushbot.fleet.names import label, value
from pushbot.values import expected


def _checked(labels: dict[str, str]) -> dict[str, str]:
    try:
        return {label(name): value(text) for name, text in labels.items()}
    except PushbotError as error:
        raise expected(str(error)) from error


Labels = Annotated[dict[str, str], AfterValidator(_checked)]
