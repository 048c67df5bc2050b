"""What the bot and the supervisor of a run tell each other, as it comes back from the files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.fleet.model import Amount, Host, Rollout, Tally
from pushbot.ports import Probe, ProbeKind, Step
from pushbot.queue.model import RunKind
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.local.supervisor.files import RunFiles

if TYPE_CHECKING:
    from pathlib import Path


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    job = replace(
        job_in(tmp_path, Step("build", run=("make",), env=(("A", "env:B"),)), Step("say", script="echo", once=True)),
        kind=RunKind.ROLLBACK,
        branch=None,
        health=(Probe(ProbeKind.COMMAND, "well", run=("true",)),),
        env=(("TOKEN", "file:/run/token"),),
        hosts=(Host("web1", "10.0.0.1:2222", (("region", "lon"), ("role", "web")), (("API", "a"),)), Host("web2")),
        rollout=Rollout((Amount(1), Amount(10, percent=True)), "region", 5.0, Amount(5, percent=True)),
        continues=tmp_path / "before",
    )
    files = RunFiles(tmp_path)
    files.put_job(job, "{}")
    assert files.job() == job
    assert files.settings.read_text() == "{}"


def test_progress_comes_back_as_it_was(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    told: list[str | Tally] = ["copy 4/9", Tally(0, 3), Tally(1, 3, 1), "1/2, 1 failed"]
    for each in told:
        files.put_progress(each)
    assert files.progress()[0] == told
    news, until = files.progress(len("copy 4/9\n"))
    assert news == told[1:]
    assert files.progress(until) == ([], until)
