"""Real checks in a whole bot: a real repository, tests that run on the files of the revision, a slow suite beside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.commands import RunState
from pushbot.service.spec import CheckSpec
from pushbot_plugins.checks.command import CommandCheck
from pushbot_plugins.checks.git import GitCheck
from tests.service.world import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Check
    from pushbot.service.spec import LaneSpec
    from pushbot.testing.playground import Playground


def command(script: str) -> Check:
    return CommandCheck(CommandCheck.Options.model_validate({"run": ["sh", "-c", script], "checkout": True}))


async def test_a_change_is_tested_as_it_is_before_it_goes(play: Playground, tmp_path: Path) -> None:
    source, gate = tmp_path / "source", tmp_path / "gate"
    source.mkdir()
    commit(source, "test.sh", subject="echo 3 red; exit 1")
    checks = (
        CheckSpec("tests", command("sh ./test.sh")),
        CheckSpec("suite", command(f"until test -e {gate}; do sleep 0.01; done")),
        CheckSpec("migrations", GitCheck(GitCheck.Options(paths=("migrations/**",)))),
    )
    play.change_stage("princess", lambda of: replace(of, checks=checks))

    def lane(of: LaneSpec) -> LaneSpec:
        return replace(of, repository=git(source), branch="main")

    play.lanes[:] = map(lane, play.lanes)
    await play.start()

    async def go(end: str) -> str:
        play.server.say("alice", ".go", "#push")
        await play.until(lambda: end in play.server.spoken[-1].text, within=60)
        return "\n".join(line.text for line in play.server.spoken)

    play.server.say("alice", ".join; .go", "#push")
    await play.settle()

    def status() -> bool:
        play.server.say("alice", ".status", "#push")
        return "at checks 2/3" in play.server.spoken[-1].text

    await play.until(status, within=60)
    gate.touch()
    await play.until(lambda: ".go tries again" in play.server.spoken[-1].text, within=60)
    why = play.server.spoken[-2]
    assert "was not let on princess, where nothing changed: tests: 3 red (exit code 1)" in why.text
    assert why.manner.loud, "in no thread alone"
    (source / "test.sh").write_text("exit 0\n")
    commit(source, "migrations/1.sql", subject="create table")
    text = await go(".confirm says yes to migrations")
    assert "migrations: 1 file in migrations/** changed (migrations/1.sql)" in text
    assert not play.executor.starts
    play.server.say("alice", ".confirm", "#push")
    await go("migrations/1.sql) (confirmed)")
    assert play.executor.starts == {"web-3": 1}
    assert [run.state for run in await play.store.runs("web", state=RunState.FAILED)] == [RunState.FAILED] * 2
