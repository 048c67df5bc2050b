"""Who people are on Slack: ids with display names, which change, are not unique and may be anything."""

from __future__ import annotations

import pytest

from pushbot.chat.slack.people import Roster, fold
from pushbot.ports import Renamed
from pushbot.queue.model import Person
from pushbot.service.people.directory import follows

TEAM = "T024BE7LD"


def described(who: str, name: str, display: str = "", **more: object) -> dict[str, object]:
    profile = {"display_name": display, "real_name": f"{name} R."}
    return {"id": who, "name": name, "team_id": TEAM, "profile": profile, **more}


def roster(*users: dict[str, object], guests: bool = False) -> Roster:
    made = Roster("slack", guests=guests, team=TEAM)
    for user in users:
        made.learn(user)  # type: ignore[arg-type]
    return made


def test_a_person_is_an_id_with_a_name() -> None:
    person = roster(described("U1", "ada", "Ada L.")).person("U1")
    assert person == Person("slack", "user:U1", "Ada L")
    assert (person.proof, person.address, person.reach) == ("Slack user U1", "U1", "U1")


def test_names_come_from_the_display_name_or_what_is_there_instead() -> None:
    known = roster(described("U1", "ada"), {"id": "U2", "name": "bob"}, {"id": "U3"})
    assert [known.name_of(who) for who in ("U1", "U2", "U3", "U4")] == ["ada R", "bob", "U3", "U4"]


def test_a_second_one_of_a_name_is_told_apart() -> None:
    known = roster(described("U1", "alex1", "Alex"), described("U2", "alex2", "alex"))
    assert [known.name_of(who) for who in ("U1", "U2")] == ["Alex", "alex@alex2"]
    assert known.named("ALEX").address == "U1"
    assert known.named("alex@alex2").address == "U2"
    known.learn(described("U3", "eve", "alex@alex2"))  # type: ignore[arg-type]
    assert known.name_of("U3") == "alex@alex2@eve"


def test_the_name_of_somebody_who_left_is_free() -> None:
    known = roster(described("U1", "alex1", "Alex", deleted=True), described("U2", "alex2", "Alex"))
    assert known.name_of("U2") == "Alex"
    assert known.named("alex").address == "U2"


def test_a_name_is_found_by_name_handle_and_id_in_any_case() -> None:
    known = roster(described("U1", "adal", "Ada Lovelace"))
    assert {known.named(name).address for name in ("ada lovelace", "@Ada  Lovelace", "ADAL", "U1")} == {"U1"}
    stranger = known.named("Nobody")
    assert (stranger.key, stranger.name, stranger.proof, stranger.address) == ("name:nobody", "Nobody", "", "")


def test_emoji_that_are_typed_are_known_by_what_slack_calls_them() -> None:
    """It keeps `:tada:` for what people type or pick."""
    known = roster(described("U1", "fay", "🎉🚀 Fay"), described("U2", "bob", "Bob"), described("U3", "dan", "🔒 Bob"))

    def meant(name: str) -> set[str]:
        return {one.address for one in known.people(name)}

    assert meant(":tada::rocket: Fay") == {"U1"}
    assert meant(":lock: bob") == {"U3"}
    assert not meant("🎉 Bob")
    known.learn(described("U4", "eve", "❌ Bob"))  # type: ignore[arg-type]
    assert meant(":x: Bob") == {"U3", "U4"}, "which of them it is they are asked"
    assert meant("🔒 Bob") == {"U3"}
    known.learn(described("U3", "dan", "Dan"))  # type: ignore[arg-type]
    assert meant(":x: Bob") == {"U4"}


def test_names_are_one_line_and_break_no_topic() -> None:
    hostile = 'a"d|a\n<!channel>;\u202e\x07\ud800 ' + "x" * 200
    name = roster(described("U1", "ada", hostile)).name_of("U1")
    assert name.startswith("a'd/a(!channel),")
    assert len(name) <= 64
    assert name.isprintable()
    name.encode()


def test_a_rename_is_told_with_the_same_key_so_that_it_is_followed() -> None:
    known = roster(described("U1", "ada", "Ada"))
    assert known.learn(described("U1", "ada", "Ada")) == ()  # type: ignore[arg-type]
    (renamed,) = known.learn(described("U1", "ada", "Countess"))  # type: ignore[arg-type]
    assert renamed == Renamed("slack", Person("slack", "user:U1", "Ada"), Person("slack", "user:U1", "Countess"))
    assert follows(renamed.old, renamed.new)
    assert known.named("Ada").address == "U1"  # it is still the handle
    assert known.named("Countess").address == "U1"
    known.learn(described("U2", "bob", "Ada"))  # type: ignore[arg-type]
    assert known.name_of("U2") == "Ada"


def test_a_rename_while_the_bot_was_away_is_noticed() -> None:
    before = roster(described("U1", "ada", "Ada"), described("U2", "ada2", "ada"))
    notes = dict(note for who in ("U1", "U2") if (note := before.note(who)))
    assert notes == {"name/U1": "Ada", "name/U2": "ada@ada2"}
    assert before.note("U1") is None
    after = Roster("slack", team=TEAM)
    after.recall(notes)
    after.learn(described("U3", "ada3", "Ada"))  # type: ignore[arg-type]
    assert after.name_of("U3") == "Ada@ada3"
    assert after.learn(described("U2", "ada2", "ada")) == ()  # type: ignore[arg-type]
    (renamed,) = after.learn(described("U1", "ada", "Countess"))  # type: ignore[arg-type]
    assert (renamed.old.name, renamed.new.name) == ("Ada", "Countess")
    assert after.note("U1") == ("name/U1", "Countess")


@pytest.mark.parametrize(
    "more",
    [
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"team_id": "T0OTHER"},
        {"team_id": "T0OTHER", "enterprise_user": {"teams": ["T0ELSE"]}},
    ],
)
def test_guests_and_strangers_are_not_vouched_for_unless_that_is_wanted(more: dict[str, object]) -> None:
    assert not roster(described("U1", "ada", "Ada", **more)).person("U1").trusted
    assert roster(described("U1", "ada", "Ada", **more), guests=True).person("U1").trusted


def test_a_member_of_several_workspaces_is_a_member() -> None:
    more = {"team_id": "E0GRID", "enterprise_user": {"teams": ["T0ELSE", TEAM]}}
    assert roster(described("U1", "ada", "Ada", **more)).person("U1").trusted


def test_bots_who_left_and_who_is_not_known_are_not_vouched_for() -> None:
    known = roster(described("U1", "robot", is_bot=True), described("U2", "gone", deleted=True), guests=True)
    assert [known.person(who).trusted for who in ("U1", "U2", "U3", "USLACKBOT")] == [False] * 4
    assert [known.is_bot(who) for who in ("U1", "U2", "U3", "USLACKBOT")] == [True, False, False, True]


def test_who_is_not_known_is_asked_for_once() -> None:
    known = roster(described("U1", "ada"))
    assert known.strangers(["U1", "U2", "U2", "", "USLACKBOT", "U3"]) == ("U2", "U3")


@pytest.mark.parametrize("odd", [{}, {"id": 7}, {"id": "U1", "profile": []}, {"id": "U1", "name": None}])
def test_odd_descriptions_break_nothing(odd: dict[str, object]) -> None:
    assert roster(odd).person("U1").key == "user:U1"


def test_names_are_compared_without_case_and_at() -> None:
    assert fold("@Ada  LOVELACE ") == fold("ada lovelace")


@pytest.mark.parametrize(
    "copy",
    ["Ann\ufe0f", "Ann\u3164", "\u115fAnn", "A\U000e0041nn", "@Ann", "\uff21nn", "A\u034fnn", "Ann\u2800", "An\ufff9n"],
)
def test_nobody_is_shown_under_a_name_that_looks_like_anothers(copy: str) -> None:
    known = roster(described("U1", "ann", "Ann"), described("U2", "evil", copy))
    assert known.name_of("U2").endswith("@evil")
    assert known.named("Ann").address == "U1"
    known.learn(described("U2", "evil", "\u3164"))  # type: ignore[arg-type]
    assert known.name_of("U2") == "evil R"


def meant(known: Roster, name: str) -> dict[str, str]:
    return {person.address: person.name for person in known.people(name)}


def test_a_name_may_mean_all_who_chose_it_or_have_it_as_their_handle() -> None:
    known = roster(
        described("U1", "alex1", "Alex"), described("U2", "alex2", "alex"), described("U3", "alex", "Sandra")
    )
    everybody = {"U1": "Alex@alex1", "U2": "alex@alex2", "U3": "Sandra"}
    assert meant(known, "@ALEX") == everybody
    assert [meant(known, name) for name in everybody.values()] == [{who: everybody[who]} for who in everybody]
    assert [list(meant(known, name)) for name in ("alex2", "U2", "nobody")] == [["U2"], ["U2"], []]
    assert {who: known.spelt(who) for who in everybody} == everybody
    assert known.spelt("U4") == "U4"


def test_a_handle_is_followed_and_nobodys_for_sure_that_two_have() -> None:
    known = roster(described("U1", "ada", "Countess"))
    assert known.named("ada").address == "U1"
    known.learn(described("U1", "lovelace", "Countess"))  # type: ignore[arg-type]
    assert (meant(known, "ada"), known.named("ada").address) == ({}, "")
    known.learn(described("U2", "lovelace", "Ralph", team_id="T0OTHER"))  # type: ignore[arg-type]
    assert meant(known, "lovelace") == {"U1": "Countess", "U2": "Ralph"}
    assert known.named("lovelace").address == ""
    known.learn(described("U2", "lovelace", "Countess", team_id="T0OTHER"))  # type: ignore[arg-type]
    assert meant(known, "lovelace") == {"U1": "Countess@lovelace@U1", "U2": "Countess@lovelace@U2"}
    assert list(meant(known, "countess@lovelace@U2")) == ["U2"]


def test_who_was_named_before_they_were_known_is_told_once() -> None:
    known = roster()
    seats = [known.named(name) for name in ("Bob", "cid", "Eve", "dan")]
    assert [seat.key for seat in seats] == ["name:bob", "name:cid", "name:eve", "name:dan"]
    (renamed,) = known.learn(described("U1", "bobby", "bob"))  # type: ignore[arg-type]
    assert (renamed.old, renamed.new.address, follows(renamed.old, renamed.new)) == (seats[0], "U1", True)
    (by_handle,) = known.learn(described("U2", "cid", "Sidney"))  # type: ignore[arg-type]
    assert (by_handle.old, by_handle.new.name) == (seats[1], "Sidney")
    assert known.learn(described("U3", "evil", "Eve", is_restricted=True)) == ()  # type: ignore[arg-type]
    (only_renamed,) = known.learn(described("U1", "bobby", "dan"))  # type: ignore[arg-type]
    assert only_renamed.old.name == "bob"  # who takes the name later is not who was meant


def test_of_who_left_nobody_is_told_apart() -> None:
    known = roster(described("U1", "alex1", "Alex", deleted=True), described("U2", "alex2", "Alex"))
    assert known.spelt("U2") == "Alex"
    told_apart = {"U1": "Alex@alex1", "U2": "Alex@alex2"}  # they may be aboard still
    assert meant(known, "alex") == told_apart
    assert [list(meant(known, name)) for name in told_apart.values()] == [["U1"], ["U2"]]
    known.learn(described("U1", "alex1", "Alex"))  # type: ignore[arg-type]
    assert [known.name_of(who) for who in told_apart] == ["Alex@alex1", "Alex"]  # who came back later


def test_a_name_with_what_tells_it_apart_is_no_longer_than_others() -> None:
    known = roster(*(described(f"U{number}", "h" * 80, "x" * 80) for number in range(1, 4)))
    names = [known.name_of(f"U{number}") for number in range(1, 4)]
    assert (len(set(names)), {len(name) for name in names}) == (3, {64})
    assert [known.named(name).address for name in names] == ["U1", "U2", "U3"]


def test_of_two_who_were_told_of_by_one_name_the_one_who_has_it_keeps_it() -> None:
    known = Roster("slack", team=TEAM)
    known.recall({"name/U1": "Ada", "name/U2": "Ada"})  # the first of them took another since, and was not noted
    known.learn(described("U2", "ada2", "Ada"))  # type: ignore[arg-type]
    known.learn(described("U1", "ada1", "Countess"))  # type: ignore[arg-type]
    assert known.named("Ada").address == "U2"
    known.learn(described("U3", "ada3", "Ada"))  # type: ignore[arg-type]
    assert known.name_of("U3") == "Ada@ada3"
