"""What a room shows and should show; times are invented."""

from __future__ import annotations

import pytest

from pushbot.chat.backoff import Backoff
from pushbot.chat.irc.features import Features
from pushbot.chat.irc.rooms import ENTER_WAIT, REJOIN_MIN, STAY, Presence, Room, Rooms

LIMIT = 100
INTERVAL = 0.5


def inside(topic: str = "", wanted: str | None = None, now: float = 1000.0) -> Room:
    room = Room("#push", wanted=wanted)
    room.entering(now)
    room.topic = topic
    room.entered(now, LIMIT)
    return room


def test_a_lone_change_goes_out_at_once() -> None:
    room = inside()
    for now in (1000.0, 1000.01, 1000.02):
        room.draw(f"at {now}", now, LIMIT)
        assert room.due(INTERVAL) == now
        assert room.send(now, LIMIT) == f"at {now}"
        assert room.due(INTERVAL) is None
        room.echoed(f"at {now}")
        assert room.topic == f"at {now}"


def test_of_a_crowd_the_first_goes_out_and_then_the_latest() -> None:
    room = inside()
    room.draw("1", 1000.0, LIMIT)
    room.send(1000.0, LIMIT)
    for number in range(2, 41):
        room.draw(str(number), 1000.0 + number / 1000, LIMIT)
    assert room.due(INTERVAL) is None  # the first is still under way
    room.echoed("1")
    assert room.due(INTERVAL) == 1000.5
    assert room.send(1000.5, LIMIT) == "40"
    room.echoed("40")
    room.draw("alone again", 1000.51, LIMIT)
    assert room.due(INTERVAL) == 1000.51


def test_what_is_shown_already_is_not_sent() -> None:
    room = inside("clear")
    room.draw("clear", 1000.0, LIMIT)
    assert room.due(INTERVAL) is None
    room.draw("alice", 1000.0, LIMIT)
    room.draw("clear", 1000.0, LIMIT)
    assert room.due(INTERVAL) is None
    room.draw("alice", 1000.1, LIMIT)
    assert room.due(INTERVAL) == 1000.1
    room.send(1000.1, LIMIT)
    room.draw("alice", 1000.1, LIMIT)
    assert room.waiting_since is None
    room.draw("clear", 1000.1, LIMIT)  # "alice" is under way: "clear" has to follow
    room.echoed("alice")
    assert room.send(1000.6, LIMIT) == "clear"


def test_a_topic_that_was_lost_is_put_back_on_entering() -> None:
    room = inside("alice")
    room.draw("alice + bob", 1000.0, LIMIT)
    room.send(1000.0, LIMIT)
    room.disconnected()
    room.entering(1010.0)
    room.entered(1010.0, LIMIT)
    assert room.due(INTERVAL) == 1010.0
    assert room.send(1010.0, LIMIT) == "alice + bob"


def test_a_topic_that_survived_is_left_alone_on_entering() -> None:
    assert inside("alice", wanted="alice").due(INTERVAL) is None
    assert inside("alice", wanted=None).due(INTERVAL) is None


def test_an_empty_topic_is_a_topic() -> None:
    room = inside("old", wanted="")
    assert room.due(INTERVAL) is not None
    assert room.send(1000.0, LIMIT) == ""
    room.echoed("")
    assert room.topic == ""
    assert room.due(INTERVAL) is None


def test_a_topic_that_the_server_itself_changed_is_put_back() -> None:
    room = inside("alice", wanted="alice")
    room.lost("from the other side", 1001.0, LIMIT)
    assert room.due(INTERVAL) == 1001.0


def test_a_hand_edit_is_left_to_the_bot() -> None:
    room = inside("alice", wanted="alice")
    room.topic = "edited by bob"
    assert room.due(INTERVAL) is None
    room.draw("alice", 1001.0, LIMIT)
    assert room.due(INTERVAL) == 1001.0


def test_a_topic_is_cut_to_the_limit_and_then_counts_as_shown() -> None:
    room = inside()
    room.draw("é" * 80, 1000.0, LIMIT)
    assert room.send(1000.0, LIMIT) == "é" * 50
    room.echoed("é" * 40)  # the server cut it further
    room.draw("é" * 80, 1001.0, LIMIT)
    assert room.due(INTERVAL) is None


def test_a_refusal_is_told_once_and_the_topic_waits() -> None:
    room = inside()
    room.draw("alice", 1000.0, LIMIT)
    room.send(1000.0, LIMIT)
    assert room.refuse(1000.1)
    room.draw("alice + bob", 1000.2, LIMIT)
    assert room.due(INTERVAL) is None
    room.allow()
    assert room.send(1000.3, LIMIT) == "alice + bob"
    assert not room.refuse(1000.4)
    room.entering(1001.0)
    room.entered(1001.0, LIMIT)
    assert room.send(1001.0, LIMIT) == "alice + bob"
    assert room.refuse(1001.1)


def test_an_echo_that_never_comes_does_not_block() -> None:
    room = inside()
    room.draw("alice", 1000.0, LIMIT)
    room.send(1000.0, LIMIT)
    room.settled()
    room.draw("bob", 1006.0, LIMIT)
    assert room.due(INTERVAL) == 1006.0


def test_nothing_is_sent_from_outside() -> None:
    room = Room("#push")
    room.draw("alice", 1000.0, LIMIT)
    assert room.due(INTERVAL) is None


def test_a_door_that_is_shut_is_knocked_at_less_and_less() -> None:
    room = Room("#push")
    now, waits = 1000.0, []
    assert room.knock_due(now)
    for _ in range(12):
        room.asked(now)
        assert not room.knock_due(now + 1)
        room.outside(now)
        waits.append(room.rejoin_at - now)
        assert not room.knock_due(room.rejoin_at - 0.01)
        now = room.rejoin_at
        assert room.knock_due(now)
    assert waits[0] <= 1.5 * REJOIN_MIN
    assert min(waits) >= REJOIN_MIN / 2
    room.asked(now)
    assert room.knock_due(now + ENTER_WAIT + 1)


def test_who_stayed_for_long_comes_back_quickly() -> None:
    room = inside()
    room.backoff.failures = 10
    room.outside(1000.0 + STAY + 1)
    assert room.backoff.failures == 1
    assert room.presence is Presence.OUTSIDE


def test_rooms_are_found_in_any_spelling_and_called_as_in_the_config() -> None:
    features = Features()
    rooms = Rooms(["#Push[1]"], features.fold)
    found = rooms.find("#push{1}")
    assert found is not None
    assert found.name == "#Push[1]"
    features.load(["CASEMAPPING=ascii"])
    rooms.refold()
    assert rooms.find("#push{1}") is None
    assert rooms.shut("#PUSH[1]") == "#Push[1]"
    assert rooms.shut("alice") is None
    found.presence = Presence.INSIDE
    assert rooms.shut("#PUSH[1]") is None


def test_waits_double_up_to_the_maximum_with_full_jitter() -> None:
    ceilings = [1, 2, 4, 8, 10, 10]
    seen: list[list[float]] = [[] for _ in ceilings]
    for _ in range(300):
        backoff = Backoff(1.0, 10.0)
        for number in range(len(ceilings)):
            seen[number].append(backoff.next())
    for waits, ceiling in zip(seen, ceilings, strict=True):
        assert 0 <= min(waits) < ceiling / 4
        assert ceiling * 3 / 4 < max(waits) <= ceiling
    forever = Backoff(1.0, 10.0, failures=10**6)
    assert forever.next() <= 10
    forever.reset()
    assert forever.next() <= 1


@pytest.mark.parametrize("wanted", [None, "alice"])
def test_being_let_in_twice_changes_nothing(wanted: str | None) -> None:
    room = inside("alice", wanted=wanted)
    room.entered(1001.0, LIMIT)
    assert room.due(INTERVAL) is None
