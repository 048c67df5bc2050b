"""What an operator may say about a Slack workspace."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pushbot.errors import PushbotError
from pushbot.secret import REFERENCE, resolve_secret

Secret = Annotated[str, StringConstraints(pattern=REFERENCE)]
"""A reference to a secret, see `pushbot.secret`."""


def _for_tokens(url: str) -> str:
    """An address that may be given tokens; over plain HTTP nobody but this machine."""
    if url.startswith("http://") and urlsplit(url).hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError("tokens go over https:// only, or to this machine (http://127.0.0.1)")
    return f"{url.removesuffix('/')}/"


Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@?#]+$"), AfterValidator(_for_tokens)]
"""An address that other names are put behind, without credentials or a query."""

API_URL = "https://slack.com/api/"


class SlackOptions(BaseModel):
    """One Slack workspace, in which the app of `pushbot init --slack` is installed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Secret = Field(
        default="env:SLACK_BOT_TOKEN", description="The bot token (xoxb-…), as env:NAME or file:PATH."
    )
    app_token: Secret = Field(
        default="env:SLACK_APP_TOKEN",
        description="The app-level token (xapp-…) with the scope connections:write, as env:NAME or file:PATH.",
    )
    command: str = Field(
        default="/push",
        pattern=r"^/[a-z0-9_-]{1,31}$",
        description="The slash command of the app; alone it is the same as `.help`.",
    )
    guests: bool = Field(
        default=False,
        description="Whether to trust guests, and people of other workspaces in shared channels, as members are. "
        "Else they may look, and change nothing.",
    )
    message_interval: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="Seconds between two messages in one channel; Slack lets one a second pass.",
    )
    topic_interval: float = Field(
        default=3.0,
        ge=0,
        le=3600,
        description="Seconds between two changes of one topic while changes come faster; each leaves a line in the "
        "channel. A lone change goes out at once.",
    )
    ping_interval: float = Field(
        default=1.0,
        ge=0.02,
        le=60,
        description="Seconds between two pings of the link; when nothing came for two and a half of them it is "
        "given up.",
    )
    connect_timeout: float = Field(
        default=10.0, gt=0, le=600, description="Seconds for each call of Slack, and for connecting."
    )
    reconnect_min: float = Field(
        default=0.5, gt=0, le=600, description="Seconds within which the first try to connect again is made."
    )
    reconnect_max: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds within which later tries are made; the span doubles up to it."
    )
    api_url: Address = Field(default=API_URL, description="Where the Web API is; for tests and emulators.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.reconnect_max < self.reconnect_min:
            raise ValueError("reconnect_max must not be less than reconnect_min")
        return self


def token_at(reference: str) -> str:
    """The token that a reference points to. Raises PushbotError where there is none, or what cannot be one."""
    token = resolve_secret(reference)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise PushbotError(f"The secret {reference} is no token of Slack's: it has to be one word, on one line.")
    return token
