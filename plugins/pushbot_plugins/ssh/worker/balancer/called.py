"""A load balancer that is told by HTTP calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import HostTrouble
from pushbot_plugins.ssh.worker.web import Answer, NoAnswer, Web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot_plugins.ssh.settings import Draining
    from pushbot_plugins.ssh.worker.target import Target

_LOOK = 0.5


class Called:
    """Calls the URLs of `out` and of `back`, in order; each must be answered with success."""

    def __init__(self, draining: Draining, web: Web, headers: Mapping[str, str]) -> None:
        self._draining = draining
        self._web = web
        self._headers = headers

    async def out(self, target: Target) -> None:
        """Call, and wait the time that open requests may take, as nobody can tell when they are over."""
        await self._call(target, self._draining.out)
        await asyncio.sleep(self._draining.drain)

    async def back(self, target: Target) -> None:
        """Call, and wait until all of `state` answer well."""
        await self._call(target, self._draining.back)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._draining.healthy_within
        for url in self._draining.state:
            while trouble := await self._trouble(target, url):
                if loop.time() >= until:
                    raise HostTrouble("balancer", f"{trouble}, still after {self._draining.healthy_within:g} s")
                await asyncio.sleep(_LOOK)

    async def _call(self, target: Target, urls: tuple[str, ...]) -> None:
        for each in urls:
            url = target.url(each)
            try:
                answer = await self._ask(url, self._draining.method)
            except NoAnswer as trouble:
                raise HostTrouble("balancer", f"{self._draining.method} {url} {trouble}") from None
            if not answer.well:
                raise HostTrouble("balancer", f"{self._draining.method} {url} answered {answer.status}")

    async def _trouble(self, target: Target, template: str) -> str | None:
        url, healthy = target.url(template), target.filled(self._draining.healthy)
        try:
            answer = await self._ask(url, "GET")
        except NoAnswer as trouble:
            return f"GET {url} {trouble}"
        if not answer.well:
            return f"GET {url} answered {answer.status}"
        return None if healthy in answer.body else f"GET {url} answered {answer.status}, but without {healthy!r}"

    async def _ask(self, url: str, method: str) -> Answer:
        return await self._web.ask(url, method=method, headers=self._headers, limit=self._draining.timeout)
