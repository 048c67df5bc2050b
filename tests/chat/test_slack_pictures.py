from __future__ import annotations

import pytest

from tests.pictures import kit, scenes
from tests.pictures.draw import PICTURES, drawn, written
from tests.rig.slack.limits import HOME, MESSAGE, judge


@pytest.mark.parametrize("name", scenes.scenes())
def test_pictures_show_what_the_code_draws_now(name: str) -> None:
    assert (PICTURES / f"{name}.png").exists()
    there = (PICTURES / f"{name}.json").read_text("utf-8")
    assert there == written(scenes.scenes()[name]), "draw them anew: make pictures"


def test_no_picture_is_left_of_a_scene_that_is_gone() -> None:
    assert {file.stem for file in PICTURES.iterdir()} == scenes.scenes().keys()


@pytest.mark.parametrize("name", scenes.scenes())
def test_what_is_pictured_is_what_slack_takes(name: str) -> None:
    scene = scenes.scenes()[name]
    assert judge([*scene.blocks], HOME if scene.home else MESSAGE) == []
    assert "pushbot" in drawn(scene)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "image_url": "https://example.com/x.png", "alt_text": "x"},
        {"type": "divider", "colour": "red"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*x*"}},
        {"type": "actions", "elements": [{"type": "datepicker"}]},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "emoji", "name": "u"}]}],
        },
    ],
)
def test_a_piece_that_nobody_can_draw_is_refused(block: kit.Object) -> None:
    with pytest.raises(kit.UnknownPieceError):
        kit.page([block], scenes.NOW)
