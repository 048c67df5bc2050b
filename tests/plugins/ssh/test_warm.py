"""A worker that keeps its connections takes the next run, if that is for the same; and is never in anybody's way."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import RunLost
from pushbot.ports import Outcome, Step
from pushbot.queue.commands import RunState
from pushbot_plugins.ssh.warm import Waiting, meeting_place, offer
from tests.plugins.ssh.bench import Bench, alive, log_of, options, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pushbot.ports import Job
    from tests.rig.sshd import SshdRig

WELL = Outcome(RunState.SUCCEEDED, changed=True)


class Warm(Bench):
    """A bench whose workers stay. `pids` are those that there were."""

    def __init__(self, folder: Path, rig: SshdRig, **more: object) -> None:
        super().__init__(folder, rig, **{"keep_warm": 60, **more})
        self.hosts = [each.host for each in rig.start(2)]
        self.pids: set[int] = set()

    async def ran(self, *steps: Step, **more: object) -> tuple[int, Job]:
        """A run that goes well: its worker, and its job."""
        job = replace(self.job(self.hosts, *(steps or (Step("say", script="echo hello"),))), **more)  # type: ignore[arg-type]
        pid = await self.begun(job)
        assert await self.wait(job, None) == WELL
        return pid, job

    async def begun(self, job: Job) -> int:
        pid = int(await self.executor.start(job))
        self.pids.add(pid)
        return pid

    async def waits(self) -> None:
        """Until the worker of the last run is there for the next."""
        place = meeting_place(self.executor._settings)
        assert place is not None
        await until(place.exists)

    def logins(self) -> int:
        return sum(server.log.count("Accepted publickey") for server in self.rig.servers)


@pytest.fixture
def warm(tmp_path: Path, rig: SshdRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warm]:
    runtime = tempfile.mkdtemp(prefix="run-")  # short, as the address of a Unix socket has to be
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    bench = Warm(tmp_path, rig)
    yield bench
    shutil.rmtree(runtime)
    for pid in bench.pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


async def test_the_next_run_goes_over_the_same_connections(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = await warm.ran()
    await warm.waits()
    monkeypatch.setenv("LATER", "correct-horse")
    second, job = await warm.ran(Step("say", script='echo "$A $PUSHBOT_RUN"'), env=(("A", "env:LATER"),))
    await warm.waits()
    here = Step("here", script="echo here $PUSHBOT_RUN ${OTHER-none}", once=True)
    third, last = await warm.ran(here, Step("say", script="true"))
    assert first == second == third
    assert warm.logins() == 2
    said = [line for line in log_of(job).splitlines() if not line.startswith("==")]
    assert sorted(said) == ["web1: *** web-2", "web2: *** web-2"]
    assert "here: here web-3 none" in log_of(last)


async def test_what_is_set_otherwise_takes_another_worker(warm: Warm) -> None:
    first, _ = await warm.ran()
    await warm.waits()
    kept = warm.executor
    warm.executor = type(kept)(options(warm.rig, keep_warm=60, revert_within=59))
    second, _ = await warm.ran()
    warm.executor = kept
    third, _ = await warm.ran()
    assert first != second
    assert first == third
    warm.rig.known_hosts.write_text(warm.rig.known_hosts.read_text() + "\n")
    fourth, _ = await warm.ran()
    assert fourth != first


async def test_two_runs_at_the_same_time_have_a_worker_each(warm: Warm) -> None:
    first, _ = await warm.ran()
    await warm.waits()
    hang = warm.job(warm.hosts, Step("wait", script=f"until [ -e {warm.folder}/go ]; do sleep 0.02; done"))
    assert await warm.begun(hang) == first
    second, _ = await warm.ran()
    assert second != first
    (warm.folder / "go").touch()
    assert await warm.wait(hang, None) == WELL


async def test_the_next_run_is_stopped_and_lost_like_any_other(warm: Warm) -> None:
    first, _ = await warm.ran()
    await warm.waits()
    job = warm.job(warm.hosts, Step("hang", script="sleep 6001"))
    assert await warm.begun(job) == first
    await until(lambda: len(warm.rig.running("6001")) == 2)
    await warm.executor.abort(job, None)
    assert (await warm.wait(job, None)).state is RunState.CANCELLED
    assert not warm.rig.running("6001")
    await warm.waits()
    lost = warm.job(warm.hosts, Step("hang", script="sleep 6001"))
    assert await warm.begun(lost) == first
    await until(lambda: len(warm.rig.running("6001")) == 2)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(RunLost):
        await warm.wait(lost, None)
    await until(lambda: not warm.rig.running("6001"))


async def test_a_worker_that_is_gone_is_not_missed(warm: Warm) -> None:
    first, _ = await warm.ran()
    await warm.waits()
    os.kill(first, signal.SIGKILL)
    second, _ = await warm.ran()
    assert second != first


async def test_a_connection_that_broke_meanwhile_is_made_again(warm: Warm) -> None:
    first, _ = await warm.ran()
    await warm.waits()
    for server in warm.rig.servers:
        server.stop()
        server.start()
    second, _ = await warm.ran()
    assert first == second


async def test_who_is_idle_for_long_enough_ends(tmp_path: Path, warm: Warm) -> None:
    warm.executor = type(warm.executor)(options(warm.rig, keep_warm=0.3))
    pid, _ = await warm.ran()
    await until(lambda: not alive(pid))
    assert not list((tmp_path / "run").glob("*/*"))


async def test_the_meeting_place_is_private(warm: Warm) -> None:
    await warm.ran()
    await warm.waits()
    place = meeting_place(warm.executor._settings)
    assert place is not None
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    place.parent.chmod(0o755)
    assert meeting_place(warm.executor._settings) is None


@pytest.mark.parametrize("says", [b"", b"hello\n", b"ready\n"])
async def test_nobody_else_is_handed_a_run(tmp_path: Path, says: bytes) -> None:
    place = tmp_path / "place"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(place))
        door.listen()

        def serve() -> None:
            link, _ = door.accept()
            with link:
                link.sendall(says)

        lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(serve))
                offered = group.create_task(asyncio.to_thread(offer, place, tmp_path, lock, {}))
            assert offered.result() is False
        finally:
            os.close(lock)
    assert offer(tmp_path / "nowhere", tmp_path, 0, {}) is False


async def test_who_leaves_a_place_that_another_has_taken_leaves_it_to_him(tmp_path: Path) -> None:
    place = tmp_path / "place"
    async with asyncio.TaskGroup() as group:
        one = group.create_task(Waiting(place).next(0.2))
        await until(place.exists)
        first = place.stat().st_ino
        other = group.create_task(Waiting(place).next(60))
        await until(lambda: place.exists() and place.stat().st_ino != first)
        assert await one is None
        assert place.exists()
        assert not other.done()
        other.cancel()
    assert not place.exists()
