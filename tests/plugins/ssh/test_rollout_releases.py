"""Releases on real hosts: each is switched and well, or on its old release; and rollbacks of what is half done."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import RunLost
from pushbot.fleet.model import Amount, Rollout
from pushbot.ports import Probe, ProbeKind, Step, traits_of
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from tests.plugins.ssh.bench import Bench, log_of, states, until

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Job
    from tests.rig.sshd import Sshd, SshdRig

RESTART = Step("restart", script='cat version > ../../../running; echo "$PUSHBOT_KIND" >> ../../../restarts')
WELL = Probe(ProbeKind.COMMAND, "well", run=("sh", "-c", "! grep -qx $PUSHBOT_HOST ill"), interval=0.05, window=0.2)


class Fleet:
    """Three hosts, and a repository whose releases they get one by one."""

    def __init__(self, folder: Path, rig: SshdRig, **release: object) -> None:
        self.servers: list[Sshd] = rig.start(3)
        self.repository = folder / "repository"
        self.rig = rig
        self._git("init", "-q", "-b", "main", str(self.repository))
        given: dict[str, object] = {
            "root": f"{rig.folder}/{{host}}/app",
            "repository": str(self.repository),
            "cache": str(folder / "cache"),
            "settle": 0,
        }
        self.bench = Bench(folder, rig, release=given | release)

    def commit(self, version: str, ill: str = "", weight: int = 0) -> str:
        """A revision, not well on the hosts named, with so many bytes more."""
        (self.repository / "version").write_text(version + "\n")
        (self.repository / "ill").write_text(ill.replace(" ", "\n") + "\n")
        (self.repository / "weight").write_text("x" * weight)
        self._git("-C", str(self.repository), "add", "-A")
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        self._git("-C", str(self.repository), *who, "commit", "-q", "--allow-empty", "-m", version)
        return self._git("-C", str(self.repository), "rev-parse", "HEAD").strip()

    def job(self, revision: str, kind: RunKind = RunKind.DEPLOY, *, failures: int = 0) -> Job:
        job = self.bench.job([each.host for each in self.servers], RESTART)
        rollout = Rollout((Amount(1),), max_failures=Amount(failures))
        return replace(job, revision=revision, kind=kind, health=(WELL,), rollout=rollout)

    def read(self, name: str) -> dict[str, str]:
        """A file of each host; empty where there is none."""
        paths = {each.name: self.rig.folder / each.name / name for each in self.servers}
        return {host: path.read_text().strip() if path.exists() else "" for host, path in paths.items()}

    @property
    def running(self) -> list[str]:
        return list(self.read("running").values())

    @property
    def live(self) -> list[str]:
        return list(self.read("app/current/version").values())

    def _git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def fleet(tmp_path: Path, rig: SshdRig) -> Fleet:
    return Fleet(tmp_path, rig)


async def test_a_stage_with_releases_can_go_back_and_needs_no_steps(fleet: Fleet, rig: SshdRig, tmp_path: Path) -> None:
    assert (traits_of(fleet.bench.executor).steps, traits_of(fleet.bench.executor).reverts) == (False, True)
    folder = tmp_path / "plain"
    folder.mkdir()
    plain = traits_of(Bench(folder, rig).executor)
    assert (plain.steps, plain.reverts, plain.hosts) == (True, False, True)


async def test_a_host_that_is_ill_goes_back_and_others_go_on_by_policy(fleet: Fleet) -> None:
    assert (await fleet.bench.run(fleet.job(fleet.commit("one")))).state is RunState.SUCCEEDED
    job = fleet.job(fleet.commit("two", ill="web2"), failures=1)
    outcome = await fleet.bench.run(job)
    assert outcome.state is RunState.SUCCEEDED
    assert outcome.reason == "1 of 3 hosts failed: web2 (health: well: sh exited with 1, still after 0.2 s)"
    assert fleet.live == fleet.running == ["two", "one", "two"]
    assert states(job) == {"web1": "done", "web2": "failed", "web3": "done"}
    assert fleet.read("restarts")["web2"].split() == ["deploy", "deploy", "rollback"]


async def test_a_first_release_that_is_ill_has_nothing_to_go_back_to(fleet: Fleet) -> None:
    job = fleet.job(fleet.commit("one", ill="web1"))
    outcome = await fleet.bench.run(job)
    assert outcome.state is RunState.FAILED
    assert outcome.reason
    assert "web1 (health: well: sh exited with 1, still after 0.2 s; is left as it is: going back: " in outcome.reason
    assert states(job) == {"web1": "broken", "web2": "left", "web3": "left"}


async def test_a_half_done_rollout_is_rolled_back_and_what_is_untouched_stays_so(fleet: Fleet) -> None:
    one = fleet.commit("one")
    await fleet.bench.run(fleet.job(one))
    await fleet.bench.run(fleet.job(fleet.commit("two", ill="web2")))
    assert fleet.live == ["two", "one", "one"]
    job = fleet.job(one, RunKind.ROLLBACK)
    fleet.bench.told.clear()
    assert (await fleet.bench.run(job)).state is RunState.SUCCEEDED
    assert fleet.live == fleet.running == ["one", "one", "one"]
    assert fleet.read("restarts")["web1"].split() == ["deploy", "deploy", "rollback"]
    assert fleet.read("restarts")["web3"].split() == ["deploy"]
    assert "check out" not in fleet.bench.steps
    assert "release" not in log_of(job).partition("copy")[2].partition("preflight")[0]


async def test_a_rollback_that_fails_on_a_host_leaves_there_what_was_good(fleet: Fleet) -> None:
    one = fleet.commit("one")
    await fleet.bench.run(fleet.job(one))
    await fleet.bench.run(fleet.job(fleet.commit("two")))
    job = fleet.job(one, RunKind.ROLLBACK)
    outcome = await fleet.bench.run(replace(job, steps=(Step("restart", script=f"test $PUSHBOT_REVISION != {one}"),)))
    assert outcome.reason == "1 of 3 hosts failed: web1 (restart: exited with 1); 2 not begun"
    assert fleet.live == ["two", "two", "two"]


async def test_a_rollback_never_goes_back_to_what_was_never_good(fleet: Fleet) -> None:
    one = fleet.commit("one")
    await fleet.bench.run(fleet.job(one))
    hang = fleet.job(fleet.commit("two"))
    token = await fleet.bench.executor.start(replace(hang, steps=(Step("hang", script="sleep 6001"),)))
    await until(lambda: fleet.live[0] == "two")
    os.kill(int(token), signal.SIGKILL)
    with pytest.raises(RunLost):
        await fleet.bench.wait(hang, token)
    job = replace(fleet.job(one, RunKind.ROLLBACK), steps=(Step("restart", script="exit 1"),))
    outcome = await fleet.bench.run(job)
    assert outcome.reason
    assert "what was live before is what was to be got rid of" in outcome.reason
    assert fleet.live == ["one", "one", "one"]
    assert states(job)["web1"] == "broken"


async def test_a_host_whose_disk_is_full_is_named_and_keeps_what_it_has(fleet: Fleet) -> None:
    await fleet.bench.run(fleet.job(fleet.commit("one")))
    # A limit on the size of files stands for the disk.
    resource.prlimit(fleet.servers[1].pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    job = fleet.job(fleet.commit("two", weight=50_000), failures=1)
    outcome = await fleet.bench.run(job)
    assert outcome.state is RunState.SUCCEEDED, outcome
    assert outcome.reason
    assert outcome.reason.startswith("1 of 3 hosts failed: web2 (copy: ")
    assert fleet.live == fleet.running == ["two", "one", "two"]


async def test_when_too_many_cannot_be_shipped_to_nothing_is_begun(fleet: Fleet) -> None:
    await fleet.bench.run(fleet.job(fleet.commit("one")))
    fleet.servers[2].stop()
    job = fleet.job(fleet.commit("two"))
    outcome = await fleet.bench.run(job)
    assert outcome.state is RunState.FAILED
    assert outcome.changed is False
    assert outcome.reason
    assert "web3 (connect: refused the connection" in outcome.reason
    assert outcome.reason.endswith("; 2 not begun")
    assert fleet.live == ["one", "one", "one"]
    fleet.servers[2].start()
    again = replace(fleet.job(str(job.revision)), continues=job.directory)
    assert (await fleet.bench.run(again)).state is RunState.SUCCEEDED
    assert fleet.live == fleet.running == ["two", "two", "two"]


async def test_a_release_that_cannot_be_built_touches_no_host(tmp_path: Path, rig: SshdRig) -> None:
    fleet = Fleet(tmp_path, rig, build="echo broken; exit 3")
    outcome = await fleet.bench.run(fleet.job(fleet.commit("one")))
    assert outcome.state is RunState.FAILED
    assert outcome.changed is False
    assert outcome.step == "check out"
    assert outcome.reason
    assert "3 not begun" in outcome.reason
    assert fleet.live == ["", "", ""]


async def test_hosts_that_hang_while_going_back_hold_nobody(tmp_path: Path, rig: SshdRig) -> None:
    fleet = Fleet(tmp_path, rig)
    await fleet.bench.run(fleet.job(fleet.commit("one")))
    hang = Step(
        "hang",
        script='[ "$PUSHBOT_HOST" != web1 ] || { [ $PUSHBOT_KIND = deploy ] && exit 1; sleep 6001; }',
        timeout=1.0,
    )
    job = fleet.job(fleet.commit("two"), failures=1)
    outcome = await fleet.bench.run(replace(job, steps=(hang, RESTART)))
    assert outcome.reason
    assert "web1 (hang: exited with 1; is left as it is: hang: " in outcome.reason
    assert states(job) == {"web1": "broken", "web2": "done", "web3": "done"}
    await until(lambda: not rig.running("6001"))


async def test_who_goes_back_past_what_was_never_good_is_told_where_to(fleet: Fleet) -> None:
    one = fleet.commit("one")
    await fleet.bench.run(fleet.job(one))
    hang = fleet.job(fleet.commit("two"))
    token = await fleet.bench.executor.start(replace(hang, steps=(Step("hang", script="sleep 6001"),)))
    await until(lambda: fleet.live[0] == "two")
    os.kill(int(token), signal.SIGKILL)
    with pytest.raises(RunLost):
        await fleet.bench.wait(hang, token)
    job = fleet.job(fleet.commit("three"))
    tell = Step("tell", script='echo "$PUSHBOT_KIND $PUSHBOT_REVISION" >> ../../../told; test $PUSHBOT_KIND = rollback')
    outcome = await fleet.bench.run(replace(job, steps=(tell,)))
    assert outcome.reason == "1 of 3 hosts failed: web1 (tell: exited with 1); 2 not begun"
    assert fleet.live == ["one", "one", "one"]
    assert fleet.read("told")["web1"].splitlines() == [f"deploy {job.revision}", f"rollback {one}"]
