"""Whom TLS trusts: what companies' own authorities are like, on every Python."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pushbot.tls import client_context

if TYPE_CHECKING:
    from pathlib import Path

FROM = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Holder:
    """A certificate with no extension but what it cannot do without, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def holder(name: str, issuer: Holder | None = None, *, host: str | None = None) -> Holder:
    """An authority, of its own or under another; the server `host` when that is told."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    extension = (
        x509.SubjectAlternativeName([x509.DNSName(host)]) if host else x509.BasicConstraints(ca=True, path_length=None)
    )
    signer, by = (issuer.key, issuer.certificate.subject) if issuer else (key, subject)
    made = x509.CertificateBuilder(
        by, subject, key.public_key(), x509.random_serial_number(), FROM, FROM + timedelta(36500)
    )
    return Holder(made.add_extension(extension, critical=host is None).sign(signer, hashes.SHA256()), key)


ROOT = holder("the company")
MIDDLE = holder("its machines", ROOT)
SERVER = holder("a machine", MIDDLE, host="ci.example")


def shake_hands(trust: ssl.SSLContext, tmp_path: Path, host: str = "ci.example") -> None:
    """Connect to the server, in memory."""
    shown = tmp_path / "server.pem"
    key = SERVER.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    shown.write_text(SERVER.pem + MIDDLE.pem + key)
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(shown)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [trust.wrap_bio(down, up, server_hostname=host), there.wrap_bio(up, down, server_side=True)]
    while ends:
        try:
            ends[0].do_handshake()
        except ssl.SSLWantReadError:
            ends.reverse()
        else:
            ends.pop(0)


@pytest.mark.parametrize("authority", [ROOT, MIDDLE], ids=["a bare root", "an intermediate one"])
def test_authorities_are_taken_as_they_are(authority: Holder, tmp_path: Path) -> None:
    shake_hands(client_context(cadata=authority.pem), tmp_path)
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    shake_hands(client_context(cafile=file), tmp_path)


def test_strangers_are_not(tmp_path: Path) -> None:
    for trust in (client_context(), client_context(cadata=holder("the company").pem)):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(trust, tmp_path)


def test_nor_are_other_names(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(client_context(cadata=ROOT.pem), tmp_path, "git.example")
