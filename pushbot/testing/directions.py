"""The stage directions of scenarios: what happens beside the talk.

Before the bot starts, at the beginning of a scenario, beside commits and limits:

    * lane web in #push: princess, production        also: `in #push and #web`, `lane flags for config in #push`
    * web is pushed from main                        its revisions come from the repository
    * trains take 5
    * production is rolled back by itself
    * production is for 60 hosts in lon and 60 in dub: 1, 10%, 100%
    * a mismatch of hosts blocks production
    * production tells versions, asked for every 300 seconds
    * web/princess and search/princess are one place

Without any lane there is one, `web` in #push with princess and production. At any time:

    * main is at 6957bb87 by alice: Sell hats        a commit
    * topic limit 60
    * the run succeeds / fails at migrate: exit code 3 / is lost: its host is gone       also: run web-2 ...
    * the run is at migrate
    * the run is at 42/120, 1 failed                 so many of its hosts are done
    * the executor is out of order: no space / is in order
    * runs cannot be stopped: Jenkins is away / can be stopped
    * dns lacks lon-3 / lacks nothing                the list of hosts is compared with it
    * every host runs 6957bb87 / lon-1, lon-2 run 41aa02ce
    * lon-3 does not answer: connection refused
    * hosts take their time / tell their versions
    * the disk is full / has room again
    * 23 seconds pass                              also minutes, hours, days; see `waiting`
    * the bot crashes / comes back / crashes and comes back / is stopped and started
    * the link breaks / is back                      lines not yet confirmed are uncertain
    * the server holds confirmations back / confirms / loses what the bot says

Who may do what, and who is logged in, is in `trust`; push hours and the time of day are in `hours`, checks in `check`,
stages that people name in `beside`.
`NAME is now NAME` and `NAME writes the topic: TEXT` are what people do, see `scenario`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pushbot.errors import PushbotError
from pushbot.fleet.model import Amount, Look, Tally, VersionProbe
from pushbot.service.spec import Mismatch, VersionSpec
from pushbot.testing import beside, check, hours, trouble, trust, waiting
from pushbot.testing.trust import default_lane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pushbot.service.spec import LaneSpec, StageSpec
    from pushbot.testing.playground import Playground

    Words = re.Match[str]
    Prepare = Callable[[Playground, Words], None]
    Direct = Callable[[Playground, Words], Awaitable[None] | None]


def prepare(text: str, play: Playground) -> bool:
    """Follow a direction that describes the world before the bot starts; False when it is none of these."""
    for pattern, act in {**_BEFORE, **_EITHER}.items():
        found = re.fullmatch(pattern, text)
        if found is not None:
            act(play, found)
            return True
    return False


async def direct(text: str, play: Playground) -> None:
    """Follow a direction. Raises ValueError for one that is not known."""
    for pattern, act in _DURING.items():
        found = re.fullmatch(pattern, text)
        if found is not None:
            doing = act(play, found)
            if doing is not None:
                await doing
            return
    raise ValueError(f"there is no such direction: {text}")


# --- before ------------------------------------------------------------------------------------


def _lane(play: Playground, words: Words) -> None:
    rooms = words["rooms"].split(" and ")
    stages = tuple((words["stages"] or "").split(", ")) if words["stages"] else ()
    play.add_lane(words["name"], *rooms, stages=stages, config=words["config"] is not None)


def _pushed_from(play: Playground, words: Words) -> None:
    default_lane(play)
    _every_lane(
        play,
        lambda lane: (
            replace(lane, repository=play.repository, branch=words["branch"]) if lane.name == words["name"] else lane
        ),
    )


def _trains_take(play: Playground, words: Words) -> None:
    default_lane(play)
    _every_lane(play, lambda lane: replace(lane, max_riders=int(words["count"])))


def _undone(play: Playground, words: Words) -> None:
    default_lane(play)
    play.change_stage(words["stage"], lambda of: replace(of, rollback_auto=True))


def _for_hosts(play: Playground, words: Words) -> None:
    default_lane(play)
    counts = {region: int(count) for count, region in re.findall(r"(\d+) (?:hosts )?in (\S+)", words["counts"])}
    sizes = (words["batches"] or "100%").split(", ")
    batches = (Amount(float(size.rstrip("%")), percent=size.endswith("%")) for size in sizes)
    play.spread(words["stage"], counts, *batches)


def _blocks(play: Playground, words: Words) -> None:
    def stage(of: StageSpec) -> StageSpec:
        hosts = of.hosts and replace(of.hosts, inventory=replace(of.hosts.inventory, mismatch=Mismatch.BLOCK))
        return replace(of, hosts=hosts)

    play.change_stage(words["stage"], stage)


def _tells_versions(play: Playground, words: Words) -> None:
    spec = VersionSpec(VersionProbe(Look.FILE, "VERSION"), float(words["seconds"] or 0))
    play.change_stage(words["stage"], lambda of: replace(of, versions=spec))


def _one_place(play: Playground, words: Words) -> None:
    places = words["places"].split(" and ")

    def stage(lane: LaneSpec, of: StageSpec) -> StageSpec:
        return replace(of, lock=places[0]) if f"{lane.name}/{of.name}" in places else of

    _every_lane(play, lambda lane: replace(lane, stages=tuple(stage(lane, of) for of in lane.stages)))


def _every_lane(play: Playground, change: Callable[[LaneSpec], LaneSpec]) -> None:
    play.lanes[:] = map(change, play.lanes)


# --- at any time -------------------------------------------------------------------------------


def _commit(play: Playground, words: Words) -> None:
    play.repository.commit(
        words["id"],
        words["subject"] or "A small change",
        words["author"] or "alice",
        branch=words["branch"],
        at=play.clock.now(),
    )


def _topic_limit(play: Playground, words: Words) -> None:
    play.server.topic_limit = int(words["bytes"])


def _ends(play: Playground, words: Words) -> None:
    run, how = words["run"], words["how"]
    if how == "succeeds":
        play.executor.succeed(run)
    elif how == "fails":
        play.executor.fail(words["step"], words["why"], run=run)
    else:
        play.executor.lose(words["why"] or "its host is gone", run)


def _at_step(play: Playground, words: Words) -> None:
    play.executor.report(words["step"], words["run"])


def _so_far(play: Playground, words: Words) -> None:
    play.executor.report(Tally(int(words["done"]), int(words["total"]), int(words["failed"] or 0)), words["run"])


def _out_of_order(play: Playground, words: Words) -> None:
    play.executor.trouble = PushbotError(words["why"]) if words["why"] else None


def _stubborn(play: Playground, words: Words) -> None:
    play.executor.stubborn = PushbotError(words["why"]) if words["why"] else None


def _dns(play: Playground, words: Words) -> None:
    play.dns.lacking = frozenset(words["names"].split(", ")) - {"nothing"}


def _runs_on(play: Playground, words: Words) -> None:
    hosts = words["hosts"].split(", ") if words["hosts"] else [host.name for host in play.hosts.kept]
    play.executor.runs_on(words["version"], *hosts)


def _silent(play: Playground, words: Words) -> None:
    play.executor.runs_on(None, words["host"], trouble=words["why"])


def _telling(play: Playground, words: Words) -> None:
    if words["how"] == "tell their versions":
        play.executor.answering.set()
    else:
        play.executor.answering.clear()


def _disk(play: Playground, words: Words) -> None:
    play.store.trouble = PushbotError("the disk is full") if words["how"] == "is full" else None


async def _bot(play: Playground, words: Words) -> None:
    how = words["how"]
    if "crashes" in how:
        await play.crash()
    if "stopped" in how:
        await play.stop()
    if "comes back" in how or "started" in how:
        await play.start()


def _link(play: Playground, words: Words) -> None:
    wire = play.wire or play.server
    if words["how"] == "breaks":
        wire.disconnect()
    else:
        wire.let_in()


def _server(play: Playground, words: Words) -> None:
    how, wire = words["how"], play.wire or play.server
    if how == "confirms":
        wire.confirm()
    else:
        wire.hold(losing=how.startswith("loses"))


_BEFORE: Final[Mapping[str, Prepare]] = {
    **beside.BEFORE,
    **check.BEFORE,
    **trouble.BEFORE,
    **trust.BEFORE,
    **hours.BEFORE,
    **waiting.BEFORE,
    r"lane (?P<name>\S+)(?P<config> for config)? in (?P<rooms>#\S+?(?: and #\S+?)*)(?:: (?P<stages>.+))?": _lane,
    r"(?P<name>\S+) is pushed from (?P<branch>\S+)": _pushed_from,
    r"trains take (?P<count>\d+)": _trains_take,
    r"(?P<stage>\S+) is rolled back by itself": _undone,
    r"(?P<places>\S+ and \S+) are one place": _one_place,
    r"(?P<stage>\S+) is for (?P<counts>\d+ hosts in \S+?(?: and \d+ in \S+?)*)(?:: (?P<batches>.+))?": _for_hosts,
    r"a mismatch of hosts blocks (?P<stage>\S+)": _blocks,
    r"(?P<stage>\S+) tells versions(?:, asked for every (?P<seconds>\d+) seconds)?": _tells_versions,
}

_EITHER: Final[Mapping[str, Prepare]] = {
    **check.EITHER,
    **trust.EITHER,
    r"(?P<branch>\S+) is at (?P<id>[0-9a-f]{4,40})(?: by (?P<author>\S+): (?P<subject>.+))?": _commit,
    r"topic limit (?P<bytes>\d+)": _topic_limit,
}

_DURING: Final[Mapping[str, Direct]] = {
    **_EITHER,
    **hours.DURING,
    **waiting.DURING,
    r"(?:the run|run (?P<run>\S+)) (?P<how>succeeds|fails|is lost)(?: at (?P<step>\S+))?(?:: (?P<why>.+))?": _ends,
    r"(?:the run|run (?P<run>\S+)) is at (?P<step>\S*[^\d/\s]\S*)": _at_step,
    r"(?:the run|run (?P<run>\S+)) is at (?P<done>\d+)/(?P<total>\d+)(?:, (?P<failed>\d+) failed)?": _so_far,
    r"the executor is (?:in order|out of order: (?P<why>.+))": _out_of_order,
    r"runs (?:can be stopped|cannot be stopped: (?P<why>.+))": _stubborn,
    r"dns lacks (?P<names>.+)": _dns,
    r"(?:every host runs|(?P<hosts>\S+(?:, \S+)*) runs?) (?P<version>\S+)": _runs_on,
    r"(?P<host>\S+) does not answer: (?P<why>.+)": _silent,
    r"hosts (?P<how>take their time|tell their versions)": _telling,
    r"the disk (?P<how>is full|has room again)": _disk,
    r"the bot (?P<how>crashes|comes back|crashes and comes back|is stopped and started)": _bot,
    r"the link (?P<how>breaks|is back)": _link,
    r"the server (?P<how>holds confirmations back|confirms|loses what the bot says)": _server,
}
