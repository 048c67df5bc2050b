"""The transcripts in `scenarios/`, played in memory; those marked `# also on ngircd` on a real server too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pushbot.testing.playground import Playground
from pushbot.testing.scenario import FakeVenue, Scenario, perform, read
from tests.rig.venue import IrcVenue

if TYPE_CHECKING:
    from tests.rig.ngircd import Ngircd

FOLDER = Path(__file__).parent / "scenarios"
ALL = {file.stem: read(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.txt"))}
ON_NGIRCD = {name: scenario for name, scenario in ALL.items() if "also on ngircd" in scenario.notes}


@pytest.mark.parametrize("scenario", ALL.values(), ids=ALL)
async def test_in_memory(scenario: Scenario, tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        await perform(scenario, FakeVenue(play))


@pytest.mark.net
@pytest.mark.parametrize("scenario", ON_NGIRCD.values(), ids=ON_NGIRCD)
async def test_on_ngircd(scenario: Scenario, tmp_path: Path, irc_server: Ngircd) -> None:
    async with Playground(tmp_path) as play:
        venue = IrcVenue(irc_server, play)
        try:
            await perform(scenario, venue)
        finally:
            await venue.close()


async def test_the_push_in_the_readme_goes_as_it_stands_there(tmp_path: Path) -> None:
    text = (FOLDER.parents[1] / "README.md").read_text("utf-8").split("\n## A push\n")[1].split("\n[All")[0]
    began, *lines = text.strip("\n").splitlines()
    assert began.strip() == "TOPIC: clear"
    play = ["* main is at 6957bb87 by alice: Sell hats", "* web is pushed from main"]
    for line in lines:
        stage = re.search(r"being deployed to (\w+)|TOPIC: <(\w+)> ", line)
        alone = line.lstrip().startswith("TOPIC: ")
        play.append(f"* the run succeeds {line}" if alone else line)
        if stage and stage[1]:
            play += [f"pushbot/#warroom> {line.split('> ', 1)[1]}", "* 23 seconds pass"]
        elif stage and alone:
            play.append(f"pushbot/#warroom> web/main (6957bb87) successfully deployed to {stage[2]} in 23s")
    async with Playground(tmp_path) as world:
        await perform(read("\n".join(play)), FakeVenue(world))


async def test_a_line_too_few_or_too_many_is_shown_where_it_is(tmp_path: Path) -> None:
    story = read("alice> .join    TOPIC: alice\npushbot> alice: You're up\nbob> .join\npushbot> bob: hello\n")
    async with Playground(tmp_path) as play:
        with pytest.raises(AssertionError) as failure:
            await perform(story, FakeVenue(play))
    assert "-         pushbot> bob: hello" in str(failure.value)
    assert "          pushbot> alice: You're up" in str(failure.value)


async def test_a_wrong_topic_is_shown_beside_the_right_one(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        with pytest.raises(AssertionError) as failure:
            await perform(read("alice> .good; .join  TOPIC: bob"), FakeVenue(play))
    assert "+           alice> .good; .join" in str(failure.value)
    assert "TOPIC: alice\n" in str(failure.value)


@pytest.mark.parametrize("line", ["hello", "pushbot> said before anybody spoke", "alice said: .join"])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read(f"# a story\n{line}")


async def test_a_direction_that_is_not_known_is_named(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        with pytest.raises(ValueError, match="no such direction: the sun shines"):
            await perform(read("* the sun shines"), FakeVenue(play))
