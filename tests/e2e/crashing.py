"""A bot that deploys revisions of its own, one for each rider, and what must be true of it however often it died."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.bot import until
from tests.e2e.made import UNLIMITED, Gate, Repository, basics, lane, noted, stage, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.e2e.bot import BotProcess, Run
    from tests.e2e.crowd import Member

STAGES = ("princess", "production")
STEPS = ("build", "publish")
AGAIN = "(maybe again) "

PLUGIN = '''
"""A local executor that waits at gates: before it begins a run, before it says that it has, before it stops one."""

import asyncio
import os
from pathlib import Path

from pushbot_plugins.local import LocalExecutor


class Gated(LocalExecutor):
    async def start(self, job):
        await asyncio.to_thread(pass_by, job.workdir / "before")
        token = await super().start(job)
        await asyncio.to_thread(pass_by, job.workdir / "after")
        return token

    async def abort(self, job, token):
        await asyncio.to_thread(pass_by, job.workdir / "abort")
        await super().abort(job, token)


def pass_by(gate: Path) -> None:
    if gate.exists():
        os.close(os.open(gate, os.O_RDONLY))
'''


@dataclass
class Site:
    """Where it all happens: the bot's folder, the file of the steps, the repository."""

    folder: Path
    repository: Repository

    @classmethod
    def made(cls, folder: Path) -> Site:
        """A new one, with one commit."""
        repository = Repository(folder / "app")
        repository.commit("first", page_txt="1")
        return cls(folder, repository)

    def gate(self, name: str) -> Gate:
        """Something for a step, or the gated executor (`before`, `after`), to wait for."""
        return Gate(self.folder / name)

    def config(
        self,
        port: int,
        *,
        first: str = "",
        executor: str = "local",
        silent_after: float = 60,
        connect_timeout: float = 30,
    ) -> str:
        """Two stages of two steps that leave their marks in `steps`; `first` is done between those of princess."""
        file = self.folder / "steps"
        (self.folder / "gated.py").write_text(PLUGIN, encoding="utf-8")
        scripts = [noted(file, word) for word in STEPS]
        princess = "\n".join([scripts[0], first])
        how = f"executor = {executor!r}".replace("'", '"')
        return (
            'plugin_path = ["."]\n'
            + UNLIMITED
            + basics(port, silent_after=silent_after, connect_timeout=connect_timeout)
            + '\n[pipelines.web]\nrepository = { type = "git", url = "./app" }\n'
            + stage("web", "princess", [step("build", princess), step("publish", scripts[1])], how)
            + stage("web", "production", [step("build", scripts[0]), step("publish", scripts[1])], how)
            + lane("web")
        )


def check_runs(bot: BotProcess, said: Sequence[str]) -> None:
    """No stage was run twice, no run forgotten, none left half-way; what was lost, was said to be.

    `said` is what people in the lane's room heard.
    """
    runs = {run.id: run for run in bot.runs()}
    assert sorted(runs, key=_number) == [f"web-{number}" for number in range(1, len(runs) + 1)], "numbers have gaps"
    marks = [tuple(line.split()) for line in bot.written("steps")]
    for mark, times in Counter(marks).items():
        assert times == 1, f"{mark} was done {times} times"
    done: dict[str, list[str]] = {}
    for name, where, word, revision in marks:
        assert name in runs, f"{name} was carried out and is not on record"
        assert (runs[name].stage, runs[name].revision) == (where, revision)
        done.setdefault(name, []).append(word)
    good = Counter((run.train, run.stage) for run in runs.values() if run.state == "succeeded")
    for place, times in good.items():
        assert times == 1, f"train and stage {place} succeeded {times} times"
    for run in runs.values():
        assert run.state in {"succeeded", "lost"}, f"{run} was forgotten"
        if run.state == "succeeded":
            assert done.get(run.id) == list(STEPS), f"{run} succeeded, but did {done.get(run.id)}"
        else:
            assert any(f"I lost {run.id}" in line for line in said), f"{run} was lost and nobody heard of it"
    for first in (run for run in runs.values() if run.stage == STAGES[0] and run.state == "succeeded"):
        for second in (run for run in runs.values() if run.train == first.train and run.stage == STAGES[1]):
            assert second.revision == first.revision, f"{second} is not what was checked in {first}"


def check_lines(lines: Iterable[str], runs: Sequence[Run]) -> None:
    """Each line was heard once, a start once for each run like it, or each further time with a word of warning."""
    starts = Counter(
        f"({(run.revision or '')[:8]}) is being deployed to {run.stage} by {run.driver}" for run in runs if run.revision
    )
    counted = Counter(line for line in lines if not line.startswith(AGAIN))
    for line, times in counted.items():
        allowed = next((count for start, count in starts.items() if start in line), 1)
        assert times <= allowed, f"heard {times} times: {line}"


def heard(lines: Sequence[str], text: str) -> None:
    """A line with that text was heard at all."""
    assert any(text in line for line in lines), f"nobody heard {text!r}"


def check_announcements(bot: BotProcess, witness: Member) -> None:
    """For all that is on record, people heard what they should: in #push, and in #warroom."""
    push, warroom, runs = witness.said("#push"), witness.said("#warroom"), bot.runs()
    check_lines((line for line in push if not line.endswith("]")), runs)
    check_lines(warroom, runs)
    for run in (run for run in runs if run.state == "succeeded"):
        revision = (run.revision or "")[:8]
        for lines in (push, warroom):
            heard(lines, f"({revision}) is being deployed to {run.stage} by {run.driver}")
        heard(warroom, f"({revision}) successfully deployed to {run.stage} in ")
        heard(push, f"{run.driver}: you're on {run.stage}.")
    assert not [line for line in push if "While I was away" in line], "it took its own topic for somebody's"


def check_topic(bot: BotProcess, topic: str) -> None:
    """The topic shows the queue as it is on record."""
    shown = [re.sub(r"[*!]", "", train) for train in topic.split(" | ")] if topic != "clear" else []
    known = [
        (f"<{train.stage}{train.phase}> " if train.stage else "") + " + ".join(train.riders) for train in bot.trains()
    ]
    assert shown == [re.sub(r"[*!]", "", train) for train in known]


def check_history(topics: Sequence[str], names: Sequence[str]) -> None:
    """Through all topics, people keep their order, none of them falls off but the first, and none comes back."""
    gone = set[str]()
    before: list[str] = []
    for topic in topics:
        now = [name for name in re.findall(r"[\w-]+", re.sub(r"<[^>]*>", "", topic)) if name in names]
        assert not gone.intersection(now), f"{gone.intersection(now)} came back in {topic!r}"
        left = [name for name in before if name not in now]
        assert left == before[: len(left)], f"{left} fell off from the middle of {before} in {topic!r}"
        stayed = before[len(left) :]
        assert now[: len(stayed)] == stayed, f"{before} became {now}"
        gone.update(left)
        before = now


def _number(run: str) -> int:
    return int(run.rpartition("-")[2])


async def all_is_well(bot: BotProcess, witness: Member) -> None:
    """Wait until nothing is owed and the topic shows what is on record; then see whether all is as it must be."""
    await until(lambda: not bot.owed(), "nothing owed")

    def shown() -> bool:
        try:
            check_topic(bot, witness.topic())
        except AssertionError:
            return False
        return True

    await until(shown, f"{bot.trains()} in the topic, not {witness.topic()!r}")
    await witness.catches_up()
    check_runs(bot, witness.said())
    check_announcements(bot, witness)
