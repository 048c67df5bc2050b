"""What a server says about itself."""

from __future__ import annotations

import pytest

from pushbot.chat.irc.features import Features


def features(*tokens: str) -> Features:
    made = Features()
    made.load(tokens)
    return made


def test_names_are_folded_as_the_server_folds_them() -> None:
    name = "Ann[]\\^É"
    assert features().fold(name) == "ann{}|~É"
    assert features("CASEMAPPING=rfc1459").fold(name) == "ann{}|~É"
    assert features("CASEMAPPING=strict-rfc1459").fold(name) == "ann{}|^É"
    assert features("CASEMAPPING=ascii").fold(name) == "ann[]\\^É"
    assert features("CASEMAPPING=surprise").fold(name) == "ann{}|~É"


def test_limits_are_told_withdrawn_and_forgotten() -> None:
    made = features("TOPICLEN=390", "NICKLEN=16", "CASEMAPPING=ascii", "CHANTYPES=&")
    assert (made.topic_length, made.nick_length, made.is_channel("&a"), made.is_channel("#a")) == (390, 16, True, False)
    made.load(["-TOPICLEN", "-NICKLEN", "-CASEMAPPING", "-CHANTYPES"])
    assert (made.topic_length, made.nick_length, made.is_channel("#a"), made.fold("[")) == (None, None, True, "{")
    made.load(["TOPICLEN=100"])
    made.reset()
    assert made.topic_length is None


ODD = ["", "-", "=", "=5", "TOPICLEN", "TOPICLEN=", "TOPICLEN=x", "PREFIX=", "PREFIX=ov", "PREFIX", "CHANMODES="]
ODD += ["NICKLEN=0", "NICKLEN=-1", "CASEMAPPING=", "CHANTYPES=", "-RESET", "LOAD_FEATURE=1", "SET=2", "_parse_PREFIX=3"]


@pytest.mark.parametrize("token", ODD)
def test_no_token_breaks_anything(token: str) -> None:
    made = features(token, "TOPICLEN=77")
    assert made.topic_length == 77
    assert made.nick_length is None
    assert made.status_modes
    assert list(made.mode_changes("+o", ["x"])) == [("+", "o", "x")]
    made.reset()


def test_an_empty_name_is_no_channel() -> None:
    assert not features().is_channel("")


def test_modes_get_the_arguments_that_are_theirs() -> None:
    made = features("PREFIX=(qaohv)~&@%+", "CHANMODES=beI,kL,lf,imnpst")
    changes = list(made.mode_changes("+lk-t+bo-l-v+h", ["5", "key", "mask", "ann", "bob", "eve"]))
    assert changes == [
        ("+", "l", "5"),
        ("+", "k", "key"),
        ("-", "t", ""),
        ("+", "b", "mask"),
        ("+", "o", "ann"),
        ("-", "l", ""),
        ("-", "v", "bob"),
        ("+", "h", "eve"),
    ]


def test_modes_without_their_arguments_do_no_harm() -> None:
    assert list(features().mode_changes("+o-", [])) == [("+", "o", "")]
    assert list(features("CHANMODES=b").mode_changes("nt", [])) == [("+", "n", ""), ("+", "t", "")]
