"""What webhooks say of builds. Nothing in a body is believed beyond its type, and no text in it reaches a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pushbot.queue.topic import clean_text
from pushbot.values import Url  # noqa: TC001 - pydantic reads it
from pushbot.web.signed import Form

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOSE = ConfigDict(frozen=True, extra="ignore")
Revision = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
Branch = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/@+#][A-Za-z0-9._/@+#-]{0,199}$")]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(lambda text: clean_text(text) or "a build")]


class Unreadable(Exception):  # noqa: N818 - what the message is
    """A body that is not what the form says; the text is for the sender."""


class State(StrEnum):
    """How a build ended."""

    SUCCESS = "success"
    FAILURE = "failure"


class Build(BaseModel):
    """A build that came to its end; the body of the form `pushbot`, as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = "build"
    branch: Branch
    revision: Revision
    state: State
    url: Annotated[Url, Field(max_length=500)] | None = None


class _Named(BaseModel):
    model_config = _LOOSE
    name: str


class _Repository(BaseModel):
    model_config = _LOOSE
    full_name: str


class _Status(BaseModel):
    """GitHub's event `status`."""

    model_config = _LOOSE
    sha: str
    state: str
    context: str
    branches: tuple[_Named, ...] = ()
    target_url: str | None = None


class _Suite(BaseModel):
    """What GitHub's events `check_suite`, `check_run` and `workflow_run` tell of a build."""

    model_config = _LOOSE
    head_sha: str
    head_branch: str | None = None
    conclusion: str | None = None
    name: str | None = None
    html_url: str | None = None
    app: _Named | None = None
    head_repository: _Repository | None = None


class _Completed(BaseModel):
    model_config = _LOOSE
    action: str = ""
    check_suite: _Suite | None = None
    workflow_run: _Suite | None = None
    repository: _Repository | None = None

    @property
    def foreign(self) -> bool:
        """Whether a fork was built, whose branches and workflows anybody may call as they like."""
        suite = self.check_suite or self.workflow_run
        ours, theirs = self.repository, suite.head_repository if suite is not None else None
        return ours is not None and theirs is not None and ours.full_name != theirs.full_name


def builds(form: Form, headers: Mapping[str, str], body: bytes) -> tuple[Build, ...]:
    """The builds that came to their end by this message: none when it tells of something else. Raises Unreadable."""
    try:
        if form is Form.PUSHBOT:
            return (Build.model_validate_json(body),)
        return _of_github(headers.get("X-GitHub-Event", ""), body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Unreadable(f"{where}: {first['msg']}") from None
    except RecursionError:
        raise Unreadable("the body: too deep") from None


def _of_github(event: str, body: bytes) -> tuple[Build, ...]:
    if event == "status":
        told = _Status.model_validate_json(body)
        return tuple(
            Build(name=told.context, branch=branch.name, revision=told.sha, state=state, url=told.target_url)
            for branch in told.branches[:50]
            if (state := _state(told.state)) is not None
        )
    if event not in {"check_suite", "workflow_run"}:
        return ()
    completed = _Completed.model_validate_json(body)
    if completed.foreign:
        return ()
    suite = completed.check_suite or completed.workflow_run
    state = _state(suite.conclusion or "") if suite is not None else None
    if completed.action != "completed" or suite is None or suite.head_branch is None or state is None:
        return ()
    name = suite.name or (suite.app.name if suite.app else "checks")
    return (Build(name=name, branch=suite.head_branch, revision=suite.head_sha, state=state, url=suite.html_url),)


def _state(word: str) -> State | None:
    """How a build ended, in GitHub's words; None for one that goes on or was called off."""
    match word:
        case "success":
            return State.SUCCESS
        case "failure" | "error" | "timed_out" | "startup_failure":
            return State.FAILURE
        case _:
            return None
