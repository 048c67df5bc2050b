"""What ends up in output.log, and what never does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pushbot.ports import Outcome, Step
from pushbot.queue.commands import RunState
from pushbot.secret import resolve_secret
from pushbot_plugins.local.supervisor.output import Log, Mask
from pushbot_plugins.local.supervisor.output import masked as every_masked
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugins.local.conftest import Bench

WELL = Outcome(RunState.SUCCEEDED)
SECRET = "correct-horse"
SLOW = """
import os, time
from pathlib import Path
from pushbot_plugins.local.supervisor.processes import Attention, Command, follow, spawn

taken = []

def take(data):
    taken.append(len(data))
    time.sleep(0.3)

attention = Attention()
work = Command(("head", "-c", "900000", "/dev/zero"), dict(os.environ), Path("/"))
child = spawn(work, Path("group"))
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
end = follow(child, attention, take, until=time.monotonic() + 60, grace=1)
print(sum(taken), end.output_held)
"""
"""A supervisor that gets to what a command printed when that has ended, and takes its time."""


def masked(secrets: list[str], *pieces: bytes) -> bytes:
    mask = Mask(secrets)
    return b"".join(map(mask.feed, pieces)) + mask.flush()


async def test_secrets_are_resolved_late_and_masked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    (bench.directory / "key").write_text("first line\n}\nlast line\n")
    show = "echo token=$TOKEN.; printf correct-; sleep 0.02; printf 'horse\\n'; echo \"$KEY\"; echo $STEP"
    job = replace(
        bench.job(Step("show", script=show, env=(("STEP", "env:TEST_TOKEN"),))),
        env=(("TOKEN", "env:TEST_TOKEN"), ("KEY", f"file:{bench.directory}/key"), ("PLAIN", "http://example")),
    )
    assert await bench.run(job) == WELL
    assert bench.log.splitlines()[1:] == ["token=***.", "***", "***", "}", "***", "***"]
    assert SECRET not in (bench.directory / "job.json").read_text()


async def test_the_bots_own_secrets_are_not_for_steps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step prints may be said in a channel, its environment included."""
    for name in ("CHAT_PASSWORD", "SHARED_TOKEN"):
        monkeypatch.setenv(name, f"{name} is secret")
        resolve_secret(f"env:{name}")
    step = Step("show", script='env; test "$TOKEN" = "SHARED_TOKEN is secret"', env=(("TOKEN", "env:SHARED_TOKEN"),))
    assert (await bench.run(bench.job(step))).state is RunState.SUCCEEDED
    assert "CHAT_PASSWORD" not in bench.log
    assert "is secret" not in bench.log
    assert "TOKEN=***" in bench.log


async def test_the_tail_is_masked_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    job = bench.job(Step("show", script="echo it is $TOKEN; exit 1", env=(("TOKEN", "env:TEST_TOKEN"),)))
    assert (await bench.run(job)).tail == ("it is ***",)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("env:NO_SUCH", "TOKEN is to come from env:NO_SUCH, which is not set where the bot runs"),
        (
            "file:/no/such",
            (
                "TOKEN is to come from file:/no/such, which cannot be read (No such file or directory): "
                "check its path and mode"
            ),
        ),
        ("file:/dev/zero", "TOKEN is to come from file:/dev/zero, which is larger than 65536 bytes"),
    ],
)
async def test_a_missing_secret_stops_the_run_before_it_begins(bench: Bench, reference: str, reason: str) -> None:
    late = Step("late", run=("true",), env=(("TOKEN", reference),))
    outcome = await bench.run(bench.job(Step("first", script="touch begun"), late))
    assert outcome == Outcome(RunState.FAILED, None, reason)
    assert not (bench.directory / "begun").exists()


async def test_bytes_that_are_no_text_pass_through(bench: Bench) -> None:
    assert await bench.run(bench.job(Step("show", script="printf 'a\\377\\000b'"))) == WELL
    assert (bench.directory / "output.log").read_bytes().split(b"\n")[1:] == [b"a\xff\0b", b""]


async def test_the_tail_is_clean(bench: Bench) -> None:
    script = (
        "for i in 1 2 3 4 5 6; do echo $i; done; printf '\\033[31mred\\033[0m\\007 \\377\\n\\n  \\n50%%\\r100%%\\n'; "
        "printf '%0500d' 0; exit 1"
    )
    tail = (await bench.run(bench.job(Step("show", script=script)))).tail
    assert tail == ("6", "red \N{REPLACEMENT CHARACTER}", "50%", "100%", "0" * 300)


async def test_much_output_is_taken_fast_in_little_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    size = 50 * 2**20
    lines = f"yes 'a line of output that says {SECRET[:-1]} and nothing' | head -c {size}"
    one_line = f"head -c {size} /dev/zero"
    peak = "grep VmHWM /proc/$PPID/status"
    steps = (Step("lines", script=lines), Step("one", script=one_line), Step("peak", script=peak))
    began = time.monotonic()
    job = replace(bench.job(*steps), env=(("TOKEN", "env:TEST_TOKEN"),))
    assert await bench.run(job) == WELL
    assert time.monotonic() - began < 20
    log = bench.directory / "output.log"
    assert 64 * 2**20 <= log.stat().st_size < 64 * 2**20 + 1000
    with log.open("rb") as file:
        file.seek(-500, os.SEEK_END)
        assert b"the rest is not kept" in file.read()
    monkeypatch.setattr(bench, "directory", bench.directory / "small")
    bench.directory.mkdir()
    outcome = await bench.run(bench.job(Step("lines", script=lines + " | head -c 30000000; " + peak)))
    assert outcome == WELL
    with (bench.directory / "output.log").open("rb") as file:
        file.seek(-200, os.SEEK_END)
        kib = int(file.read().rsplit(b"VmHWM:")[-1].split()[0])
    assert kib < 40 * 1024, sys.version


def test_output_is_whole_also_when_the_supervisor_is_slow(tmp_path: Path) -> None:
    """More than a second goes by between the end of the command and the last byte that is read of it."""
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    read = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, check=True, cwd=tmp_path)
    assert read.stdout == b"900000 False\n"


def test_a_full_log_says_so_once(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", [], limit=10)
    log.begin("first")
    for _ in range(5):
        log.take(b"1234567\n")
    log.end()
    log.begin("second")
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[1:4] == ["1234567", "12", "== more than 10 bytes of output: the rest is not kept"]
    assert lines[-1].endswith(" second")
    assert len(lines) == 5
    assert log.tail() == ()


@given(st.integers(0, 40), st.integers(1, 40))
def test_a_secret_is_masked_wherever_the_stream_is_cut(at: int, length: int) -> None:
    data = b"some " + SECRET.encode() + b" words " + SECRET.encode() + b"\nmore"
    pieces = (data[:at], data[at : at + length], data[at + length :])
    assert masked([SECRET], *pieces) == b"some *** words ***\nmore"


@given(st.integers(0, len(SECRET)))
def test_half_a_secret_is_masked_where_the_output_was_cut_off(length: int) -> None:
    mask = Mask([SECRET, "horse\nbattery"])
    shown = mask.feed(f"some {SECRET}\nand {SECRET[:length]}".encode()) + mask.end()
    assert shown == b"some ***\nand " + (b"***" if length >= 4 else SECRET[:length].encode())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"./deploy {SECRET} now", "./deploy *** now"),
        (f"./deploy {SECRET[:7]}...", "./deploy ***..."),
        (f"./deploy {SECRET[:7]}", f"./deploy {SECRET[:7]}"),
        ("it is dots...", "it is ***"),
        (f"{SECRET[:3]}...", f"{SECRET[:3]}..."),
    ],
)
def test_a_line_that_was_shortened_ends_in_no_half_of_a_secret(text: str, shown: str) -> None:
    assert one_line(text) == text
    assert every_masked(text, [SECRET, "dots..."]) == shown
    assert every_masked(text, []) == text


@given(st.lists(st.sampled_from([b"a", b"b", b"ab", b"aab", b"x" * 40000, b"\n"]), max_size=40))
@example([b"x" * 40000, b"x" * 40000, b"a", b"ab", b"x" * 40000])
@example([b"x" * 70000 + b"aab", b"x"])
def test_no_secret_comes_through_long_lines(pieces: list[bytes]) -> None:
    shown = masked(["aab", "bb"], *pieces)
    assert b"aab" not in shown
    assert b"bb" not in shown


def test_the_longest_of_two_secrets_wins() -> None:
    assert masked(["pass", "password"], b"my password\n") == b"my ***\n"


def test_without_secrets_nothing_is_held_back() -> None:
    assert Mask([]).feed(b"Password: ") == b"Password: "
    assert Mask([""]).feed(b"Password: ") == b"Password: "
