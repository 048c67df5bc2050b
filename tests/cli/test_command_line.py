"""The command line: what it prints, where, and the exit code."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from click.testing import CliRunner

import pushbot.cli.check
from pushbot.cli import COMMANDS, main
from pushbot.cli.run import until_told
from pushbot.config import Config, load
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "pushbot.example.toml"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def pushbot_(*words: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def test_help_names_every_command_and_exit_code() -> None:
    said = pushbot_("--help")
    assert said.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command}  +\w", said.output, re.MULTILINE)
    assert "..." not in said.output.split("Commands:")[1]  # each command is told in words that fit
    for code in ("0 ", "1 ", "2 ", "70"):
        assert f"\n    {code} " in said.output


@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_the_version_and_help_are_told_without_loading_the_bot(asked: str) -> None:
    loaded = [sys.executable, "-X", "importtime", "-m", "pushbot", asked]
    said = subprocess.run(loaded, capture_output=True, text=True, check=True).stderr
    names = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert {name for name in names if name.startswith("pushbot")} == {"pushbot", "pushbot.cli", "pushbot.cli.loading"}
    assert not names & {"asyncio", "pydantic", "structlog", "rich"}


def test_a_bot_loads_only_what_its_configuration_names() -> None:
    code = "import sys, pathlib, pushbot.config as c; c.load(pathlib.Path(sys.argv[1])); import pushbot.app"
    shown = f"{code}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    quickstart = str(ROOT / "config" / "quickstart.toml")
    loaded = subprocess.run(
        [sys.executable, "-c", shown, quickstart], capture_output=True, text=True, check=True
    ).stdout
    others = {"aiohttp", "slack_bolt", "slack_sdk", "asyncssh", "cryptography", "icalendar", "yaml", "prompt_toolkit"}
    assert set(loaded.split()) & {"irc", "pydantic"} == {"irc", "pydantic"}
    assert not set(loaded.split()) & {*others, "jaraco", "requests"}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_examples(command: str) -> None:
    said = pushbot_(command, "--help")
    assert said.exit_code == 0
    assert re.search(rf"^    .*\bpushbot {command}\b", said.output, re.MULTILINE)


def test_the_configuration_is_called_the_same_everywhere() -> None:
    for command in set(COMMANDS) - {"init", "chat", "apply"}:
        assert re.search(rf"Usage: .* {command} \[OPTIONS\] \[?CONFIG\b", pushbot_(command, "--help").output)


def test_a_broken_version_needs_words_of_its_own() -> None:
    said = pushbot_("quickstart", "--broken")
    assert (said.exit_code, "--broken is for --commit TEXT" in said.stderr) == (2, True)


def test_an_unknown_command_is_told_with_the_nearest() -> None:
    said = pushbot_("chekc")
    assert (said.exit_code, "did you mean 'check'?" in said.stderr) == (2, True)


def completed(*words: str) -> dict[str, str]:
    """What zsh offers for the last of the words, with what it is told of each."""
    asking = {"_PUSHBOT_COMPLETE": "zsh_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    asked = [sys.executable, "-X", "importtime", "-m", "pushbot"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False, env={**os.environ, **asking})
    assert (said.returncode, "Traceback" in said.stderr) == (0, False)
    assert words[1] == "check" or "pydantic" not in said.stderr  # names of commands need none of them
    lines = said.stdout.splitlines()
    return dict(zip(lines[1::3], lines[2::3], strict=True))


def test_a_shell_completes_commands_without_loading_them() -> None:
    assert completed("pushbot", "") == COMMANDS
    assert completed("pushbot", "ru") == {"run": COMMANDS["run"]}
    assert completed("pushbot", "--v") == {"--version": "Show the version and exit."}
    assert "--offline" in completed("pushbot", "check", "--")


def test_a_shell_that_completes_after_an_unknown_command_shows_no_traceback() -> None:
    assert completed("pushbot", "nosuch", "--x") == {}


def test_check_sums_up_what_is_right() -> None:
    said = pushbot_("check", EXAMPLE)
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.splitlines()[0] == f"{EXAMPLE}: no mistakes found"
    assert "lane web in irc/#push: trains of up to 8, from branch main" in said.stdout
    assert "  stage princess (local): build, publish" in said.stdout


def test_check_warns_on_standard_error(tmp_path: Path) -> None:
    file = tmp_path / "pushbot.toml"
    file.write_text('[chats.irc]\nhost = "127.0.0.1"\n[lanes.web]\nrooms = ["irc/#push"]\n', encoding="utf-8")
    said = pushbot_("check", file)
    assert (said.exit_code, "warning" in said.stdout) == (0, False)
    assert said.stderr.startswith("warning: nobody in a chat is an operator")


def test_check_and_run_tell_the_same_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "pushbot.toml"
    file.write_text('[bott]\n[lanes.web]\nrooms = ["irc/#push\\u001b[31m"]\n', encoding="utf-8")
    checked, ran = pushbot_("check", file), pushbot_("run", file)
    assert (checked.exit_code, ran.exit_code, checked.stdout, ran.stdout) == (2, 2, "", "")
    assert checked.stderr == ran.stderr
    assert f"{file}:1: bott: unknown key; did you mean 'bot'?" in checked.stderr
    assert "\x1b" not in checked.stderr


def test_init_writes_what_check_accepts_and_never_overwrites(tmp_path: Path) -> None:
    folder = tmp_path / "my bot"
    wrote = pushbot_("init", folder)
    assert wrote.exit_code == 0
    assert f"pushbot check '{folder / 'pushbot.toml'}'" in wrote.stdout
    assert pushbot_("check", folder / "pushbot.toml").exit_code == 0
    (folder / "pushbot.toml").write_text("mine", encoding="utf-8")
    again = pushbot_("init", folder)
    assert (again.exit_code, again.stdout) == (1, "")
    assert f"{folder / 'pushbot.toml'} is there already" in again.stderr
    assert (folder / "pushbot.toml").read_text(encoding="utf-8") == "mine"


def test_init_names_itself_as_it_can_be_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "pushbot"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert "\n  bin/pushbot run one/pushbot.toml\n" in pushbot_("init", "one").stdout
    monkeypatch.setenv("PATH", f"/usr/bin:{tmp_path / 'bin'}")
    assert "\n  pushbot run two/pushbot.toml\n" in pushbot_("init", "two").stdout


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = pushbot_("init", tmp_path / "file" / "below")
    assert (said.exit_code, said.stderr.count("\n")) == (1, 1)
    assert "cannot be written: Not a directory" in said.stderr


def _raising(error: Exception, monkeypatch: pytest.MonkeyPatch) -> Result:
    def load(_file: Path) -> Config:
        raise error

    monkeypatch.setattr(pushbot.cli.check, "load", load)
    return pushbot_("check", "x.toml")


def test_troubles_of_the_world_are_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _raising(PushbotError("the disk is full\x1b[2J"), monkeypatch)
    assert (said.exit_code, said.stderr) == (1, "pushbot: the disk is full\\u001b[2J\n")
    both = ExceptionGroup("", [PushbotError("one"), ExceptionGroup("", [PushbotError("two")])])
    said = _raising(both, monkeypatch)
    assert (said.exit_code, said.stderr) == (1, "pushbot: one\npushbot: two\n")


def test_a_bug_is_logged_under_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _raising(KeyError("oops"), monkeypatch)
    assert said.exit_code == 70
    *_, last = said.stderr.splitlines()
    reference = last.split("logged above as ")[1].split(":")[0]
    assert f"reference={reference}" in said.stderr
    assert "KeyError" in said.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_bot_in_good_order(number: signal.Signals) -> None:
    seen: list[str] = []

    async def serve(_: Config) -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            seen.append("signed off")

    async with asyncio.timeout(60):
        await until_told(serve, load(EXAMPLE))
    assert seen == ["signed off"]


async def test_what_the_bot_raises_comes_through() -> None:
    async def serve(_: Config) -> None:
        raise PushbotError("no such server")

    with pytest.raises(ExceptionGroup) as caught:
        await until_told(serve, load(EXAMPLE))
    assert caught.group_contains(PushbotError, match="no such server")


def test_as_a_process_of_its_own(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pushbot", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)

    assert run("init", ".").returncode == 0
    assert run("check", "pushbot.toml").returncode == 0
    assert run("init", ".").returncode == 1
    wrong = run("check", "nowhere.toml")
    assert (wrong.returncode, wrong.stderr) == (2, "nowhere.toml: cannot be read: No such file or directory\n")


async def test_run_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    file = tmp_path / "pushbot.toml"
    file.write_text(f'[chats.irc]\nhost = "127.0.0.1"\nport = {port}\n[lanes.web]\nrooms = ["irc/#push"]\n', "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pushbot", "run", str(file), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            said = await process.stderr.readline()  # it has begun to log: the chat it cannot reach
            process.send_signal(signal.SIGTERM)
            said += await process.stderr.read()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        listener.close()
    assert b"stopping" in said
    assert b"Traceback" not in said


def test_ctrl_c_while_it_is_being_loaded_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import time; print('loading', flush=True); time.sleep(60)")
    command = (sys.executable, "-m", "pushbot", "--help")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as loading:
        assert loading.stdout
        assert loading.stdout.readline() == b"loading\n"
        loading.send_signal(signal.SIGINT)
        assert loading.communicate(timeout=10) == (b"", b"")
    assert loading.returncode == -signal.SIGINT
