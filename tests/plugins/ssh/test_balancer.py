"""Hosts leave load balancers and come back: a real HAProxy, HTTP calls, a file, commands."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pushbot.fleet.model import Host
from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.ssh.settings import Draining, Way
from pushbot_plugins.ssh.worker.balancer import made
from pushbot_plugins.ssh.worker.here import Machine
from pushbot_plugins.ssh.worker.seams import HostTrouble
from pushbot_plugins.ssh.worker.target import Surroundings, Target
from pushbot_plugins.ssh.worker.web import Web
from tests.rig.haproxy import Haproxy
from tests.rig.shellhost import ShellHost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from pushbot_plugins.ssh.worker.balancer import Balancer


class Backend:
    """Two web servers; `well` are those that pass their checks, `slow` holds answers back."""

    def __init__(self) -> None:
        self.well = {"web1", "web2"}
        self.slow = threading.Event()
        self.slow.set()
        self.servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), self._page(name)) for name in ("web1", "web2")}
        self.ports = {name: int(server.server_address[1]) for name, server in self.servers.items()}
        self.asked: list[str] = []

    def _page(self, name: str) -> type[BaseHTTPRequestHandler]:
        backend = self

        class Page(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_GET(self) -> None:
                status = 200
                if self.path == "/health":
                    status = 200 if name in backend.well else 500
                else:
                    backend.asked.append(f"{name} {self.requestline}")
                    backend.slow.wait()
                body = f"{name} is UP" if name in backend.well else "no"
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET  # noqa: N815 - the name is the library's

            def log_message(self, *_: object) -> None:
                pass

        return Page


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    for server in backend.servers.values():
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield backend
    backend.slow.set()
    for server in backend.servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def proxy(tmp_path: Path, backend: Backend) -> Iterator[Haproxy]:
    with Haproxy(tmp_path / "proxy", backend.ports, check="/health") as proxy:
        yield proxy


def haproxy(*sockets: str, **more: float | str) -> Draining:
    way = Draining(way=Way.HAPROXY, sockets=sockets, backend="web", drain=5.0, healthy_within=20.0)
    return replace(way, **more)  # type: ignore[arg-type]


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    web = Web()
    yield web
    await web.close()


def target(tmp_path: Path, host: Host | None = None) -> Target:
    remote = ShellHost(tmp_path / (host.name if host and "/" not in host.name else "web1"))
    if host is not None:
        remote._host = host
    return Surroundings(replace(job_in(tmp_path), hosts=(remote.host,))).target(remote, lambda _data: None)


def balancer(draining: Draining, tmp_path: Path, web: Web) -> Balancer:
    here = Machine("web-12", tmp_path / "groups")
    return made(draining, web=web, here=here, folder=str(tmp_path), headers=dict(draining.headers))


async def seen(proxy: Haproxy, server: str, status: str) -> None:
    await asyncio.to_thread(proxy.until, server, status)


async def get(port: int, headers: str = "") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /page HTTP/1.1\r\nHost: a\r\n{headers}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def test_a_host_leaves_haproxy_when_its_requests_are_over(
    tmp_path: Path, backend: Backend, proxy: Haproxy, web: Web
) -> None:
    way = balancer(haproxy(proxy.path, f"127.0.0.1:{proxy.admin}"), tmp_path, web)
    host = target(tmp_path)
    for name in backend.ports:
        await seen(proxy, name, "UP")
    backend.slow.clear()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(get(proxy.port)) for _ in range(2)]  # one for each server
        async with asyncio.timeout(60):
            while len(backend.asked) < 2:  # noqa: ASYNC110 - it cannot tell
                await asyncio.sleep(0.01)
        leaving = group.create_task(way.out(host))
        await seen(proxy, "web1", "DRAIN")
        await asyncio.sleep(0.3)
        assert not leaving.done()
        backend.slow.set()
        await leaving
    assert all(task.result().startswith("HTTP/1.1 200") for task in asking)
    assert proxy.status("web1") == "MAINT"
    before = len(backend.asked)
    for _ in range(4):
        await get(proxy.port)
    assert {line.split()[0] for line in backend.asked[before:]} == {"web2"}
    await way.back(host)
    assert proxy.status("web1") == "UP"


async def test_requests_that_do_not_end_are_waited_for_so_long(
    tmp_path: Path, backend: Backend, proxy: Haproxy, web: Web
) -> None:
    way = balancer(haproxy(proxy.path, drain=0.5), tmp_path, web)
    for name in backend.ports:
        await seen(proxy, name, "UP")
    backend.slow.clear()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(get(proxy.port)) for _ in range(2)]
        async with asyncio.timeout(60):
            while len(backend.asked) < 2:  # noqa: ASYNC110 - it cannot tell
                await asyncio.sleep(0.01)
        began = time.monotonic()
        await way.out(target(tmp_path))
        assert 0.5 <= time.monotonic() - began < 20
        backend.slow.set()
    assert all(task.result().startswith("HTTP/1.1 200") for task in asking)


async def test_a_host_that_haproxy_does_not_see_well_is_not_back(
    tmp_path: Path, backend: Backend, proxy: Haproxy, web: Web
) -> None:
    way = balancer(haproxy(proxy.path, healthy_within=1.0), tmp_path, web)
    host = target(tmp_path)
    await way.out(host)
    backend.well.remove("web1")
    with pytest.raises(HostTrouble, match=r"HAProxy at .* sees web/web1 DOWN, still after 1 s"):
        await way.back(host)
    backend.well.add("web1")
    await balancer(haproxy(proxy.path), tmp_path, web).back(host)


@pytest.mark.parametrize("name", ["web1; disable server web/web2", "web1\nshow info", "", "web/web2", "{none}"])
async def test_no_name_says_anything_else_to_haproxy(tmp_path: Path, proxy: Haproxy, web: Web, name: str) -> None:
    way = balancer(haproxy(proxy.path, server=name), tmp_path, web)
    with pytest.raises(HostTrouble, match="is no name that HAProxy may have"):
        await way.out(target(tmp_path))
    assert proxy.status("web2") != "MAINT"


async def test_what_haproxy_says_no_to_is_told(tmp_path: Path, proxy: Haproxy, web: Web) -> None:
    host = target(tmp_path)
    with pytest.raises(HostTrouble, match="on web/web9 drain: No such server"):
        await balancer(haproxy(proxy.path, server="web9"), tmp_path, web).out(host)
    with pytest.raises(HostTrouble, match="on api/web1 drain: No such backend"):
        await balancer(haproxy(proxy.path, backend="api"), tmp_path, web).out(host)
    with pytest.raises(HostTrouble, match=r"HAProxy at .*/nothing cannot be told: No such file"):
        await balancer(haproxy(f"{tmp_path}/nothing"), tmp_path, web).out(host)


async def test_of_two_haproxies_the_one_that_can_is_told_to_take_a_host_back(
    tmp_path: Path, proxy: Haproxy, web: Web
) -> None:
    host = target(tmp_path)
    await balancer(haproxy(proxy.path), tmp_path, web).out(host)
    with pytest.raises(HostTrouble):
        await balancer(haproxy(f"{tmp_path}/nothing", proxy.path), tmp_path, web).back(host)
    await seen(proxy, "web1", "UP")


async def test_a_haproxy_that_hangs_holds_nobody(tmp_path: Path, web: Web) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        way = balancer(haproxy(f"127.0.0.1:{port}", timeout=0.2), tmp_path, web)
        host, began = target(tmp_path), time.monotonic()

        async def out() -> None:
            with pytest.raises(HostTrouble, match=r"gave no answer within 0\.2 s"):
                await way.out(host)

        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(out())
        assert time.monotonic() - began < 20


async def test_by_http(tmp_path: Path, backend: Backend, web: Web) -> None:
    place = f"http://127.0.0.1:{backend.ports['web2']}"
    draining = Draining(
        way=Way.HTTP,
        out=(f"{place}/{{host}}/off?by={{driver}}",),
        back=(f"{place}/{{host}}/on",),
        state=(f"{place}/{{host}}",),
        healthy="web2 is UP",
        drain=0.1,
        healthy_within=0.5,
    )
    host = target(tmp_path, Host("web 1"))
    way = balancer(draining, tmp_path, web)
    began = time.monotonic()
    await way.out(host)
    assert time.monotonic() - began >= 0.1
    await way.back(host)
    assert backend.asked == [
        "web2 POST /web%201/off?by=alice HTTP/1.1",
        "web2 POST /web%201/on HTTP/1.1",
        "web2 GET /web%201 HTTP/1.1",
    ]
    backend.well.clear()
    with pytest.raises(HostTrouble, match=r"but without 'web2 is UP', still after 0\.5 s"):
        await way.back(host)
    refused = replace(draining, out=(f"{place}/health",))
    with pytest.raises(HostTrouble, match="/health answered 500"):
        await balancer(refused, tmp_path, web).out(host)


async def test_by_a_file(tmp_path: Path, web: Web) -> None:
    file = tmp_path / "flags" / "web1-out"
    way = balancer(Draining(way=Way.FILE, out=(f"{tmp_path}/flags/{{host}}-out",), drain=0.1), tmp_path, web)
    host = target(tmp_path)
    await way.out(host)
    assert file.exists()
    await way.out(host)
    await way.back(host)
    await way.back(host)
    assert not file.exists()
    with pytest.raises(HostTrouble, match="/dev/null/x cannot be made"):
        await balancer(Draining(way=Way.FILE, out=("/dev/null/x",)), tmp_path, web).out(host)


async def test_by_commands(tmp_path: Path, web: Web) -> None:
    said = tmp_path / "said"
    script = f'echo "$1 $2 $PUSHBOT_HOST" >> {said}; test "$1" != state || test -e {tmp_path}/well'
    draining = Draining(
        way=Way.COMMAND,
        out=("sh", "-c", script, "sh", "out", "{host}"),
        back=("sh", "-c", script, "sh", "back", "{host}"),
        state=("sh", "-c", script, "sh", "state", "{host}"),
        drain=0.0,
        healthy_within=0.2,
    )
    way, host = balancer(draining, tmp_path, web), target(tmp_path, Host("$(id)"))
    await way.out(host)
    with pytest.raises(HostTrouble, match=r"sh exited with 1, still after 0\.2 s"):
        await way.back(host)
    (tmp_path / "well").touch()
    await way.back(host)
    assert set(said.read_text().splitlines()) == {f"{what} $(id) $(id)" for what in ("out", "back", "state")}
    with pytest.raises(HostTrouble, match="there is no such command"):
        await balancer(replace(draining, out=("/nothing",)), tmp_path, web).out(host)
