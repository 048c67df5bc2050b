"""Real SSH servers for the tests of the ssh executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rig.sshd import Keys, SshdRig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Keys for all rigs of the session."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def rig(tmp_path: Path, ssh_keys: Keys) -> Iterator[SshdRig]:
    """An empty rig for one test: `rig.start(3)`."""
    with SshdRig(tmp_path / "rig", ssh_keys) as rig:
        yield rig
