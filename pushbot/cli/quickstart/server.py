"""Which IRC server to run, and how: ngircd where it is installed, else miniircd, each a process of its own."""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pushbot.cli.quickstart.plan import Plan

# No channels are predefined: who comes first, the bot, is then operator of a channel. The limits are
# off because the only people here are the newcomer and the bot.
_NGIRCD: Final = """[Global]
Name = irc.localhost
Info = pushbot quickstart
AdminInfo1 = the quickstart of pushbot
AdminEMail = nobody@pushbot.invalid
Listen = {host}
Ports = {port}
MotdPhrase = This is the quickstart of pushbot

[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 30
MaxPenaltyTime = 0

[Options]
DNS = no
Ident = no
PAM = no
"""


class ServerKind(StrEnum):
    """The IRC servers that the quickstart can run, the better one first."""

    NGIRCD = "ngircd"
    MINIIRCD = "miniircd"


def server_command(plan: Plan, wanted: ServerKind | None) -> tuple[str, ...]:
    """The command line of the IRC server, its configuration written. Raises PushbotError when none is installed."""
    kinds = (wanted,) if wanted else tuple(ServerKind)
    for kind in kinds:
        path = _found(kind)
        if path:
            return _ngircd(plan, path) if kind is ServerKind.NGIRCD else _miniircd(plan, path)
    names = " or ".join(kinds)
    raise PushbotError(f"no IRC server ({names}) is here; run `apt-get install ngircd`, or `pip install miniircd`")


def _found(kind: ServerKind) -> str | None:
    """Where the server is; the folders for daemons, which are not on everybody's PATH, are looked into as well."""
    beside = Path(sys.executable).parent
    return shutil.which(
        kind, path=os.pathsep.join([str(beside), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    )


def _ngircd(plan: Plan, path: str) -> tuple[str, ...]:
    """Run by root it changes to `nobody` by itself, after it has read the file."""
    file = plan.var / "irc" / "ngircd.conf"
    file.parent.mkdir(exist_ok=True)
    file.write_text(_NGIRCD.format(host=plan.host, port=plan.port), encoding="utf-8")
    return (path, "--nodaemon", "--config", str(file))


def _miniircd(plan: Plan, path: str) -> tuple[str, ...]:
    """Run by root it has to be told to change to `nobody`."""
    command = (path, "--listen", plan.host, "--ports", str(plan.port))
    return (*command, "--setuid", "nobody") if os.geteuid() == 0 else command
