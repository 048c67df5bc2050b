"""SASL mechanisms word by word: the RFCs' own examples, servers that break the rules, and words in pieces."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from pushbot.chat.irc.ecdsa import Ecdsa, read_key
from pushbot.chat.irc.mechanisms import FEWEST, MOST, Once, Refused, Scram, Untrusted, saslprep
from pushbot.chat.irc.options import IrcOptions, Sasl
from pushbot.chat.irc.sasl import LONGEST, Credentials, Login, chunks
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pathlib import Path

# The exchange in RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
WHOLE = NONCE + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
FIRST = f"r={WHOLE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = f"c=biws,r={WHOLE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SIGNED = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def scram() -> Scram:
    exchange = Scram("user", "pencil", NONCE)
    assert exchange.answer(b"") == f"n,,n=user,r={NONCE}".encode()
    return exchange


def test_scram_says_what_the_rfc_says() -> None:
    exchange = scram()
    assert exchange.answer(FIRST.encode()).decode() == PROOF
    assert not exchange.proved
    assert exchange.answer(SIGNED.encode()) == b""
    assert exchange.proved


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (FIRST.replace("i=4096", f"i={FEWEST - 1}"), "iterations"),
        (FIRST.replace("i=4096", f"i={MOST + 1}"), "iterations"),
        (FIRST.replace("i=4096", "i=0004096000000"), "iterations"),
        (FIRST.replace("i=4096", "i=" + "9" * 5000), "iterations"),
        (FIRST.replace("i=4096", "i=-4096"), "iterations"),
        (FIRST.replace("i=4096", "i=٤٠٩٦"), "iterations"),
        (FIRST.replace("i=4096", "i="), "iterations"),
        (FIRST.replace(WHOLE, NONCE), "nonce"),
        (FIRST.replace(WHOLE, "x" + WHOLE), "nonce"),
        (FIRST.replace(WHOLE, ""), "nonce"),
        (FIRST.replace("W22Z", "*22Z"), "base64"),
        (FIRST.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""), "base64"),
        (f"m=must-know,{FIRST}", "is not one"),
        (f"s=W22ZaJ0SNY7soEsUEjb6gQ==,r={WHOLE},i=4096", "is not one"),
        (f"r={WHOLE}", "is not one"),
        ("", "is not one"),
    ],
)
def test_a_scram_challenge_that_breaks_the_rules_is_not_answered(first: str, why: str) -> None:
    with pytest.raises(Untrusted, match=why):
        scram().answer(first.encode())


@pytest.mark.parametrize("final", [SIGNED.replace("6rri", "7rri"), "v=", "v=*", "v=AAAA", "", "r=x", SIGNED[2:]])
def test_a_scram_server_that_cannot_sign_is_not_believed(final: str) -> None:
    exchange = scram()
    exchange.answer(FIRST.encode())
    with pytest.raises(Untrusted):
        exchange.answer(final.encode())
    assert not exchange.proved


def test_a_scram_server_may_say_no() -> None:
    with pytest.raises(Refused, match="unknown-user"):
        scram().answer(b"e=unknown-user")
    exchange = scram()
    exchange.answer(FIRST.encode())
    with pytest.raises(Refused, match="invalid-proof"):
        exchange.answer(b"e=invalid-proof,x=y")


def test_a_scram_server_has_nothing_more_to_say() -> None:
    exchange = scram()
    exchange.answer(FIRST.encode())
    exchange.answer(SIGNED.encode())
    with pytest.raises(Untrusted):
        exchange.answer(SIGNED.encode())


def test_a_name_with_signs_of_the_protocol_is_written_as_such() -> None:
    assert Scram("a=b,c", "x", "n").answer(b"") == b"n,,n=a=3Db=2Cc,r=n"
    assert len(Scram("a", "b").nonce) == 32
    assert Scram("a", "b").nonce != Scram("a", "b").nonce


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_challenge_breaks_a_mechanism(one: bytes, two: bytes) -> None:
    for exchange in (Scram("u", "p"), Once.plain("u", "p"), Once.external()):
        for data in (b"", one, two, f"r={NONCE}".encode() + one):
            try:
                exchange.answer(data)
            except (Untrusted, Refused):
                break


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),  # the examples of RFC 4013, section 3
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0007", "\u0007"),  # not allowed, and so left as it is
    ],
)
def test_words_are_hashed_in_one_form(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


# --- keys ---


def openssl(*arguments: str, folder: Path, data: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder, input=data).stdout


def test_ecdsa_signs_the_challenge(tmp_path: Path) -> None:
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "key.pem", folder=tmp_path)  # with its parameters
    pem = (tmp_path / "key.pem").read_text("utf-8")
    assert "EC PARAMETERS" in pem
    key = read_key(pem, "file:key.pem")
    challenge = bytes(range(32))
    exchange = Ecdsa("bot", key)
    assert exchange.answer(b"") == b"bot"
    signature = exchange.answer(challenge)
    key.public_key().verify(signature, challenge, ECDSA(Prehashed(SHA256())))
    with pytest.raises(Untrusted):
        exchange.answer(challenge)


def test_the_recipe_for_the_public_half_gives_what_services_take(tmp_path: Path) -> None:
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem", folder=tmp_path)
    der = openssl("ec", "-in", "key.pem", "-pubout", "-conv_form", "compressed", "-outform", "DER", folder=tmp_path)
    numbers = read_key((tmp_path / "key.pem").read_text("utf-8"), "x").public_key().public_numbers()
    assert der[-33:] == bytes([2 + numbers.y % 2]) + numbers.x.to_bytes(32, "big")


@pytest.mark.parametrize("length", [0, 31, 33, 400])
def test_ecdsa_signs_nothing_else(length: int, tmp_path: Path) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "k", folder=tmp_path)
    exchange = Ecdsa("bot", read_key((tmp_path / "k").read_text("utf-8"), "file:k"))
    exchange.answer(b"")
    with pytest.raises(Untrusted):
        exchange.answer(bytes(length))


def test_a_key_of_another_kind_is_no_key(tmp_path: Path) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "p384", folder=tmp_path)
    openssl("genpkey", "-algorithm", "ed25519", "-out", "ed", folder=tmp_path)
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "k", folder=tmp_path)
    openssl("pkey", "-in", "k", "-aes128", "-passout", "pass:hush", "-out", "locked", folder=tmp_path)
    for name in ("p384", "ed", "locked"):
        pem = (tmp_path / name).read_text("utf-8")
        with pytest.raises(PushbotError, match=f"file:{name} is no unlocked NIST P-256 key") as caught:
            read_key(pem, f"file:{name}")
        assert pem.splitlines()[1] not in str(caught.value)
    with pytest.raises(PushbotError, match="no unlocked"):
        read_key("rubbish", "env:X")


# --- pieces ---


@pytest.mark.parametrize(
    ("size", "sizes"),
    [(0, [1]), (297, [396]), (300, [400, 1]), (301, [400, 4]), (600, [400, 400, 1]), (601, [400] * 2 + [4])],
)
def test_words_go_out_in_pieces(size: int, sizes: list[int]) -> None:
    pieces = [line.removeprefix("AUTHENTICATE ") for line in chunks(bytes(size))]
    assert [len(piece) for piece in pieces] == sizes
    assert base64.b64decode("".join(pieces).removesuffix("+")) == bytes(size)


def login(**options: object) -> Login:
    secrets = {"sasl_user": "bot", "sasl_password": "env:X"}
    model = IrcOptions.model_validate({"host": "irc.test", "tls": True, "sasl": "auto", **secrets, **options})
    return Login(model, Credentials(sasl_password="sesame"), tls=True)


@pytest.mark.parametrize("size", [399, 400, 401, 800])
def test_challenges_come_in_in_pieces(size: int) -> None:
    """`size` characters of base64, or the nearest there can be: it comes in fours."""
    salt = bytes(size * 3 // 4 - 40)
    state = login()
    state.offered("SCRAM-SHA-256")
    assert state.next() == ["AUTHENTICATE SCRAM-SHA-256"]
    assert state.heard("+")
    assert not state.slow
    nonce = base64.b64decode(state.answer()[0].partition(" ")[2]).decode().rpartition("r=")[2]
    words = f"r={nonce}x,s={base64.b64encode(salt).decode()},i=4096".encode()
    *most, last = [line.partition(" ")[2] for line in chunks(words)]
    assert not any(state.heard(piece) for piece in most)
    assert state.heard(last)
    assert state.slow
    assert base64.b64decode(state.answer()[0].partition(" ")[2]).startswith(b"c=biws,r=")


def test_a_challenge_without_end_is_not_waited_for() -> None:
    state = login()
    state.next()
    for _ in range(LONGEST // 400):
        assert not state.heard("A" * 400)
    with pytest.raises(Untrusted, match="does not end"):
        state.heard("A" * 400)


# --- which one ---


def test_the_strongest_goes_first_and_the_next_when_it_is_refused(tmp_path: Path) -> None:
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "key", folder=tmp_path)
    state = login(tls_cert="/x.pem", sasl_key="file:/x")
    state.credentials = Credentials(None, "sesame", read_key((tmp_path / "key").read_text("utf-8"), "file:key"))
    tried = []
    while state.next():
        tried.append(state.under_way)
        state.refused()
    assert tried == [Sasl.EXTERNAL, Sasl.ECDSA, Sasl.SCRAM, Sasl.PLAIN]


def test_only_what_is_allowed_offered_and_has_a_secret_is_tried() -> None:
    assert login().options.usable == (Sasl.SCRAM, Sasl.PLAIN)
    assert login(sasl=["PLAIN"]).options.usable == (Sasl.PLAIN,)
    assert login(sasl=["plain", "scram-sha-256", "external"]).options.usable == (Sasl.SCRAM, Sasl.PLAIN)
    state = login()
    state.offered("plain,EXTERNAL")
    assert state.next() == ["AUTHENTICATE PLAIN"]
    state.refused()
    assert state.next() == []
    assert "PLAIN,EXTERNAL" in state.why_not


def test_the_password_is_not_sent_after_scram_was_under_way() -> None:
    state = login()
    state.next()
    state.heard("+")
    state.answer()
    state.refused()
    assert state.next() == ["AUTHENTICATE PLAIN"]  # the server knew the mechanism's name only

    state = login()
    state.next()
    state.heard("+")
    nonce = base64.b64decode(state.answer()[0].partition(" ")[2]).decode().rpartition("r=")[2]
    state.heard(base64.b64encode(f"r={nonce}x,s=AAAA,i=4096".encode()).decode())
    state.answer()
    state.refused()
    assert state.next() == []
