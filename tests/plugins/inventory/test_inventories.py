"""Lists of hosts from the configuration, files, commands, HTTP and DNS, all of them real."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import stat
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from pydantic import ValidationError

from pushbot import children
from pushbot.errors import PushbotError
from pushbot.fleet.model import Host
from pushbot.plugins import Group, known, load_plugin, read_options
from pushbot_plugins.inventory import file, http
from pushbot_plugins.inventory.command import CommandInventory
from pushbot_plugins.inventory.dns import DnsInventory
from pushbot_plugins.inventory.file import FileInventory
from pushbot_plugins.inventory.http import HttpInventory
from pushbot_plugins.inventory.listed import ListedHosts
from tests.rig.ngircd import make_certificates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from pushbot.ports import Inventory

WEB = (Host("web1", "", (("region", "lon"), ("role", "web"))), Host("web2", "", (("region", "lon"), ("role", "web"))))


async def from_file(path: Path, **options: object) -> Sequence[Host]:
    return await FileInventory(FileInventory.Options.model_validate({"path": path, **options})).hosts()


def running(*run: str, **options: object) -> CommandInventory:
    return CommandInventory(CommandInventory.Options.model_validate({"run": run, **options}))


@pytest.mark.parametrize("name", ["list", "file", "command", "http", "dns"])
def test_each_comes_in_by_the_door(name: str) -> None:
    assert name in known(Group.INVENTORIES)
    plugin = load_plugin(Group.INVENTORIES, name)
    with pytest.raises(ValidationError, match="colour"):
        read_options(plugin, {"colour": "blue"})


# --- in the configuration


async def test_hosts_in_the_configuration() -> None:
    options = ListedHosts.Options.model_validate(
        {"hosts": ["web[1:2] role=web", {"name": "db", "labels": {"role": "db"}}], "labels": {"region": "lon"}}
    )
    inventory: Inventory = ListedHosts(options)
    assert await inventory.hosts() == (*WEB, Host("db", "", (("region", "lon"), ("role", "db"))))


def test_a_host_in_the_configuration_that_is_none() -> None:
    with pytest.raises(PushbotError, match=r"entry 2: '\$\(id\)' cannot be the name"):
        ListedHosts(ListedHosts.Options.model_validate({"hosts": ["a", "$(id)"]}))


@pytest.mark.parametrize("labels", [{"a b": "c"}, {"region": "x;y"}, {"host": "x"}])
def test_labels_that_cannot_be(labels: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="cannot be"):
        ListedHosts.Options.model_validate({"hosts": ["a"], "labels": labels})


# --- a file


async def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("\ufeffweb[1:2] role=web\n", encoding="utf-8")
    inventory = FileInventory(FileInventory.Options.model_validate({"path": path, "labels": {"region": "lon"}}))
    assert await inventory.hosts() == WEB
    path.write_text('["db"]', encoding="utf-8")
    assert await inventory.hosts() == (Host("db", "", (("region", "lon"),)),)


async def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PushbotError, match="none cannot be read: No such file"):
        await from_file(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(PushbotError, match=f"{path} is no file"):
            await from_file(path)
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(PushbotError, match="latin is not UTF-8 text"):
        await from_file(tmp_path / "latin")
    (tmp_path / "bad").write_text("web1\nweb;2")
    with pytest.raises(PushbotError, match="bad: line 2: 'web;2' cannot be the name"):
        await from_file(tmp_path / "bad")
    monkeypatch.setattr(file, "MOST_BYTES", 3)
    with pytest.raises(PushbotError, match="bad is larger than"):
        await from_file(tmp_path / "bad")


# --- a command


async def test_a_command_is_run_anew_each_time(tmp_path: Path) -> None:
    listing = tmp_path / "listing"
    script = tmp_path / "list-hosts"
    script.write_text(f"#!/bin/sh\necho noise >&2\ncat {listing}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    listing.write_text("web[1:2] role=web")
    inventory = running(str(script), labels={"region": "lon"})
    assert await inventory.hosts() == WEB
    listing.write_text('[{"name": "db"}]')
    assert [host.name for host in await inventory.hosts()] == ["db"]


async def test_arguments_are_not_for_a_shell() -> None:
    assert [host.name for host in await running("printf", "%s", "a").hosts()] == ["a"]
    with pytest.raises(PushbotError, match=r"cannot be the name"):
        await running("echo", "$HOME").hosts()


async def test_secrets_of_the_bot_are_not_for_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_SECRET", "s3cret")
    monkeypatch.setattr("pushbot.secret._own", {"INVENTORY_SECRET"})
    assert [host.name for host in await running("sh", "-c", "echo h${INVENTORY_SECRET}").hosts()] == ["h"]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (("/nowhere/list",), "the command '/nowhere/list' cannot be run: No such file"),
        (("sh", "-c", "echo web1; echo out of luck >&2; exit 3"), "failed with exit code 3: 'out of luck'"),
        (("sh", "-c", r"printf '\033[2Jx' >&2; exit 1"), r"exit code 1: '\\x1b\[2Jx'"),
        (("false",), "the command 'false' failed with exit code 1$"),
        (("sh", "-c", "kill -9 $$"), "exit code -9"),
        (("echo", "web1 -x"), "the command .*echo .* printed no list of hosts: line 1: '-x' is no address"),
    ],
)
async def test_commands_that_give_no_list(run: tuple[str, ...], words: str) -> None:
    with pytest.raises(PushbotError, match=words) as caught:
        await running(*run).hosts()
    assert str(caught.value).isprintable()


def _alive(process: int) -> bool:
    """Whether it runs still: a zombie, which its new parent has not looked at yet, does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def _gone(process: int) -> None:
    async with asyncio.timeout(60):
        while _alive(process):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


async def test_a_command_that_takes_too_long_is_ended_with_all_its_processes(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; wait"
    with pytest.raises(PushbotError, match=r"took more than 2 s and was ended"):
        await running("sh", "-c", script, timeout=2.0).hosts()
    await _gone(int((tmp_path / "child").read_text()))


async def test_what_a_command_leaves_behind_does_not_keep_us(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; echo web1"
    began = time.monotonic()
    assert [host.name for host in await running("sh", "-c", script, timeout=60).hosts()] == ["web1"]
    assert time.monotonic() - began < 30
    await _gone(int((tmp_path / "child").read_text()))


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_who_leaves_its_group_leaves_no_pipes_with_us(tmp_path: Path) -> None:
    """Or each look at a list would cost two descriptors for as long as the stranger lives."""
    child = tmp_path / "child"
    script = f"setsid sh -c 'echo $$ > {child}; exec sleep 600' & while [ ! -s {child} ]; do :; done; echo web1"
    before = _descriptors()
    with pytest.raises(PushbotError, match="took more than 1 s"):
        await running("sh", "-c", script, timeout=1).hosts()
    async with asyncio.timeout(60):
        while _descriptors() > before:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)
    os.kill(int(child.read_text()), signal.SIGKILL)


async def test_a_command_ends_with_who_asked(tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/self.new; mv {tmp_path}/self.new {tmp_path}/self; exec sleep 600"
    async with asyncio.TaskGroup() as group:
        task = group.create_task(running("sh", "-c", script).hosts())
        async with asyncio.timeout(60):
            while not (tmp_path / "self").exists():  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.01)
        task.cancel()
    await _gone(int((tmp_path / "self").read_text()))


async def test_a_command_that_never_stops_printing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "MOST_BYTES", 100_000)
    for script in ("yes", "yes >&2"):
        with pytest.raises(PushbotError, match="prints more than the"):
            await running("sh", "-c", script).hosts()


# --- HTTP


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/hosts", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"https://localhost:{port}/hosts" if tls else f"http://127.0.0.1:{port}/hosts"
    finally:
        await runner.cleanup()


async def asked(url: str, **options: object) -> Sequence[Host]:
    return await HttpInventory(HttpInventory.Options.model_validate({"url": url, **options})).hosts()


async def test_a_list_at_a_url(tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-Token"))
        return web.json_response(["web[1:2] role=web"])

    (tmp_path / "token").write_text("s3cret\n")
    async with serving(answer) as url:
        found = await asked(url, labels={"region": "lon"}, header="X-Token", secret=f"file:{tmp_path}/token")
    assert (tuple(found), seen) == (WEB, ["s3cret"])


async def test_the_certificate_of_https_is_checked(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(["web1"])

    made = make_certificates(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.cert, made.key)
    async with serving(answer, tls) as url:
        with pytest.raises(PushbotError, match=r"cannot be reached: .*certificate verify failed"):
            await asked(url)
        assert await asked(url, ca=made.ca) == (Host("web1"),)
        with pytest.raises(PushbotError, match=r"cannot be reached: .*certificate"):
            await asked(url.replace("localhost", "127.0.0.1"), ca=made.ca)
    with pytest.raises(PushbotError, match=r"the authorities in .*none\.pem cannot be read"):
        await asked("https://localhost:1/", ca=tmp_path / "none.pem")


async def test_answers_that_are_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def with_text(text: str | bytes, status: int = 200, **options: object) -> str:
        async def answer(request: web.Request) -> web.Response:
            if status == 302:
                raise web.HTTPFound("http://127.0.0.2/elsewhere")
            body = text if isinstance(text, bytes) else text.encode()
            return web.Response(body=body + request.headers.get("Authorization", "").encode(), status=status)

        async with serving(answer) as url:
            with pytest.raises(PushbotError) as caught:
                await asked(url, **options)
        assert "the list of hosts at http://127.0.0.1:" in str(caught.value)
        return str(caught.value)

    (tmp_path / "token").write_text("s3cret")
    secret = {"secret": f"file:{tmp_path}/token"}
    assert "the JSON is not a list of hosts" in await with_text("{}")
    assert "not JSON" in await with_text("web1")
    assert "entry 1: '-x' cannot be the name" in await with_text('["-x"]')
    assert "is not UTF-8" in await with_text(b"\xff")
    assert "s3cret" not in await with_text("no: ", 500, **secret)
    assert "s3cret" not in await with_text("no: ", 403, **secret)
    assert "a redirect to http://127.0.0.2/elsewhere, which is not followed" in await with_text("", 302, **secret)
    monkeypatch.setattr(http, "MOST_BYTES", 10)
    assert "more than 10 bytes" in await with_text(" " * 11)


async def test_a_url_that_answers_too_late_or_not_at_all() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(answer) as url:
        with pytest.raises(PushbotError, match=r"gave no answer within 0\.2 s"):
            await asked(url, timeout=0.2)
    with pytest.raises(PushbotError, match="cannot be reached"):
        await asked(url)


@pytest.mark.parametrize(
    "options", [{"url": "http://me:secret@h/"}, {"url": "ftp://h/"}, {"url": "http://h", "secret": "x"}]
)
def test_urls_and_secrets_that_cannot_be(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        HttpInventory.Options.model_validate(options)


async def test_a_secret_of_two_lines_goes_into_no_header(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a\nb: c\n")
    with pytest.raises(PushbotError, match="cannot stand in a header"):
        await asked("http://127.0.0.1:9/", secret=f"file:{tmp_path}/token")


# --- DNS


async def names_of(**options: object) -> list[str]:
    found = await DnsInventory(DnsInventory.Options.model_validate(options)).hosts()
    return [f"{host.name}={host.reached_at}" for host in found]


async def test_a_host_for_each_address() -> None:
    assert await names_of(names=["localhost", "127.0.0.[2:3]", "127.0.0.1"]) == [
        "127.0.0.1=127.0.0.1",
        "127.0.0.2=127.0.0.2",
        "127.0.0.3=127.0.0.3",
    ]
    assert await names_of(names=["127.0.0.1"], port=2222) == ["127.0.0.1=127.0.0.1:2222"]
    assert await names_of(names=["::1"], port=2222, family="ipv6") == ["::1=[::1]:2222"]
    assert await names_of(names=["127.0.0.1", "::1"], family="both") == ["127.0.0.1=127.0.0.1", "::1=::1"]


async def test_names_without_an_address() -> None:
    with pytest.raises(PushbotError, match=r"'nowhere.invalid' has no address: .* \(and 1 more\)"):
        await names_of(names=["nowhere.invalid", "localhost", "nowhere2.invalid"])
    with pytest.raises(PushbotError, match="'::1' has no address"):
        await names_of(names=["::1"])
    with pytest.raises(PushbotError, match="is no address of a host"):
        DnsInventory(DnsInventory.Options.model_validate({"names": ["a b"]}))


async def test_a_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    with pytest.raises(PushbotError, match=r"DNS did not know 'a' and 2 more names within 0\.05 s"):
        await names_of(names=["a", "b[1:2]"], timeout=0.05)
