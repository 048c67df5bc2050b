"""Each parser on its seeds, on seeds changed a little, and on anything else; `make fuzz` goes on from there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SEEDS, TARGETS


@st.composite
def _changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with a piece cut out, and something put in its place."""
    seed = draw(st.sampled_from(seeds))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, len(seed)))
    return seed[:start] + draw(st.binary(max_size=12) | st.text(max_size=12).map(str.encode)) + seed[end:]


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")


@pytest.mark.parametrize("name", TARGETS)
def test_it_takes_its_seeds(name: str) -> None:
    for seed in SEEDS.get(name, (b"",)):
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_it_takes_anything(name: str) -> None:
    seeds = SEEDS.get(name, (b"",))

    @settings(max_examples=60, deadline=None, database=None)
    @given(_changed(seeds) | st.binary(max_size=200) | st.text(max_size=200).map(_bytes))
    def tried(data: bytes) -> None:
        TARGETS[name](data)

    tried()
