"""Lists of hosts: what they may hold, what they stand for, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.errors import PushbotError
from pushbot.fleet.compare import differences
from pushbot.fleet.listing import listed, with_labels
from pushbot.fleet.model import Host
from pushbot.fleet.names import NAME_LIMIT, address, host_name, without_port
from pushbot.fleet.ranges import MOST, expand


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web1", ["web1"]),
        ("web[001:003].lon", ["web001.lon", "web002.lon", "web003.lon"]),
        ("web[08:11]", ["web08", "web09", "web10", "web11"]),
        ("web[1:7:3]", ["web1", "web4", "web7"]),
        ("[lon,dub]-db", ["lon-db", "dub-db"]),
        ("w[1:2].[lon,dub]", ["w1.lon", "w1.dub", "w2.lon", "w2.dub"]),
        ("w[1:2,07,x]", ["w1", "w2", "w07", "wx"]),
        ("[2001:db8::1]:22", ["[2001:db8::1]:22"]),
        ("127.0.0.1:[2201:2203]", ["127.0.0.1:2201", "127.0.0.1:2202", "127.0.0.1:2203"]),
        ("a[5:5]", ["a5"]),
    ],
)
def test_what_a_name_with_brackets_stands_for(pattern: str, names: list[str]) -> None:
    assert list(expand(pattern)) == names


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("web[1:3", "a bracket without its other half"),
        ("web1:3]", "a bracket without its other half"),
        ("web[[1:3]]", "a bracket without its other half"),
        ("web[]", "'' cannot be read"),
        ("web[1-3]", None),
        ("web[1:]", "'1:' cannot be read"),
        ("web[a b]", "'a b' cannot be read"),
        ("web[3:1]", "goes nowhere"),
        ("web[1:3:0]", "goes nowhere"),
        ("web[8:011]", "zeros in front of one number only"),
        ("web[0:99999999]", "stands for 100,000,000 hosts, and 100,000 is the most"),
        ("web[0:999][0:999]", "stands for 1,000,000 hosts"),
        ("web[0:9999999999]", "cannot be read"),
        (f"{'w' * 2**20}[1:100000]", "stands for names of 1,048,582 characters, and 300 is the most"),
        (f"web[{'w' * 500},b]", "stands for names of 503 characters"),
    ],
)
def test_brackets_that_cannot_be_read(pattern: str, words: str | None) -> None:
    if words is None:
        assert expand(pattern) == ("web1-3",)
        return
    with pytest.raises(PushbotError, match=words):
        expand(pattern)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 4))
def test_ranges_have_each_number_once_in_their_width(first: int, more: int, width: int) -> None:
    last = first + more
    names = expand(f"h[{first:0{width}}:{last:0{width}}]")
    assert names == tuple(f"h{number:0{width}}" for number in range(first, last + 1))


def test_lines_have_a_name_an_address_and_labels() -> None:
    hosts = listed(
        "# servers\n\nweb[1:2].lon 10.0.0.[1:2]:2222 role=web region=lon  # ours\r\ndb1\nweb3 rack=3\n2001:db8::7\n"
    )
    assert hosts == (
        Host("web1.lon", "10.0.0.1:2222", (("region", "lon"), ("role", "web"))),
        Host("web2.lon", "10.0.0.2:2222", (("region", "lon"), ("role", "web"))),
        Host("db1"),
        Host("web3", "", (("rack", "3"),)),
        Host("2001:db8::7"),
    )


def test_json_has_lines_and_objects() -> None:
    found = json.dumps(
        [
            "web[1:2] zone=a",
            {"name": "db1", "address": None},
            {"name": "x", "address": "x.example:22", "labels": {"r": 3}},
        ]
    )
    assert listed(f"\n {found}") == (
        Host("web1", "", (("zone", "a"),)),
        Host("web2", "", (("zone", "a"),)),
        Host("db1"),
        Host("x", "x.example:22", (("r", "3"),)),
    )


def test_labels_of_a_list_go_behind_those_of_a_host() -> None:
    (host,) = with_labels([Host("a", labels=(("region", "lon"),))], {"region": "dub", "zone": "b"})
    assert host.labels == (("region", "lon"), ("zone", "b"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("web1\n-oProxyCommand=reboot", "line 2: '-oProxyCommand=reboot' cannot be the name of a host"),
        ("$(reboot)", r"line 1: '\$\(reboot\)' cannot be"),
        ("web1;reboot", "cannot be the name"),
        ("../../etc", "cannot be the name"),
        (".hidden", "cannot be the name"),
        ("web\u202e1", r"'web\\u202e1' cannot be the name"),
        ("\x1b[31mweb", r"line 1: "),
        ("w\u0435b1", "cannot be the name"),
        ("web1 x=1 10.0.0.1", "'10.0.0.1' is not LABEL=VALUE; a line is NAME"),
        ("web1 region=lon region=dub", "the label 'region' has two values"),
        ("web1 region=", "'' cannot be the value of a label"),
        ("web1 region=..", r"'\.\.' cannot be the value"),
        ("web1 region=-f", "'-f' cannot be the value"),
        ("web1 region=a$b", "cannot be the value"),
        (f"web1 region={'x' * 65}", "cannot be the value"),
        ("web1 a-b=c", "'a-b' cannot be a label"),
        ("web1 host=c", "neither 'host' nor 'address'"),
        ("web1 10.0.0.1:0", "is no address of a host"),
        ("web1 10.0.0.1:65536", "is no address"),
        ("web1 [::1", "bracket without its other half"),
        ("web1 [::1]:x", "is no address"),
        ("web1 fe80::1%eth0", "is no address"),
        ("web1 root@web1", "is no address"),
        ("web[1:3] 10.0.0.1", "'web\\[1:3\\]' stands for 3 names, and '10.0.0.1' for 1 addresses"),
        ('[{"name": 3}]', "entry 1: a host without a `name`"),
        ('[{"name": "a"}, 7]', "entry 2: '7' is no host"),
        ('[{"name": "a", "lables": {}}]', "unknown key 'lables'; a host has name, address, labels"),
        ('[{"name": "a", "address": 7}]', "the `address` has to be a text"),
        ('[{"name": "a", "labels": []}, 3]', "entry 2"),
        ('[{"name": "a", "labels": ["x"]}]', "the `labels` have to be a table"),
        ('[{"name": "a", "labels": {"x": true}}]', "the label 'x' has to be a text or a whole number"),
        ('[""]', "entry 1: '' cannot be the name of a host"),
        ("[web]\nweb1", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_no_list_may_hold(text: str, words: str) -> None:
    with pytest.raises(PushbotError, match=words) as caught:
        listed(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_host_name_has_at_most_64_characters() -> None:
    assert host_name("x" * NAME_LIMIT)
    with pytest.raises(PushbotError, match="has 65 characters, and 64 is the most: give the host a shorter name"):
        host_name("x" * 65)
    assert address("x" * 65)


def test_a_list_has_a_bound() -> None:
    assert len(listed(f"web[1:{MOST}]")) == MOST
    with pytest.raises(PushbotError, match="line 2: here the list comes to more than 100,000 hosts"):
        listed(f"web[1:{MOST}]\none")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_a_list_says_a_host_is_safe_to_name(text: str) -> None:
    try:
        hosts = listed(text)
    except PushbotError as error:
        assert str(error).isprintable()  # noqa: PT017 - either end is right
        return
    for host in hosts:
        assert host.name.isascii()
        assert not set(host.name + host.address) & set(" \t\n;&|$`'\"\\<>(){}*?!~/")


@pytest.mark.parametrize(
    ("text", "host"),
    [("web1", "web1"), ("web1:22", "web1"), ("[::1]:22", "::1"), ("[::1]", "::1"), ("2001:db8::1", "2001:db8::1")],
)
def test_an_address_without_its_port(text: str, host: str) -> None:
    assert without_port(address(text)) == host


def test_hosts_that_share_an_address_are_told_apart_by_their_names() -> None:
    three = [Host(f"web{number}", f"10.0.0.1:{2200 + number}") for number in (1, 2, 3)]
    assert differences(three, "ours", three[:2], "theirs") == ("theirs lacks web3, which ours has",)
    addresses = [Host("10.0.0.1"), Host("10.0.0.9", "10.0.0.1:22")]
    assert differences(three, "ours", addresses, "theirs") == ("theirs lacks web3, which ours has",)
