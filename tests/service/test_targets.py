"""Which hosts a stage means: several lists read at once, put together, compared, selected."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.fleet.compare import together
from pushbot.fleet.listing import listed
from pushbot.fleet.model import Host, Selection
from pushbot.service.runs import targets
from pushbot.service.runs.targets import Targets, gather
from pushbot.service.spec import HostsSpec, InventorySpec, Mismatch, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass
class Shelf:
    """A list that says what it is told to."""

    text: str
    error: str | None = None
    meet: asyncio.Barrier | None = None

    async def hosts(self) -> Sequence[Host]:
        if self.meet is not None:
            await self.meet.wait()
        if self.error is not None:
            raise PushbotError(self.error)
        return listed(self.text)


class Never:
    """A list that never says anything."""

    async def hosts(self) -> Sequence[Host]:
        await asyncio.Event().wait()
        return ()


FLEET = "web[1:2].lon region=lon role=web\nweb1.dub region=dub role=web\ndb1.dub region=dub role=db"


def inventory(
    *sources: Shelf, compare: Sequence[Shelf | Never] = (), mismatch: Mismatch = Mismatch.BLOCK
) -> InventorySpec:
    named = [Source(f"list {number}", shelf) for number, shelf in enumerate(sources, start=1)]
    others = [Source(f"other {number}", shelf) for number, shelf in enumerate(compare, start=1)]
    return InventorySpec("fleet", tuple(named), tuple(others), mismatch)


async def names(spec: InventorySpec, **where: tuple[str, ...]) -> list[str]:
    return [host.name for host in (await gather(HostsSpec(spec, Selection(tuple(where.items()))))).hosts]


async def test_hosts_are_selected_by_label() -> None:
    spec = inventory(Shelf(FLEET))
    assert await names(spec) == ["web1.lon", "web2.lon", "web1.dub", "db1.dub"]
    assert await names(spec, region=("lon",)) == ["web1.lon", "web2.lon"]
    assert await names(spec, region=("lon", "dub"), role=("db",)) == ["db1.dub"]


async def test_all_lists_are_read_at_the_same_time() -> None:
    meet = asyncio.Barrier(3)
    spec = inventory(Shelf("a", meet=meet), Shelf("b", meet=meet), compare=[Shelf("a\nb", meet=meet)])
    async with asyncio.timeout(60):
        assert await names(spec) == ["a", "b"]


async def test_variables_come_with_the_labels_of_a_host() -> None:
    env = (
        ("region", "lon", (("API", "https://lon.example"), ("TOKEN", "env:LON"))),
        ("region", "dub", (("API", "https://dub.example"),)),
        ("role", "db", (("API", "none"),)),
    )
    found = await gather(HostsSpec(replace(inventory(Shelf(FLEET + "\nbare")), env=env)))
    assert [host.env for host in found.hosts] == [
        (("API", "https://lon.example"), ("TOKEN", "env:LON")),
        (("API", "https://lon.example"), ("TOKEN", "env:LON")),
        (("API", "https://dub.example"),),
        (("API", "none"),),
        (),
    ]


async def test_lists_that_agree_are_no_matter() -> None:
    found = await gather(HostsSpec(inventory(Shelf("a\nb"), compare=[Shelf("b\na")])))
    assert found == Targets((Host("a"), Host("b")))


async def test_two_lists_that_differ_by_one_host() -> None:
    spec = inventory(Shelf("a\nb"), compare=[Shelf("a\nb\nc")])
    with pytest.raises(PushbotError) as caught:
        await names(spec)
    assert str(caught.value) == (
        "inventory fleet: list 1 lacks c, which other 1 has. "
        'Correct that, or let it be said and no more with on_mismatch = "warn"'
    )
    found = await gather(HostsSpec(replace(spec, mismatch=Mismatch.WARN)))
    assert found == Targets((Host("a"), Host("b")), ("list 1 lacks c, which other 1 has",))


async def test_a_list_to_compare_with_that_cannot_be_read_is_a_mismatch() -> None:
    spec = inventory(Shelf("a"), compare=[Shelf("", error="gone")], mismatch=Mismatch.WARN)
    assert (await gather(HostsSpec(spec))).mismatches == ("other 1: gone",)
    with pytest.raises(PushbotError, match="inventory fleet: other 1: gone"):
        await gather(HostsSpec(replace(spec, mismatch=Mismatch.BLOCK)))


async def test_every_list_that_fails_is_named() -> None:
    spec = inventory(Shelf("", error="no such file"), Shelf("a"), Shelf("a b=.."), mismatch=Mismatch.WARN)
    with pytest.raises(PushbotError, match=r"^inventory fleet: list 1: no such file; list 3: line 1: '\.\.' cannot be"):
        await names(spec)


@pytest.mark.parametrize("host", [Host("a\nb"), Host("a", "-o x"), Host("a", "", (("r", "x;y"),))])
async def test_no_plugin_brings_in_other_names_than_may_be_said(host: Host) -> None:
    class Careless:
        async def hosts(self) -> Sequence[Host]:
            return (host,)

    spec = InventorySpec("fleet", (Source("theirs", Careless()),))
    with pytest.raises(PushbotError, match=r"inventory fleet: theirs: '.*' (cannot be|is no address)"):
        await gather(HostsSpec(spec))


async def test_lists_that_contradict_each_other_are_named() -> None:
    spec = inventory(Shelf("a region=lon"), Shelf("a region=dub"))
    with pytest.raises(PushbotError, match="inventory fleet: list 1 and list 2 name the host a with different"):
        await names(spec)


async def test_a_list_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "READ_WITHIN", 0.05)
    spec = inventory(Shelf("a"), compare=[Never()])
    with pytest.raises(PushbotError, match="other 1: no answer within 0 s"):
        await names(spec)


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("", {}, "inventory fleet has no hosts at all"),
        (FLEET, {"region": ("lun",)}, "inventory fleet: no host has region 'lun'; did you mean 'lon'?"),
        (FLEET, {"region": ("tokyo",)}, "inventory fleet: no host has region 'tokyo'; there are lon, dub"),
        (FLEET, {"zone": ("a",)}, "inventory fleet: no host has zone 'a'; there are none with that label"),
        (
            FLEET,
            {"region": ("lon",), "role": ("db", "web2")},
            "inventory fleet: no host has role 'web2'; did you mean 'web'?",
        ),
        (FLEET, {"region": ("lon",), "role": ("db",)}, "inventory fleet: no host has region lon and role db at once"),
        ("h[1:30] zone=a\n" + "\n".join(f"x{n} zone=z{n}" for n in range(20)), {"zone": ("q",)}, "z7, z8, ..."),
    ],
)
async def test_why_nobody_is_selected(text: str, where: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(PushbotError) as caught:
        await names(inventory(Shelf(text)), **where)
    assert words in str(caught.value)


async def test_a_value_that_no_host_has_leaves_nobody_out_in_silence() -> None:
    spec = inventory(Shelf(FLEET))
    with pytest.raises(PushbotError, match=r"no host has region 'dbu'; did you mean 'dub'\?"):
        await names(spec, region=("lon", "dbu"))
    assert await names(replace(spec, mismatch=Mismatch.WARN), region=("lon", "dbu")) == ["web1.lon", "web2.lon"]


async def test_a_large_fleet_is_put_together_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or chats would have to wait while 9,000 hosts are compared."""
    fleet = "\n".join(f"web[{n}01:{n}99].r{n % 40} region=r{n % 40} role=web" for n in range(91))
    hosts = listed(fleet)

    class Shelved:
        async def hosts(self) -> Sequence[Host]:
            return hosts

    lists = tuple(Source(name, Shelved()) for name in "abc")
    spec = HostsSpec(InventorySpec("fleet", lists[:2], lists[2:]))
    threads = list[int]()

    def noted(lists: Iterable[tuple[str, Sequence[Host]]]) -> tuple[Host, ...]:
        threads.append(threading.get_ident())
        return together(lists)

    monkeypatch.setattr(targets, "together", noted)
    assert len((await gather(spec)).hosts) == len(hosts) == 91 * 99
    assert threads
    assert threading.get_ident() not in threads
