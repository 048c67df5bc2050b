"""Releases on a host, with a real shell, tar and git: shipped, switched, gone back from, kept and deleted."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pushbot_plugins.ssh.settings import Layout
from pushbot_plugins.ssh.worker.seams import HostTrouble, StepFailed
from tests.rig.shellhost import Origin, ShellHost, content

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot_plugins.ssh.settings import Releasing
    from pushbot_plugins.ssh.worker.recipe import Recipe


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def host(tmp_path: Path) -> ShellHost:
    return ShellHost(tmp_path / "web1")


@pytest.fixture
def releasing(origin: Origin, host: ShellHost) -> Releasing:
    return origin.releasing(host.root)


async def deployed(recipe: Recipe, host: ShellHost) -> bool:
    await recipe.ship(host)
    changed = await recipe.switch(host)
    await recipe.good(host)
    await recipe.clean(host)
    return changed


async def test_a_first_release_and_the_next(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    first = origin.commit(index="one", lib="same")
    recipe = origin.recipe(releasing, first)
    before = await recipe.look(host)
    assert (before.live, before.there, before.before) == (None, None, None)
    assert await deployed(recipe, host)
    assert content(host.live) == {"index": "one", "lib": "same"}
    standing = await recipe.look(host)
    assert standing.done
    assert standing.live is not None
    assert (standing.live.revision, standing.live.run) == (first, "web-1")
    assert origin.told.steps == ["identify", "update", "check out"]

    second = origin.commit(index="two", lib="same", more="new")
    assert await deployed(origin.recipe(releasing, second), host)
    assert content(host.live) == {"index": "two", "lib": "same", "more": "new"}
    assert len(list((host.root / "releases").iterdir())) == 2
    assert host.fed[1] < host.fed[0] + 4096


async def test_what_did_not_change_is_linked_and_never_written_through(
    origin: Origin, host: ShellHost, releasing: Releasing
) -> None:
    await deployed(origin.recipe(releasing, origin.commit(changed="old", same="same", gone="x")), host)
    old = host.live
    await deployed(origin.recipe(releasing, origin.commit(changed="new", gone=None)), host)
    assert content(host.live) == {"changed": "new", "same": "same"}
    assert content(old) == {"changed": "old", "same": "same", "gone": "x"}
    assert (old / "same").stat().st_ino == (host.live / "same").stat().st_ino
    assert (old / "changed").stat().st_ino != (host.live / "changed").stat().st_ino


async def test_what_is_there_whole_is_not_shipped_again(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    recipe = origin.recipe(releasing, origin.commit(index="one"))
    await recipe.ship(host)
    await recipe.ship(host)
    assert len(host.fed) == 1
    assert not (host.root / "current").exists()
    assert await recipe.switch(host)
    assert not await recipe.switch(host)
    await recipe.good(host)
    assert not await recipe.switch(host)


async def test_back_to_what_was_live_also_from_a_later_process(
    origin: Origin, host: ShellHost, releasing: Releasing
) -> None:
    await deployed(origin.recipe(releasing, origin.commit(index="one")), host)
    old, second = host.live, origin.commit(index="two")
    recipe = origin.recipe(releasing, second, run="web-9")
    await recipe.ship(host)
    assert not await recipe.back(host), "this run has switched nothing"
    await recipe.switch(host)
    assert host.live != old
    again = origin.recipe(releasing, second, run="web-9")
    assert await again.back(host)
    assert host.live == old
    assert not await again.back(host)
    other = origin.recipe(releasing, second, run="web-10")
    assert not await other.back(host)


async def test_a_first_release_has_nothing_to_go_back_to(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    recipe = origin.recipe(releasing, origin.commit(index="one"))
    await recipe.ship(host)
    await recipe.switch(host)
    with pytest.raises(HostTrouble, match="nothing to go back to"):
        await recipe.back(host)


async def test_the_way_back_from_what_was_never_well_leads_past_it(
    origin: Origin, host: ShellHost, releasing: Releasing
) -> None:
    await deployed(origin.recipe(releasing, origin.commit(index="good")), host)
    good = host.live
    died = origin.recipe(releasing, origin.commit(index="bad"))
    await died.ship(host)
    await died.switch(host)
    assert content(host.live) == {"index": "bad"}
    retried = origin.recipe(releasing, origin.commit(index="worse"))
    await retried.ship(host)
    assert await retried.switch(host)
    await retried.clean(host)
    assert (await retried.look(host)).before == (await retried.look(host)).releases[0]
    assert await retried.back(host)
    assert host.live == good


async def test_a_retry_takes_over_the_way_back(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    await deployed(origin.recipe(releasing, origin.commit(index="good")), host)
    good, second = host.live, origin.commit(index="two")
    died = origin.recipe(releasing, second, run="web-7")
    await died.ship(host)
    await died.switch(host)
    retried = origin.recipe(releasing, second, run="web-8")
    await retried.ship(host)
    assert not await retried.switch(host)
    assert await retried.back(host)
    assert host.live == good


async def test_a_rollback_finds_the_release_on_the_host(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    first = origin.commit(index="one")
    await deployed(origin.recipe(releasing, first), host)
    await deployed(origin.recipe(origin.releasing(host.root, build="touch built"), origin.commit(index="two")), host)
    assert content(host.live) == {"index": "two", "built": ""}
    (host.live.parent.parent / "releases").joinpath("x").write_text("")
    origin.told.steps.clear()
    shipped = len(host.fed)
    changed = origin.releasing(host.root, build="touch built", repository="/nowhere")
    recipe = origin.recipe(changed, first, reverting=True)
    assert await deployed(recipe, host)
    assert content(host.live) == {"index": "one"}
    assert (len(host.fed), origin.told.steps) == (shipped, [])


async def test_other_options_make_another_release_of_the_same_revision(
    origin: Origin, host: ShellHost, releasing: Releasing
) -> None:
    first = origin.commit(index="one")
    await deployed(origin.recipe(releasing, first), host)
    assert await deployed(origin.recipe(origin.releasing(host.root, build="touch built"), first), host)
    assert content(host.live) == {"index": "one", "built": ""}


async def test_good_releases_are_kept_and_nothing_else(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, keep=2)
    for number in range(4):
        recipe = origin.recipe(releasing, origin.commit(index=f"good {number}"))
        await recipe.ship(host)
        await recipe.switch(host)
        await recipe.good(host)
    last_good = host.live
    failed = origin.recipe(releasing, origin.commit(index="failed"))
    await failed.ship(host)
    await failed.switch(host)
    await failed.back(host)
    left = host.root / ".pushbot" / "new-crashed"
    (left / "files").mkdir(parents=True)
    foreign = host.root / "releases" / "20200101000000"
    foreign.mkdir()
    await failed.clean(host)
    texts = sorted(path.read_text() for path in (host.root / "releases").glob("*/index"))
    assert texts == ["good 2", "good 3"]
    assert host.live == last_good
    assert foreign.is_dir(), "it is none of ours"
    assert not left.exists()
    assert len(list((host.root / ".pushbot").glob("2*"))) == 2


async def test_the_one_to_go_back_to_is_kept(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, keep=1)
    first = origin.recipe(releasing, origin.commit(index="one"))
    await first.ship(host)
    await first.switch(host)
    old = host.live
    second = origin.recipe(releasing, origin.commit(index="two"))
    assert await deployed(second, host)
    assert await second.back(host)
    assert host.live == old


async def test_releases_made_by_hand_are_gone_back_to(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    by_hand = host.root / "releases" / "20990101000000"
    by_hand.mkdir(parents=True)
    (host.root / "current").symlink_to(by_hand)
    recipe = origin.recipe(releasing, origin.commit(index="ours"))
    standing = await recipe.look(host)
    assert standing.live is not None
    assert standing.live.name == "releases/20990101000000"
    assert await deployed(recipe, host)
    assert host.live.name == "20990101000001"
    assert await recipe.back(host)
    assert host.live == by_hand


async def test_good_is_only_what_is_live(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    await deployed(origin.recipe(releasing, origin.commit(index="one")), host)
    recipe = origin.recipe(releasing, origin.commit(index="two"))
    await recipe.ship(host)
    with pytest.raises(HostTrouble, match="something else is live"):
        await recipe.good(host)


async def test_a_flip_by_somebody_else_is_respected(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    await deployed(origin.recipe(releasing, origin.commit(index="one")), host)
    recipe = origin.recipe(releasing, origin.commit(index="two"))
    await recipe.ship(host)
    await recipe.switch(host)
    (host.root / "by-hand").mkdir()
    (host.root / "current").unlink()
    (host.root / "current").symlink_to("by-hand")
    with pytest.raises(HostTrouble, match="something else is live there now: by-hand"):
        await recipe.back(host)


async def test_no_second_flip_within_the_settle_time(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, settle=0.4)
    await deployed(origin.recipe(releasing, origin.commit(index="one")), host)
    flipped = (host.root / "current").lstat().st_mtime
    recipe = origin.recipe(releasing, origin.commit(index="two"))
    await recipe.ship(host)
    await recipe.switch(host)
    again = (host.root / "current").lstat().st_mtime
    assert 0.39 <= again - flipped < 5
    await recipe.back(host)
    assert 0.39 <= (host.root / "current").lstat().st_mtime - again < 5


async def test_yin_and_yang_take_turns(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, layout=Layout.YIN_YANG, settle=0.3, shared=("log",))
    revisions = [origin.commit(index=f"{number}", same="same") for number in range(3)]
    names = []
    for revision in revisions:
        began = time.monotonic()
        await deployed(origin.recipe(releasing, revision), host)
        names.append(host.live.name)
        assert names == ["yin"] or time.monotonic() - began > 0.2, "the other root is overwritten only later, too"
    assert names == ["yin", "yang", "yin"]
    assert content(host.root / "yin")["index"] == "2"
    assert content(host.root / "yang")["index"] == "1"
    (host.root / "yin" / "log" / "x").write_text("x")
    assert (host.root / "shared" / "log" / "x").exists()
    assert len(host.fed) == 3
    assert await deployed(origin.recipe(releasing, revisions[1], reverting=True), host)
    assert (host.live.name, len(host.fed)) == ("yang", 3)
    assert sorted(path.name for path in host.root.iterdir()) == [".pushbot", "current", "shared", "yang", "yin"]


async def test_shared_paths_lead_to_one_place(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, shared=("var/log", "data"))
    (origin.folder / "var").mkdir()
    origin.commit(**{"var/keep": "", "index": "one"})
    await deployed(origin.recipe(releasing, origin.git("rev-parse", "HEAD")), host)
    (host.live / "var" / "log" / "app.log").write_text("line")
    (host.live / "data" / "db").write_text("rows")
    await deployed(origin.recipe(releasing, origin.commit(index="two")), host)
    assert (host.live / "var" / "log" / "app.log").read_text() == "line"
    assert (host.root / "shared" / "data" / "db").read_text() == "rows"
    assert (host.live / "var" / "keep").is_file()


async def test_a_shared_file_has_to_be_there(origin: Origin, host: ShellHost) -> None:
    releasing = origin.releasing(host.root, shared=("settings.ini",))
    recipe = origin.recipe(releasing, origin.commit(settings__ini="example", index="one"))
    with pytest.raises(HostTrouble, match=r"shared/settings\.ini is missing: put there what this host is to have"):
        await recipe.ship(host)
    (host.root / "shared").mkdir()
    (host.root / "shared" / "settings.ini").write_text("real")
    await deployed(recipe, host)
    assert (host.live / "settings.ini").read_text() == "real"


async def test_a_changed_release_is_not_built_upon(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    first = origin.commit(index="one", same="same")
    await deployed(origin.recipe(releasing, first), host)
    (host.live / "same").write_text("SAME")
    (host.live / "cache.pyc").write_text("made there")
    await deployed(origin.recipe(releasing, origin.commit(index="two")), host)
    assert content(host.live) == {"index": "two", "same": "same"}
    assert len(host.fed) == 3
    assert any("cannot be built upon" in note for note in origin.told.notes)
    assert await deployed(origin.recipe(releasing, first, reverting=True), host)
    assert content(host.live) == {"index": "one", "same": "same"}, "nor is it gone back to"


async def test_files_made_beside_do_not_matter(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    first = origin.commit(index="one", same="same")
    await deployed(origin.recipe(releasing, first), host)
    (host.live / "cache.pyc").write_text("made there")
    await deployed(origin.recipe(releasing, origin.commit(index="two")), host)
    assert content(host.live) == {"index": "two", "same": "same"}
    assert len(host.fed) == 2
    await deployed(origin.recipe(releasing, first, reverting=True), host)
    assert len(host.fed) == 2


@pytest.mark.parametrize("verify_all", [False, True])
async def test_a_change_without_a_trace_is_found_when_all_is_verified(
    origin: Origin, host: ShellHost, verify_all: bool
) -> None:
    releasing = origin.releasing(host.root, verify_all=verify_all)
    first = origin.commit(index="one", same="same")
    await deployed(origin.recipe(releasing, first), host)
    path = host.live / "same"
    was = path.stat()
    path.write_text("SAME")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    await deployed(origin.recipe(releasing, origin.commit(index="two")), host)
    assert content(host.live)["same"] == ("same" if verify_all else "SAME")
    await deployed(origin.recipe(releasing, first, reverting=True), host)
    assert content(host.live)["same"] == ("same" if verify_all else "SAME")


async def test_compressed(origin: Origin, host: ShellHost) -> None:
    text = "all the same\n" * 10_000
    await deployed(origin.recipe(origin.releasing(host.root, compression=True), origin.commit(index=text)), host)
    assert content(host.live) == {"index": text}
    assert host.fed[0] < 5000


async def test_a_stream_that_is_cut_leaves_nothing_half(origin: Origin, host: ShellHost, releasing: Releasing) -> None:
    recipe = origin.recipe(releasing, origin.commit(**{f"file{number}": f"{number}" * 900 for number in range(9)}))
    await recipe.prepare()
    for cut in (0, 100, 512 * 3, 512 * 9, 512 * 22, 512 * 31):
        host.cut = cut
        with pytest.raises(HostTrouble, match=r"cut or damaged|not what was sent"):
            await recipe.ship(host)
        assert not list((host.root / "releases").iterdir())
        assert not list((host.root / ".pushbot").iterdir())
    assert await deployed(recipe, host)
    assert len(content(host.live)) == 9


async def test_a_package_that_fails_fails_once(origin: Origin, host: ShellHost) -> None:
    counted = origin.folder.parent / "builds"
    releasing = origin.releasing(
        host.root, build=f'echo "$PUSHBOT_REVISION" >>{counted}; echo "no compiler" >&2; exit 3'
    )
    recipe = origin.recipe(releasing, origin.commit(index="one"))
    for _ in range(2):
        with pytest.raises(StepFailed, match=r"the build failed \(3\): no compiler") as caught:
            await recipe.ship(host)
        assert caught.value.step == "check out"
    assert counted.read_text().split() == [origin.git("rev-parse", "HEAD")]
    assert b"no compiler" in b"".join(origin.told.said)


async def test_built_once_for_all_stages(origin: Origin, host: ShellHost, tmp_path: Path) -> None:
    build = 'date +%s%N >built; echo "$PUSHBOT_LANE${PUSHBOT_STAGE-}" >lane'
    revision = origin.commit(index="one")
    other = ShellHost(tmp_path / "web2")
    await deployed(origin.recipe(origin.releasing(host.root, build=build), revision), host)
    await deployed(origin.recipe(origin.releasing(other.root, build=build), revision), other)
    assert content(host.live) == content(other.live)
    assert content(host.live)["lane"] == "web\n"
    assert (host.live / "built").stat().st_mtime == (other.live / "built").stat().st_mtime
