"""What chats tell, and what of it is for which lane; topics found, edited, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pushbot.testing.playground import Playground


@pytest.fixture
def lanes(play: Playground) -> Playground:
    """Three lanes in one room: web, flags for config, and search, which has a room of its own too."""
    play.add_lane("flags", stages=("everywhere",), config=True)
    play.add_lane("search", "#push", "#search", stages=("live",))
    return play


async def say(play: Playground, who: str, text: str, to: str | None = "#push") -> list[str]:
    since = len(play.server.spoken)
    play.server.say(who, text, to)
    await play.settle()
    return [line.text for line in play.server.spoken[since:]]


async def write(play: Playground, who: str, text: str, room: str = "#push") -> list[str]:
    since = len(play.server.spoken)
    play.server.write_topic(who, room, text)
    await play.settle()
    return [line.text for line in play.server.spoken[since:]]


def topic(play: Playground, room: str = "#push") -> str:
    return play.server.topic(room)


@pytest.mark.parametrize("talk", ["hello", "...", ".5", "join", "pushbot is nice", "", ".", ";", "x: .join now"])
async def test_talk_gets_silence(play: Playground, talk: str) -> None:
    await play.start()
    assert await say(play, "al", talk) == []
    assert topic(play) == "clear"


@pytest.mark.parametrize("call", ["pushbot: join", "pushbot, .join", "pushbot:join", "pushbot: .join"])
async def test_called_by_name_the_dot_may_be_left_out(play: Playground, call: str) -> None:
    await play.start()
    assert await say(play, "al", call) == ["al: You're up"]


async def test_a_lane_is_found_by_its_name_by_its_room_or_by_who_is_aboard(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    await say(lanes, "bob", "search: .join")
    await say(lanes, "cy", ".join", "#search")
    await say(lanes, "bob", ".good")
    await say(lanes, "di", "search: .hold", None)
    assert topic(lanes) == "web: al || flags: clear || search: HOLD | bob* | cy"
    assert topic(lanes, "#search") == "HOLD | bob* | cy"


async def test_config_goes_to_the_lane_for_config(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join config")
    assert topic(lanes) == "web: clear || flags: al (c) || search: clear"
    await say(lanes, "bob", "web: .join config")
    assert topic(lanes) == "web: bob (c) || flags: al (c) || search: clear"


async def test_who_is_aboard_of_several_lanes_is_asked_which(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    await say(lanes, "al", "search: .join")
    assert await say(lanes, "al", ".good") == ["al: which lane do you mean? web, search. Try web: .good. [which_lane]"]
    assert (await say(lanes, "bob", ".hold"))[0].endswith("[which_lane]")


async def test_a_rider_of_no_lane_hears_that(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    assert await say(lanes, "bob", ".good") == ["bob: you are not aboard. Try .join. [not_aboard]"]
    assert await say(lanes, "bob", ".kick cy") == [
        "bob: nobody called cy is in the queue. Try .status. [nobody_by_that_name]"
    ]


async def test_whose_train_is_first_is_meant_where_trains_move(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    await say(lanes, "bob", "search: .join")
    await say(lanes, "al", "search: .join last")
    assert await say(lanes, "al", ".done") == ["Done. Thanks for driving, al!"]
    assert topic(lanes) == "web: clear || flags: clear || search: bob | al"


async def test_a_mistake_in_one_command_keeps_nothing_else_up(play: Playground) -> None:
    await play.start()
    words = await say(play, "al", ".jion; .join")
    assert words == ["al: there is no command `.jion`. Try .join [unknown_command]", "al: You're up"]


async def test_a_new_name_is_followed_in_every_lane(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    await say(lanes, "al", "search: .join")
    lanes.server.rename("al", "alicia")
    await lanes.settle()
    assert topic(lanes) == "web: alicia || flags: clear || search: alicia"


# --- topics ------------------------------------------------------------------------------------


async def test_a_topic_that_stood_there_before_the_bot_ever_came_is_the_queue(play: Playground) -> None:
    play.server.write_topic("al", "#push", "<princess> al + bob* | cy")
    await play.start()
    assert topic(play) == "<princess> al + bob* | cy"
    await say(play, "cy", ".good")
    assert topic(play) == "<princess> al + bob* | cy*"


async def test_a_first_topic_that_is_none_is_quoted_back(play: Playground) -> None:
    play.server.write_topic("al", "#push", "Welcome to (our) #push")
    await play.start()
    assert topic(play) == "clear"
    assert any(line.text.endswith("Yours was: Welcome to (our) #push") for line in play.server.spoken)


async def test_a_topic_that_was_changed_while_the_bot_was_away_is_quoted_and_put_back(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    await play.pass_time(1)
    await play.stop()
    play.server.write_topic("bob", "#push", "bob was here")
    await play.start()
    assert topic(play) == "al"
    assert play.server.spoken[-1].text == "While I was away the topic became: bob was here - I put mine back"


async def test_a_topic_that_the_server_forgot_is_put_back_in_silence(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    since = len(play.server.spoken)
    play.server.disconnect()
    await play.settle()
    play.server.forget_topics()
    play.server.let_in()
    await play.settle()
    assert topic(play) == "al"
    assert len(play.server.spoken) == since


async def test_where_the_bot_may_not_set_the_topic_it_says_so_once(play: Playground) -> None:
    play.server.guarded.add("#push")
    await play.start()
    await say(play, "al", ".join")
    await say(play, "bob", ".join")
    said = [line.text for line in play.server.spoken if line.text.startswith("I may not set the topic")]
    assert len(said) == 1


async def test_a_topic_of_several_lanes_is_taken_lane_by_lane(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    await write(lanes, "zoe", "web: al + zoe || search: bob || flags: clear")
    assert topic(lanes) == "web: al + zoe || flags: clear || search: bob"
    assert topic(lanes, "#search") == "bob"


@pytest.mark.parametrize("text", ["web: al", "al", "web: al || web: bob || flags: clear || search: clear"])
async def test_a_topic_that_lacks_a_lane_is_quoted_back(lanes: Playground, text: str) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    words = await write(lanes, "zoe", text)
    assert words[0].endswith("[unreadable_topic]")
    assert words[1] == f"I put mine back. Yours was: {text}"
    assert topic(lanes) == "web: al || flags: clear || search: clear"


async def test_a_lane_s_part_that_cannot_be_read_keeps_the_others(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "al", ".join")
    words = await write(lanes, "zoe", "web: al (x) || flags: yan || search: clear")
    assert "I put mine back. Yours was: al (x)" in words
    assert topic(lanes) == "web: al || flags: yan || search: clear"


async def test_a_topic_in_a_room_without_lanes_is_nobody_s_business(play: Playground) -> None:
    await play.start()
    assert await write(play, "zoe", "incident 42", "#warroom") == []
    assert topic(play, "#warroom") == "incident 42"


async def test_somebody_who_joins_while_the_topic_is_edited_stays(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    play.server.say("bob", ".join", "#push")
    play.server.write_topic("cy", "#push", "al | cy")
    await play.settle()
    assert topic(play) == "al | cy | bob"
