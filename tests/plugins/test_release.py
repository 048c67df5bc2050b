"""The release tool, verb by verb, as the steps of a stage call it: real git, real links, real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from pushbot_plugins.release.cli import main
from pushbot_plugins.release.root import Root, State
from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = """
import os, pathlib, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(pathlib.Path("version.txt").read_bytes())
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_{what}": "alice@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | IDENTITY, check=True, stdout=subprocess.PIPE
    )
    return done.stdout.decode().strip()


def commit(repo: Path, name: str, text: str) -> str:
    """Write one file, commit all there is, and say the commit's id."""
    (repo / name).parent.mkdir(exist_ok=True)
    (repo / name).write_text(text)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--allow-empty", "--message", text[:20])
    return git(repo, "rev-parse", "HEAD")


def lives(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@dataclass(frozen=True, slots=True)
class Stage:
    """A root, its repository and a port, with the tool at hand."""

    root: Path
    repo: Path
    port: int
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def tool(self, verb: str, *words: str, run: str = "", revision: str = "", code: int = 0) -> str:
        """What the verb printed, on whichever stream its exit code speaks."""
        self.patch.setenv("PUSHBOT_RUN", run)
        self.patch.setenv("PUSHBOT_REVISION", revision)
        assert main([verb, "--root", str(self.root), *words]) == code
        out = self.capture.readouterr()
        text = out.err if code else out.out
        assert len(text.splitlines()) == 1 or verb == "list"
        return text.strip()

    def deploy(self, run: str, text: str, *, good: bool = True) -> str:
        """One whole release, without the process."""
        revision = commit(self.repo, "version.txt", text)
        self.tool("checkout", "--repo", str(self.repo), run=run, revision=revision)
        self.tool("publish", run=run)
        if good:
            self.tool("good", run=run)
        return revision

    def restart(self, *words: str, code: int = 0) -> str:
        """Restart in a process of its own, as the service has to outlive the tool; what it printed."""
        command = words or (sys.executable, "server.py")
        tool = (sys.executable, "-m", "pushbot_plugins.release", "restart", "--root", str(self.root))
        options = ("--port", str(self.port), "--grace", "0.5", "--", *command)
        done = subprocess.run([*tool, *options], capture_output=True, text=True, check=False)
        assert done.returncode == code
        return (done.stderr if code else done.stdout).strip()

    def served(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            return str(answer.read().decode())

    def live(self) -> str:
        return (self.root / "current" / "version.txt").read_text()

    def pid(self) -> int:
        return int(json.loads((self.root / "shared" / "service.pid").read_text())["pid"])


@pytest.fixture
def stage(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    repo = tmp_path / "app"
    repo.mkdir()
    git(repo, "init", "--quiet", "--initial-branch=main")
    (repo / "bin").mkdir()
    (repo / "bin" / "tool").write_text("#!/bin/sh\n")
    (repo / "bin" / "tool").chmod(0o755)
    (repo / "link").symlink_to("version.txt")
    commit(repo, "server.py", SERVER)
    monkeypatch.delenv("PUSHBOT_KIND", raising=False)
    made = Stage(tmp_path / "root", repo, free_port(), capsys, monkeypatch)
    yield made
    made.tool("stop", "--grace", "0.5")


def test_a_release_has_the_files_of_its_revision_and_a_record(stage: Stage) -> None:
    revision = stage.deploy("web-1", "one")
    commit(stage.repo, "version.txt", "not this")
    (release,) = Root(stage.root).all()
    folder = stage.root / "releases" / release.name
    assert (release.revision, release.run, release.state) == (revision, "web-1", State.GOOD)
    assert names(folder) == [".release.json", "bin", "link", "server.py", "version.txt"]
    assert (folder / "link").is_symlink()
    assert os.access(folder / "bin" / "tool", os.X_OK)
    assert stage.live() == "one"
    assert (stage.root / "current").readlink() == Path("releases") / release.name


def test_two_releases_in_one_second_both_stand_in_order(stage: Stage) -> None:
    revision = commit(stage.repo, "version.txt", "x")
    for run in ("web-1", "web-2", "web-3"):
        stage.tool("checkout", "--repo", str(stage.repo), run=run, revision=revision)
    assert [release.run for release in Root(stage.root).all()] == ["web-1", "web-2", "web-3"]


def test_checking_out_again_finds_what_the_run_made(stage: Stage) -> None:
    revision = stage.deploy("web-1", "one")
    (stage.root / "releases" / ".new-crashed").mkdir()
    assert "already" in stage.tool("checkout", "--repo", str(stage.repo), run="web-1", revision=revision)
    stage.deploy("web-2", "two")
    assert len(names(stage.root / "releases")) == 2


def test_a_git_that_was_killed_does_not_stop_the_next(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    (stage.root / "repo" / "config.lock").touch()
    stage.deploy("web-2", "two")
    (stage.root / "repo" / "refs" / "heads" / "main.lock").touch()
    stage.deploy("web-3", "three")
    assert stage.live() == "three"


def test_what_cannot_be_checked_out_is_said_in_a_line(stage: Stage, tmp_path: Path) -> None:
    repo = ("--repo", str(stage.repo))
    assert "PUSHBOT_REVISION" in stage.tool("checkout", *repo, code=1)
    assert "has no revision" in stage.tool("checkout", *repo, revision="--upload-pack=x", code=1)
    stage.deploy("web-1", "one")
    (stage.root / "repo").rename(tmp_path / "away")
    assert "clone failed" in stage.tool("checkout", "--repo", str(tmp_path / "none"), revision="main", code=1)
    assert "no release" in stage.tool("publish", run="web-7", code=1)


def test_publish_flips_by_one_rename_and_may_be_repeated(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    stage.deploy("web-2", "two", good=False)
    assert "already" in stage.tool("publish", run="web-2")
    first, second = Root(stage.root).all()
    assert second.replaced == first.name
    assert stage.live() == "two"
    (stage.root / "current").unlink()
    (stage.root / "current").mkdir()
    assert "is not a link" in stage.tool("publish", run="web-2", code=1)


def test_only_the_runs_own_release_is_marked_good(stage: Stage) -> None:
    assert "nothing is live" in stage.tool("good", code=1)
    stage.deploy("web-1", "one")
    assert "is not of run web-2" in stage.tool("good", run="web-2", code=1)
    assert "* " in stage.tool("list")


def test_cleanup_keeps_good_ones_and_never_the_count_of_failed_ones(stage: Stage) -> None:
    for number in range(1, 5):
        stage.deploy(f"web-{number}", f"good {number}")
        stage.deploy(f"web-{number}0", f"failed {number}", good=False)
    assert stage.live() == "failed 4"
    assert stage.tool("cleanup", "--keep", "2") == "deleted 5 of 8 releases"
    kept = [release.run for release in Root(stage.root).all()]
    assert kept == ["web-3", "web-4", "web-40"]  # the last is live
    (stage.root / "releases" / ".old-20200101000000").mkdir()
    stage.tool("cleanup", "--keep", "0")
    assert [release.run for release in Root(stage.root).all()] == ["web-40"]
    assert len(names(stage.root / "releases")) == 1


def test_rollback_from_a_failed_release_finds_the_last_good_once(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    two = stage.deploy("web-2", "two")
    stage.deploy("web-3", "three", good=False)
    for _ in range(2):  # a retried run comes to the same
        stage.tool("rollback", run="web-4", revision=two)
        assert stage.live() == "two"
    stage.tool("good", run="web-4")
    for _ in range(2):
        stage.tool("rollback", run="web-5")
        assert stage.live() == "one"
    assert [release.state for release in Root(stage.root).all()] == [State.GOOD, State.BAD, State.BAD]
    assert "no good release to go back to" in stage.tool("rollback", run="web-6", code=1)


def test_rollback_brings_back_the_revision_asked_for(stage: Stage) -> None:
    one = stage.deploy("web-1", "one")
    for number in (2, 3):
        stage.deploy(f"web-{number}", str(number))
    stage.tool("rollback", run="web-4", revision=one)
    assert stage.live() == "one"
    stage.tool("rollback", run="web-4", revision=one)
    assert stage.live() == "one"


def test_restart_serves_the_new_release_and_ends_the_old(stage: Stage) -> None:
    assert "nothing is live" in stage.restart(code=1)
    stage.deploy("web-1", "one")
    stage.restart()
    first = stage.pid()
    assert stage.served() == "one"
    assert os.getsid(first) == first
    stage.deploy("web-2", "two")
    assert stage.served() == "one"  # until it is restarted, the old one serves its own files
    stage.restart()
    assert stage.served() == "two"
    assert not lives(first)
    second = stage.pid()
    stage.tool("stop")
    assert not lives(second)
    assert stage.tool("stop") == "no service was running"


def test_a_service_that_takes_its_time_to_listen_is_waited_for(stage: Stage) -> None:
    """That it holds its port is not enough: a request would be refused."""
    late = SERVER.replace(").serve_forever()", ", bind_and_activate=False)")
    late += "".join(
        f"\n{line}" for line in ("import time", "server.server_bind()", "time.sleep(0.4)", "server.server_activate()")
    )
    commit(stage.repo, "late.py", late.replace("HTTPServer((", "server = HTTPServer((") + "\nserver.serve_forever()\n")
    stage.deploy("web-1", "one")
    stage.restart(sys.executable, "late.py")
    assert stage.served() == "one"


def test_a_service_deaf_to_term_is_killed(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    stage.restart(sys.executable, "server.py", "stubborn")
    first = stage.pid()
    stage.restart()
    assert not lives(first)
    assert stage.served() == "one"


def test_what_the_leader_left_behind_is_ended_too(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    stage.restart("sh", "-c", f"{sys.executable} server.py & wait")
    leader = stage.pid()
    os.kill(leader, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while lives(leader):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert stage.served() == "one"
    stage.restart()
    assert stage.served() == "one"


def test_a_pid_that_went_to_another_process_is_left_alone(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        pidfile = stage.root / "shared" / "service.pid"
        pidfile.write_text(json.dumps({"pid": other.pid, "started": "1"}))
        stage.restart()
        assert other.poll() is None
        other.kill()
    ours = pidfile.read_text()
    pidfile.write_text("{")
    assert "damaged" in stage.tool("stop", code=1)
    pidfile.write_text(ours)


def test_a_service_that_cannot_start_is_said_with_its_last_words(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    said = stage.restart(sys.executable, "-c", "raise SystemExit('no database')", code=1)
    assert "ended at once with code 1: no database" in said
    assert "cannot start 'no-such'" in stage.restart("no-such", code=1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stage.port))
        taken.listen()
        assert f"port {stage.port} is held" in stage.restart(code=1)


def test_shared_paths_outlive_releases(stage: Stage) -> None:
    for run in ("web-1", "web-2"):
        revision = commit(stage.repo, "data/seed.txt", run)
        stage.tool("checkout", "--repo", str(stage.repo), "--share", "data", run=run, revision=revision)
        stage.tool("publish", run=run)
        (stage.root / "current" / "data" / run).write_text("kept")
    assert names(stage.root / "shared" / "data") == ["seed.txt", "web-1", "web-2"]
    assert (stage.root / "shared" / "data" / "seed.txt").read_text() == "web-1"


def test_preflight_says_what_is_missing(stage: Stage) -> None:
    assert "git" in stage.tool("preflight", "--free", "1", "--need", "git>=1.0")
    assert "install it" in stage.tool("preflight", "--need", "no-such-command", code=1)
    assert "git 99 or newer" in stage.tool("preflight", "--need", "git>=99", code=1)
    assert "MB free" in stage.tool("preflight", "--free", "999999999", code=1)


def test_a_build_runs_inside_the_release(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    stage.deploy("web-2", "two")
    tool = [sys.executable, "-m", "pushbot_plugins.release", "inside", "--root", str(stage.root), "--"]
    environment = {**os.environ, "PUSHBOT_RUN": "web-1"}
    done = subprocess.run([*tool, "cat", "version.txt"], env=environment, capture_output=True, check=True)
    assert done.stdout == b"one"
    stage.patch.chdir(stage.root)  # comes back here after the test
    assert "cannot run 'no-such'" in stage.tool("inside", "no-such", code=1)


def test_a_second_deploy_waits_its_turn(stage: Stage) -> None:
    stage.deploy("web-1", "one")
    words = [sys.executable, "-m", "pushbot_plugins.release", "good", "--root", str(stage.root)]
    with Root(stage.root).locked():
        other = subprocess.Popen(words, env={**os.environ, "PUSHBOT_RUN": "web-1"}, stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.3)
    assert other.wait(10) == 0
    assert other.communicate()[0].endswith(b"is good\n")


def test_wrong_words_exit_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["fly"], ["restart"], ["cleanup", "--keep", "x"], []):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 2
    assert "usage: python -m pushbot_plugins.release" in capsys.readouterr().err


def test_a_deploy_killed_anywhere_is_finished_by_repeating_it(stage: Stage) -> None:
    """Each verb is killed after a while that grows from try to try, then repeated as a whole."""
    tool = [sys.executable, "-m", "pushbot_plugins.release"]
    steps = (
        ("checkout", "--repo", str(stage.repo)),
        ("publish",),
        ("restart", "--port", str(stage.port), "--", sys.executable, "server.py"),
        ("good",),
        ("cleanup", "--keep", "2"),
    )
    for number, wait in enumerate((0.02, 0.05, 0.07, 0.09, 0.12), start=1):
        revision = commit(stage.repo, "version.txt", f"text {number}")
        environment = {**os.environ, "PUSHBOT_RUN": f"web-{number}", "PUSHBOT_REVISION": revision}
        for verb, *words in steps:
            command = [*tool, verb, "--root", str(stage.root), *words]
            with subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as one:
                with suppress(subprocess.TimeoutExpired):
                    one.wait(wait)
                one.kill()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        assert stage.served() == f"text {number}"
    left = Root(stage.root).all()
    assert [(release.run, release.state) for release in left] == [("web-4", State.GOOD), ("web-5", State.GOOD)]
    assert names(stage.root / "releases") == [release.name for release in left]
