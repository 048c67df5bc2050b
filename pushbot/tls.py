"""Whom connections over TLS trust: the same on every Python."""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def client_context(*, cafile: Path | None = None, cadata: str | None = None) -> ssl.SSLContext:
    """Trust in the PEM authorities of a file or a text, in the system's when there is neither; names are checked.

    The authorities may be intermediate ones, and are taken as they are. Python 3.13 demands extensions of them (key
    usage, key identifiers) that those of companies and of some Kubernetes clusters lack, and curl and kubectl do
    without. What is checked of the server remains: its chain, its name and its dates.

    Raises OSError when the file cannot be read or is no PEM, ValueError when the text is none.
    """
    context = ssl.create_default_context(cafile=cafile, cadata=cadata)  # noqa: TID251 - here it is made the same
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


@cache
def system_context() -> ssl.SSLContext:
    """Trust in the system's authorities, which are read once: it takes a while."""
    return client_context()
