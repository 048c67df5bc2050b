"""What each verb does; every one may be repeated after a crash, and returns the line to print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, NoReturn

from pushbot_plugins.release import service, source
from pushbot_plugins.release.root import Release, Root, State
from pushbot_plugins.release.trouble import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pushbot_plugins.release.service import Address

_NEED: Final = re.compile(r"([\w.+-]+)(?:>=(\d+(?:\.\d+)*))?")
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")
_MEGABYTE: Final = 1_000_000


def preflight(root: Root, megabytes: int, needs: Sequence[str]) -> str:
    """See that the root can be written, has `megabytes` free, and that the commands in `needs` are there."""
    with root.locked():
        free = shutil.disk_usage(root.folder).free // _MEGABYTE
        if free < megabytes:
            raise ReleaseError(f"{root.folder} has {free} MB free and {megabytes} are wanted; delete something there")
    found = [_needed(need) for need in needs]
    return ", ".join([f"{free} MB free", *found])


def checkout(root: Root, url: str, revision: str, run: str, shares: Sequence[str]) -> str:
    """Make a release of `revision`, or find the one that `run` has made already."""
    if not revision:
        raise ReleaseError("no revision is given; set PUSHBOT_REVISION or say --revision")
    with root.locked():
        commit = source.mirrored(root.mirror, url, revision)
        made = [release for release in root.all() if run and (release.run, release.revision) == (run, commit)]
        if made:
            return f"release {made[-1].name} of {commit} is there already"
        folder = root.scratch()
        source.export(root.mirror, commit, folder)
        for share in shares:
            _share(root, folder, share)
        release = root.add(folder, commit, run)
    return f"release {release.name} of {commit}"


def inside(root: Root, command: Sequence[str], run: str) -> NoReturn:
    """Become `command`, in the folder of the release of `run`."""
    folder = root.path(root.of_run(run))
    try:
        os.chdir(folder)
        os.execvp(command[0], list(command))  # noqa: S606 - no shell is the point
    except OSError as error:
        raise ReleaseError(f"cannot run {command[0]!r} in {folder}: {error.strerror}") from error


def publish(root: Root, run: str) -> str:
    """Make the release of `run` (the newest one if empty) live."""
    with root.locked():
        release, live = root.of_run(run), root.live()
        if live and live.name == release.name:
            return f"release {release.name} is live already"
        release = root.write(replace(release, replaced=live.name if live else None))
        root.flip(release)
    return f"release {release.name} is live, before it {release.replaced or 'nothing'}"


def restart(
    root: Root,
    command: Sequence[str],
    *,
    address: Address | None,
    pidfile: Path,
    log: Path,
    grace: float,
    wait: float,
) -> str:
    """End the service, wait for its port, start that of the live release and see it listen."""
    with root.locked():
        live = root.live()
        if live is None:
            raise ReleaseError(f"nothing is live in {root.folder}; the step that publishes comes first")
        service.stop(pidfile, grace)
        if address:
            service.await_free(address, grace)
        ours = {name: value for name, value in os.environ.items() if name != "PUSHBOT_RUN"}  # it is no part of the run
        environment = ours | ({"PORT": str(address.port)} if address else {})
        process = service.start(command, root.path(live).resolve(), pidfile, log, environment)
        service.await_listening(process, address, wait if address else min(wait, 0.3), log)
    return f"release {live.name} runs as process {process.pid}" + (f" on port {address.port}" if address else "")


def stop(root: Root, pidfile: Path, grace: float) -> str:
    """End the service, if it runs."""
    with root.locked():
        return "the service has ended" if service.stop(pidfile, grace) else "no service was running"


def good(root: Root, run: str) -> str:
    """Mark the live release good; in a deploy that has to be the run's own."""
    with root.locked():
        live = root.live()
        if live is None:
            raise ReleaseError(f"nothing is live in {root.folder}, so nothing can be good")
        if run and run not in {live.run, live.restored_by}:
            raise ReleaseError(
                f"release {live.name} is live and is not of run {run}; something else was published since"
            )
        root.mark(live, State.GOOD)
    return f"release {live.name} is good"


def cleanup(root: Root, keep: int) -> str:
    """Delete failed releases, and good ones but for the newest `keep`; never the live one."""
    with root.locked():
        root.sweep()
        live, releases = root.live(), root.all()
        newest = [release.name for release in releases if release.state is State.GOOD][-keep:] if keep > 0 else []
        stay = {*newest, live.name if live else None}
        gone = [release for release in releases if release.name not in stay]
        for release in gone:
            root.remove(release)
    return f"deleted {len(gone)} of {len(releases)} releases"


def rollback(root: Root, revision: str, run: str) -> str:
    """Make a good release live again: the newest of `revision`, else the last good one before the live one.

    The release that it takes over from is marked bad, so that no later rollback returns to it.
    """
    with root.locked():
        live = root.live()
        target = next((each for each in root.all() if run and each.restored_by == run), None)
        if target is None:
            target = _target(root, live, revision)
            left = live.name if live and live.name != target.name else None
            target = root.write(replace(target, restored_by=run or None, replaced=left))
        root.flip(target)
        left_release = root.read(target.replaced) if target.replaced else None
        if left_release and left_release.state is not State.BAD:
            root.mark(left_release, State.BAD)
    return f"release {target.name} of {target.revision} is live again"


def listing(root: Root) -> str:
    """The releases, one a line, the live one with a star."""
    live = root.live()
    star = live.name if live else None
    lines = [
        f"{'*' if each.name == star else ' '} {each.name}  {each.state:<4}  {each.revision[:12]}  {each.run}"
        for each in root.all()
    ]
    return "\n".join(lines) or f"no releases in {root.folder}"


def _target(root: Root, live: Release | None, revision: str) -> Release:
    """The release to go back to."""
    wanted = root.last_good(revision=revision) if revision else None
    if wanted is None:
        wanted = root.last_good(before=live if live and live.state is State.GOOD else None)
    if wanted is None:
        raise ReleaseError(f"no good release to go back to is left in {root.folder}; deploy one")
    return wanted


def _share(root: Root, folder: Path, share: str) -> None:
    """Let `share` in the release lead to the same path below shared/."""
    path = PurePosixPath(share)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ReleaseError(f"--share takes a path below the release, not {share!r}")
    kept, link = root.shared / path, folder / path
    kept.parent.mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    if kept.exists():
        shutil.rmtree(link, ignore_errors=True)  # a file there makes the link fail, and says so
    elif link.exists():
        link.rename(kept)
    else:
        kept.mkdir()
    link.symlink_to(kept)


def _needed(need: str) -> str:
    """What a wanted command says of itself; an error when it is missing or too old."""
    match = _NEED.fullmatch(need)
    if not match:
        raise ReleaseError(f"--need takes a command or COMMAND>=VERSION, not {need!r}")
    name, wanted = match[1], match[2]
    path = shutil.which(name)
    if path is None:
        raise ReleaseError(f"{name} is wanted here and is not on the PATH; install it")
    if wanted is None:
        return name
    try:
        done = subprocess.run(
            (path, "--version"), capture_output=True, text=True, errors="replace", timeout=10, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ReleaseError(f"`{name} --version` did not end in 10s") from error
    found = _VERSION.search(done.stdout + done.stderr)
    if not found or _numbers(found[0]) < _numbers(wanted):
        raise ReleaseError(
            f"{name} {wanted} or newer is wanted, found {found[0] if found else 'no version'}; update it"
        )
    return f"{name} {found[0]}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
