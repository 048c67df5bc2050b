"""The check that asks a service, against a real one on loopback."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import ValidationError

from pushbot.errors import PushbotError
from pushbot.ports import Change, Check, Finding
from pushbot.testing.contracts.check import CheckContract, PatientContract, change_in
from pushbot_plugins.checks.http import HttpCheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Service(NamedTuple):
    """Where it is, and what it was asked for."""

    url: str
    asked: list[str]


async def answer(request: web.Request) -> web.StreamResponse:
    request.app[ASKED].append(request.raw_path)
    match request.path:
        case "/slow":
            await asyncio.sleep(600)
        case "/json":
            return web.json_response({"checks": [{"state": "green", "red": 0, "done": True, "note": None}]})
        case "/away":
            raise web.HTTPFound("/json")
        case "/broken":
            return web.Response(status=500, text="<h1>no</h1> space for <script>x</script> s3cret")
        case "/secret":
            good = request.headers.get("X-Token") == "s3cret"
            return web.Response(text="yes" if good else "no")
        case _:
            pass
    return web.Response(text=f"go on with {request.raw_path}")


ASKED = web.AppKey("asked", list[str])


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    app = web.Application()
    app[ASKED] = []
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Service(f"http://127.0.0.1:{runner.addresses[0][1]}", app[ASKED])
    await runner.cleanup()


def http(url: str, **more: object) -> HttpCheck:
    return HttpCheck(HttpCheck.Options.model_validate({"url": url, **more}))


class TestTheContract(CheckContract, PatientContract):
    @pytest.fixture(autouse=True)
    def _at(self, service: Service) -> None:
        self.url = service.url

    def good(self, directory: Path) -> tuple[Check, Change]:
        return http(f"{self.url}/{{stage}}"), change_in(directory)

    def bad(self, directory: Path) -> tuple[Check, Change]:
        return http(f"{self.url}/broken"), change_in(directory)

    def long(self, directory: Path) -> tuple[Check, Change]:
        return http(f"{self.url}/slow"), change_in(directory)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"path": "/broken"}, "/broken answered 500, wanted 200: no space for s3cret"),
        ({"path": "/away"}, "/away answered 302, wanted 200: 302: Found"),
        ({"path": "/x", "status": 404}, "/x answered 200, wanted 404: go on with /x"),
        ({"path": "/x", "expect": "stop {stage}"}, "/x answered without 'stop production'"),
        ({"path": "/x", "json": {"a": "b"}}, "/x answered with something that is no JSON"),
        (
            {"path": "/json", "json": {"checks.0.state": "red"}},
            "/json says that checks.0.state is 'green', wanted 'red'",
        ),
        ({"path": "/json", "json": {"checks.0.red": False}}, "/json says that checks.0.red is 0, wanted False"),
        ({"path": "/json", "json": {"checks.7.red": 0}}, "/json says that checks.7.red is None, wanted 0"),
    ],
)
async def test_what_is_not_as_wanted_is_said(
    service: Service, tmp_path: Path, options: dict[str, object], why: str
) -> None:
    path = options.pop("path")
    found = await http(f"{service.url}{path}", **options).look(change_in(tmp_path))
    assert found.finding is Finding.FAILED
    assert found.why.removeprefix(service.url.removeprefix("http://")) == why


async def test_values_and_facts_are_looked_for(service: Service, tmp_path: Path) -> None:
    values = {"checks.0.state": "green", "checks.0.red": 0, "checks.0.done": True}
    assert (await http(f"{service.url}/json", json=values).look(change_in(tmp_path))).finding is Finding.PASSED
    check = http(f"{service.url}/go?at={{branch}}", expect="go on with")
    evil = Change("web", "production", "6957bb87", None, "x/../y?a=b&c=d #", "alice", ("alice",), tmp_path)
    assert (await check.look(evil)).finding is Finding.PASSED
    assert service.asked[-1] == "/go?at=x%2F..%2Fy%3Fa%3Db%26c%3Dd%20%23"


async def test_a_secret_is_sent_and_never_told(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECK_TOKEN", "s3cret")
    headers = {"X-Token": "env:CHECK_TOKEN"}
    check = http(f"{service.url}/secret", headers=headers, expect="yes")
    assert (await check.look(change_in(tmp_path))).finding is Finding.PASSED
    told = await http(f"{service.url}/broken", headers=headers).look(change_in(tmp_path))
    assert told.why.endswith("no space for ***")


async def test_no_answer_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match="cannot be reached"):
        await http("http://127.0.0.1:1/").look(change_in(tmp_path))


def test_options_are_checked() -> None:
    for wrong in ({"url": "ftp://x"}, {"url": "http://x", "status": 42}, {"url": "http://x", "more": 1}):
        with pytest.raises(ValidationError):
            HttpCheck.Options.model_validate(wrong)
