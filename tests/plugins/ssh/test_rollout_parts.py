"""The parts of a rollout that need no host: who is done, what is said of it, when it stops, what is filled in."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.fleet.model import Host, Tally
from pushbot.ports import Job, Step
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.local.supervisor.environment import Unresolved
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.local.supervisor.output import Log
from pushbot_plugins.ssh.worker.here import Machine
from pushbot_plugins.ssh.worker.ledger import Failure, Ledger, finished
from pushbot_plugins.ssh.worker.report import RunReport
from pushbot_plugins.ssh.worker.seams import StepFailed
from pushbot_plugins.ssh.worker.stop import ON_REQUEST, Cause, Stop, Stopped
from pushbot_plugins.ssh.worker.target import Surroundings, address_of, reverted
from tests.plugins.ssh.bench import alive, until
from tests.rig.shellhost import ShellHost

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = tuple(Host(f"web{number}") for number in range(1, 8))


def ledger(folder: Path, *, total: int = 7, done: int = 0, allowed: int = 0) -> tuple[Ledger, list[Tally]]:
    told: list[Tally] = []
    return Ledger(folder / "hosts.jsonl", total, done, allowed, told.append), told


def ran(folder: Path, name: str, *states: tuple[str, str], **more: object) -> Job:
    """A run of before, with what became of hosts."""
    directory = folder / name
    directory.mkdir()
    job = replace(job_in(directory), run=name, **more)  # type: ignore[arg-type]
    files = RunFiles(directory)
    files.put_job(job)
    files.hosts.write_text("".join(json.dumps({"host": host, "state": state}) + "\n" for host, state in states))
    return job


def test_it_is_said_who_failed_and_how_many_are_left(tmp_path: Path) -> None:
    book, told = ledger(tmp_path, total=120, allowed=1)
    book.begun(HOSTS[0])
    book.switching(HOSTS[0])
    book.finish(HOSTS[0])
    book.fail(Failure(HOSTS[1], "restart", "exited with 1"))
    assert not book.spent
    book.fail(Failure(HOSTS[2], "drain", "x" * 500, broken=True))
    assert book.spent
    book.leave([Host(f"db{number}") for number in range(80)])
    named = f"web3 (drain: {'x' * 159}…), web2 (restart: exited with 1)"
    assert book.words() == f"2 of 120 hosts failed: {named}; 80 not begun"
    assert told == [Tally(0, 120), Tally(1, 120), Tally(1, 120, 1), Tally(1, 120, 2)]


def test_of_many_failures_a_few_are_named(tmp_path: Path) -> None:
    book, _ = ledger(tmp_path)
    assert book.words() == "0 of 7 hosts done"
    for host in HOSTS:
        book.fail(Failure(host, "restart", "no"))
    assert book.words().endswith("web5 (restart: no), and 2 more")


def test_the_last_word_of_a_chain_of_runs_counts(tmp_path: Path) -> None:
    first = ran(tmp_path, "web-1", ("web1", "done"), ("web2", "done"), ("web3", "failed"))
    second = ran(tmp_path, "web-2", ("web2", "broken"), ("web3", "done"), continues=first.directory)
    with (second.directory / "hosts.jsonl").open("ab") as file:
        file.write('{"once": "migrate", "state": "done"}\n{"host": "web1", "reason": "…'.encode()[:-1])
    job = replace(second, run="web-3", directory=tmp_path / "web-3", continues=second.directory)
    assert finished(job).hosts == {"web1", "web3"}
    assert finished(job).once == {"migrate"}
    assert finished(replace(job, revision="other")).hosts == frozenset()
    assert finished(replace(job, stage="other")).hosts == frozenset()
    assert finished(replace(job, continues=tmp_path / "gone")).hosts == frozenset()
    assert finished(replace(job, continues=None)).hosts == frozenset()


async def test_a_run_that_is_to_end_ends_what_is_under_way() -> None:
    stop, ended = Stop(), list[str]()

    async def work() -> None:
        try:
            async with stop.heed():
                await asyncio.sleep(60)
        except Stopped:
            ended.append("stopped")

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work())
        await asyncio.sleep(0)
        stop.ask(ON_REQUEST)
        stop.ask(Cause("too late"))
    assert ended == ["stopped"] * 2
    assert stop.cause == ON_REQUEST
    with pytest.raises(Stopped):
        async with stop.heed():
            raise AssertionError
    with pytest.raises(TimeoutError):
        async with Stop().heed():
            raise TimeoutError


def test_a_host_is_called_by_its_names(tmp_path: Path) -> None:
    host = Host("web 1", "[::1]:22", (("avail-zone", "a"), ("host", "label"), ("region", "lon/1")))
    remote = ShellHost(tmp_path / "web1")
    remote._host = host
    job = replace(job_in(tmp_path), hosts=(host,), driver="al&ice")
    target = Surroundings(job, root=lambda host: f"/srv/{host.name}").target(remote, lambda _data: None)
    assert (
        target.filled("{host} {address} {region} {avail-zone} {stage} {nothing}")
        == "web 1 ::1 lon/1 a princess {nothing}"
    )
    assert target.url("http://{address}:80/{host}/{region}?{driver}") == "http://[::1]:80/web%201/lon%2F1?al%26ice"
    assert target.env["PUSHBOT_LABEL_AVAIL_ZONE"] == "a"
    assert target.env["PUSHBOT_HOST"] == "web 1"
    assert target.env["PUSHBOT_ADDRESS"] == "::1"
    assert target.env["PUSHBOT_ROOT"] == "/srv/web 1"


@pytest.mark.parametrize(
    ("address", "found"),
    [("", "web1"), ("10.0.0.1", "10.0.0.1"), ("10.0.0.1:22", "10.0.0.1"), ("::1", "::1"), ("[::1]:22", "::1")],
)
def test_an_address_has_no_port(address: str, found: str) -> None:
    assert address_of(Host("web1", address)) == found


def test_what_is_more_particular_wins_and_facts_above_all(tmp_path: Path) -> None:
    step = Step("restart", env=(("B", "step"), ("C", "step"), ("PUSHBOT_RUN", "mine")))
    host = Host("web1", env=(("A", "host"), ("B", "host")))
    remote = ShellHost(tmp_path / "web1")
    remote._host = host
    job = replace(job_in(tmp_path, step), hosts=(host,), env=(("A", "job"), ("B", "job"), ("C", "job"), ("D", "job")))
    env = Surroundings(job).target(remote, lambda _data: None).variables(step)
    assert [env[name] for name in "ABCD"] == ["host", "step", "step", "job"]
    assert env["PUSHBOT_RUN"] == "web-12"
    with pytest.raises(Unresolved, match="A is to come from env:NOT_THERE"):
        Surroundings(replace(job, hosts=(replace(host, env=(("A", "env:NOT_THERE"),)),)))


def test_for_a_host_that_goes_back_it_is_a_rollback(tmp_path: Path) -> None:
    facts = reverted(job_in(tmp_path).facts(), "1111")
    assert (facts["PUSHBOT_KIND"], facts["PUSHBOT_REVISION"]) == ("rollback", "1111")
    assert facts["PUSHBOT_PREVIOUS_REVISION"] == "6957bb87c0ffee00000000000000000000000000"


def report(folder: Path, *secrets: str, limit: int = 10**6) -> tuple[RunReport, RunFiles]:
    files = RunFiles(folder)
    return RunReport(files, Log(files.log, ()), set(secrets), limit), files


def test_lines_of_hosts_do_not_mix_and_secrets_do_not_show(tmp_path: Path) -> None:
    told, files = report(tmp_path, "correct-horse")
    one, two = told.output(HOSTS[0]), told.output(HOSTS[1])
    one(b"begin ")
    two(b"a\nb correct-")
    one(b"end\n\n")
    two(b"horse\nlast")
    told.note("it is correct-horse\nforged", HOSTS[0])
    told.output(None)(b"local\n")
    told.close()
    lines = files.log.read_text().splitlines()
    assert lines == [
        "web2: a",
        "web1: begin end",
        "web1: ",
        "web2: b ***",
        "== web1: it is *** forged",
        "here: local",
        "web2: last",
    ]
    assert told.tail(HOSTS[1]) == ("a", "b ***", "last")
    assert told.tail(HOSTS[2]) == ()


def test_whatever_a_host_prints_little_of_it_is_held(tmp_path: Path) -> None:
    told, files = report(tmp_path, "secret", limit=10**5)
    take = told.output(HOSTS[0])
    for _ in range(400):
        take(b"x" * 10**4)
    take(b"\nthe end\n")
    assert files.log.stat().st_size < 2 * 10**5
    assert "more than 100000 bytes of output" in files.log.read_text()
    assert told.tail(HOSTS[0])[-1] == "the end"
    source = told._sources["web1"]
    assert len(source._held) + sum(map(len, source._last)) < 10**5


def test_a_step_is_told_once_and_the_tally_each_time(tmp_path: Path) -> None:
    told, files = report(tmp_path)
    for each in ("copy", "copy", "switch"):
        told.step(each)
    told.tally(Tally(1, 2))
    assert files.progress()[0] == ["copy", "switch", Tally(1, 2)]


class Commands:
    """Commands on this machine, and what they said."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine("web-12", folder / "groups", grace=0.2)
        self.folder = folder
        self.said = bytearray()

    async def run(self, script: str, limit: float = 10.0) -> int:
        return await self.machine.run(
            ("sh", "-c", script), folder=str(self.folder), env={"A": "a"}, limit=limit, take=self.said.extend
        )


async def test_commands_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushbot_plugins.ssh.worker.here.own_variables", lambda: frozenset({"BOT_TOKEN"}))
    monkeypatch.setenv("BOT_TOKEN", "secret")
    here = Commands(tmp_path)
    assert await here.run('echo "$A $PUSHBOT_RUN ${BOT_TOKEN-none} $PWD"; echo oops >&2; ls groups; exit 3') == 3
    assert here.said.decode().splitlines() == [f"a web-12 none {tmp_path}", "oops", "0"]
    assert not list((tmp_path / "groups").iterdir())


async def test_a_command_here_that_takes_too_long_is_ended_with_all_it_began(tmp_path: Path) -> None:
    here = Commands(tmp_path)
    with pytest.raises(StepFailed, match=r"sh ran longer than its 2 s"):
        await here.run("trap '' TERM; echo $$ > own; sh -c 'echo $$ > child; sleep 6001' & sleep 6001", limit=2.0)
    assert not alive(int((tmp_path / "own").read_text()))
    assert not alive(int((tmp_path / "child").read_text()))


async def test_a_command_here_that_is_given_up_is_ended(tmp_path: Path) -> None:
    here = Commands(tmp_path)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(here.run("echo $$ > own; sleep 6001"))
        await until(lambda: (tmp_path / "own").exists() and (tmp_path / "own").read_text())
        task.cancel()
    assert not alive(int((tmp_path / "own").read_text()))


async def test_a_daemon_with_the_output_does_not_hold_a_command_here(tmp_path: Path) -> None:
    here = Commands(tmp_path)
    assert await here.run("sleep 3 & echo well") == 0
    assert here.said == b"well\n"


async def test_what_cannot_be_started_here_is_said(tmp_path: Path) -> None:
    machine = Machine("web-12", tmp_path / "groups")
    for command, folder, words in (
        (("/nothing",), tmp_path, "no such command"),
        (("true",), tmp_path / "nowhere", "could not be started"),
        (("echo", "\0"), tmp_path, "could not be started"),
    ):
        with pytest.raises(StepFailed, match=words):
            await machine.run(command, folder=str(folder), limit=1.0, take=lambda _data: None)
