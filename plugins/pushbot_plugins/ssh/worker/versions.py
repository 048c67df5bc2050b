"""Asks hosts what they run: a short process, so that hundreds of answers do not keep the bot from its chats.

What to ask comes as JSON on standard input, an answer for each host goes to standard output as a line of JSON, in the
order asked: a HostVersion. When no host at all can be asked, there is one line with a text instead, which says why.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, assert_never

import uvloop

from pushbot.errors import PushbotError
from pushbot.fleet.model import Host, HostVersion, Look, VersionProbe
from pushbot_plugins.local.supervisor.plain import revived
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.ssh.settings import Settings  # noqa: TC001 - `revived` looks it up
from pushbot_plugins.ssh.worker.net import Network
from pushbot_plugins.ssh.worker.seams import HostTrouble
from pushbot_plugins.ssh.worker.target import Target, facts_of, names_of
from pushbot_plugins.ssh.worker.web import NoAnswer, Web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot_plugins.ssh.worker.seams import Remote

_LARGEST = 64 * 2**10
_WIDTH = 200
_LAST_WORDS = 2000
_READ = f'exec head -c {_LARGEST} -- "$1"'


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom, and how hosts are reached."""

    settings: Settings
    hosts: tuple[Host, ...]
    probe: VersionProbe


def main() -> None:
    """Read the question, and write the answers."""
    question = revived(Question, json.load(sys.stdin))
    for each in uvloop.run(ask(question)):
        sys.stdout.write(json.dumps(each if isinstance(each, str) else asdict(each)) + "\n")


async def ask(question: Question) -> Sequence[HostVersion | str]:
    """The answers, in the order of the hosts; or why nobody could be asked."""
    turn = asyncio.Semaphore(question.settings.connecting.at_once)
    answers: dict[str, HostVersion] = {}
    web = Web()
    try:
        async with AsyncExitStack() as stack:
            network = Network(question.settings.connecting)
            if question.probe.kind is not Look.HTTP:
                await stack.enter_async_context(network)

            async def one(host: Host) -> None:
                async with turn:
                    answers[host.name] = await _asked(question, network.remote(host), web)

            async with asyncio.TaskGroup() as group:
                for host in question.hosts:
                    group.create_task(one(host))
    except PushbotError as error:
        return [str(error)]
    finally:
        await web.close()
    return [answers[host.name] for host in question.hosts]


def version_in(answer: str, pattern: str | None) -> str | None:
    """The version in an answer, None when there is none."""
    if pattern is None:
        found = answer.strip().partition("\n")[0]
    else:
        match = re.search(pattern, answer)
        found = (match[1] if match.re.groups else match[0]) or "" if match else ""
    return one_line(found, _WIDTH) or None


async def _asked(question: Question, remote: Remote, web: Web) -> HostVersion:
    name, limit = remote.host.name, _for_one(question)
    try:
        async with asyncio.timeout(limit):
            answer = await _answer(question.probe, remote, web)
    except (HostTrouble, NoAnswer) as trouble:
        return HostVersion(name, None, one_line(str(trouble)))
    except TimeoutError:
        return HostVersion(name, None, f"gave no answer within {limit:g} s")
    version = version_in(answer, question.probe.pattern)
    return HostVersion(name, version, None if version else "answered, but without a version")


async def _answer(probe: VersionProbe, remote: Remote, web: Web) -> str:
    said = bytearray()

    def take(data: bytes) -> None:
        said.extend(data[: _LARGEST - len(said)])

    target = Target(remote, names_of(remote.host, {}), facts_of(remote.host), {}, take)
    match probe.kind:
        case Look.HTTP:
            answer = await web.ask(target.url(probe.target), limit=probe.timeout)
            if not answer.well:
                raise NoAnswer(f"answered {answer.status}")
            return answer.body
        case Look.FILE:
            await _run(probe, target, _READ, (target.filled(probe.target),))
        case Look.COMMAND:
            await _run(probe, target, '"$@"', probe.run)
        case _:
            assert_never(probe.kind)
    return said.decode(errors="replace")


async def _run(probe: VersionProbe, target: Target, script: str, arguments: Sequence[str]) -> None:
    last = b""

    def take(data: bytes) -> None:
        nonlocal last
        last = (last + data)[-_LAST_WORDS:]  # a line may come in pieces
        target.take(data)

    code = await target.remote.run(script, arguments=arguments, env=target.env, limit=probe.timeout, take=take)
    if code:
        words = last.decode(errors="replace").strip().rpartition("\n")[2]
        raise NoAnswer(f"{words[:_WIDTH]} (exit code {code})" if words else f"exited with {code}")


def _for_one(question: Question) -> float:
    how = question.settings.connecting
    return how.connect_timeout + how.login_timeout + question.probe.timeout
