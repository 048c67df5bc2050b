"""What all tables of a configuration file have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from pushbot.values import Text, Variable

Environment = dict[Variable, Text]
STRICT = ConfigDict(frozen=True, extra="forbid")
"""Of tables whose keys are all known."""


class PluginTable(BaseModel):
    """A plugin by its `type`; all other keys are the plugin's own options, checked by its `Options` model."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Text


def _by_name_alone(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Plugin = Annotated[PluginTable, BeforeValidator(_by_name_alone)]
"""A plugin with options, or its name alone."""


def keys_of(model: type[BaseModel]) -> dict[str, str]:
    """The keys of a table as they are written, each with the name of its field."""
    return {field.alias or name: name for name, field in model.model_fields.items()}
