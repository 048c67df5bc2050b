"""What is asked of one job of a Jenkins, by its Remote Access API, and what it answers.

Addresses that Jenkins gives (`Location`, `executable.url`) are built from how it is configured, which need not be
how it is reached: only the numbers in them are used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from pydantic import BaseModel, Field

from pushbot.errors import PushbotError
from pushbot_plugins.remote_api import Refused
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pushbot_plugins.remote_api import Answer, Api

_BUILDS = 100
_ITEM = re.compile(r"/queue/item/(\d+)/?$")
_PARAMETERS = "actions[parameters[name,value]]"
_ESCAPED = str.maketrans({letter: quote(letter, safe="") for letter in "#%/?[]\\"})
_MISSING = 404
_TAKEN = frozenset({200, 204, 302, 303, _MISSING})


class _Parameter(BaseModel):
    name: str
    value: object = None


class _Revision(BaseModel):
    sha1: str = Field("", alias="SHA1")


class _Action(BaseModel):
    parameters: list[_Parameter] = []
    revision: _Revision | None = Field(None, alias="lastBuiltRevision")


class _Traced(BaseModel):
    actions: list[_Action] = []

    def has(self, name: str, value: str) -> bool:
        """Whether it was given that parameter with that value."""
        return any(each.name == name and each.value == value for action in self.actions for each in action.parameters)


class Executable(BaseModel):
    """The build that a queue item became."""

    number: int


class Item(_Traced):
    """One place in Jenkins' queue; with `executable` it has left it. Jenkins forgets it five minutes after that."""

    id: int
    why: str | None = None
    cancelled: bool = False
    executable: Executable | None = None


class Build(_Traced):
    """One build. It is over when it is not `building`; `result` may be known before."""

    number: int
    queue_id: int = Field(-1, alias="queueId")
    building: bool = False
    result: str | None = None

    def revisions(self, parameter: str | None) -> frozenset[str]:
        """What it built, as its git plugin says, and the value of that parameter."""
        said = [action.revision.sha1 for action in self.actions if action.revision is not None]
        given = [each.value for action in self.actions for each in action.parameters if each.name == parameter]
        return frozenset(filter(None, (*said, *(value for value in given if isinstance(value, str)))))


class _Definitions(BaseModel):
    definitions: list[_Parameter] | None = Field(None, alias="parameterDefinitions")


class JobInfo(BaseModel):
    """What Jenkins tells of a job."""

    buildable: bool = True
    properties: list[_Definitions] = Field([], alias="property")

    @property
    def parameters(self) -> list[str] | None:
        """The names of its parameters; None when it takes none."""
        lists = [each.definitions for each in self.properties if each.definitions is not None]
        return [one.name for each in lists for one in each] if lists else None


class _Queue(BaseModel):
    items: list[Item] = []


class _Builds(BaseModel):
    builds: list[Build] = []


class _Crumb(BaseModel):
    crumb: str
    field: str = Field(alias="crumbRequestField")


def path_of(name: str, fill: Callable[[str, Callable[[str], str]], str]) -> str:
    """The path of the job `folder/name`: `job/folder/job/name`; `fill` gets each part, and how to write a value in it.

    A value is one name, in which a job of a multibranch project has some letters escaped (`feature%2Fx`).
    Raises PushbotError when a part is empty or leads elsewhere.
    """
    parts = [fill(part, lambda value: value.translate(_ESCAPED)) for part in name.strip("/").split("/")]
    if any(part in {"", ".", ".."} for part in parts):
        raise PushbotError(f"{one_line(name, 100)!r} names no job of Jenkins: write it as folder/name")
    return "/".join(f"job/{quote(part, safe='')}" for part in parts)


class Server:
    """The job at `path` of the Jenkins that `api` is for.

    Reads are repeated while Jenkins does not answer. All raise `Unanswered` and `Refused` otherwise.
    """

    def __init__(self, api: Api, path: str) -> None:
        self.api = api
        self.path = path
        self._crumb: Mapping[str, str] | None = None

    def page(self, number: int) -> str:
        """Where people see that build."""
        return self.api.at(f"{self.path}/{number}/")

    def item_page(self, item: int) -> str:
        """The address of a queue item."""
        return self.api.at(f"queue/item/{item}/")

    async def job(self) -> JobInfo:
        """What it tells of the job."""
        tree = {"tree": "buildable,property[parameterDefinitions[name]]"}
        return (await self.api.get(f"{self.path}/api/json", query=tree)).read(JobInfo)

    async def begin(self, values: Mapping[str, str] | None) -> int:
        """Ask for a build, with parameters or (None) without; the number of its queue item.

        Not repeated. When one that is the same in all parameters waits already, Jenkins gives that one's number.
        """
        verb = "build" if values is None else "buildWithParameters"
        answer = await self.post(f"{self.path}/{verb}", form=values or {}, ok={200, 201, 302, 303})
        found = _ITEM.search(answer.headers.get("Location", ""))
        if found is None:
            raise Refused(f"{self.api.source} did not put {self.path} into its queue: look there", answer.status)
        return int(found[1])

    async def item(self, item: int) -> Item | None:
        """That queue item; None when Jenkins has none of that number any more."""
        answer = await self.api.get(f"queue/item/{item}/api/json", ok={200, _MISSING})
        return None if answer.status == _MISSING else answer.read(Item)

    async def build(self, number: int) -> Build | None:
        """That build; None when it was deleted."""
        query = {"tree": "number,queueId,building,result"}
        answer = await self.api.get(f"{self.path}/{number}/api/json", query=query, ok={200, _MISSING})
        return None if answer.status == _MISSING else answer.read(Build)

    async def built(self, is_it: Callable[[Build], bool]) -> Build | None:
        """The newest build like that, among the last 100, which is what Jenkins lists."""
        query = {"tree": f"builds[number,queueId,building,result,{_PARAMETERS}]{{0,{_BUILDS}}}"}
        answer = (await self.api.get(f"{self.path}/api/json", query=query)).read(_Builds)
        return next(filter(is_it, answer.builds), None)

    async def builds(self) -> list[Build]:
        """The last 100 builds, newest first, with what they built."""
        what = "actions[parameters[name,value],lastBuiltRevision[SHA1]]"
        query = {"tree": f"builds[number,queueId,building,result,{what}]{{0,{_BUILDS}}}"}
        return (await self.api.get(f"{self.path}/api/json", query=query)).read(_Builds).builds

    async def queued(self, is_it: Callable[[Item], bool]) -> Item | None:
        """A queue item like that, of any job."""
        query = {"tree": f"items[id,why,{_PARAMETERS}]"}
        answer = (await self.api.get("queue/api/json", query=query)).read(_Queue)
        return next(filter(is_it, answer.items), None)

    async def cancel(self, item: int) -> None:
        """Take it off the queue; nothing happens when it is there no more."""
        # 404: forgotten; 500: it has just left the queue and cannot be cancelled
        await self.post("queue/cancelItem", query={"id": str(item)}, ok=_TAKEN | {500}, again=True)

    async def stop(self, number: int) -> None:
        """Stop that build; nothing happens when it is over."""
        await self.post(f"{self.path}/{number}/stop", ok=_TAKEN, again=True)

    async def console(self, number: int, start: int, take: Callable[[bytes], None]) -> tuple[int, bool]:
        """Hand what was printed from byte `start` on to `take`; where to go on, and whether more may come."""
        path = f"{self.path}/{number}/logText/progressiveText"
        answer = await self.api.stream(path, take, query={"start": str(start)})
        size = answer.headers.get("X-Text-Size", "")
        return int(size) if size.isdecimal() else start, answer.headers.get("X-More-Data") == "true"

    async def config(self) -> bytes:
        """The job's configuration, as XML."""
        return (await self.api.get(f"{self.path}/config.xml")).body

    async def put_config(self, xml: bytes) -> None:
        """Replace the job's configuration."""
        await self.post(f"{self.path}/config.xml", body=xml, kind="application/xml", again=True)

    async def post(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes = b"",
        kind: str = "application/x-www-form-urlencoded",
        ok: Collection[int] | None = None,
        again: bool = False,
    ) -> Answer:
        """A POST with the session's crumb; with a new one when Jenkins has forgotten the session meanwhile."""
        data, fine = urlencode(form).encode() if form else body, ok or {200, 201, 204}
        for is_last in (False, True):
            headers = {"Content-Type": kind, **await self._crumbed()}
            try:
                return await self.api.call("POST", path, query=query, body=data, headers=headers, ok=fine, again=again)
            except Refused as error:
                if is_last or "crumb" not in str(error):
                    raise
                self._crumb = None
        raise AssertionError

    async def _crumbed(self) -> Mapping[str, str]:
        """The header against forged requests; none where that protection is off."""
        if self._crumb is None:
            answer = await self.api.get("crumbIssuer/api/json", ok={200, _MISSING})
            found = None if answer.status == _MISSING else answer.read(_Crumb)
            self._crumb = {found.field: found.crumb} if found else {}
        return self._crumb
