"""Files in three steps, and `response_url`s.

docs.slack.dev/messaging/working-with-files ("Uploading files"): an address to send to, the bytes, then the completion,
which shares the file as a message. docs.slack.dev/interactivity/handling-user-interaction ("Message responses"):
up to five times within half an hour.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from tests.rig.slack.calls import Args, Refusal, arguments
from tests.rig.slack.chat_methods import judged
from tests.rig.slack.state import BOT, BOT_USER, Message
from tests.rig.slack.text import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    from tests.rig.slack.posts import Ephemeral, Posts
    from tests.rig.slack.rooms import Rooms
    from tests.rig.slack.state import Object

USES, LASTS = 5, 1800.0


@dataclass
class File:
    """One file; `channel` and `message` (a `ts`) once it was shared."""

    id: str
    name: str
    length: int
    snippet_type: str = ""
    title: str = ""
    content: bytes | None = None
    channel: str = ""
    thread: str | None = None
    message: str = ""

    @property
    def text(self) -> str:
        return (self.content or b"").decode()

    def json(self) -> Object:
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": "text/plain",
            "filetype": self.snippet_type or "text",
            "mode": "snippet",
            "user": BOT_USER,
            "size": self.length,
            "channels": [self.channel] if self.channel else [],
        }


@dataclass
class Reply:
    """One `response_url`: of a slash command, or of a press on `message`."""

    user: str
    channel: str
    made: float
    message: Message | None = None
    thread: str | None = None
    whisper: Ephemeral | None = None
    uses: int = 0


@dataclass
class Files:
    """What was uploaded, and the addresses to answer at."""

    posts: Posts
    rooms: Rooms
    base: Callable[[], str]
    files: dict[str, File] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.space = self.posts.space
        self.methods: dict[str, Callable[[Args], Object]] = {
            "files.getUploadURLExternal": self.address,
            "files.completeUploadExternal": self.complete,
        }

    def address(self, args: Args) -> Object:
        length = args.number("length", 0, 10**9)
        if length <= 0:
            raise Refusal("missing_argument")
        made = File(self.space.id("F"), args.must("filename"), length, args.text("snippet_type"))
        self.files[made.id] = made
        return {"ok": True, "upload_url": f"{self.base()}/upload/v1/{made.id}", "file_id": made.id}

    async def upload(self, request: web.Request) -> web.Response:
        """The bytes: as the body, or as the file of a form."""
        file = self.files.get(request.match_info["file"])
        if file is None:
            return web.Response(status=404, text="not found")
        if request.content_type == "multipart/form-data":
            parts = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
            content = parts[0].file.read() if parts else b""
        else:
            content = await request.read()
        if len(content) != file.length:
            return web.Response(status=400, text=f"{len(content)} bytes instead of {file.length}")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    def complete(self, args: Args) -> Object:
        given = args.json("files")
        if not isinstance(given, list) or not given:
            raise Refusal("invalid_arguments")
        done: list[File] = []
        for one in given:
            file = self.files.get(str(one.get("id"))) if isinstance(one, dict) else None
            if file is None or file.content is None:
                raise Refusal("file_not_found")
            file.title = str(one.get("title") or file.name) if isinstance(one, dict) else file.name
            done.append(file)
        if where := args.text("channel_id") or args.text("channels"):
            self._share(done, where, args)
        return {"ok": True, "files": [{"id": file.id, "title": file.title} for file in done]}

    def _share(self, files: list[File], where: str, args: Args) -> None:
        channel = self.rooms.writable(where, args, by_name=False)
        thread = args.text("thread_ts") or None
        if thread and channel.find(thread) is None:
            raise Refusal("invalid_thread_ts")
        message = Message(channel.id, self.space.ts(), BOT_USER, stored(args.text("initial_comment")), bot=BOT)
        message.thread, message.subtype = thread, "file_share"
        message.blocks = judged(args.json("blocks"), self.posts)
        for file in files:
            file.channel, file.thread, file.message = channel.id, thread, message.ts
        message.files = [file.json() for file in files]
        self.posts.write(channel, message)

    # --- answers to a slash command or a press ---

    def reply_url(self, reply: Reply) -> str:
        """A new address to answer at."""
        name = secrets.token_hex(8)
        self.replies[name] = reply
        return f"{self.base()}/commands/T024BE7LD/{name}"

    async def reply(self, request: web.Request) -> web.Response:
        """One use of such an address."""
        reply = self.replies.get(request.match_info["name"])
        if reply is None or self.space.clock() - reply.made > LASTS:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if reply.uses >= USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        reply.uses += 1
        try:
            self.respond(reply, Args(await arguments(request)))
        except Refusal as refusal:
            return web.json_response(refusal.answer, status=400)
        return web.Response(text="ok")

    def respond(self, reply: Reply, args: Args) -> None:
        """What an answer at such an address, or in an acknowledgement, does."""
        channel = self.space.channels[reply.channel]
        text, blocks = stored(args.text("text")), judged(args.json("blocks"), self.posts)
        over = reply.whisper if args.flag("delete_original") or args.flag("replace_original") else None
        if over in self.posts.ephemerals:
            self.posts.ephemerals.remove(over)
        if over and args.flag("delete_original"):
            return
        if reply.message and args.flag("delete_original"):
            self.posts.delete(channel, reply.message)
        elif reply.message and args.flag("replace_original"):
            self.posts.edit(channel, reply.message, text, blocks, marked=not blocks)
        elif not text.strip() and not blocks:
            raise Refusal("no_text")
        elif args.text("response_type") == "in_channel":
            thread = self.posts.thread(channel, args.text("thread_ts"))
            message = Message(channel.id, self.space.ts(), BOT_USER, text, blocks, thread, bot=BOT)
            self.posts.write(channel, message)
        else:
            self.posts.whisper(reply.user, channel.id, text, blocks, args.text("thread_ts") or None)

    def shown(self) -> list[JsonValue]:
        return [file.json() for file in self.files.values()]
