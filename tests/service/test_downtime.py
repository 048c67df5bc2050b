"""A stage that may be down for so long a day: what is spent is what steps took, and then no deploy begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pushbot.config import ConfigErrors, load
from pushbot.ports import RunRecord
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.service.runs.downtime import spent
from pushbot.service.spec import DowntimeSpec
from pushbot.testing.clock import START

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.testing.playground import Playground

OF = "of 20s a day are spent, there is room again in about "
SPEC = DowntimeSpec(("restart", "up"), 20.0)


def run(hours_ago: float, *took: tuple[str, float], seconds: float = 60.0) -> RunRecord:
    ended = START - timedelta(hours=hours_ago)
    return RunRecord(
        id="web-1",
        lane="web",
        train=1,
        stage="production",
        kind=RunKind.DEPLOY,
        state=RunState.SUCCEEDED,
        lock="web",
        driver="alice",
        riders=("alice",),
        requested_at=ended,
        started_at=ended - timedelta(seconds=seconds),
        ended_at=ended,
        took=took,
    )


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ([], None),
        ([run(1, ("build", 600.0), ("restart", 19.9))], None),
        (
            [run(1, ("restart", 12.0), ("health: up", 8.0))],
            "20s of 20s a day are spent, there is room again in about 23h",
        ),
        (
            [run(1, ("restart", 15.0)), run(23, ("restart", 15.0))],
            "30s of 20s a day are spent, there is room again in about 1h00m",
        ),
        ([run(25, ("restart", 90.0))], None),
        ([run(2)], f"1m00s {OF}22h"),
    ],
)
def test_what_steps_took_within_a_day_is_spent(runs: list[RunRecord], why: str | None) -> None:
    found = spent(runs, SPEC, START)
    assert found == why or (found is not None and why is not None and found.startswith(why))


async def test_a_deploy_waits_and_an_operator_may_say_otherwise(play: Playground) -> None:
    play.operators.add("olga")
    play.change_stage("princess", lambda of: replace(of, downtime=DowntimeSpec(("publish",), 20.0)))
    await play.start()

    async def say(who: str, text: str) -> None:
        play.server.say(who, text, "#push")
        await play.settle()

    await say("alice", ".join; .go")
    play.executor.report("publish 3/3")
    await play.pass_time(25)
    play.executor.succeed()
    await play.settle()
    await say("alice", ".done")
    await say("bob", ".join; .go")
    assert play.server.spoken[-2].text.startswith(
        "web was not let on princess, where nothing changed: downtime budget: 25s of 20s a day are spent"
    )
    await say("olga", '.override "it is small"')
    await say("bob", ".go")
    assert play.server.spoken[-1].text == 'princess: not checked by downtime budget: "it is small"'
    play.executor.fail("publish", "no")
    await play.settle()
    await play.pass_time(86400)
    await say("bob", ".go")
    assert play.executor.starts == {"web-1": 1, "web-3": 1, "web-4": 1}


def test_half_a_budget_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "pushbot.toml"

    def problems(more: str) -> list[str]:
        file.write_text(f"""
[chats.irc]
host = "localhost"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[[pipelines.web.stages]]
name = "production"
{more}
steps = [{{ name = "restart", run = ["true"] }}]
""")
        try:
            load(file)
        except ConfigErrors as errors:
            return [str(problem).partition("stages[0].")[2] for problem in errors.problems]
        return []

    assert problems('downtime = ["restart"]\ndowntime_budget = "20s"') == []
    assert problems('downtime = ["restart"]')[0].startswith("downtime_budget: missing")
    assert problems('downtime_budget = "20s"')[0].startswith("downtime: missing")
    unknown = 'downtime = ["restrat"]\ndowntime_budget = "20s"'
    assert problems(unknown)[0] == "downtime[0]: there is no step or health check 'restrat'; did you mean 'restart'?"
