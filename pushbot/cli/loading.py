"""Loading code faster: what is loaded stays, and is not looked through for garbage while it gets more and more."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def loading() -> Iterator[None]:
    """Nothing is looked through in the meantime."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
