"""Commands on a host: what they are given, what comes back, and that nothing of them is left when we go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pushbot_plugins.ssh.worker.net import Network
from pushbot_plugins.ssh.worker.net.scripts import FEED, GUARD, request
from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from pushbot_plugins.ssh.worker.seams import Remote
    from tests.rig.sshd import Sshd, SshdRig

LIMIT = 60.0


class Shop:
    """One host, and what its commands printed."""

    def __init__(self, rig: SshdRig, server: Sshd, remote: Remote) -> None:
        self.rig = rig
        self.server = server
        self.remote = remote
        self.output = b""

    def take(self, data: bytes) -> None:
        self.output += data

    async def run(
        self, script: str, *arguments: str, env: Mapping[str, str] | None = None, limit: float = LIMIT
    ) -> tuple[int, str]:
        """Exit status and output."""
        self.output = b""
        status = await self.remote.run(script, arguments=arguments, env=env, limit=limit, take=self.take)
        return status, self.output.decode(errors="surrogateescape")

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - processes cannot tell us
                await asyncio.sleep(0.01)

    def shells(self) -> list[int]:
        """The kept shell's processes."""
        return self.rig.running("pushbot-listens")


@pytest_asyncio.fixture
async def shop(rig: SshdRig) -> AsyncIterator[Shop]:
    server = rig.one()
    async with Network(rig.connecting()) as net:
        yield Shop(rig, server, net.remote(server.host))


class TestWhatComesBack:
    @pytest.mark.parametrize("status", [0, 1, 2, 100, 255])
    async def test_the_exit_status(self, shop: Shop, status: int) -> None:
        assert await shop.run(f"exit {status}") == (status, "")

    async def test_output_and_errors_in_their_order(self, shop: Shop) -> None:
        assert await shop.run("echo one; echo two >&2; echo three; false") == (1, "one\ntwo\nthree\n")

    async def test_a_signal_is_a_status_above_128(self, shop: Shop) -> None:
        status, _ = await shop.run("sh -c 'kill -KILL $$'")
        assert status == 128 + signal.SIGKILL

    @pytest.mark.parametrize("text", ["", "no line end", "\n", "\n\n", "0", " 0\n", "=\n"])
    async def test_output_without_a_line_end(self, shop: Shop, text: str) -> None:
        assert await shop.run('printf %s "$1"', text) == (0, text)

    async def test_every_byte(self, shop: Shop) -> None:
        script = "i=0; while [ $i -lt 256 ]; do printf '\\\\%03o' $i; i=$((i+1)); done"
        status, _ = await shop.run(f'printf "$({script})" | tee "$HOME/bytes"')
        assert (status, shop.output) == (0, bytes(range(256)))

    async def test_it_comes_while_the_command_runs(self, shop: Shop) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(shop.run('printf now; until [ -e "$HOME/go" ]; do sleep 0.01; done; echo then'))
            await shop.until(lambda: shop.output == b"now")
            (shop.server.folder / "go").touch()
            assert await running == (0, "nowthen\n")

    async def test_none_of_it_waits_for_more(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("secrets.token_urlsafe", lambda _: "which-nobody-knows")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(shop.run('printf now; until [ -e "$HOME/go" ]; do sleep 0.01; done; echo then'))
            await shop.until(lambda: shop.output == b"now")
            (shop.server.folder / "go").touch()
            assert await running == (0, "nowthen\n")

    async def test_input_is_empty(self, shop: Shop) -> None:
        assert await shop.run("cat; read x; echo $?") == (0, "1\n")

    async def test_one_after_the_other_over_one_connection(self, shop: Shop) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(shop.remote.run(f"echo {number}; sleep 0.01", limit=LIMIT, take=shop.take))
        assert shop.output.decode().split() == [str(number) for number in range(20)]
        assert shop.server.log.count("Accepted publickey") == 1
        assert len(shop.shells()) == 3

    async def test_who_takes_the_output_may_fail(self, shop: Shop) -> None:
        def full(_: bytes) -> None:
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left"):
            await shop.remote.run("echo x; exec sleep 1001", limit=LIMIT, take=full)
        assert not shop.rig.running("1001")
        assert await shop.run("echo on") == (0, "on\n")

    async def test_much_output_costs_no_memory(self, shop: Shop) -> None:
        got = 0

        def count(data: bytes) -> None:
            nonlocal got
            got += len(data)

        await shop.run("true")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert await shop.remote.run("head -c 200000000 /dev/zero", limit=60, take=count) == 0
        assert got == 200_000_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000

    async def test_a_host_is_read_no_faster_than_we_can(self, shop: Shop) -> None:
        """What takes is called in turn, so the host is held up by it, and nothing piles up in between."""
        sizes: list[int] = []
        assert (
            await shop.remote.run("head -c 5000000 /dev/zero", limit=60, take=lambda data: sizes.append(len(data))) == 0
        )
        assert max(sizes) <= 2**18


class TestWhatACommandIsGiven:
    NASTY = (
        "",
        " ",
        "a b",
        "*",
        "$HOME",
        "$(id)",
        "`id`",
        "';id;'",
        '"',
        "\\",
        "\\n",
        "-n",
        "--",
        "é\n\té",
        "\x01\x81\n\n",
    )

    async def test_arguments_as_they_are(self, shop: Shop) -> None:
        everything = "".join(map(chr, range(1, 0x250)))
        arguments = (*self.NASTY, everything)
        _, output = await shop.run('for each; do printf "%s|" "$each"; done; echo $#', *arguments)
        assert output == "".join(f"{each}|" for each in arguments) + f"{len(arguments)}\n"

    async def test_variables_as_they_are(self, shop: Shop) -> None:
        env = {f"NASTY_{number}": value for number, value in enumerate(self.NASTY)}
        script = "".join(f'printenv {name} || echo "(none)";' for name in env)
        _, output = await shop.run(script, env=env)
        assert output == "".join(f"{value}\n" for value in self.NASTY)

    async def test_nothing_is_left_for_the_next(self, shop: Shop) -> None:
        await shop.run("cd /; x=1; export y=2; umask 077; set -eu; trap 'echo trapped' EXIT", "one", env={"A": "b"})
        _, output = await shop.run('echo "$#$x$y$A$c$m$l$n$q"; umask; pwd')
        assert output == f"0\n0022\n{Path.home()}\n"

    async def test_no_shell_is_given_what_it_cannot_take(self, shop: Shop) -> None:
        for arguments, env, why in (
            (["\0"], {}, "no command can be given a NUL byte"),
            ([], {"A": "\0"}, "no command can be given a NUL byte"),
            ([], {"A;id": "b"}, "'A;id' is no name for a variable of the environment"),
        ):
            with pytest.raises(HostTrouble, match=why):
                await shop.run("true", *arguments, env=env)
        assert await shop.run("echo on") == (0, "on\n")

    async def test_a_long_script_with_lines_of_all_kinds(self, shop: Shop) -> None:
        lines = [f"echo '{number}'" for number in range(2000)]
        _, output = await shop.run("\n\n.\n#\n".replace(".\n", ":\n") + "\n".join(lines) + "\ncat <<x\n\n.y\nx\n")
        assert output == "".join(f"{number}\n" for number in range(2000)) + "\n.y\n"

    @pytest.mark.parametrize("script", ["(", "echo 'x", "}", "fi", "case", "$("])
    async def test_a_script_that_is_none(self, shop: Shop, script: str) -> None:
        status, output = await shop.run(script)
        assert status not in {0, 128}
        assert output
        assert await shop.run("echo on") == (0, "on\n")

    async def test_its_own_process_number_is_its_own(self, shop: Shop) -> None:
        _, output = await shop.run('echo $$; exec sh -c "echo \\$\\$"')
        first, second = output.split()
        assert first == second
        assert await shop.run('echo "$1$A" ${$:+y}', "x", env={"A": "b"}) == (0, "xb y\n")

    async def test_signals_are_as_a_login_has_them(self, shop: Shop) -> None:
        _, output = await shop.run("grep SigIgn /proc/self/status")
        assert int(output.split()[1], 16) & (1 << signal.SIGINT - 1 | 1 << signal.SIGTERM - 1) == 0

    @pytest.mark.parametrize("sign", ["TERM", "HUP", "INT", "KILL"])
    async def test_a_command_may_signal_its_whole_group(self, shop: Shop, sign: str) -> None:
        if sign in {"INT", "KILL"}:
            with pytest.raises(HostTrouble, match="the connection broke") as caught:
                await shop.run(f"kill -{sign} 0; sleep 1002")
            assert not caught.value.sure
        else:
            status, _ = await shop.run(f"kill -{sign} 0; sleep 1002")
            assert status > 128
        assert await shop.run("echo on") == (0, "on\n")
        assert not shop.rig.running("1002")

    async def test_hostile_output_does_not_end_a_command(self, shop: Shop) -> None:
        script = (
            "cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | tail -n 3000; set; echo END; exit 3"
        )
        status, output = await shop.run(script)
        assert status == 3
        assert output.endswith("END\n")


class TestWhatIsLeftRunning:
    async def test_a_time_limit_ends_all_of_it(self, shop: Shop) -> None:
        script = 'sleep 1003 & (sleep 1003 | sleep 1003) & sh -c "sleep 1003; :" & echo begun; sleep 1003'
        with pytest.raises(HostTrouble) as caught:
            await shop.run(script, limit=2.0)
        assert not shop.rig.running("1003")
        assert (caught.value.phase, str(caught.value)) == ("run", "took longer than 2 s; it was ended")
        assert not caught.value.sure
        assert shop.output.startswith(b"begun\n")
        assert await shop.run("echo on") == (0, "on\n")
        assert shop.server.log.count("Accepted publickey") == 1

    async def test_a_command_has_time_to_clean_up(self, shop: Shop) -> None:
        with pytest.raises(HostTrouble, match="it was ended"):
            await shop.run('trap "sleep 0.2; echo cleaned; exit" TERM; sleep 1004 & wait', limit=2.0)
        assert shop.output.startswith(b"cleaned\n")
        assert not shop.rig.running("1004")

    async def test_what_ignores_it_is_killed_in_the_end(self, shop: Shop) -> None:
        with pytest.raises(HostTrouble, match="it was ended"):
            await shop.run('trap "" TERM; sleep 1005 & sleep 1005', limit=1.0)
        assert not shop.rig.running("1005")

    async def test_cancelling_ends_it_before_we_go_on(self, shop: Shop) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(shop.run("echo begun; sleep 1006 & sleep 1006"))
            await shop.until(lambda: shop.output == b"begun\n")
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        assert not shop.rig.running("1006")
        assert await shop.run("echo on") == (0, "on\n")

    async def test_a_service_begun_earlier_survives_the_end_of_a_later_command(self, shop: Shop) -> None:
        await shop.run('nohup sleep 1007 >"$HOME/log" 2>&1 &')
        await shop.run("setsid sleep 1007 &")
        await shop.until(lambda: len(shop.rig.running("1007")) == 2)
        await asyncio.sleep(0.02)  # start times are told apart by hundredths of a second
        with pytest.raises(HostTrouble):
            await shop.run("sleep 1008", limit=0.2)
        assert (len(shop.rig.running("1007")), shop.rig.running("1008")) == (2, [])

    @pytest.mark.parametrize("start", ["nohup sleep 1009 &", "setsid sleep 1009 &", "sleep 1009 &"])
    async def test_nobody_waits_for_a_service(self, shop: Shop, start: str) -> None:
        async with asyncio.timeout(60):
            assert await shop.run(f"{start} echo begun") == (0, "begun\n")
        await shop.until(lambda: shop.rig.running("1009"))

    async def test_services_survive_the_end_of_the_run(self, rig: SshdRig) -> None:
        server = rig.one()
        async with Network(rig.connecting()) as net:
            shop = Shop(rig, server, net.remote(server.host))
            await shop.run("nohup sleep 1010 >/dev/null 2>&1 & setsid sleep 1010 &")
        await shop.until(lambda: not shop.shells() and len(rig.running("1010")) == 2)

    async def test_a_connection_that_breaks_ends_it(self, shop: Shop) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(_troubled(shop.run("echo begun; sleep 1011 & sleep 1011")))
            await shop.until(lambda: shop.output == b"begun\n")
            for pid in shop.server.connections():
                os.kill(pid, signal.SIGKILL)
            found = await running
        assert not found.sure
        assert str(found).startswith("the connection broke while the command ran")
        await shop.until(lambda: not shop.rig.running())
        assert await shop.run("echo on") == (0, "on\n")

    async def test_our_own_death_ends_it(self, rig: SshdRig, tmp_path: Path) -> None:
        server = rig.one()
        script = tmp_path / "worker.py"
        script.write_text(WORKER.format(connecting=rig.connecting(), host=server.host, path=sys.path))
        process = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            assert await process.stdout.readline() == b"begun\n"
            await _count(rig, "1012", 3)
        finally:
            process.kill()
            await process.communicate()
        await _count(rig, "1012", 0)


async def _troubled(command: Awaitable[object]) -> HostTrouble:
    with pytest.raises(HostTrouble) as caught:
        await command
    return caught.value


async def _count(rig: SshdRig, marker: str, wanted: int) -> None:
    """Wait until there are so many: what was just begun is still a copy of the shell that began it."""
    async with asyncio.timeout(LIMIT):
        while len(rig.running(marker)) != wanted:  # noqa: ASYNC110 - processes cannot tell us
            await asyncio.sleep(0.02)


WORKER = """
import asyncio, sys
sys.path[:0] = {path!r}
from pushbot.fleet.model import Host
from pushbot_plugins.ssh.settings import Connecting
from pushbot_plugins.ssh.worker.net import Network

async def main():
    async with Network({connecting!r}) as net:
        async with asyncio.TaskGroup() as group:
            remote = net.remote({host!r})
            take = lambda data: print(data.decode(), end="", flush=True)
            await remote.run("sleep 1012 & sleep 1012 & echo begun; sleep 1012", limit=100, take=take)

asyncio.run(main())
"""


class TestFeeding:
    async def test_every_byte_arrives(self, shop: Shop) -> None:
        data = os.urandom(3_000_000)
        pieces: list[bytes | memoryview] = [data[:1], data[1:100], memoryview(data)[100:2_000_000], data[2_000_000:]]
        script = 'cat >"$HOME/$1"; exit 4'
        status = await shop.remote.feed(script, pieces, arguments=["it's here"], limit=LIMIT, take=shop.take)
        assert (status, shop.output) == (4, b"")
        assert (shop.server.folder / "it's here").read_bytes() == data

    async def test_nothing_to_feed(self, shop: Shop) -> None:
        assert await shop.remote.feed("wc -c; echo x >&2", [], limit=LIMIT, take=shop.take) == 0
        assert shop.output == b"0\nx\n"

    async def test_it_is_taken_as_fast_as_the_host_reads(self, shop: Shop) -> None:
        given = 0

        def source() -> Iterator[bytes]:
            nonlocal given
            for _ in range(100):
                given += 2**20
                yield bytes(2**20)

        async with asyncio.TaskGroup() as group:
            script = 'until [ -e "$HOME/go" ]; do sleep 0.01; done; cat >/dev/null'
            feeding = group.create_task(shop.remote.feed(script, source(), limit=LIMIT, take=shop.take))
            await shop.until(lambda: given > 2**20)
            await asyncio.sleep(0.3)
            assert given < 8 * 2**20
            (shop.server.folder / "go").touch()
            assert await feeding == 0
        assert given == 100 * 2**20

    async def test_a_command_that_has_had_enough(self, shop: Shop) -> None:
        pieces = (bytes(2**20) for _ in range(10_000))
        async with asyncio.timeout(60):
            assert await shop.remote.feed("head -c 100 | wc -c; exit 5", pieces, limit=LIMIT, take=shop.take) == 5
        assert shop.output == b"100\n"
        assert await shop.run("echo on") == (0, "on\n")

    async def test_a_time_limit_ends_it(self, shop: Shop) -> None:
        found = await _troubled(shop.remote.feed("sleep 1013 & cat; sleep 1013", [b"x"], limit=0.5, take=shop.take))
        assert (found.phase, str(found)) == ("copy", "took longer than 0.5 s; it was ended")
        assert not shop.rig.running("1013")
        assert await shop.run("echo on") == (0, "on\n")
        assert await shop.remote.feed("wc -c", [b"xy"], limit=LIMIT, take=shop.take) == 0

    async def test_cancelling_ends_it(self, shop: Shop) -> None:
        async with asyncio.TaskGroup() as group:
            endless = (bytes(2**16) for _ in iter(int, 1))
            script = 'trap "" PIPE; echo begun; cat >/dev/null; sleep 1014'
            running = group.create_task(shop.remote.feed(script, endless, limit=LIMIT, take=shop.take))
            await shop.until(lambda: shop.output == b"begun\n")
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        assert not shop.rig.running("1014")
        assert await shop.run("echo on") == (0, "on\n")

    async def test_a_source_that_fails_ends_it(self, shop: Shop) -> None:
        def source() -> Iterator[bytes]:
            yield b"x"
            raise LookupError("the file is gone")

        with pytest.raises(LookupError):
            await shop.remote.feed("cat; sleep 1015", source(), limit=LIMIT, take=shop.take)
        assert not shop.rig.running("1015")

    async def test_a_connection_that_breaks_ends_it(self, shop: Shop) -> None:
        endless = (bytes(2**16) for _ in iter(int, 1))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(
                _troubled(
                    shop.remote.feed("echo begun; cat >/dev/null; sleep 1016", endless, limit=LIMIT, take=shop.take)
                )
            )
            await shop.until(lambda: shop.output == b"begun\n")
            for pid in shop.server.connections():
                os.kill(pid, signal.SIGKILL)
            assert not (await running).sure
        await shop.until(lambda: not shop.rig.running())

    async def test_a_host_without_a_channel_to_spare(self, rig: SshdRig) -> None:
        server = rig.one("MaxSessions 1")
        async with Network(rig.connecting()) as net:
            shop = Shop(rig, server, net.remote(server.host))
            found = await _troubled(shop.remote.feed("cat", [b"x"], limit=LIMIT, take=shop.take))
            assert "see its MaxSessions" in str(found)
            assert await shop.run("echo on") == (0, "on\n")


class TestConnections:
    async def test_one_that_broke_while_idle_is_made_anew(self, shop: Shop) -> None:
        assert await shop.run("echo on") == (0, "on\n")
        shop.server.stop()
        shop.server.start()
        await shop.until(shop.remote._wire.is_closed)  # type: ignore[attr-defined]
        assert await shop.run("echo on") == (0, "on\n")

    async def test_a_shell_that_was_killed_while_idle_is_made_anew(self, shop: Shop) -> None:
        assert await shop.run("echo on") == (0, "on\n")
        for pid in shop.shells():
            os.kill(pid, signal.SIGKILL)
        await shop.until(lambda: not shop.remote._shell.open)  # type: ignore[attr-defined]
        assert await shop.run("echo on") == (0, "on\n")
        assert shop.server.log.count("Accepted publickey") == 1

    async def test_a_host_that_stands_still_is_noticed(self, rig: SshdRig) -> None:
        server = rig.one()
        async with Network(replace(rig.connecting(), keepalive=0.5)) as net:
            shop = Shop(rig, server, net.remote(server.host))
            async with asyncio.TaskGroup() as group:
                running = group.create_task(_troubled(shop.run("echo begun; sleep 1017")))
                await shop.until(lambda: shop.output == b"begun\n")
                server.freeze()
                found = await running
            assert not found.sure
            assert str(found) == "the connection broke while the command ran (Server not responding to keepalive)"
            server.thaw()

    async def test_nothing_is_run_twice(self, shop: Shop) -> None:
        await shop.run("true")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(_troubled(shop.run('echo once >>"$HOME/runs"; echo begun; sleep 1018')))
            await shop.until(lambda: shop.output == b"begun\n")
            shop.server.stop()
            assert not (await running).sure
        assert (shop.server.folder / "runs").read_text() == "once\n"


SHELLS = [name for name in ("dash", "bash", "busybox", "ksh", "mksh", "yash", "zsh") if shutil.which(name)]


class TestTheProgramsOnTheHost:
    @pytest.mark.parametrize("program", [GUARD, FEED])
    def test_any_login_shell_passes_them_on(self, program: str) -> None:
        inner = program.removeprefix("exec /bin/sh -c '").removesuffix("'")
        assert not set("'!\n") & set(inner)
        assert inner.replace("\\n", "").count("\\") == 0

    @pytest.mark.parametrize("shell", SHELLS)
    def test_any_sh_carries_out_and_ends(self, shell: str, tmp_path: Path) -> None:
        link = tmp_path / "sh"
        link.symlink_to(str(shutil.which(shell)))
        with subprocess.Popen(
            ["/bin/sh", "-c", GUARD.replace("/bin/sh", str(link))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            name, number = process.stdout.readline().split()
            assert name == b"pushbot-listens"
            bytes_of_all_kinds = "".join(map(chr, range(1, 0x180)))
            script = 'printf %s "$1" | tail -c 300; echo; exit 3'
            process.stdin.write(b":" + number + b"\n" + request("mark", script, [bytes_of_all_kinds], {}))
            process.stdin.flush()
            assert process.stdout.readline() == bytes_of_all_kinds.encode()[-300:] + b"\n"
            assert process.stdout.readline() == b"mark 3\n"
            process.stdin.write(request("next", "echo begun; sleep 1020 & sleep 1020", [], {}))
            process.stdin.flush()
            assert process.stdout.readline() == b"begun\n"
            process.stdin.close()
            assert process.stdout.read().endswith(b"next =\n")
        assert process.returncode == 0
