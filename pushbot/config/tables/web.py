"""What comes in by HTTP: `[web]`, `[hooks.NAME]` and `[lanes.NAME.auto]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from pushbot.config.tables.table import STRICT
from pushbot.secret import REFERENCE
from pushbot.service.spec import AutoSpec
from pushbot.values import Duration, HostPortForm, Label, Name, Text  # noqa: TC001 - pydantic reads them
from pushbot.web.signed import Form
from pushbot.web.spec import MOST_BODY

Secret = Annotated[str, StringConstraints(pattern=REFERENCE)]


class WebTable(BaseModel):
    """`[web]`: nothing listens without it."""

    model_config = STRICT

    listen: HostPortForm
    max_body: Annotated[int, Field(strict=True, ge=1024, le=25 * 1024 * 1024)] = MOST_BODY


class HookTable(BaseModel):
    """`[hooks.NAME]`: what may be sent to /hooks/NAME."""

    model_config = STRICT

    form: Form = Form.GITHUB
    secret: Secret
    lanes: tuple[Name, ...]


class AutoTable(BaseModel):
    """`[lanes.NAME.auto]`: what has passed goes as far as `stage` by itself."""

    model_config = STRICT

    stage: Text
    builds: tuple[Label, ...] = ()
    poll: Duration = 0.0

    def spec(self) -> AutoSpec:
        """The same for the service."""
        return AutoSpec(self.stage, self.builds, self.poll)
