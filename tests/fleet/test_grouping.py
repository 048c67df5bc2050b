"""Hosts by version, and who is astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.fleet.grouping import Alike, Sightings, grouped, most, stands_for
from pushbot.fleet.model import HostVersion

COMMIT = "6957bb87" * 5
OLDER = "41aa02ce" * 5


def told(**versions: str | None) -> tuple[HostVersion, ...]:
    return tuple(HostVersion(host, version, None if version else "refused") for host, version in versions.items())


@pytest.mark.parametrize(
    ("version", "revision", "same"),
    [
        (COMMIT, COMMIT, True),
        ("6957bb8", COMMIT, True),
        ("6957", COMMIT, True),
        ("695", COMMIT, False),
        ("6957bb9", COMMIT, False),
        ("6957bb87-dirty", COMMIT, False),
        ("", COMMIT, False),
        (COMMIT, "6957bb87", False),
        ("web-1", "web-12", False),
        ("web-12", "web-12", True),
        ("abcd", "abcdef", False),
        ("6957bb87" * 8, "6957bb87" * 8, True),
    ],
)
def test_a_version_stands_for_a_revision_whole_or_as_the_beginning_of_a_commit(
    version: str, revision: str, same: bool
) -> None:
    assert stands_for(version, revision) is same


def test_hosts_are_grouped_most_first_and_the_silent_last() -> None:
    seen = told(a=None, b="41aa02ce", c="6957bb87", d=COMMIT, e="other")
    assert grouped((*seen, HostVersion("f", None, "timed out"), HostVersion("g", None, "refused")), COMMIT) == (
        Alike(("c", "d"), COMMIT),
        Alike(("b",), "41aa02ce"),
        Alike(("e",), "other"),
        Alike(("a", "g"), None, "refused"),
        Alike(("f",), None, "timed out"),
    )
    assert [group.version for group in grouped(seen)] == ["41aa02ce", "6957bb87", COMMIT, "other", None]
    assert grouped(()) == ()


@given(
    st.lists(st.tuples(st.integers(0, 999), st.sampled_from([None, "6957bb87", COMMIT, "x"])), unique_by=lambda x: x[0])
)
def test_each_host_is_in_one_group(hosts: list[tuple[int, str | None]]) -> None:
    seen = [HostVersion(str(number), version) for number, version in hosts]
    groups = grouped(seen, COMMIT)
    assert sorted(host for group in groups for host in group.hosts) == sorted(one.host for one in seen)
    sizes = [len(group.hosts) for group in groups if group.version is not None]
    assert sizes == sorted(sizes, reverse=True)


def looks(expected: str | None, *seen: tuple[HostVersion, ...]) -> Sightings:
    sightings = Sightings()
    for one in seen:
        sightings = sightings.after(one, expected)
    return sightings


def test_a_host_is_astray_when_two_looks_in_a_row_say_so() -> None:
    wrong, right = told(a="6957bb87", b="41aa"), told(a="6957bb87", b="6957")
    assert looks(COMMIT, wrong).astray == {}
    assert looks(COMMIT, wrong).strays == {"b": ("41aa", 1)}
    assert looks(COMMIT, wrong, wrong).astray == {"b": "41aa"}
    assert looks(COMMIT, wrong, right, wrong).astray == {}
    assert looks(COMMIT, wrong, told(a="6957bb87", b="beef")).astray == {}
    assert looks(COMMIT, wrong, wrong, right).strays == {}


def test_silence_neither_makes_a_host_astray_nor_well() -> None:
    wrong, silent = told(a="6957bb87", b="41aa"), told(a=None, b=None)
    assert looks(COMMIT, wrong, silent).astray == {}
    assert looks(COMMIT, wrong, silent, wrong).astray == {"b": "41aa"}
    assert looks(COMMIT, wrong, wrong, silent, silent).astray == {"b": "41aa"}
    assert looks(COMMIT, silent, silent).strays == {}


def test_a_host_that_left_the_list_is_forgotten() -> None:
    wrong = told(a="6957bb87", b="41aa")
    gone = looks(COMMIT, wrong, wrong, told(a="6957bb87"))
    assert (gone.strays, gone.known) == ({}, {"a": "6957bb87"})


def test_where_nothing_is_expected_the_many_are_right_also_while_they_are_silent() -> None:
    mixed = told(a="one", b="two", c="two")
    assert looks(None, mixed, mixed).astray == {"a": "one"}
    assert looks(None, mixed, told(a="one", b=None, c=None)).astray == {"a": "one"}
    assert looks(None, told(a="one", b="two"), told(a="one", b="two")).astray == {"b": "two"}
    assert looks(None, told(a="one", b="one")).strays == {}
    assert most([]) is None
    assert looks(None, told(a=None)).strays == {}
