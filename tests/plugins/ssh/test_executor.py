"""Runs over real hosts: what steps get, what is told, and who is named when something goes wrong."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError, RunLost
from pushbot.fleet.model import Amount, Host, Rollout, Tally
from pushbot.ports import Outcome, Probe, ProbeKind, Step
from pushbot.queue.commands import RunState
from pushbot_plugins.local.supervisor.files import RunFiles
from tests.plugins.ssh.bench import Bench, alive, log_of, states, until
from tests.rig.sshd import Dead

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.sshd import SshdRig

ONE_BY_ONE = Rollout((Amount(1),))
SECRET = "correct-horse"


@pytest.fixture
def bench(tmp_path: Path, rig: SshdRig) -> Bench:
    return Bench(tmp_path, rig)


async def test_steps_are_told_where_they_are_and_what_they_are_part_of(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    monkeypatch.setenv("REGION_TOKEN", "battery-staple")
    (web,) = bench.rig.start(1, region="lon")
    host = replace(web.host, env=(("API", "https://lon.example"), ("REGION", "env:REGION_TOKEN")))
    show = 'echo "$PUSHBOT_HOST $PUSHBOT_ADDRESS $PUSHBOT_LABEL_REGION $PUSHBOT_RUN $PUSHBOT_DRIVER $API $OWN"'
    first = Step("first", script=f'{show}; echo "$TOKEN"; printf "$REGION"', env=(("OWN", "mine"),))
    second = Step("second", run=("sh", "-c", 'echo "$1" "${OWN-none}"; echo oops >&2', "sh", "$PUSHBOT_HOST; false"))
    job = replace(bench.job([host], first, second), env=(("TOKEN", "env:TEST_TOKEN"),), driver="$(id); alice")
    assert await bench.run(job) == Outcome(RunState.SUCCEEDED, changed=True)
    lines = [line for line in log_of(job).splitlines() if not line.startswith("==")]
    assert lines == [
        "web1: web1 127.0.0.1 lon web-1 $(id); alice https://lon.example mine",
        "web1: ***",
        "web1: ***",
        "web1: $PUSHBOT_HOST; false none",
        "web1: oops",
    ]
    assert SECRET not in (job.directory / "job.json").read_text()


async def test_progress_is_steps_and_how_many_hosts_are_done(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(2)]
    job = replace(bench.job(hosts, Step("restart", run=("true",))), rollout=ONE_BY_ONE)
    assert (await bench.run(job)).state is RunState.SUCCEEDED
    assert bench.steps == ["restart (batch 1/2)", "restart (batch 2/2)"]
    assert bench.told[-1] == Tally(2, 2)
    assert states(job) == {"web1": "done", "web2": "done"}


async def test_what_is_run_once_stands_where_it_is_listed(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(2)]
    say = f'echo "$0" >> {bench.folder}/order'
    job = replace(
        bench.job(
            hosts,
            Step("migrate", script=f"echo migrate >> {bench.folder}/order; echo from here", once=True),
            Step("restart", run=("sh", "-c", say, "restart")),
            Step("tell", run=("sh", "-c", say, "tell"), once=True),
        ),
        post=(Step("warm", run=("sh", "-c", say, "warm")), Step("bell", run=("sh", "-c", say, "bell"), once=True)),
        rollout=ONE_BY_ONE,
    )
    assert (await bench.run(job)).state is RunState.SUCCEEDED
    order = (bench.folder / "order").read_text().split()
    assert order == ["migrate", "restart", "warm", "restart", "warm", "tell", "bell"]
    assert "here: from here" in log_of(job)


async def test_a_host_that_fails_stops_the_rest_and_is_named(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(4)]
    script = 'echo "on $PUSHBOT_HOST"; test "$PUSHBOT_HOST" != web2'
    job = replace(bench.job(hosts, Step("restart", script=script)), rollout=ONE_BY_ONE)
    outcome = await bench.run(job)
    assert outcome == Outcome(
        RunState.FAILED,
        "restart",
        "1 of 4 hosts failed: web2 (restart: exited with 1; is left as it is); 2 not begun",
        ("web2: on web2",),
        changed=True,
    )
    assert states(job) == {"web1": "done", "web2": "broken", "web3": "left", "web4": "left"}
    assert bench.told[-1] == Tally(1, 4, 1)


async def test_as_many_may_fail_as_are_allowed(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(3)]
    step = Step("restart", script='test "$PUSHBOT_HOST" != web2')
    job = replace(bench.job(hosts, step), rollout=replace(ONE_BY_ONE, max_failures=Amount(34, percent=True)))
    outcome = await bench.run(job)
    assert outcome.state is RunState.SUCCEEDED
    assert outcome.reason == "1 of 3 hosts failed: web2 (restart: exited with 1; is left as it is)"


async def test_when_all_hosts_failed_the_run_has(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(2)]
    job = bench.job(hosts, Step("restart", run=("false",)))
    job = replace(job, rollout=Rollout(max_failures=Amount(100, percent=True)))
    assert (await bench.run(job)).state is RunState.FAILED


async def test_each_way_to_be_dead_is_named_in_time_and_the_others_go_on(tmp_path: Path, rig: SshdRig) -> None:
    bench = Bench(tmp_path, rig, connect_timeout=2.0, login_timeout=5.0)
    well = bench.rig.start(3)
    well[1].change_key()
    dead = [bench.rig.dead(how) for how in Dead]
    hosts = [dead[0], *(each.host for each in well[:2]), *dead[1:], well[2].host]
    rollout = Rollout(max_failures=Amount(10))
    job = replace(bench.job(hosts, Step("restart", run=("true",))), rollout=rollout)
    began = time.monotonic()
    outcome = await bench.run(job)
    assert time.monotonic() - began < 40
    assert outcome.state is RunState.SUCCEEDED
    assert outcome.reason
    assert outcome.reason.startswith("5 of 7 hosts failed: ")
    for name in ("refuses", "no-answer"):
        assert f"{name} (connect: " in outcome.reason
    for name in ("no-banner", "no-login", "web2"):
        assert f"{name} (log in: " in outcome.reason
    assert list(states(job).values()).count("failed") == 5
    assert {name for name, state in states(job).items() if state == "done"} == {"web1", "web3"}


async def test_a_host_that_lets_nobody_in_stays_in_the_balancer(tmp_path: Path, rig: SshdRig) -> None:
    balancer = {"type": "file", "out": [f"{tmp_path}/out"], "drain": 0}
    told = {"type": "command", "out": ["touch", f"{tmp_path}/out"], "back": ["rm", f"{tmp_path}/out"], "drain": 0}
    for number, each in enumerate((balancer, told)):
        folder = tmp_path / str(number)
        folder.mkdir()
        bench = Bench(folder, rig, keys=[str(rig.keys.stranger)], balancer=each)
        job = bench.job([rig.one().host], Step("restart", run=("true",)))
        outcome = await bench.run(job)
        assert outcome.changed is False
        assert outcome.reason
        assert "(log in: none of the keys was accepted" in outcome.reason
        assert list(states(job).values()) == ["failed"]
        assert not (tmp_path / "out").exists()


async def test_a_host_that_hangs_in_a_command_holds_nobody_and_is_rid_of_it(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(3)]
    script = 'if [ "$PUSHBOT_HOST" = web2 ]; then sleep 6001 & sleep 6001; fi'
    job = bench.job(hosts, Step("restart", script=script, timeout=3.0))
    outcome = await bench.run(job)
    assert outcome.reason
    assert outcome.reason.startswith("1 of 3 hosts failed: web2 (restart: ")
    assert "3 s" in outcome.reason
    assert states(job)["web3"] == "done"
    await until(lambda: not bench.rig.running("6001"))


async def test_a_step_is_tried_again(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(1)]
    step = Step("restart", script="echo x >> tries; test $(wc -l < tries) -eq 3", retries=3, retry_delay=0.01)
    job = bench.job(hosts, step)
    assert (await bench.run(job)).state is RunState.SUCCEEDED
    assert "restart: exited with 1; try 2 of 4 follows" in log_of(job)
    failing = bench.job(hosts, replace(step, script="exit 7", retries=1))
    outcome = await bench.run(failing)
    assert outcome.reason
    assert "web1 (restart: exited with 7, in the last of 2 tries" in outcome.reason


async def test_what_a_killed_worker_left_on_hosts_ends_by_itself(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(2)]
    job = bench.job(hosts, Step("restart", script="sleep 6001"))
    token = await bench.executor.start(job)
    await until(lambda: len(bench.rig.running("6001")) == 2)
    os.kill(int(token), signal.SIGKILL)
    with pytest.raises(RunLost, match="lost its supervisor process"):
        await bench.wait(job, token)
    await until(lambda: not bench.rig.running("6001"))


async def test_what_a_killed_worker_left_here_is_ended(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(1)]
    mark = bench.folder / "pid"
    job = bench.job(hosts, Step("migrate", script=f"echo $$ > {mark}; sleep 600", once=True))
    token = await bench.executor.start(job)
    await until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    os.kill(int(token), signal.SIGKILL)
    with pytest.raises(RunLost):
        await bench.wait(job, token)
    assert not alive(int(mark.read_text()))


async def test_who_goes_on_leaves_alone_what_is_done(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(3)]
    once = Step("migrate", script=f"echo x >> {bench.folder}/migrated", once=True)
    step = Step("restart", script=f'echo x >> "done"; test -e {bench.folder}/go || test "$PUSHBOT_HOST" != web2')
    first = replace(bench.job(hosts, once, step), rollout=ONE_BY_ONE)
    assert (await bench.run(first)).state is RunState.FAILED
    again = replace(bench.job(hosts, once, step), rollout=ONE_BY_ONE, continues=first.directory)
    assert (await bench.run(again)).state is RunState.FAILED
    (bench.folder / "go").touch()
    last = replace(bench.job(hosts, once, step), rollout=ONE_BY_ONE, continues=again.directory)
    assert (await bench.run(last)).state is RunState.SUCCEEDED
    assert "1 of 3 hosts were done before" in log_of(last)
    assert [len((bench.rig.folder / name / "done").read_text().split()) for name in ("web1", "web2", "web3")] == [
        1,
        3,
        1,
    ]
    assert (bench.folder / "migrated").read_text() == "x\n"
    assert bench.told[-1] == Tally(3, 3)


async def test_another_revision_is_no_going_on(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(1)]
    step = Step("restart", script="echo x >> done")
    first = bench.job(hosts, step)
    await bench.run(first)
    await bench.run(replace(bench.job(hosts, step), continues=first.directory, revision="2" * 40))
    assert len((bench.rig.folder / "web1" / "done").read_text().split()) == 2


async def test_an_abort_ends_what_runs_on_hosts_and_begins_no_other(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(3)]
    job = replace(bench.job(hosts, Step("restart", script="sleep 6001")), rollout=ONE_BY_ONE)
    token = await bench.executor.start(job)
    await until(lambda: bench.rig.running("6001"))
    await bench.executor.abort(job, token)
    outcome = await bench.wait(job, token)
    assert outcome.state is RunState.CANCELLED
    assert outcome.reason
    assert outcome.reason.startswith("stopped on request; 1 of 3 hosts failed: web1 (restart: the run was stopped")
    assert not bench.rig.running("6001")
    assert states(job) == {"web1": "broken", "web2": "left", "web3": "left"}


async def test_a_run_has_its_time(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(2)]
    job = replace(bench.job(hosts, Step("restart", script="sleep 6001")), timeout=3.0)
    outcome = await bench.run(job)
    assert outcome.state is RunState.FAILED
    assert outcome.reason
    assert outcome.reason.startswith("the run took longer than its 3 s; 2 of 2 hosts failed: ")


async def test_output_is_bounded_for_each_host(tmp_path: Path, rig: SshdRig) -> None:
    bench = Bench(tmp_path, rig, output_limit=1000)
    hosts = [each.host for each in rig.start(2)]
    script = 'if [ "$PUSHBOT_HOST" = web1 ]; then yes | head -c 1000000; fi; echo "last of $PUSHBOT_HOST"'
    job = bench.job(hosts, Step("say", script=script))
    assert (await bench.run(job)).state is RunState.SUCCEEDED
    log = log_of(job)
    assert len(log) < 2000
    assert "web1: more than 1000 bytes of output: the rest is not kept" in log
    assert "web2: last of web2" in log
    assert "last of web1" not in log


async def test_health_is_looked_at_for_each_host(bench: Bench) -> None:
    hosts = [each.host for each in bench.rig.start(2)]
    probes = (
        Probe(ProbeKind.TCP, "sshd", target="{address}:" + hosts[0].address.rpartition(":")[2], window=20.0),
        Probe(ProbeKind.COMMAND, "well", run=("cat", "well"), expect="{host} is well", interval=0.05, window=2.0),
    )
    step = Step("restart", script='if [ "$PUSHBOT_HOST" = web1 ]; then echo "web1 is well" > well; fi')
    job = replace(bench.job(hosts, step), health=probes)
    outcome = await bench.run(job)
    assert outcome.step == "health: well"
    assert outcome.reason
    assert "1 of 2 hosts failed: web2 (health: well: cat exited with 1, still after 2 s" in outcome.reason


async def test_what_cannot_be_had_is_said_before_anything_is_done(bench: Bench, tmp_path: Path) -> None:
    hosts = [each.host for each in bench.rig.start(1)]
    job = replace(bench.job(hosts, Step("restart", script="touch begun")), env=(("A", f"file:{tmp_path}/nothing"),))
    outcome = await bench.run(job)
    assert outcome.state is RunState.FAILED
    assert outcome.reason
    assert "A is to come from file:" in outcome.reason
    assert not (bench.rig.folder / "web1" / "begun").exists()
    with pytest.raises(PushbotError, match="has no hosts"):
        await bench.executor.start(bench.job([], Step("restart", run=("true",))))


async def test_a_key_that_is_not_there_is_said(tmp_path: Path, rig: SshdRig) -> None:
    bench = Bench(tmp_path, rig, keys=[str(tmp_path / "nothing")])
    outcome = await bench.run(bench.job([Host("web1")], Step("restart", run=("true",))))
    assert outcome.state is RunState.FAILED
    assert outcome.reason
    assert f"{tmp_path}/nothing cannot be read" in outcome.reason
    assert RunFiles(bench.folder / "web-1").outcome() == outcome


async def test_a_fault_of_ours_is_the_failure_of_hosts_and_not_the_end_of_the_run(bench: Bench) -> None:
    hosts = [replace(each.host, env=env) for each, env in zip(bench.rig.start(2), [(("A=B", "c"),), ()], strict=True)]
    job = replace(bench.job(hosts, Step("say", script="true")), rollout=Rollout(max_failures=Amount(1)))
    outcome = await bench.run(job)
    assert outcome.state is RunState.SUCCEEDED
    assert states(job) == {"web1": "broken", "web2": "done"}
    assert outcome.reason
    assert "'A=B' is no name for a variable" in outcome.reason
