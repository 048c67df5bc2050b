"""A deployment that GitHub announces and another tool carries out: created, followed by its statuses, called off.

After docs.github.com/rest/deployments: "Create a deployment" (its rules on `auto_merge` and `required_contexts`),
"List deployments", "List deployment statuses" and "Create a deployment status".
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, JsonValue

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.github.rest import message
from pushbot_plugins.remote_api import Refused
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job
    from pushbot_plugins.github.options import GitHubOptions
    from pushbot_plugins.github.rest import Rest
    from pushbot_plugins.github.state import Asked
    from pushbot_plugins.remote_words import RunLog, Words

_OVER = frozenset({"success", "failure", "error", "inactive"})
_MERGED, _GONE = 202, 404
_DESCRIPTION = 140
STOPPED = "stopped through pushbot"
"""How the description begins of a status by which we call a deployment off."""


class _Deployment(BaseModel):
    id: int
    payload: JsonValue = None


class _Status(BaseModel):
    id: int
    state: str
    description: str | None = None
    log_url: str | None = None


@dataclass(slots=True)
class Deployment:
    """What `mode = "deployment"` does."""

    rest: Rest
    options: GitHubOptions
    _told: set[int] = field(default_factory=set)

    async def ask(self, job: Job, words: Words, call: str) -> int | None:
        """Create the deployment; its id.

        Raises Unanswered when it is not known whether there is one now, and Refused when there is none.
        """
        if not job.revision:
            raise PushbotError(f"run {job.run} has no revision, and a deployment is of one")
        body: dict[str, JsonValue] = {
            "ref": job.revision,
            "task": self.options.task,
            "environment": words.fill(self.options.environment),
            "auto_merge": self.options.auto_merge,
            "description": one_line(f"{job.kind} of {job.lane} to {job.stage} by {job.driver}", _DESCRIPTION),
            "payload": {"pushbot_call": call, "run": job.run, "kind": job.kind, "previous": job.previous},
        }
        if self.options.contexts is not None:
            body["required_contexts"] = list(self.options.contexts)
        answer = await self.rest.post("deployments", json.dumps(body).encode(), ok=(201, _MERGED))
        if answer.status == _MERGED:
            raise PushbotError(
                f"{answer.source} made no deployment of it: {message(answer)} Push what it merged, and try again"
            )
        return answer.read(_Deployment).id

    async def find(self, asked: Asked) -> int | None:
        """The id of the deployment that has the name of the call in its payload, among the latest of the task."""
        latest = await self.rest.pages("deployments", _Deployment, None, task=self.options.task)
        return next((one.id for one in latest if _call_of(one.payload) == asked.call), None)

    def unseen(self) -> str:
        """What to do about a deployment that cannot be found."""
        return "look at its deployments"

    async def follow(self, number: int, log: RunLog, progress: Callable[[str], None]) -> Outcome:
        """Tell each status as it comes, to the first that ends it."""
        while True:
            for status in await self._statuses(number):
                line = one_line(": ".join(filter(None, (status.state, status.description))), 120)
                if status.id not in self._told:
                    self._told.add(status.id)
                    log.once(line)
                    progress(line)
                if status.state in _OVER:
                    return _outcome(status)
            await asyncio.sleep(self.options.poll)

    async def stop(self, number: int, why: str) -> None:
        """Set the deployment's status to `error`, unless it is over: its tool is expected to look."""
        if any(status.state in _OVER for status in await self._statuses(number)):
            return
        text = one_line(f"{STOPPED}: {why}", _DESCRIPTION)
        body = json.dumps({"state": "error", "description": text}).encode()
        await self.rest.post(f"deployments/{number}/statuses", body, again=True)

    async def _statuses(self, number: int) -> list[_Status]:
        """All statuses so far, oldest first."""
        try:
            found = await self.rest.pages(f"deployments/{number}/statuses", _Status, None)
        except Refused as error:
            if error.status != _GONE:
                raise
            raise RunLost(f"deployment {number} of {self.options.repository} is no longer there") from None
        return sorted(found, key=lambda status: status.id)


def _outcome(status: _Status) -> Outcome:
    said = one_line(": ".join(filter(None, (status.state, status.description, status.log_url))))
    match status.state:
        case "success":
            return Outcome(RunState.SUCCEEDED)
        case "error" if (status.description or "").startswith(STOPPED):
            return Outcome(RunState.CANCELLED, reason=said)
        case "inactive":
            return Outcome(RunState.FAILED, "deployment", "it was made inactive before it was over")
        case _:
            return Outcome(RunState.FAILED, "deployment", f"its tool reports {said}")


def _call_of(payload: JsonValue) -> JsonValue:
    """The name of the call in a payload, which GitHub gives back as it was given or as text."""
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError:
            return None
    return payload.get("pushbot_call") if isinstance(payload, dict) else None
