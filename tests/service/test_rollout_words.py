"""How a rollout goes over its hosts, in words."""

from __future__ import annotations

import pytest

from pushbot.fleet.model import ALL, AT_ONCE, Amount, Rollout
from pushbot.service.voice.rollout import counted_hosts, in_turn
from pushbot.testing.inventory import hosts_in


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([120], "all at once"),
        ([1, 119], "1 first, then 119"),
        ([1, 12, 107], "1 first, then 12, then 107"),
        ([1] * 120, "1 at a time"),
        ([50, 50, 20], "50 at a time"),
        ([1, 12, 12, 12, 3], "1 first, then 12 at a time"),
        ([1, 12, 47, 12, 48], "1 first, then 12, then 47, then 12, then 48"),
        ([1, 2, 4, 8, 16, 32, 64], "1 first, then 2, then 4, then 8, then 16, then so on in 7 batches"),
    ],
)
def test_batches(sizes: list[int], words: str) -> None:
    assert in_turn(sizes) == words


@pytest.mark.parametrize(
    ("counts", "rollout", "words"),
    [
        ({"lon": 60, "dub": 60}, Rollout((Amount(1), Amount(10, percent=True), ALL)), "1 first, then 12, then 107"),
        ({"lon": 60, "dub": 60}, Rollout(order="region"), "60 at a time"),
        ({"lon": 60, "dub": 60}, AT_ONCE, "all at once"),
    ],
)
def test_how_many_hosts_and_in_what_batches(counts: dict[str, int], rollout: Rollout, words: str) -> None:
    assert counted_hosts(hosts_in(counts), rollout) == f"120 hosts (60 lon, 60 dub), {words}"


def test_one_host_goes_in_no_batches_and_what_is_left_is_in_nobodys_count() -> None:
    assert counted_hosts(hosts_in({"lon": 1}), AT_ONCE) == "1 host (1 lon)"
    words = counted_hosts(hosts_in({"lon": 3}), AT_ONCE, continues="web-1")
    assert words == "3 hosts (3 lon), but for those that web-1 has done"
