"""What `executor = { type = "github", … }` takes (docs/executors.md)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic needs it
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pushbot.secret import REFERENCE
from pushbot.values import Duration, Flag, TimeLimit, expected
from pushbot_plugins.remote_words import Address, Template  # noqa: TC001 - the same


class Mode(StrEnum):
    """What is asked of GitHub."""

    WORKFLOW = "workflow"
    DEPLOYMENT = "deployment"


_KEYS = {
    Mode.WORKFLOW: frozenset({"workflow", "ref", "inputs", "run_input"}),
    Mode.DEPLOYMENT: frozenset({"environment", "task", "auto_merge", "contexts"}),
}
_INPUTS_LIMIT = 25


class GitHubOptions(BaseModel):
    """See docs/executors.md. `contexts` None asks for all checks of the commit, an empty list for none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    repository: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$")
    token: str = Field(pattern=REFERENCE)
    api: Address = "https://api.github.com"
    version: str = Field(default="2022-11-28", pattern=r"^\d{4}-\d{2}-\d{2}$")
    workflow: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._ -]*$")
    ref: Template = "main"
    inputs: dict[str, Template] = {"revision": "{revision}"}
    run_input: str = Field(default="run", pattern=r"^([A-Za-z_][A-Za-z0-9_-]*)?$")
    environment: Template = "{stage}"
    task: str = "deploy"
    auto_merge: Flag = False
    contexts: tuple[str, ...] | None = None
    reverts: Flag = True
    poll: TimeLimit = 5.0
    answer: TimeLimit = 30.0
    patience: Duration = 300.0
    ca: Path | None = None

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Self:
        others = frozenset().union(*_KEYS.values()) - _KEYS[self.mode]
        if stray := sorted(self.model_fields_set & others):
            raise expected(f'no {stray[0]!r}, which does not go with mode = "{self.mode}"')
        if self.mode is Mode.WORKFLOW and self.workflow is None:
            raise expected('workflow = "FILE", the name of the workflow\'s file, such as "deploy.yml"')
        if self.run_input in self.inputs:
            raise expected(f"inputs without {self.run_input!r}, which the bot gives (run_input)")
        if len(self.inputs) + bool(self.run_input) > _INPUTS_LIMIT:
            raise expected(f"at most {_INPUTS_LIMIT} inputs, run_input among them, which is what GitHub takes")
        return self
