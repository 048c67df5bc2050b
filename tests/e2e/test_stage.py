"""`pushbot stage`: with a bot that runs and without one, under its locks, on its record, told in its rooms."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING

import pytest

from pushbot.control.client import Conversation
from pushbot.control.wire import RunStage, Stop, line_of, socket_of
from tests.e2e.bot import SOON, until
from tests.e2e.made import Gate, basics, lane, noted, stage, step
from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]


def config(port: int, folder: Path, *, gate: Gate | None = None) -> str:
    """A lane with a stage that waits at a gate, if there is one, and a stage that fails."""
    build = noted(folder / "steps", "build") + (f"\n{gate.script}" if gate else "")
    stages = stage("web", "princess", [step("build", build)]) + stage(
        "web", "production", [step("publish", "echo the disk is gone; exit 3")]
    )
    return basics(port) + stages + lane("web")


async def begun(folder: Path, *words: str) -> Process:
    """`pushbot stage` in `folder`."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pushbot", "stage", "pushbot.toml", *words), cwd=folder, stdout=PIPE, stderr=PIPE
    )


async def ended(process: Process) -> tuple[int, str, str]:
    """Its exit code, and what it said on standard output and standard error."""
    async with asyncio.timeout(2 * SOON):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_bot_that_runs_does_it(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    alice = await people(irc_server, "alice")
    await bot.start()
    code, out, err = await ended(await begun(tmp_path, "web", "princess", "--ref", "v7"))
    assert (code, err) == (0, "")
    assert "web-1 asked for" in out
    assert "build 1/1\nweb-1 (deploy) succeeded\n" in out
    await alice.hears("web/v7 (v7) is being deployed to princess by ")
    await alice.hears("web/v7 (v7) successfully deployed to princess", to="#warroom")
    await alice.asks(".status", "princess v7 by ")
    assert [(run.state, run.revision) for run in bot.runs("web")] == [("succeeded", "v7")]
    assert (tmp_path / "steps").read_text() == "web-1 princess build v7\n"


async def test_without_a_bot_it_is_one(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    alice = await people(irc_server, "alice")
    code, out, err = await ended(await begun(tmp_path, "web", "production"))
    assert code == 1
    assert "no bot is running" in out
    assert "web-1 (deploy) failed at publish: step publish ended with exit code 3" in err
    assert "| the disk is gone" in err
    await alice.hears("web failed on production at publish")
    assert [run.state for run in bot.runs("web")] == ["failed"]
    assert not (tmp_path / "var" / "pushbot.sqlite3.sock").exists()
    await bot.start()
    await alice.asks(".log", "web-1")


async def test_without_a_bot_or_a_chat_it_says_what_it_waits_for(tmp_path: Path) -> None:
    (tmp_path / "pushbot.toml").write_text(config(free_port(), tmp_path), encoding="utf-8")
    process = await begun(tmp_path, "web", "princess")
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(SOON):
            while b"yet to be said in the chats" not in said:
                line = await process.stdout.readline()
                assert line, said
                said += line
        process.send_signal(signal.SIGINT)  # what is left to say the next bot says; the run was good all the same
        code, _, err = await ended(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (code, "Aborted" in err) == (0, False)
    assert b"web-1 (deploy) succeeded" in said


async def test_it_takes_the_same_locks(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path, gate=gate))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await alice.asks(".go", "web is being deployed to princess by alice")
    code, _, err = await ended(await begun(tmp_path, "web", "princess"))
    assert (code, bot.runs("web")[0].state) == (1, "running")
    assert "princess" in err
    assert "alice" in err
    assert "web-1" in err
    await gate.opened()
    await alice.hears("alice: you're on princess")
    await alice.asks('.hold "db"', "web is on hold")
    code, _, err = await ended(await begun(tmp_path, "web", "princess"))
    assert code == 1
    assert "db" in err
    assert len(bot.runs("web")) == 1


async def test_ctrl_c_stops_the_run(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path, gate=gate))
    alice = await people(irc_server, "alice")
    await bot.start()
    command = await begun(tmp_path, "web", "princess")
    await until((tmp_path / "steps").exists, "the step has begun")
    command.send_signal(signal.SIGINT)
    code, out, err = await ended(command)
    assert code == 1
    assert "stopping the run" in out
    assert "web-1 (deploy) cancelled" in err
    await alice.hears("The deploy of web to princess was stopped")
    assert [run.state for run in bot.runs("web")] == ["cancelled"]


async def test_a_command_that_is_killed_leaves_the_run(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path, gate=gate))
    alice = await people(irc_server, "alice")
    await bot.start()
    command = await begun(tmp_path, "web", "princess")
    await until((tmp_path / "steps").exists, "the step has begun")
    command.kill()
    await command.wait()
    await gate.opened()
    await alice.hears("web successfully deployed to princess", to="#warroom")
    assert [run.state for run in bot.runs("web")] == ["succeeded"]


async def test_a_bot_killed_meanwhile_goes_on_after_its_restart(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path, gate=gate))
    alice = await people(irc_server, "alice")
    await bot.start()
    command = await begun(tmp_path, "web", "princess")
    await until((tmp_path / "steps").exists, "the step has begun")
    await bot.kill()
    code, _, err = await ended(command)
    assert code == 1
    assert "went away" in err
    await bot.start()
    await gate.opened()
    await alice.hears("web successfully deployed to princess", to="#warroom")
    assert (tmp_path / "steps").read_text().count("build") == 1


async def test_two_commands_without_a_bot_both_have_their_way(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    bots(config(irc_server.port, tmp_path, gate=gate))
    alice = await people(irc_server, "alice")
    one, other = await begun(tmp_path, "web", "princess"), await begun(tmp_path, "web", "production")
    await alice.hears("web failed on production at publish")
    await gate.opened()
    (code, _, err), (failed, _, why) = await ended(one), await ended(other)
    assert (code, err, failed) == (0, "", 1)
    assert "exit code 3" in why
    await alice.hears("web successfully deployed to princess", to="#warroom")


async def test_as_the_bot_it_leaves_nobody_in_the_middle(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    ours, theirs = Gate(tmp_path / "ours"), Gate(tmp_path / "theirs")
    stages = stage("web", "princess", [step("build", theirs.script)]) + stage(
        "web", "production", [step("build", ours.script)]
    )
    text = basics(irc_server.port) + '\n[bot]\non_stop = "abort"\n' + stages + lane("web")
    bot = bots(text)
    alice = await people(irc_server, "alice")
    command = await begun(tmp_path, "web", "production")
    await alice.hears("web is being deployed to production by ")
    await alice.asks(".join", "alice: You're up")
    await alice.asks(".go", "web is being deployed to princess by alice")
    await ours.opened()
    assert command.stdout is not None
    async with asyncio.timeout(SOON):
        while b"web-2 still going" not in await command.stdout.readline():
            pass
    await theirs.opened()
    assert (await ended(command))[0] == 0
    await alice.hears("alice: you're on princess")
    assert [run.state for run in bot.runs("web")] == ["succeeded", "succeeded"]


async def test_nobody_has_to_read_what_it_says(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    await bot.start()
    nobody, theirs = os.pipe()
    os.close(nobody)
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pushbot", "stage", "pushbot.toml", "web", "princess"),
        cwd=tmp_path,
        stdout=theirs,
        stderr=PIPE,
    )
    os.close(theirs)
    async with asyncio.timeout(SOON):
        _, err = await command.communicate()
    assert (command.returncode, err) == (0, b"")
    assert [run.state for run in bot.runs("web")] == ["succeeded"]


async def test_what_cannot_be_a_revision_is_asked_of_nobody(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    for ref in ("-x", "", "a b", "$(id)", "x" * 300, "a\nQUIT"):
        code, _, err = await ended(await begun(tmp_path, "web", "princess", f"--ref={ref}"))
        assert (code, "cannot be a branch" in err) == (2, True)
    assert not (tmp_path / "var" / "pushbot.sqlite3").exists()
    assert not bot.alive


async def test_what_stands_where_the_socket_should_be_is_left_alone(
    irc_server: Ngircd, bots: Bots, tmp_path: Path
) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    place = tmp_path / "var" / "pushbot.sqlite3.sock"
    place.mkdir(parents=True)
    await bot.start()
    assert "no_control_socket" in bot.log()
    assert (await bot.stop())[0] == 0
    place.rmdir()
    place.symlink_to(tmp_path)
    await bot.start()
    place.unlink()
    place.write_text("somebody's")
    assert (await bot.stop())[0] == 0
    assert place.read_text() == "somebody's"


async def test_a_run_may_be_stopped_before_it_is_begun(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path, gate=gate))
    await bot.start()
    talk = await Conversation.begin(socket_of(tmp_path / "var" / "pushbot.sqlite3"))
    talk.writer.write(line_of(RunStage(lane="web", stage="princess")) + line_of(Stop()))
    async with asyncio.timeout(SOON):
        last = (await talk.reader.read()).splitlines()[-1]
    await talk.close()
    assert json.loads(last)["state"] == "cancelled"
    assert [run.state for run in bot.runs("web")] == ["cancelled"]


async def test_in_a_terminal_there_is_a_bar(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    await bot.start()
    ours, theirs = pty.openpty()
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pushbot", "stage", "pushbot.toml", "web", "princess"),
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    async with asyncio.timeout(SOON):
        await command.wait()
    shown = os.read(ours, 2**20).decode()
    os.close(ours)
    assert command.returncode == 0
    assert "━" in shown
    assert "web-1 (deploy) succeeded" in shown


async def test_strangers_at_the_socket_change_nothing(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    await bot.start()
    path = tmp_path / "var" / "pushbot.sqlite3.sock"
    assert path.stat().st_mode & 0o777 == 0o600

    def said(data: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(SOON)
            folder = os.open(path.parent, os.O_PATH)
            stranger.connect(f"/proc/self/fd/{folder}/{path.name}")
            os.close(folder)
            stranger.sendall(data)
            stranger.shutdown(socket.SHUT_WR)
            answer = b""
            while more := stranger.recv(65536):
                answer += more
            return answer

    options = b'{"ask": "run", "lane": "web", "stage": "princess", "ref": "--upload-pack=x"}\n'
    for data in (
        options,
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 300_000,
        b'{"ask": "stop"}\n',
        b'{"ask": "run"}\n',
    ):
        answer = await asyncio.to_thread(said, data)
        assert not answer or json.loads(answer)["word"] == "refused"
    unknown = json.dumps({"ask": "run", "lane": "nope", "stage": "princess"}).encode() + b"\n"
    assert json.loads(await asyncio.to_thread(said, unknown))["word"] == "refused"
    assert bot.runs("web") == []
    assert bot.alive
