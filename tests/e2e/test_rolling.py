"""Releases rolled out to four real hosts behind a real load balancer, while clients hammer it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import RunLost
from pushbot.fleet.model import Amount, Rollout
from pushbot.ports import Probe, ProbeKind, Step
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from tests.plugins.ssh.bench import Bench, states, until
from tests.rig.haproxy import Crowd, Haproxy
from tests.rig.ngircd import free_port
from tests.rig.sshd import SshdRig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pushbot.ports import Job, Outcome

pytestmark = pytest.mark.e2e

# It says which release it was started from, and which one its files are of: a mixed answer would show.
SERVER = """
import http.server, os, pathlib, sys

HERE = pathlib.Path(__file__).resolve().parent
STARTED = (HERE / "version").read_text().strip()
REVISION = os.environ["PUSHBOT_REVISION"]

class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        ill = (HERE / "ill").read_text().split() if (HERE / "ill").exists() else []
        status = 500 if self.path == "/health" and os.environ["PUSHBOT_HOST"] in ill else 200
        body = (STARTED + " " + (HERE / "version").read_text().strip() + " " + REVISION).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

Server(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""

# The dead may wait for seconds for somebody to bury them.
RESTART = """
if [ -f "$HOME/pid" ]; then
    pid=$(cat "$HOME/pid")
    kill "$pid" || true
    while grep -qs '^State:[[:space:]]*[A-WY]' "/proc/$pid/status"; do sleep 0.02; done
fi
setsid python3 server.py "$PUSHBOT_LABEL_PORT" > "$HOME/server.log" 2>&1 < /dev/null &
echo $! > "$HOME/pid"
"""


class Site:
    """Four hosts with a server each, HAProxy in front of them, and a repository with the releases."""

    def __init__(self, folder: Path, rig: SshdRig) -> None:
        self.folder = folder
        self.ports = {f"web{number}": free_port() for number in range(1, 5)}
        self.hosts = [replace(sshd.host, labels=(("port", str(self.ports[sshd.name])),)) for sshd in rig.start(4)]
        self.rig = rig
        self.repository = folder / "repository"
        self._git("init", "-q", "-b", "main", str(self.repository))
        self.proxy = Haproxy(folder, self.ports, check="/health")

    def commit(self, version: str, ill: str = "") -> str:
        """A revision of the site, whose server is not well on the hosts named."""
        (self.repository / "server.py").write_text(SERVER)
        (self.repository / "version").write_text(version + "\n")
        (self.repository / "ill").write_text(ill)
        self._git("-C", str(self.repository), "add", "-A")
        self._git(
            "-C", str(self.repository), "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", version
        )
        return self._git("-C", str(self.repository), "rev-parse", "HEAD").strip()

    def bench(self, name: str) -> Bench:
        folder = self.folder / name
        folder.mkdir()
        balancer = {
            "type": "haproxy",
            "sockets": [self.proxy.path, f"127.0.0.1:{self.proxy.admin}"],
            "backend": "web",
            "drain": 5,
            "healthy_within": 20,
        }
        release = {
            "root": f"{self.rig.folder}/{{host}}/site",
            "repository": str(self.repository),
            "cache": str(folder / "cache"),
            "settle": 0,
        }
        return Bench(folder, self.rig, balancer=balancer, release=release)

    def live(self) -> dict[str, str]:
        """The version that `current` leads to on each host."""
        return {name: (self.rig.folder / name / "site/current/version").read_text().strip() for name in self.ports}

    def _git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with SshdRig(tmp_path / "rig") as rig:
        site = Site(tmp_path, rig)
        with site.proxy:
            yield site


def job_for(bench: Bench, site: Site, revision: str, *more: Step) -> Job:
    """One host at a time: restarted, and seen to answer with the revision."""
    health = (
        Probe(ProbeKind.HTTP, "page", "http://{address}:{port}/", expect="{revision}", interval=0.05, window=20.0),
        Probe(ProbeKind.HTTP, "health", "http://{address}:{port}/health", interval=0.05, window=2.0),
    )
    job = bench.job(site.hosts, *more, Step("restart", script=RESTART))
    return replace(job, revision=revision, health=health, rollout=Rollout((Amount(1),)))


async def deployed(bench: Bench, site: Site, version: str) -> tuple[str, Outcome]:
    revision = site.commit(version)
    return revision, await bench.run(job_for(bench, site, revision))


async def first(site: Site) -> tuple[Bench, str]:
    """The site with its first release, seen well by the balancer."""
    bench = site.bench("runs")
    revision, outcome = await deployed(bench, site, "one")
    assert outcome.state is RunState.SUCCEEDED, outcome
    for name in site.ports:
        await asyncio.to_thread(site.proxy.until, name, "UP")
    return bench, revision


async def test_nobody_notices_a_rolling_release(site: Site) -> None:
    bench, old = await first(site)
    with Crowd(site.proxy.port) as crowd:
        await until(lambda: len(crowd.answers) > 50)
        new, outcome = await deployed(bench, site, "two")
        seen = len(crowd.answers)
        await until(lambda: len(crowd.answers) > seen + 50)
    assert outcome.state is RunState.SUCCEEDED, outcome
    assert set(crowd.answers) == {(200, f"one one {old}"), (200, f"two two {new}")}
    assert set(crowd.answers[-20:]) == {(200, f"two two {new}")}
    once = ["identify", "update", "check out", "copy", "preflight"]
    turn = ["look", "drain", "switch", "restart", "health: page", "health: health", "back in the balancer", "mark good"]
    told = [each.partition(" (")[0] for each in bench.steps]
    assert told[len(told) // 2 :] == [*once, *turn * 4, "clean up"]


async def test_nobody_notices_a_release_that_is_ill_on_the_second_host(site: Site) -> None:
    bench, old = await first(site)
    new = site.commit("two", ill="web2")
    with Crowd(site.proxy.port) as crowd:
        await until(lambda: len(crowd.answers) > 50)
        job = job_for(bench, site, new)
        outcome = await bench.run(job)
        seen = len(crowd.answers)
        await until(lambda: len(crowd.answers) > seen + 50)
    assert outcome.state is RunState.FAILED
    assert outcome.step == "health: health"
    assert outcome.reason
    assert outcome.reason.startswith("1 of 4 hosts failed: web2 (health: health: GET http://127.0.0.1:")
    assert outcome.reason.endswith("answered 500, wanted 200, still after 2 s); 2 not begun")
    assert site.live() == {"web1": "two", "web2": "one", "web3": "one", "web4": "one"}
    assert states(job) == {"web1": "done", "web2": "failed", "web3": "left", "web4": "left"}
    assert set(crowd.answers) == {(200, f"one one {old}"), (200, f"two two {new}")}
    assert {name: site.proxy.status(name) for name in site.ports} == dict.fromkeys(site.ports, "UP")

    back = await bench.run(replace(job_for(bench, site, old), kind=RunKind.ROLLBACK))
    assert back.state is RunState.SUCCEEDED, back
    assert site.live() == dict.fromkeys(site.ports, "one")


async def test_a_host_on_which_the_old_release_is_ill_too_stays_out(site: Site) -> None:
    bench, _ = await first(site)
    revision = site.commit("two", ill="web1")
    broken = Step("break", script='test "$PUSHBOT_KIND" != rollback')
    outcome = await bench.run(job_for(bench, site, revision, broken))
    assert outcome.reason
    assert "; stays out of the balancer: break: exited with 1); 3 not begun" in outcome.reason
    assert site.live()["web1"] == "one"
    assert site.proxy.status("web1") == "MAINT"


async def test_who_dies_between_flip_and_restart_is_taken_up_again(site: Site) -> None:
    bench, old = await first(site)
    new = site.commit("two")
    wait = Step("wait", script=f"until [ -e {site.folder}/go ]; do sleep 0.02; done")
    with Crowd(site.proxy.port) as crowd:
        await until(lambda: len(crowd.answers) > 50)
        job = job_for(bench, site, new, wait)
        token = await bench.executor.start(job)
        await until(lambda: site.live()["web1"] == "two")
        os.kill(int(token), signal.SIGKILL)
        with pytest.raises(RunLost):
            await bench.wait(job, token)
        assert states(job) == {"web1": "switching"}
        (site.folder / "go").touch()
        outcome = await bench.run(replace(job_for(bench, site, new, wait), continues=job.directory))
    assert outcome.state is RunState.SUCCEEDED, outcome
    assert set(crowd.answers) == {(200, f"one one {old}"), (200, f"two two {new}")}
    assert site.live() == dict.fromkeys(site.ports, "two")
    assert {name: site.proxy.status(name) for name in site.ports} == dict.fromkeys(site.ports, "UP")


async def test_an_abort_in_the_middle_leaves_every_host_whole(site: Site) -> None:
    bench, old = await first(site)
    new = site.commit("two")
    wait = Step("wait", script=f'[ "$PUSHBOT_KIND" = rollback ] || until [ -e {site.folder}/go ]; do sleep 0.02; done')
    with Crowd(site.proxy.port) as crowd:
        await until(lambda: len(crowd.answers) > 50)
        job = job_for(bench, site, new, wait)
        token = await bench.executor.start(job)
        await until(lambda: site.live()["web1"] == "two")
        await bench.executor.abort(job, token)
        outcome = await bench.wait(job, token)
    assert outcome.state is RunState.CANCELLED
    assert outcome.reason == "stopped on request; 4 not begun"
    assert set(crowd.answers) == {(200, f"one one {old}")}
    assert site.live() == dict.fromkeys(site.ports, "one")
    assert {name: site.proxy.status(name) for name in site.ports} == dict.fromkeys(site.ports, "UP")
