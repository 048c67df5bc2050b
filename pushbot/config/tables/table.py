"""What all tables of a configuration file have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from pushbot.queue.templates import TEMPLATE
from pushbot.values import Text, Variable, expected, stage_name

Environment = dict[Variable, Text]
STRICT = ConfigDict(frozen=True, extra="forbid")
"""Of tables whose keys are all known."""


def _stage_or_template(value: str) -> str:
    if not value.endswith("*"):
        return stage_name(value)
    if not TEMPLATE.fullmatch(value):
        raise expected("a template's name: at most 31 of a-z, 0-9 and '-', then '-*', such as \"staging-*\"")
    return value


StageOrTemplateName = Annotated[str, AfterValidator(_stage_or_template)]


class PluginTable(BaseModel):
    """A plugin by its `type`; all other keys are the plugin's own options, checked by its `Options` model."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Text


def _by_name_alone(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Plugin = Annotated[PluginTable, BeforeValidator(_by_name_alone)]
"""A plugin with options, or its name alone."""


def one_or_more(value: object) -> object:
    """A list, where one thing alone may stand for a list of itself."""
    return value if isinstance(value, list | tuple) else (value,)


def keys_of(model: type[BaseModel]) -> dict[str, str]:
    """The keys of a table as they are written, each with the name of its field."""
    return {field.alias or name: name for name, field in model.model_fields.items()}
