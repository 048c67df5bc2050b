"""How hosts are reached: whom we believe to be who they are, who is let in, and what is said when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncssh
import pytest

from pushbot.errors import PushbotError
from pushbot.fleet.model import Host
from pushbot_plugins.ssh.worker.net import Network
from pushbot_plugins.ssh.worker.net.wire import Place
from pushbot_plugins.ssh.worker.seams import HostTrouble
from tests.rig.sshd import Dead, SshdRig, user

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pushbot_plugins.ssh.settings import Connecting
    from pushbot_plugins.ssh.worker.seams import Remote
    from tests.rig.sshd import Sshd


async def said(remote: Remote, script: str = "echo here") -> str:
    """What a command prints, which has to end well."""
    pieces: list[bytes] = []
    assert await remote.run(script, limit=20, take=pieces.append) == 0
    return b"".join(pieces).decode()


async def trouble(connecting: Connecting, host: Host) -> HostTrouble:
    """What is said of a host that cannot be used."""
    async with Network(connecting) as net:
        with pytest.raises(HostTrouble) as caught:
            await said(net.remote(host))
    assert caught.value.sure
    assert host.name not in str(caught.value)
    return caught.value


async def reached(connecting: Connecting, host: Host) -> None:
    async with Network(connecting) as net:
        assert await said(net.remote(host)) == "here\n"


def fingerprint(server: Sshd) -> str:
    return str(server.key.get_fingerprint())


class TestKnownHosts:
    async def test_a_key_that_is_not_known(self, rig: SshdRig) -> None:
        server = rig.one()
        rig.known_hosts.write_text("other.example ssh-ed25519 AAAA\n")
        found = await trouble(rig.connecting(), server.host)
        assert found.phase == "log in"
        assert str(found) == (
            f"its key {fingerprint(server)} is not known in {rig.known_hosts};"
            " if that is what ssh-keygen -l says on the host, add the key there"
        )

    async def test_no_known_hosts_at_all(self, rig: SshdRig) -> None:
        found = await trouble(rig.connecting(known_hosts=()), rig.one().host)
        assert "is not known as no known_hosts is configured" in str(found)

    async def test_a_file_that_is_not_there_says_nothing(self, rig: SshdRig, tmp_path: Path) -> None:
        server = rig.one()
        await reached(rig.connecting(known_hosts=(tmp_path / "nowhere", rig.known_hosts)), server.host)

    async def test_a_key_that_has_changed(self, rig: SshdRig) -> None:
        first, second = rig.start(2)
        second.change_key()
        async with Network(rig.connecting()) as net:
            assert await said(net.remote(first.host)) == "here\n"
            with pytest.raises(HostTrouble) as caught:
                await said(net.remote(second.host))
        assert str(caught.value) == (
            f"its key is not the one in {rig.known_hosts} (line 2), it is {fingerprint(second)};"
            " if the host was made anew, replace that line, and if not, somebody else answers in its place"
        )

    async def test_a_key_of_another_kind_than_the_known_one(self, rig: SshdRig) -> None:
        server = rig.one()
        other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
        rig.known_hosts.write_text(f"# {server.known()}[127.0.0.1]:{server.port} {other}")
        assert "is not the one in" in str(await trouble(rig.connecting(), server.host))

    async def test_a_key_that_is_revoked(self, rig: SshdRig) -> None:
        server = rig.one()
        rig.known_hosts.write_text(f"{server.known()}@revoked * {server.known().split(maxsplit=1)[1]}")
        found = await trouble(rig.connecting(), server.host)
        assert str(found) == f"its key, or that of its authority, is revoked in {rig.known_hosts} (line 2)"

    async def test_hashed_names_wherever_they_stand(self, rig: SshdRig) -> None:
        servers = rig.start(5)
        _hash(rig)
        assert "127.0.0.1" not in rig.known_hosts.read_text()
        async with Network(rig.connecting()) as net:
            for server in reversed(servers):
                assert await said(net.remote(server.host)) == "here\n"
        servers[2].change_key()
        assert f"{rig.known_hosts} (line 3)" in str(await trouble(rig.connecting(), servers[2].host))

    async def test_a_hashed_host_whose_new_key_was_added_at_the_end(self, rig: SshdRig) -> None:
        servers = rig.start(3)
        servers[0].change_key()
        with rig.known_hosts.open("a") as known:
            known.write(servers[0].known())
        _hash(rig)
        await reached(rig.connecting(), servers[0].host)

    async def test_patterns_and_exceptions_to_them(self, rig: SshdRig) -> None:
        first, second = rig.start(2)
        key = first.known().split(maxsplit=1)[1]
        rig.known_hosts.write_text(f"[127.0.0.?]:*,![127.0.0.1]:{second.port} {key}")
        await reached(rig.connecting(), first.host)
        assert "is not known" in str(await trouble(rig.connecting(), second.host))

    async def test_a_line_without_a_port_is_for_all_ports(self, rig: SshdRig) -> None:
        server = rig.one()
        rig.known_hosts.write_text(f"127.0.0.1 {server.known().split(maxsplit=1)[1]}")
        await reached(rig.connecting(), server.host)

    async def test_the_name_in_the_fleet_is_good_where_the_address_is_not_listed(self, rig: SshdRig) -> None:
        server = rig.one()
        rig.known_hosts.write_text(f"{server.name} {server.known().split(maxsplit=1)[1]}")
        await reached(rig.connecting(), server.host)

    async def test_a_host_certificate(self, rig: SshdRig, tmp_path: Path) -> None:
        authority = asyncssh.generate_private_key("ssh-ed25519")
        certificate = tmp_path / "host-cert.pub"
        server = rig.one(f"HostCertificate {certificate}")
        signed = authority.generate_host_certificate(server.key, "web1", principals=["127.0.0.1"])
        certificate.write_bytes(signed.export_certificate())
        server.stop()
        server.start()
        public = authority.export_public_key().decode()
        rig.known_hosts.write_text(f"@cert-authority 127.0.0.* {public}@cert-authority [127.0.0.*]:* {public}")
        await reached(rig.connecting(), server.host)
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        rig.known_hosts.write_text(f"@cert-authority * {stranger.export_public_key().decode()}")
        found = await trouble(rig.connecting(), server.host)
        assert str(found) == (
            f"its certificate is signed by {authority.get_fingerprint()}, which is no authority in {rig.known_hosts}"
        )

    async def test_a_host_certificate_for_another_host(self, rig: SshdRig, tmp_path: Path) -> None:
        authority = asyncssh.generate_private_key("ssh-ed25519")
        certificate = tmp_path / "host-cert.pub"
        server = rig.one(f"HostCertificate {certificate}")
        signed = authority.generate_host_certificate(server.key, "web1", principals=["elsewhere.example"])
        certificate.write_bytes(signed.export_certificate())
        server.stop()
        server.start()
        rig.known_hosts.write_text(f"@cert-authority * {authority.export_public_key().decode()}")
        assert str(await trouble(rig.connecting(), server.host)).startswith("its key cannot be verified: ")

    async def test_a_file_that_cannot_be_read(self, rig: SshdRig, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        with pytest.raises(PushbotError, match=r"The known_hosts file .*folder cannot be read: Is a directory"):
            async with Network(rig.connecting(known_hosts=[tmp_path / "folder"])):
                pass


class TestWhoIsLetIn:
    async def test_a_key_that_nobody_accepts(self, rig: SshdRig) -> None:
        found = await trouble(rig.connecting(keys=[rig.keys.stranger]), rig.one().host)
        assert found.phase == "log in"
        assert str(found) == f"none of the keys was accepted for user {user()} (tried: {rig.keys.stranger})"

    async def test_the_next_key_is_tried(self, rig: SshdRig) -> None:
        await reached(rig.connecting(keys=[rig.keys.stranger, rig.keys.key]), rig.one().host)

    async def test_the_address_may_name_the_user(self, rig: SshdRig) -> None:
        server = rig.one()
        nobody = replace(rig.connecting(), user="nobody-of-that-name")
        found = await trouble(nobody, server.host)
        assert "for user nobody-of-that-name" in str(found)
        await reached(nobody, replace(server.host, address=f"{user()}@127.0.0.1:{server.port}"))

    async def test_a_certificate(self, rig: SshdRig, tmp_path: Path) -> None:
        key = rig.keys.certify(tmp_path / "certified")
        server = rig.one()
        connecting = rig.connecting(keys=[key])
        await reached(replace(connecting, certificates=(f"{key}-cert.pub",)), server.host)
        moved = (tmp_path / "certified-cert.pub").rename(tmp_path / "elsewhere.pub")
        assert "none of the keys" in str(await trouble(connecting, server.host))
        await reached(replace(connecting, certificates=(str(moved),)), server.host)

    async def test_a_certificate_for_somebody_else(self, rig: SshdRig, tmp_path: Path) -> None:
        key = rig.keys.certify(tmp_path / "certified", principals=["somebody-else"])
        assert "none of the keys" in str(await trouble(rig.connecting(keys=[key]), rig.one().host))

    @pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
    async def test_a_key_with_a_passphrase(
        self, rig: SshdRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
    ) -> None:
        locked = tmp_path / "locked"
        locked.write_bytes(asyncssh.read_private_key(rig.keys.key).export_private_key(form, "open sesame"))
        monkeypatch.setenv("KEY_PASSPHRASE", "open sesame")
        connecting = replace(rig.connecting(keys=[locked]), passphrase="env:KEY_PASSPHRASE")
        await reached(connecting, rig.one().host)
        for wrong, why in (
            (replace(connecting, passphrase=None), "it has a passphrase, and none is configured"),
            (replace(connecting, passphrase="env:OTHER"), "its passphrase is wrong"),
        ):
            monkeypatch.setenv("OTHER", "close sesame")
            with pytest.raises(PushbotError, match=why) as caught:
                async with Network(wrong):
                    pass
            assert "sesame" not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "why"), [(None, "cannot be read: No such file"), ("no key\n", "cannot be used: Invalid private key")]
    )
    async def test_a_key_that_is_none(self, rig: SshdRig, tmp_path: Path, text: str | None, why: str) -> None:
        key = tmp_path / "key"
        if text is not None:
            key.write_text(text)
        with pytest.raises(PushbotError, match=f"The key {key} {why}"):
            async with Network(rig.connecting(keys=[key])):
                pass

    async def test_the_agent(self, rig: SshdRig, agent: str, monkeypatch: pytest.MonkeyPatch) -> None:
        servers = rig.start(3)
        connecting = replace(rig.connecting(keys=[]), agent=True)
        monkeypatch.setenv("SSH_AUTH_SOCK", agent)
        _add_to_agent(rig.keys.stranger, rig.keys.key)
        async with Network(connecting) as net, asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(said(net.remote(server.host)))
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{agent}.gone")
        with pytest.raises(PushbotError, match=r"The agent at SSH_AUTH_SOCK \(.*gone\) cannot be reached"):
            async with Network(connecting):
                pass

    async def test_a_login_shell_that_is_none(self, rig: SshdRig) -> None:
        script = r"printf 'Sorry.\n\033This account is locked.\n'; exit 1"
        found = await trouble(rig.connecting(), rig.one(f"ForceCommand {script}").host)
        assert found.phase == "log in"
        assert str(found) == (
            'the login shell ended instead of running our commands and said "This account is locked.":'
            " is a shell allowed for this user (ForceCommand, nologin)?"
        )

    async def test_a_host_that_gives_nothing_but_files(self, rig: SshdRig) -> None:
        assert "the login shell ended" in str(
            await trouble(rig.connecting(), rig.one("ForceCommand internal-sftp").host)
        )

    async def test_a_login_that_hangs_after_the_key_was_accepted(self, rig: SshdRig) -> None:
        found = await trouble(rig.connecting(login_timeout=0.5), rig.one("ForceCommand sleep 1000").host)
        assert str(found) == "let us in, but gave us no shell within 0.5 s"

    async def test_a_wrapper_that_runs_our_command_is_fine(self, rig: SshdRig) -> None:
        await reached(rig.connecting(), rig.one('ForceCommand echo Welcome; sh -c "$SSH_ORIGINAL_COMMAND"').host)

    async def test_a_banner_and_a_bashrc_that_prints(self, rig: SshdRig, tmp_path: Path) -> None:
        (tmp_path / "banner").write_text("Authorized use only.\n" * 100)
        server = rig.one(f"Banner {tmp_path / 'banner'}")
        (server.folder / ".bashrc").write_text("seq 3000; echo exec printf pushbot-listens; printf 'no line end'\n")
        await reached(rig.connecting(), server.host)


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("web1", Place("web1", 2200, "deploy")),
            ("web1:22", Place("web1", 22, "deploy")),
            ("root@web1:22", Place("web1", 22, "root")),
            ("a@b@web1", Place("web1", 2200, "a@b")),
            ("::1", Place("::1", 2200, "deploy")),
            ("[::1]", Place("::1", 2200, "deploy")),
            ("root@[fe80::1]:22", Place("fe80::1", 22, "root")),
        ],
    )
    def test_how_they_are_read(self, text: str, place: Place) -> None:
        assert Place.parse(text, 2200, "deploy") == place

    async def test_compression(self, rig: SshdRig) -> None:
        await reached(replace(rig.connecting(), compression=True), rig.one().host)


class TestDeadHosts:
    @pytest.mark.parametrize(
        ("dead", "phase", "text"),
        [
            (Dead.REFUSES, "connect", "refused the connection on {}: is sshd running there?"),
            (Dead.NO_ANSWER, "connect", "did not answer on {} within 0.4 s"),
            (Dead.NO_BANNER, "log in", "took the connection on {} and then did not say that it speaks SSH for 0.5 s"),
            (Dead.NO_LOGIN, "log in", "took the connection on {} and then said nothing more for 0.5 s"),
        ],
    )
    async def test_each_in_its_own_words_and_in_time(self, rig: SshdRig, dead: Dead, phase: str, text: str) -> None:
        host = rig.dead(dead)
        began = asyncio.get_running_loop().time()
        found = await trouble(rig.connecting(connect_timeout=0.4, login_timeout=0.5), host)
        assert asyncio.get_running_loop().time() - began < 15
        assert (found.phase, str(found)) == (phase, text.format(host.address))

    async def test_a_name_that_does_not_exist(self, rig: SshdRig) -> None:
        found = await trouble(rig.connecting(), Host("web1", "no-such-host.invalid:22"))
        assert found.phase == "connect"
        assert str(found).startswith("its address no-such-host.invalid cannot be found: ")

    async def test_an_address_that_is_none(self, rig: SshdRig) -> None:
        found = await trouble(rig.connecting(), Host("web1", "127.0.0.1:ssh"))
        assert str(found) == "its address '127.0.0.1:ssh' is none: write HOST or HOST:PORT"

    async def test_something_else_that_listens(self, rig: SshdRig) -> None:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            host = Host("web1", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            found = await trouble(rig.connecting(), host)
        assert found.phase == "log in"
        assert str(found) == f"closed the connection on {host.address} at once: is it sshd that listens there?"

    async def test_the_others_do_not_wait_for_them(self, rig: SshdRig) -> None:
        servers = rig.start(5)
        dead = [rig.dead(how, f"{how}{number}") for how in Dead for number in range(3)]
        patient = rig.connecting(connect_timeout=30, login_timeout=30)
        async with asyncio.timeout(60), Network(patient) as net, asyncio.TaskGroup() as group:
            waiting = [group.create_task(_silently(net.remote(host))) for host in dead]
            for server in servers:
                assert await said(net.remote(server.host)) == "here\n"
            for task in waiting:
                task.cancel()


async def _silently(remote: Remote) -> None:
    with contextlib.suppress(HostTrouble):
        await said(remote)


class TestJump:
    async def test_one_connection_serves_all_hosts_behind_it(self, rig: SshdRig) -> None:
        bastion, *servers = rig.start(6)
        async with Network(rig.connecting(jump=f"127.0.0.1:{bastion.port}")) as net:
            async with asyncio.TaskGroup() as group:
                for server in servers:
                    group.create_task(said(net.remote(server.host)))
            assert bastion.log.count("Accepted publickey") == 1
            assert [server.log.count("Accepted publickey") for server in servers] == [1] * 5

    async def test_a_chain_nearest_first(self, rig: SshdRig) -> None:
        first, second, server = rig.start(3)
        async with Network(rig.connecting(jump=f"{user()}@127.0.0.1:{first.port},127.0.0.1:{second.port}")) as net:
            assert await said(net.remote(server.host)) == "here\n"
            assert await net.remote(server.host).feed("cat >/dev/null", [bytes(2**20)] * 5, limit=20, take=_drop) == 0
            second.stop()
            await _until(net.remote(server.host)._wire.is_closed)  # type: ignore[attr-defined]
            with pytest.raises(HostTrouble) as caught:
                await said(net.remote(server.host))
            assert str(caught.value) == (
                f"the jump host 127.0.0.1:{second.port}: cannot be reached on 127.0.0.1:{second.port}"
                " through the jump host: Connection refused"
            )

    async def test_a_bastion_with_another_key_is_named_for_every_host(self, rig: SshdRig) -> None:
        bastion, *servers = rig.start(4)
        bastion.change_key()
        async with Network(rig.connecting(jump=f"127.0.0.1:{bastion.port}")) as net:
            for server in servers:
                with pytest.raises(
                    HostTrouble, match=f"^the jump host 127.0.0.1:{bastion.port}: its key is not the one"
                ):
                    await said(net.remote(server.host))
        assert bastion.log.count("Connection closed") <= 1, "it is not tried for each host anew"

    async def test_a_host_that_the_bastion_cannot_reach(self, rig: SshdRig) -> None:
        bastion = rig.one()
        dead = rig.dead(Dead.REFUSES)
        found = await trouble(rig.connecting(jump=f"127.0.0.1:{bastion.port}"), dead)
        assert (found.phase, str(found)) == (
            "connect",
            f"cannot be reached on {dead.address} through the jump host: Connection refused",
        )

    async def test_the_key_of_a_host_behind_a_bastion_is_checked_too(self, rig: SshdRig) -> None:
        bastion, server = rig.start(2)
        server.change_key()
        found = await trouble(rig.connecting(jump=f"127.0.0.1:{bastion.port}"), server.host)
        assert str(found).startswith(f"its key is not the one in {rig.known_hosts} (line 2)")

    async def test_the_jump_host_may_know_us_by_another_name(self, rig: SshdRig) -> None:
        bastion, server = rig.start(2)
        connecting = replace(rig.connecting(jump=f"127.0.0.1:{bastion.port}"), jump_user="nobody-of-that-name")
        found = await trouble(connecting, server.host)
        assert "none of the keys was accepted for user nobody-of-that-name" in str(found)

    async def test_a_jump_host_that_is_none(self, rig: SshdRig) -> None:
        with pytest.raises(PushbotError, match=r"The jump host 'bastion:ssh' is none: write \[USER@\]HOST"):
            async with Network(rig.connecting(jump="bastion:ssh")):
                pass


class TestManyHosts:
    async def test_25_at_once_twice_over_one_connection_each(self, rig: SshdRig) -> None:
        servers = rig.start(25)
        async with Network(rig.connecting()) as net:
            for _ in range(2):
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(said(net.remote(each.host), 'echo "$HOME"')) for each in servers]
                assert [task.result() for task in tasks] == [f"{each.folder}\n" for each in servers]
        assert [each.log.count("Accepted publickey") for each in servers] == [1] * 25

    async def test_no_more_open_than_allowed(self, rig: SshdRig) -> None:
        servers = rig.start(12)
        connecting = replace(rig.connecting(), open_at_once=3)
        async with Network(connecting) as net:
            for _ in range(2):
                async with asyncio.TaskGroup() as group:
                    for each in servers:
                        group.create_task(said(net.remote(each.host), "sleep 0.02"))
            await _until(lambda: sum(len(each.connections()) > 0 for each in servers) <= 3)
            assert await said(net.remote(servers[0].host)) == "here\n"
        assert all(each.log.count("Accepted publickey") >= 1 for each in servers)

    async def test_a_place_is_free_again_after_a_failure_and_a_cancellation(self, rig: SshdRig) -> None:
        server = rig.one()
        connecting = replace(rig.connecting(connect_timeout=2.0), open_at_once=1, at_once=1)
        async with Network(connecting) as net:
            for how in (Dead.REFUSES, Dead.NO_ANSWER):
                with pytest.raises(HostTrouble):
                    await said(net.remote(rig.dead(how)))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await said(net.remote(rig.dead(Dead.NO_BANNER)))
            assert await said(net.remote(server.host)) == "here\n"

    async def test_nothing_is_left_when_the_network_is_closed(self, rig: SshdRig) -> None:
        servers = rig.start(3)
        async with Network(rig.connecting()) as net:
            for each in servers:
                await said(net.remote(each.host))
            assert rig.running()
        await _until(lambda: not rig.running() and not any(each.connections() for each in servers))


async def _until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - processes cannot tell us
            await asyncio.sleep(0.01)


def _hash(rig: SshdRig) -> None:
    """Hide the names in known_hosts, as HashKnownHosts of ssh_config does."""
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(rig.known_hosts)], check=True, capture_output=True)


def _add_to_agent(*keys: Path) -> None:
    subprocess.run(["ssh-add", "-q", *map(str, keys)], check=True, capture_output=True)


def _drop(_: bytes) -> None:
    pass


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """The socket of an agent without keys."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        while not path.exists():
            assert process.poll() is None
        yield str(path)
    finally:
        process.terminate()
        process.wait()
