"""In what order and numbers hosts are gone over, and what several lists say of them together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.errors import PushbotError
from pushbot.fleet.batches import batches, summary
from pushbot.fleet.compare import differences, together
from pushbot.fleet.listing import listed
from pushbot.fleet.model import ALL, Amount, Host, Rollout

FLEET = listed("web[1:3].lon region=lon\nweb[1:4].dub region=dub\nspare\nweb4.lon region=lon")


def sizes(rollout: Rollout, number: int = 120) -> list[int]:
    return [len(batch) for batch in batches(listed(f"h[1:{number}]"), rollout)]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ((ALL,), [120]),
        ((Amount(1),), [1] * 120),
        ((Amount(50),), [50, 50, 20]),
        ((Amount(25, percent=True),), [30, 30, 30, 30]),
        ((Amount(1), Amount(10, percent=True), ALL), [1, 12, 107]),
        ((Amount(1), Amount(40)), [1, 40, 40, 39]),
        ((Amount(0.1, percent=True), ALL), [1, 119]),
        ((Amount(500),), [120]),
    ],
)
def test_batches_have_the_sizes_asked_for_and_the_last_one_repeats(
    amounts: tuple[Amount, ...], expected: list[int]
) -> None:
    assert sizes(Rollout(batches=amounts)) == expected


def test_regions_go_one_after_the_other_in_the_order_of_the_list() -> None:
    by_region = batches(FLEET, Rollout(batches=(Amount(1), Amount(3)), order="region"))
    assert [[host.name for host in batch] for batch in by_region] == [
        ["web1.lon"],
        ["web2.lon", "web3.lon", "web4.lon"],
        ["web1.dub", "web2.dub", "web3.dub"],
        ["web4.dub"],
        ["spare"],
    ]
    assert [len(batch) for batch in batches(FLEET, Rollout(order="region"))] == [4, 4, 1]


def test_no_hosts_no_batches() -> None:
    assert batches((), Rollout()) == ()


AMOUNTS = st.builds(Amount, st.integers(1, 100), st.booleans())
HOSTS = st.lists(st.sampled_from(["lon", "dub", "nyc", ""]), max_size=60).map(
    lambda regions: tuple(
        Host(f"h{number}", labels=(("region", region),) if region else ()) for number, region in enumerate(regions)
    )
)


@settings(deadline=None)
@given(HOSTS, st.lists(AMOUNTS, min_size=1, max_size=4), st.sampled_from([None, "region"]))
def test_batches_hold_every_host_once_and_never_two_regions(
    hosts: tuple[Host, ...], amounts: list[Amount], order: str | None
) -> None:
    found = batches(hosts, Rollout(batches=tuple(amounts), order=order))
    assert sorted(host.name for batch in found for host in batch) == sorted(host.name for host in hosts)
    assert all(found)
    if order is not None:
        regions = [{host.label("region") for host in batch} for batch in found]
        assert all(len(batch) == 1 for batch in regions)
        changes = sum(one != other for one, other in pairwise(regions))
        assert changes == max(0, len({host.label("region") for host in hosts}) - 1)
    else:
        assert [host for batch in found for host in batch] == list(hosts)


def test_a_sum_in_words() -> None:
    assert summary(FLEET, "region") == "9 hosts (4 lon, 4 dub, 1 without region)"
    assert summary(FLEET, "zone") == "9 hosts"
    assert summary(FLEET[:1]) == "1 host"
    assert summary(listed("h[1:9000]")) == "9,000 hosts"
    many = tuple(Host(f"h{number}", labels=(("zone", f"z{number}"),)) for number in range(30))
    assert summary(many, "zone").endswith("1 z7, and more in 22 others)")


def test_lists_are_put_together_host_by_host() -> None:
    one, two = listed("a region=lon\nb"), listed("b role=web\na 10.0.0.1 region=lon\nc")
    assert together([("x", one), ("y", two)]) == (
        Host("a", "10.0.0.1", (("region", "lon"),)),
        Host("b", "", (("role", "web"),)),
        Host("c"),
    )


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ("a region=lon", "a region=dub", "x and y name the host a with different things: region lon, and dub"),
        ("a 10.0.0.1", "a 10.0.0.2", "x and y name the host a with different things: address 10.0.0.1, and 10.0.0.2"),
        ("a r=1\na r=2", "", "x, twice, name the host a"),
    ],
)
def test_lists_that_contradict_each_other(one: str, two: str, words: str) -> None:
    with pytest.raises(PushbotError, match=words):
        together([("x", listed(one)), ("y", listed(two))])


def test_what_is_missing_where_is_told_by_name() -> None:
    ours, theirs = listed("web[1:3]"), listed("web[2:9]")
    assert differences(ours, "config", theirs, "cmdb") == (
        "cmdb lacks web1, which config has",
        "config lacks web4, web5, web6, web7, web8 and 1 more, which cmdb has",
    )


def test_lists_agree_on_a_host_by_its_name_or_its_address() -> None:
    ours = listed("web1 10.0.0.1:2222\nweb2 10.0.0.2")
    assert differences(ours, "config", listed("10.0.0.1\nweb2"), "dns") == ()


def test_a_difference_of_thousands_is_one_short_sentence() -> None:
    (told,) = differences(listed("h[1:9000]"), "ours", (), "theirs")
    assert told == "theirs lacks h1, h2, h3, h4, h5 and 8,995 more, which ours has"
