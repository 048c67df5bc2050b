"""`python -m tests.rig.slack [PORT]`: a workspace to try the bot in by hand, until its input ends.

It prints where it is and its tokens. Each line of input is somebody's: `ada #push .join` says something,
`ada #push /push join` gives a command; a user or channel not seen before is made. It prints what anybody writes.
"""

from __future__ import annotations

import asyncio
import sys

from tests.rig.slack import APP_TOKEN, BOT_TOKEN, Failed, SlackServer


async def main() -> None:
    """Run until standard input ends."""
    slack = SlackServer()
    slack.port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    slack.add_channel("#push")
    async with slack, asyncio.TaskGroup() as group:
        _print(f"api_url = {slack.url}", f"SLACK_BOT_TOKEN={BOT_TOKEN}", f"SLACK_APP_TOKEN={APP_TOKEN}")
        printer = group.create_task(_watch(slack))
        while line := await asyncio.to_thread(sys.stdin.readline):
            words = line.split(maxsplit=2)
            if len(words) == 3:
                await _does(slack, *words)
        printer.cancel()


async def _does(slack: SlackServer, user: str, channel: str, text: str) -> None:
    if user not in {one.name for one in slack.space.users.values()}:
        slack.add_user(user)
    if channel.lstrip("#") not in {one.name for one in slack.space.channels.values()}:
        slack.add_channel(channel)
    if not text.startswith("/"):
        slack.say(user, channel, text.strip())
        return
    command, _, rest = text.strip().partition(" ")
    try:
        await slack.slash(user, channel, command, rest)
    except Failed as failed:
        _print(f"{command} failed: {failed.error}")


async def _watch(slack: SlackServer) -> None:
    seen: set[str] = set()
    while True:
        for channel in list(slack.space.channels.values()):
            for message in channel.messages:
                key = f"{message.ts} {message.updated}"
                if key not in seen:
                    seen.add(key)
                    author = slack.space.users.get(message.user)
                    _print(f"{channel.name or channel.id} <{author.shown if author else '?'}> {slack.read(message)}")
        for whisper in slack.posts.ephemerals:
            if whisper.ts not in seen:
                seen.add(whisper.ts)
                _print(f"(only to {slack.space.users[whisper.user].shown}) {slack.read(whisper)}")
        await asyncio.sleep(0.2)


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


asyncio.run(main())
