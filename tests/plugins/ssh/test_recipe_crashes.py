"""A host that dies between any two things done on it: the next run completes the work, and nothing is mixed."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from typing import TYPE_CHECKING, Self

import pytest

from pushbot_plugins.ssh.settings import Layout
from pushbot_plugins.ssh.worker.seams import HostTrouble
from tests.rig.shellhost import Origin, ShellHost, content

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot_plugins.ssh.settings import Releasing
    from pushbot_plugins.ssh.worker.recipe import Recipe

OLD = {"a": "old", "b": "old", "kept": "kept"}
NEW = {"a": "new", "b": "new", "kept": "kept", "more": "more"}
MOST = 60
"""Programs that a deploy starts on a host, at most."""


async def deployed(recipe: Recipe, host: ShellHost) -> None:
    await recipe.ship(host)
    await recipe.switch(host)
    await recipe.good(host)
    await recipe.clean(host)


@pytest.fixture(params=list(Layout))
def layout(request: pytest.FixtureRequest) -> Layout:
    return Layout(request.param)


async def test_a_host_dies_between_any_two_programs(tmp_path: Path, layout: Layout) -> None:
    origin, host = Origin(tmp_path), ShellHost(tmp_path / "web1")
    releasing = origin.releasing(host.root, layout=layout, keep=1)
    for number in range(2):
        await deployed(origin.recipe(releasing, origin.commit(a=f"{number}", b=f"{number}")), host)
    await deployed(origin.recipe(releasing, origin.commit(**OLD)), host)
    new = origin.commit(**NEW)
    start = tmp_path / "start"
    shutil.copytree(host.root, start, symlinks=True)
    steps = ("ship", "switch", "good", "clean")
    crashes = 0
    for step in range(len(steps)):
        for at in range(1, MOST):
            shutil.rmtree(host.root)
            shutil.copytree(start, host.root, symlinks=True)
            recipe = origin.recipe(releasing, new)
            for each in steps[:step]:
                await getattr(recipe, each)(host)
            host.dies_at = at
            try:
                # look is a script of its own: it has died, too, by the time that ship has got to the end
                await getattr(recipe, steps[step])(host)
            except HostTrouble:
                crashes += 1
            else:
                break
            finally:
                host.dies_at = None
            assert content(host.live) in (OLD, NEW)
            await deployed(origin.recipe(releasing, new), host)
            assert content(host.live) == NEW
            assert _rest(host.root, layout) == (["20", "20"] if layout is Layout.RELEASES else ["yang", "yin"])
        else:
            pytest.fail(f"{steps[step]} never got through")
    assert crashes > 15


def _rest(root: Path, layout: Layout) -> list[str]:
    """What we keep of releases, each with its folder."""
    names = sorted(path.name for path in (root / ".pushbot").iterdir() if path.is_dir())
    folder = root / "releases" if layout is Layout.RELEASES else root
    assert [path.name for path in sorted(folder.glob("[2y]*"))] == names
    return [name[:2] if name[:1] == "2" else name for name in names]


async def test_going_back_survives_dying_too(tmp_path: Path, layout: Layout) -> None:
    origin, host = Origin(tmp_path), ShellHost(tmp_path / "web1")
    releasing = origin.releasing(host.root, layout=layout)
    await deployed(origin.recipe(releasing, origin.commit(**OLD)), host)
    new = origin.commit(**NEW)
    for at in range(1, MOST):
        recipe = origin.recipe(releasing, new, run="web-9")
        await recipe.ship(host)
        await recipe.switch(host)
        host.dies_at = at
        try:
            await recipe.back(host)
        except HostTrouble:
            host.dies_at = None
            await origin.recipe(releasing, new, run="web-9").back(host)
            assert content(host.live) == OLD
        else:
            assert at > 3
            break
        finally:
            host.dies_at = None


async def test_nobody_ever_reads_two_releases_as_one(tmp_path: Path, layout: Layout) -> None:
    origin, host = Origin(tmp_path), ShellHost(tmp_path / "web1")
    releasing = origin.releasing(host.root, layout=layout, settle=0.05)
    await deployed(_made(origin, releasing, 0), host)
    with _Readers(host.root) as readers:
        for number in range(1, 6):
            await deployed(_made(origin, releasing, number), host)
        await asyncio.to_thread(readers.read_more, 100)
    assert not readers.wrong
    assert len(readers.seen) > 2


def _made(origin: Origin, releasing: Releasing, number: int) -> Recipe:
    files = {f"file{each}": f"release {number}" for each in range(20)}
    return origin.recipe(releasing, origin.commit(**files))


class _Readers:
    """Two threads that read releases the way a server does that takes the real path once for each request."""

    def __init__(self, root: Path) -> None:
        self.seen: set[str] = set()
        self.wrong: list[str] = []
        self.count = 0
        self._current = root / "current"
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._hammer) for _ in range(2)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def read_more(self, count: int) -> None:
        until = self.count + count
        while self.count < until and not self.wrong:
            self._done.wait(0.01)

    def _hammer(self) -> None:
        while not self._done.is_set():
            try:
                folder = os.open(self._current, os.O_RDONLY | os.O_DIRECTORY)
            except OSError as error:
                self.wrong.append(f"no release: {error}")
                return
            try:
                texts = {self._read(folder, f"file{each}") for each in range(20)}
            except OSError as error:
                self.wrong.append(f"half a release: {error}")
                return
            finally:
                os.close(folder)
            if len(texts) != 1:
                self.wrong.append(f"mixed: {texts}")
            self.seen |= texts
            self.count += 1

    @staticmethod
    def _read(folder: int, name: str) -> str:
        file = os.open(name, os.O_RDONLY, dir_fd=folder)
        try:
            return os.read(file, 100).decode()
        finally:
            os.close(file)
