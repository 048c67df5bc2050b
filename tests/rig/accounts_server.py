"""A small IRC server with accounts: what ngircd has not, so that who somebody is can be told, asked and lied about.

Clients are `tests.rig.client.Person`s and the bot. A test says which capabilities there are, whether WHO knows
accounts, and who is logged in; people can send what they like, and the server passes on what a real one would.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

NAME = "irc.accounts.test"
TAGS = ("account-tag", "account-notify", "extended-join", "message-tags")
"""The capabilities of a server of today."""


@dataclass(eq=False)
class Client:
    """One connection, as the server sees it."""

    writer: asyncio.StreamWriter
    number: int
    nick: str = ""
    user: str = ""
    host: str = ""
    realname: str = ""
    account: str = ""
    certificate: str = ""
    away: str = ""
    caps: set[str] = field(default_factory=set)
    negotiating: bool = False
    welcomed: bool = False
    split: bool = False

    @property
    def mask(self) -> str:
        return f"{self.nick}!{self.user}@{self.host}"

    def send(self, line: str | bytes) -> None:
        self.writer.write((line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")) + b"\r\n")

    def reply(self, numeric: str, words: str) -> None:
        self.send(f":{NAME} {numeric} {self.nick or '*'} {words}")


@dataclass
class AccountServer:
    """The server. `asked` are the WHOIS that came; commands in `deaf_to` are not answered, and kept in `unheard`."""

    caps: tuple[str, ...] = TAGS
    whox: bool = True
    port: int = 0
    clients: list[Client] = field(default_factory=list)
    rooms: dict[str, list[Client]] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    deaf_to: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    _count: int = 0

    # --- what a test does ---

    def client(self, nick: str) -> Client:
        return next(one for one in self.clients if one.nick.lower() == nick.lower())

    def login(self, nick: str, account: str) -> None:
        """Services log somebody in, or with "" out."""
        client = self.client(nick)
        client.account = account
        for other in self._near(client):
            if "account-notify" in other.caps:
                other.send(f":{client.mask} ACCOUNT {account or '*'}")

    def rename(self, nick: str, new: str) -> None:
        """Somebody takes a nick, or services give them one."""
        client = self.client(nick)
        line = f":{client.mask} NICK :{new}"
        client.nick = new
        for other in {client, *self._near(client)}:
            other.send(line)

    def split(self, *nicks: str) -> None:
        """A netsplit takes them out of sight."""
        for nick in nicks:
            client = self.client(nick)
            for other in self._near(client):
                other.send(f":{client.mask} QUIT :a.test b.test")
            client.split = True

    def heal(self, *nicks: str) -> None:
        """They are back."""
        for nick in nicks:
            client = self.client(nick)
            client.split = False
            for room, members in self.rooms.items():
                if client in members:
                    self._joined(client, room)

    def to_room(self, room: str, line: str | bytes) -> None:
        """The server itself sends a line to all in a room."""
        for member in self.rooms[room]:
            member.send(line)

    # --- connections ---

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        client = Client(writer, self._count, host=f"h{self._count}.test")
        self.clients.append(client)
        try:
            while line := await reader.readline():
                self._take(client, line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
        except (ConnectionError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self._gone(client, "Connection closed")
            writer.close()

    def _near(self, client: Client) -> set[Client]:
        members = [room for room in self.rooms.values() if client in room]
        return {one for room in members for one in room if one is not client and not one.split}

    def _gone(self, client: Client, why: str) -> None:
        if client not in self.clients:
            return
        if not client.split:
            for other in self._near(client):
                other.send(f":{client.mask} QUIT :{why}")
        self.clients.remove(client)
        for members in self.rooms.values():
            if client in members:
                members.remove(client)

    def _take(self, client: Client, line: str) -> None:
        tags = ""
        if line.startswith("@"):
            raw, _, line = line[1:].partition(" ")
            tags = ";".join(tag for tag in raw.split(";") if tag.startswith("+"))  # what clients may send
        if line.startswith(":"):
            line = line.partition(" ")[2]  # whoever they say that they are
        head, colon, trailing = line.partition(" :")
        words = [*head.split(), *([trailing] if colon else [])]
        if not words:
            return
        if words[0].upper() in self.deaf_to:
            self.unheard.append(line)
            return
        command, params = words[0].upper(), words[1:]
        act = getattr(self, f"_do_{command.lower()}", None)
        if command in {"PRIVMSG", "NOTICE", "TAGMSG"}:
            self._speak(client, command, params, tags)
        elif act is not None:
            act(client, params)
        self._welcome(client)

    # --- signing on ---

    def _welcome(self, client: Client) -> None:
        if client.welcomed or client.negotiating or not client.nick or not client.user:
            return
        client.welcomed = True
        client.reply("001", ":Welcome")
        whox = " WHOX" if self.whox else ""
        client.reply("005", f"CASEMAPPING=ascii CHANTYPES=# PREFIX=(ov)@+ CHANMODES=b,k,l,imnst NICKLEN=30{whox} :are")
        client.reply("422", ":No message of the day")

    def _do_cap(self, client: Client, params: list[str]) -> None:
        match params[0].upper():
            case "LS":
                client.negotiating = True
                client.send(f":{NAME} CAP * LS :{' '.join(self.caps)}")
            case "REQ":
                client.caps.update(params[1].split())
                client.send(f":{NAME} CAP * ACK :{params[1]}")
            case "END":
                client.negotiating = False
            case _:
                pass

    def _do_nick(self, client: Client, params: list[str]) -> None:
        if not client.welcomed:
            client.nick = params[0]
        elif any(one.nick.lower() == params[0].lower() for one in self.clients if one is not client):
            client.reply("433", f"{params[0]} :Nickname is already in use")
        else:
            self.rename(client.nick, params[0])

    def _do_user(self, client: Client, params: list[str]) -> None:
        client.user, client.realname = f"~{params[0]}", params[3]

    def _do_ping(self, client: Client, params: list[str]) -> None:
        client.send(f":{NAME} PONG {NAME} :{params[0]}")

    def _do_quit(self, client: Client, params: list[str]) -> None:
        self._gone(client, f"Quit: {' '.join(params)}")
        client.writer.close()

    # --- rooms ---

    def _do_join(self, client: Client, params: list[str]) -> None:
        for room in params[0].split(","):
            members = self.rooms.setdefault(room, [])
            if client in members:
                continue
            members.append(client)
            client.send(f":{client.mask} JOIN {room}")
            self._joined(client, room)
            if room in self.topics:
                client.reply("332", f"{room} :{self.topics[room]}")
            names = " ".join(("@" if at == 0 else "") + one.nick for at, one in enumerate(members) if not one.split)
            client.reply("353", f"= {room} :{names}")
            client.reply("366", f"{room} :End of /NAMES list")

    def _joined(self, client: Client, room: str) -> None:
        for other in self.rooms[room]:
            if other is not client:
                extended = f" {client.account or '*'} :{client.realname}" if "extended-join" in other.caps else ""
                other.send(f":{client.mask} JOIN {room}{extended}")

    def _do_part(self, client: Client, params: list[str]) -> None:
        for member in self.rooms[params[0]]:
            member.send(f":{client.mask} PART {params[0]}")
        self.rooms[params[0]].remove(client)

    def _do_topic(self, client: Client, params: list[str]) -> None:
        self.topics[params[0]] = params[1]
        self._pass_on(client, self.rooms[params[0]], f"TOPIC {params[0]} :{params[1]}")

    def _speak(self, client: Client, command: str, params: list[str], tags: str) -> None:
        to = params[0]
        room = self.rooms.get(to.lstrip("@+"))
        others = [one for one in room if one is not client] if room is not None else [self.client(to)]
        text = "" if command == "TAGMSG" else f" :{params[1]}"
        self._pass_on(client, others, f"{command} {to}{text}", tags)

    def _pass_on(self, client: Client, others: Iterable[Client], line: str, tags: str = "") -> None:
        for other in others:
            mine = [tags] if tags and "message-tags" in other.caps else []
            if client.account and "account-tag" in other.caps:
                mine.append(f"account={client.account}")
            if not line.startswith("TAGMSG") or "message-tags" in other.caps:
                other.send((f"@{';'.join(mine)} " if mine else "") + f":{client.mask} {line}")

    # --- who is who ---

    def _do_away(self, client: Client, params: list[str]) -> None:
        client.away = params[0] if params else ""

    def _do_who(self, client: Client, params: list[str]) -> None:
        room, fields = params[0], params[1] if len(params) > 1 else ""
        for one in self.rooms.get(room, []):
            if fields:
                client.reply("354", f"{fields.partition(',')[2]} {one.nick} {one.account or 0}")
            else:
                client.reply("352", f"{room} {one.user} {one.host} {NAME} {one.nick} H :0 {one.realname}")
        client.reply("315", f"{room} :End of /WHO list")

    def _do_whois(self, client: Client, params: list[str]) -> None:
        nick = params[-1]
        self.asked.append(nick)
        found = next((one for one in self.clients if one.nick.lower() == nick.lower() and not one.split), None)
        if found is None:
            client.reply("401", f"{nick} :No such nick/channel")
        else:
            client.reply("311", f"{found.nick} {found.user} {found.host} * :{found.realname}")
            rooms = " ".join(room for room, members in self.rooms.items() if found in members)
            client.reply("319", f"{found.nick} :{rooms}")
            client.reply("312", f"{found.nick} {NAME} :a server")
            if found.away:
                client.reply("301", f"{found.nick} :{found.away}")
            if found.certificate:
                client.reply("276", f"{found.nick} :has client certificate fingerprint {found.certificate}")
            if found.account:
                client.reply("330", f"{found.nick} {found.account} :is logged in as")
        client.reply("318", f"{nick} :End of /WHOIS list")


@asynccontextmanager
async def account_server(*, caps: tuple[str, ...] = TAGS, whox: bool = True) -> AsyncIterator[AccountServer]:
    """A running server."""
    made = AccountServer(caps, whox)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
    made.port = int(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        for client in made.clients:
            client.writer.transport.abort()
        while made.clients:  # noqa: ASYNC110 - a few turns of the loop, in which their readers end
            await asyncio.sleep(0)
