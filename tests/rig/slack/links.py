"""Socket Mode (docs.slack.dev/apis/events-api/using-socket-mode): links, envelopes, acknowledgements, redelivery.

An address is good for one link. Each envelope goes to one of the links, and is to be acknowledged within 3 seconds.
Events that are not come again (docs.slack.dev/apis/events-api, "Retries": at once, after one minute, after five; same
`event_id`), at once also when their link is gone, and wait while there is none. Slash commands and interactions are
not repeated: whoever gave them sees an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
import uuid
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from tests.rig.slack.link import Ack, Delivery, Link, goodbye, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    from tests.rig.slack.state import Object

MOST = 10
"""Links an app may have at a time."""


class Links:
    """All links of the app, and what is to be delivered through them.

    `ack_within` and `pauses` are seconds, `notices` is how long a dead link lasts, `grace` how long one that was told
    to leave does. With `twice` each event is delivered two times. `refuse` handshakes are refused.
    Without `pongs` no ping is answered, as some stand-ins for Slack do; without `hellos` no link is greeted.
    """

    def __init__(self) -> None:
        self.ack_within = 3.0
        self.pauses: tuple[float, ...] = (0.0, 60.0, 300.0)
        self.notices = 10.0
        self.grace = 10.0
        self.twice = False
        self.pongs = self.hellos = True
        self.refuse = 0
        self.held = False
        self.open: list[Link] = []
        self.acked: list[Delivery] = []
        self.unacked: list[Delivery] = []
        self.lost: list[Delivery] = []
        self.handshakes: list[int] = []
        """The HTTP status of each."""
        self._tickets: set[str] = set()
        self._waiting: list[Delivery] = []
        self._by_envelope: dict[str, Delivery] = {}
        self._turn = itertools.count()
        self._numbers = itertools.count(1)

    def ticket(self) -> str:
        """A new ticket, good for one link."""
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return ticket

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One link, from handshake to end."""
        ticket = request.query.get("ticket", "")
        if self.refuse > 0 or ticket not in self._tickets:
            self.refuse = max(0, self.refuse - 1)
            self.handshakes.append(403)
            return web.Response(status=403, text="Forbidden")
        self._tickets.remove(ticket)
        self.handshakes.append(101)
        link = Link(next(self._numbers), web.WebSocketResponse(autoping=False, timeout=0.2), request)
        await link.socket.prepare(request)
        if len(self.open) >= MOST:
            await link.socket.send_str(json.dumps(goodbye("too_many_websockets")))
            await link.socket.close()
            return link.socket
        self.open.append(link)
        if self.hellos:
            link.send(self._hello())
        self.flush()
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(write(link))
                await self._read(link)
                writer.cancel()
        finally:
            self._gone(link)
        return link.socket

    def _hello(self) -> Object:
        info: Object = {"host": "applink-rig-1", "build_number": 131, "approximate_connection_time": 18060}
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": info,
            "connection_info": {"app_id": "A024PUSHB"},
        }

    async def _read(self, link: Link) -> None:
        async for message in link.socket:
            match message.type:
                case WSMsgType.PING:
                    link.pings += 1
                    with contextlib.suppress(ConnectionError):
                        if self.pongs:
                            await link.socket.pong(message.data)
                case WSMsgType.TEXT:
                    link.received.append(message.data)
                    self._acknowledged(message.data)
                case _:
                    pass

    def _gone(self, link: Link) -> None:
        if link in self.open:
            self.open.remove(link)
        for delivery in [one for one in self.unacked if one.link is link]:
            delivery.link = None
            if delivery.kind == "events_api":
                self._repeat(delivery, "connection_failed")

    # --- deliveries ---

    def deliver(
        self, kind: str, payload: Object, *, accepts: bool = False, then: Callable[[Object], None] | None = None
    ) -> Delivery:
        """Send this to one of the links, now or when there is one."""
        copies = 2 if self.twice and kind == "events_api" else 1
        made = [Delivery(kind, payload, accepts, then=then) for _ in range(copies)]
        for delivery in made:
            self.unacked.append(delivery)
            self._send(delivery)
        return made[0]

    def hold(self) -> None:
        """Keep what is to be delivered, until `release`."""
        self.held = True

    def release(self, *, backwards: bool = False) -> None:
        """Deliver what was kept; with `backwards`, the newest first."""
        self.held = False
        if backwards:
            self._waiting.reverse()
        self.flush()

    def flush(self) -> None:
        """Send what waited for a link."""
        waiting, self._waiting = self._waiting, []
        for delivery in waiting:
            self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        usable = [link for link in self.open if not link.leaving]
        if delivery.attempt and any(not link.dead for link in usable):
            usable = [link for link in usable if not link.dead]
        if self.held or not usable:
            if delivery.kind == "events_api" or self.held:
                delivery.attempt = max(delivery.attempt, 0 if self.held else 1)
                self._waiting.append(delivery)
            else:
                self._settle(delivery, Ack(error="dispatch_failed"))
            return
        link = usable[next(self._turn) % len(usable)]
        delivery.link = link
        envelope = str(uuid.uuid4())
        delivery.envelopes.append(envelope)
        self._by_envelope[envelope] = delivery
        message: Object = {
            "envelope_id": envelope,
            "payload": delivery.payload,
            "type": delivery.kind,
            "accepts_response_payload": delivery.accepts,
        }
        if delivery.kind == "events_api":
            message |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
        link.send(message)
        delivery.timer = asyncio.get_running_loop().call_later(self.ack_within, self._late, delivery)

    def _late(self, delivery: Delivery) -> None:
        if delivery.kind == "events_api":
            self._repeat(delivery, "timeout")
        else:
            self._settle(delivery, Ack(error="operation_timeout"))

    def _repeat(self, delivery: Delivery, reason: str) -> None:
        if delivery.timer:
            delivery.timer.cancel()
        if reason == "timeout" and delivery.attempt >= len(self.pauses):
            self.lost.append(delivery)
            self._settle(delivery, Ack(error=reason))
            return
        pause = self.pauses[delivery.attempt] if reason == "timeout" else 0.0
        delivery.attempt, delivery.reason = delivery.attempt + 1, reason
        if pause:
            delivery.timer = asyncio.get_running_loop().call_later(pause, self._send, delivery)
        else:
            self._send(delivery)

    def _acknowledged(self, text: str) -> None:
        said: JsonValue = json.loads(text)
        assert isinstance(said, dict), text
        delivery = self._by_envelope.get(str(said.get("envelope_id")))
        if delivery is None or delivery.ack is not None:
            return
        payload = said.get("payload")
        if delivery.attempt and delivery in self._waiting:
            self._waiting.remove(delivery)
        self.acked.append(delivery)
        if delivery.then and isinstance(payload, dict):
            delivery.then(payload)
        self._settle(delivery, Ack(payload if isinstance(payload, dict) else None))

    def _settle(self, delivery: Delivery, ack: Ack) -> None:
        if delivery.timer:
            delivery.timer.cancel()
        if delivery in self.unacked:
            self.unacked.remove(delivery)
        delivery.ack = ack
        delivery.settled.set()

    # --- what befalls links ---

    def disconnect(self, reason: str = "refresh_requested", link: Link | None = None) -> None:
        """Tell a link, or all, to leave; with `warning` they stay for the time being."""
        for one in [link] if link else list(self.open):
            one.send(goodbye(reason))
            if reason != "warning":
                one.leaving = True
                asyncio.get_running_loop().call_later(self.grace, one.reset)

    def reset(self) -> None:
        """All links are gone at once."""
        for link in list(self.open):
            link.reset()

    def die(self) -> None:
        """All links of now stay up and are dead, until the other side or, after `notices` seconds, Slack ends them."""
        for link in list(self.open):
            link.die()
            asyncio.get_running_loop().call_later(self.notices, link.reset)

    def stop(self) -> None:
        for delivery in self.unacked:
            if delivery.timer:
                delivery.timer.cancel()
        self.reset()
