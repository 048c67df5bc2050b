"""What a service is told and asked, and what it answers; docs/executors.md has it for its authors.

Every call is signed: `X-Pushbot-Signature-256` is `sha256=` and the HMAC-SHA256 (RFC 2104), in hexadecimal, of the
value of `X-Pushbot-Timestamp` (seconds since 1970), a full stop, and the body, byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, field_validator

from pushbot.errors import PushbotError
from pushbot.fleet.model import Tally
from pushbot_plugins.remote_run import now

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pushbot.ports import Job
    from pushbot_plugins.remote_api import Answer, Api

TIMESTAMP, SIGNATURE = "X-Pushbot-Timestamp", "X-Pushbot-Signature-256"
OK = frozenset({200, 201, 202})
GONE = frozenset({404, 410})
KEY = "Idempotency-Key"


class Order(BaseModel):
    """The body of the call that begins a run."""

    action: str = "start"
    key: str
    run: str
    kind: str
    lane: str
    stage: str
    revision: str | None
    previous_revision: str | None
    branch: str | None
    driver: str
    riders: tuple[str, ...]
    parameters: dict[str, str]


class Stop(BaseModel):
    """The body of the call that stops a run."""

    action: str = "abort"
    key: str
    run: str
    id: str | None


class Told(BaseModel):
    """What the service says of a run; all but `state` may be left out, and more may stand there."""

    id: str | None = None
    state: str = ""
    step: str | None = None
    reason: str | None = None
    progress: str | None = None
    done: int | None = None
    total: int | None = None
    failed: int = 0
    log: list[str] = Field(default=[])

    @field_validator("id", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @field_validator("log", mode="before")
    @classmethod
    def _as_lines(cls, value: object) -> object:
        return value.splitlines() if isinstance(value, str) else value

    @property
    def tally(self) -> Tally | None:
        """How many hosts, or whatever the service counts, are done."""
        return None if self.done is None or self.total is None else Tally(self.done, self.total, self.failed)


class Service:
    """The service that `api` is for, each call signed with `secret`."""

    def __init__(self, api: Api, secret: str) -> None:
        self.api = api
        self._secret = secret

    async def post(self, url: str, body: BaseModel, key: str, ok: Collection[int] = OK) -> Answer:
        """One POST, repeated while there is no answer, for which the key makes it fit. Raises Unanswered, Refused."""
        data = body.model_dump_json().encode()
        return await self.api.call(
            "POST", url, body=data, headers=lambda: {**signed(self._secret, data), KEY: key}, ok=ok, again=True
        )

    async def ask(self, url: str) -> Told | None:
        """What it says of a run; None when it knows none there. Raises PushbotError when it makes no sense."""
        answer = await self.api.call("GET", url, headers=lambda: signed(self._secret, b""), ok=OK | GONE, again=True)
        if answer.status in GONE:
            return None
        told = answer.read(Told)
        if not told.state:
            raise PushbotError(f"{self.api.source} did not say in which state the run is")
        return told


def order_for(job: Job, key: str, parameters: dict[str, str]) -> Order:
    """What a service is told of the run."""
    return Order(
        key=key,
        run=job.run,
        kind=job.kind,
        lane=job.lane,
        stage=job.stage,
        revision=job.revision,
        previous_revision=job.previous,
        branch=job.branch,
        driver=job.driver,
        riders=job.riders,
        parameters=parameters,
    )


def signed(secret: str, body: bytes) -> Mapping[str, str]:
    """The headers that show who calls, and when."""
    at = str(int(now()))
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP: at, SIGNATURE: f"sha256={mac}", "Content-Type": "application/json"}
