"""Commands as checks: real processes, of which nothing is left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Change, Check, Finding, Verdict
from pushbot.testing.contracts.check import CheckContract, PatientContract, change_in
from pushbot.testing.repository import MemoryRepository
from pushbot_plugins.checks.command import CommandCheck
from pushbot_plugins.git import GitOptions, GitRepository
from tests.service.world import commit


def command(*run: str, **more: object) -> CommandCheck:
    return CommandCheck(CommandCheck.Options.model_validate({"run": run, **more}))


def shell(script: str, **more: object) -> CommandCheck:
    return command("/bin/sh", "-c", script, **more)


class TestTheContract(CheckContract, PatientContract):
    def good(self, directory: Path) -> tuple[Check, Change]:
        return command("true"), change_in(directory)

    def bad(self, directory: Path) -> tuple[Check, Change]:
        return shell("echo; echo 3 red >&2; echo; exit 4"), change_in(directory)

    def long(self, directory: Path) -> tuple[Check, Change]:
        return command("sleep", "600"), change_in(directory)


async def test_the_last_line_and_the_exit_code_say_why(tmp_path: Path) -> None:
    found = await shell("echo one; printf '\\033[31m3 red\\033[0m\\n' >&2; exit 4").look(change_in(tmp_path))
    assert found == Verdict(Finding.FAILED, "3 red (exit code 4)")
    assert (await shell("exit 4").look(change_in(tmp_path))).why == "exit code 4"
    assert (await shell("kill -SEGV $$").look(change_in(tmp_path))).why == "it was ended by SIGSEGV"


async def test_it_knows_what_it_looks_at_and_no_shell_sees_it(tmp_path: Path) -> None:
    script = "import os, pathlib; pathlib.Path('seen').write_text(os.environ['PUSHBOT_BRANCH'] + os.getcwd())"
    evil = "$(touch owned);`touch owned`\n--"
    change = Change("web", "production", "6957bb87", None, evil, "alice", ("alice", "bob"), tmp_path)
    assert (await command(sys.executable, "-c", script).look(change)).finding is Finding.PASSED
    assert (tmp_path / "seen").read_text() == f"{evil}{tmp_path}"
    assert not (tmp_path / "owned").exists()
    told = "env | grep PUSHBOT_ | sort | tr '\\n' ' '; exit 1"
    why = (await shell(told).look(change_in(tmp_path, previous="41aa02ce"))).why
    assert "PUSHBOT_DRIVER=alice PUSHBOT_LANE=web PUSHBOT_PREVIOUS_REVISION=41aa02ce PUSHBOT_REVISION=6957bb87" in why


async def test_secrets_are_masked_and_the_bots_own_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECK_SECRET", "correct horse")
    check = shell('echo "$TOKEN; ${CHECK_SECRET-nothing}"; exit 1', env={"TOKEN": "env:CHECK_SECRET"})
    assert (await check.look(change_in(tmp_path))).why == "***; nothing (exit code 1)"
    long = shell('head -c 40000 /dev/zero | tr "\\0" x; printf "$TOKEN"; exit 1', env={"TOKEN": "env:CHECK_SECRET"})
    assert (await long.look(change_in(tmp_path))).why == "exit code 1"
    slow = shell('printf "at ${TOKEN%rse}"; sleep 60', env={"TOKEN": "env:CHECK_SECRET"})
    with pytest.raises(PushbotError, match=r"ended, at: at \*\*\*$"):
        await slow.look(change_in(tmp_path, patience=1.5))
    with pytest.raises(PushbotError, match="env:NO_SUCH is missing"):
        await shell("true", env={"TOKEN": "env:NO_SUCH"}).look(change_in(tmp_path))


async def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    check = shell("sleep 600 & echo $! > pid; echo at test 3; wait")
    with pytest.raises(PushbotError, match=r"/bin/sh took more than 2 s and was ended, at: at test 3"):
        await check.look(change_in(tmp_path, patience=2.0))
    await gone(tmp_path / "pid")


async def test_what_it_leaves_running_is_ended_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    found = await shell("sleep 600 & echo $! > pid; exit 0").look(change_in(tmp_path))
    assert found.finding is Finding.PASSED
    await gone(tmp_path / "pid")


async def test_a_daemon_of_its_own_session_that_keeps_its_output_open_keeps_nobody_waiting(tmp_path: Path) -> None:
    script = "setsid sleep 600 & echo $! > pid; echo 3 red; exit 4"
    async with asyncio.timeout(60):
        found = await shell(script).look(change_in(tmp_path, patience=60))
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert found == Verdict(Finding.FAILED, "3 red (exit code 4)")


async def gone(pid: Path) -> None:
    """Return when that process has ended."""
    async with asyncio.timeout(60):
        while not over(pid):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


def over(pid: Path) -> bool:
    """Whether it has ended; an orphan may be a zombie until its new parent looks."""
    try:
        return Path(f"/proc/{int(pid.read_text())}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def test_what_cannot_be_run_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="/no/such/thing cannot be run: No such file"):
        await command("/no/such/thing").look(change_in(tmp_path))
    with pytest.raises(PushbotError, match="cannot be run"):
        await command("true", workdir=tmp_path / "none").look(change_in(tmp_path))


async def test_a_checkout_has_the_files_of_the_revision(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.mkdir()
    folder.mkdir()
    first = commit(source, "docs/read.me", subject="one")
    commit(source, "later", subject="two")
    repository = GitRepository(GitOptions(url=str(source)))
    check = shell("test -f docs/read.me && test ! -e later && test ! -e .git", checkout=True)
    assert (await check.look(change_in(folder, first, repository=repository))).finding is Finding.PASSED
    with pytest.raises(PushbotError, match="no repository to check out from"):
        await check.look(change_in(folder, first, repository=MemoryRepository()))
