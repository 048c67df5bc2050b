"""The whole bot signs on to a server that wants TLS, with a pinned certificate, and again after kill -9."""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import SOON
from tests.rig.accounts import ScramServer, let_in, mechanism, negotiate, rest
from tests.rig.scripted import NAME, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots
    from tests.rig.ngircd import Certificates

pytestmark = [pytest.mark.e2e, pytest.mark.net]

CONFIG = """
[chats.irc]
host = "127.0.0.1"
port = {port}
tls_fingerprints = ["{pin}"]
sasl = "auto"
sasl_user = "jilles"
sasl_password = "file:secret"
reconnect_min = 0.05
reconnect_max = 0.2

[lanes.web]
rooms = ["irc/#push"]
"""


async def test_tls_is_remembered_over_a_crash(bots: Bots, certificates: Certificates, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert, certificates.key)
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificates.cert.read_text("utf-8"))).hexdigest()
    (tmp_path / "secret").write_text("sesame\n", encoding="utf-8")
    async with scripted() as clear, scripted(tls=context) as secure:
        bot = bots(CONFIG.format(port=clear.port, pin=pin), ("#push",))
        bot.launch()
        peer = await clear.accept(SOON)
        await peer.want("CAP LS 302")
        peer.send(f":{NAME} CAP * LS :sasl=PLAIN sts=port={secure.port},duration=60")
        assert await rest(peer) == ["CAP LS 302"]
        for life in range(2):
            peer, account = await secure.accept(SOON), ScramServer("jilles", "sesame")
            await negotiate(peer, f"sasl=PLAIN,SCRAM-SHA-256 sts=port={secure.port},duration=60")
            assert await mechanism(peer) == "SCRAM-SHA-256"
            await account.first(peer)
            assert await account.proved(peer)
            account.sign(peer)
            await mechanism(peer)
            await let_in(peer)
            await bot.entered()
            await bot.kill()
            if life == 0:
                bot.launch()
        assert clear.peers.empty()
    assert "sesame" not in bot.log()
