"""Asks Jenkins how the last build of a job went: that of the revision where Jenkins can tell, else the last of all."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from pushbot.ports import Finding, Verdict
from pushbot.secret import REFERENCE
from pushbot.values import Text, TimeLimit  # noqa: TC001 - the same
from pushbot_plugins.checks.words import Secrets, patience_of, revision_of, short, template
from pushbot_plugins.jenkins.server import Server, path_of
from pushbot_plugins.remote_api import Api, Limits, trusting
from pushbot_plugins.remote_words import Address  # noqa: TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.ports import Change
    from pushbot_plugins.jenkins.server import Build

PATIENCE = 30.0
"""Seconds for which Jenkins is asked again while it does not answer."""


class JenkinsCheck:
    """Passes when the build succeeded. One that goes on, or is still to come, is waited for while there is time."""

    class Options(BaseModel):
        """`job` is `folder/name` and may name `{branch}` and other facts.

        A build is of the revision when its git plugin says so, or its `parameter` has that value.
        """

        model_config = ConfigDict(extra="forbid", frozen=True)

        url: Address
        user: Text
        token: str = Field(pattern=REFERENCE)
        job: Text
        parameter: Text | None = None
        unstable: Literal["failed", "succeeded"] = "failed"
        poll: TimeLimit = 10.0
        answer: TimeLimit = 30.0
        ca: Path | None = None

    def __init__(self, options: Options) -> None:
        self._options = options

    async def look(self, change: Change) -> Verdict:
        """How it went. Raises PushbotError when Jenkins does not answer, or has no such job."""
        options, secrets, loop = self._options, Secrets(), asyncio.get_running_loop()

        def fill(part: str, write: Callable[[str], str]) -> str:
            return template(part, change, write)

        revision, path = revision_of(change), path_of(options.job, fill)
        user = options.user, secrets.secret(options.token)
        limits = Limits(answer=options.answer, patience=PATIENCE)
        until = loop.time() + patience_of(change)
        async with Api(
            "Jenkins", options.url, user=user, tls=trusting(options.ca), hide=secrets.secrets, limits=limits
        ) as api:
            server = Server(api, path)
            while True:
                build, awaited = self._chosen(await server.builds(), revision)
                if build is not None and not build.building:
                    return self._verdict(build, server.page(build.number))
                if loop.time() + options.poll > until:
                    what = server.page(build.number) if build is not None else awaited
                    return Verdict(Finding.FAILED, f"{what} has no result yet, after {change.patience:g} s")
                await asyncio.sleep(options.poll)

    def _chosen(self, builds: Sequence[Build], revision: str) -> tuple[Build | None, str]:
        """The build that counts, newest first; None when it is still to come, which is then said."""
        name = self._options.parameter
        told = [build for build in builds if build.revisions(name)]
        if told:
            mine = next((build for build in told if revision in build.revisions(name)), None)
            return mine, f"{self._options.job} for {short(revision)}"
        return next(iter(builds), None), self._options.job

    def _verdict(self, build: Build, page: str) -> Verdict:
        good = {"SUCCESS"} | ({"UNSTABLE"} if self._options.unstable == "succeeded" else set())
        if build.result in good:
            return Verdict(Finding.PASSED)
        return Verdict(Finding.FAILED, f"{page} is {build.result or 'without a result'}")
