"""Stand-ins for Slack that were made for bots on one SDK: what that does not send is not found, or breaks them.

What the SDKs send: https://github.com/slackapi/python-slack-sdk (`web/async_client.py`),
https://github.com/slackapi/node-slack-sdk (`packages/web-api/src/WebClient.ts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    Breaks = Callable[[str, web.Request], int | None]
    """The status with which a call of a method is answered that is not as it was expected; None for one that is."""

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
OBJECTS = {"chat.postMessage", "chat.postEphemeral", "chat.update", "views.publish"}
GOT = {"info", "list", "history", "replies", "members", "conversations"}


def never(_method: str, _request: web.Request) -> int | None:
    """As Slack."""
    return None


def for_python(method: str, request: web.Request) -> int | None:
    """Made for slack_sdk: a route for each method, with its verb; a body is JSON, what has none is in the query."""
    got = method.rpartition(".")[2] in GOT
    if request.method != ("GET" if got else "POST"):
        return 405
    wanted = method in OBJECTS or request.can_read_body
    return 500 if not got and wanted and request.content_type != JSON else None


def for_node(_method: str, request: web.Request) -> int | None:
    """Made for @slack/web-api: forms that are posted."""
    return _posted(request, FORM)


def for_json(_method: str, request: web.Request) -> int | None:
    """Made by hand: objects that are posted."""
    return _posted(request, JSON)


def _posted(request: web.Request, kind: str) -> int | None:
    if request.method != "POST":
        return 404
    return 500 if request.can_read_body and request.content_type != kind else None
