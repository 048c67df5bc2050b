"""Signatures of webhooks: what is not signed as it should be is nobody's, whatever it says."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.web.signed import LATE, Form, Unsigned, identified, signature

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "s3cret"
BODY = b'{"state": "success"}'


def headers(form: Form, secret: str = SECRET, body: bytes = BODY, stamp: str = STAMP) -> dict[str, str]:
    if form is Form.GITHUB:
        return {"X-Hub-Signature-256": signature(form, secret, body)}
    return {"X-Pushbot-Timestamp": stamp, "X-Pushbot-Signature": signature(form, secret, body, stamp)}


def test_the_signature_is_githubs() -> None:
    """The example of GitHub's page on validating deliveries."""
    given = signature(Form.GITHUB, "It's a Secret to Everybody", b"Hello, World!")
    assert given == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_the_own_form_signs_the_time_too() -> None:
    signed = hmac.new(SECRET.encode(), f"{STAMP}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert signature(Form.PUSHBOT, SECRET, BODY, STAMP) == f"sha256={signed}"


@pytest.mark.parametrize("form", Form)
def test_who_knows_the_secret_is_believed_and_the_same_message_has_one_name(form: Form) -> None:
    first = identified(form, SECRET, headers(form), BODY, NOW)
    renamed = {**headers(form), "X-GitHub-Delivery": "another"}
    assert first == identified(form, SECRET, renamed, BODY, NOW)
    assert first != identified(form, SECRET, headers(form, body=b"{}"), b"{}", NOW)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("wrong", ["secret", "body", "missing", "empty", "cut", "sha1"])
def test_nobody_else_is(form: Form, wrong: str) -> None:
    given, body = headers(form), BODY
    name = "X-Hub-Signature-256" if form is Form.GITHUB else "X-Pushbot-Signature"
    match wrong:
        case "secret":
            given = headers(form, secret="other")
        case "body":
            body = BODY + b" "
        case "missing":
            del given[name]
        case "empty":
            given[name] = ""
        case "cut":
            given[name] = given[name][:-1]
        case _:
            given[name] = given[name].replace("sha256=", "sha1=")
    with pytest.raises(Unsigned):
        identified(form, SECRET, given, body, NOW)


@pytest.mark.parametrize("late", [timedelta(seconds=LATE + 1), -timedelta(seconds=LATE + 1)])
def test_an_old_message_is_refused_though_it_is_signed(late: timedelta) -> None:
    with pytest.raises(Unsigned, match="time"):
        identified(Form.PUSHBOT, SECRET, headers(Form.PUSHBOT), BODY, NOW + late)


@pytest.mark.parametrize("stamp", ["", "now", "-5", "1e9", "٣", "9" * 13, f"{STAMP}.0"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    with pytest.raises(Unsigned):
        identified(Form.PUSHBOT, SECRET, headers(Form.PUSHBOT, stamp=stamp), BODY, NOW)


@given(
    st.sampled_from(Form),
    st.dictionaries(st.sampled_from(["X-Hub-Signature-256", "X-Pushbot-Signature"]), st.text()),
    st.binary(),
)
def test_no_guess_gets_in(form: Form, guessed: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unsigned):
        identified(form, SECRET, {**guessed, "X-Pushbot-Timestamp": STAMP}, body, NOW)
