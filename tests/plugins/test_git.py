"""GitRepository on real repositories, near and far, with refs and messages that mean harm."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushbot.errors import PushbotError
from pushbot_plugins.git import GitOptions, GitRepository

COMMITTER = {
    "GIT_AUTHOR_NAME": "Alice",
    "GIT_AUTHOR_EMAIL": "alice@example.org",
    "GIT_COMMITTER_NAME": "Alice",
    "GIT_COMMITTER_EMAIL": "alice@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(folder: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=os.environ | COMMITTER | environment,
        check=True,
        capture_output=True,
        text=True,
        errors="surrogateescape",
    )
    return done.stdout.strip()


def commit(folder: Path, name: str, text: str, message: str = "Change it", **environment: str) -> str:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty-message", "--message", message, **environment)
    return git(folder, "rev-parse", "HEAD")


def lives(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "web/app.py", "one\n", "Serve the first page")
    return folder


@pytest.fixture(params=["local", "mirror"])
def repository(origin: Path, tmp_path: Path, request: pytest.FixtureRequest) -> GitRepository:
    if request.param == "local":
        return GitRepository(GitOptions(url=str(origin)))
    return GitRepository(GitOptions(url=f"file://{origin}", cache=tmp_path / "cache" / "mirror.git"))


async def test_branch_tag_and_ids_resolve_to_what_they_name_now(origin: Path, repository: GitRepository) -> None:
    first = git(origin, "rev-parse", "HEAD")
    git(origin, "tag", "-a", "v1@x", "-m", "first")
    assert await repository.resolve("main") == first
    second = commit(origin, "web/app.py", "two\n")
    assert await repository.resolve("main") == second
    assert await repository.resolve("v1@x") == first
    assert await repository.resolve(first) == first
    assert await repository.resolve(first[:9]) == first


async def test_a_branch_goes_before_a_tag_of_its_name(origin: Path, repository: GitRepository) -> None:
    git(origin, "tag", "main")
    second = commit(origin, "web/app.py", "two\n")
    assert await repository.resolve("main") == second


async def test_an_unknown_ref_names_the_nearest(origin: Path, repository: GitRepository) -> None:
    git(origin, "branch", "feature/topic")
    with pytest.raises(PushbotError, match=r"no branch, tag or commit 'feature/topik'; the nearest are feature/topic"):
        await repository.resolve("feature/topik")


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=touch x",
        "-rf",
        "",
        "main..main",
        "main:app.py",
        "main; rm -rf /",
        "$(id)",
        "a\nb",
        "main^{/x}",
        "é\0",
    ],
)
async def test_a_ref_from_chat_is_never_an_option_nor_a_range(repository: GitRepository, ref: str) -> None:
    with pytest.raises(PushbotError, match="is no name of"):
        await repository.resolve(ref)
    with pytest.raises(PushbotError, match="is no name of"):
        await repository.changes(None, ref)


async def test_changes_are_counted_and_named(origin: Path, repository: GitRepository) -> None:
    old = git(origin, "rev-parse", "HEAD")
    at = {"GIT_COMMITTER_DATE": "1700000000 +0100"}
    commit(origin, "web/app.py", "one\ntwo\n", "Add the second line", **at)
    new = commit(origin, "docs/x.md", "a\nb\n", "Write it down", GIT_AUTHOR_NAME="Bob", **at)
    found = await repository.changes(old, new)
    assert [(each.subject, each.author) for each in found.commits] == [
        ("Write it down", "Bob"),
        ("Add the second line", "Alice"),
    ]
    assert found.commits[0].id == new
    assert found.commits[0].at == datetime.fromtimestamp(1700000000, UTC)
    assert (found.total, found.files, found.insertions, found.deletions) == (2, 2, 3, 0)
    assert set(found.authors) == {"Alice", "Bob"}
    below = await repository.changes(old, new, path="docs")
    assert (below.total, below.authors, below.files, below.insertions) == (1, ("Bob",), 1, 2)
    assert (await repository.changes(old, new, path="docs/*")).total == 0
    limited = await repository.changes(None, new, limit=1)
    assert (len(limited.commits), limited.total, limited.files, limited.insertions) == (1, 3, 2, 4)
    assert limited.authors == ("Alice", "Bob")


async def test_a_rollback_ships_nothing_and_a_fork_only_its_own(origin: Path, repository: GitRepository) -> None:
    old = git(origin, "rev-parse", "HEAD")
    new = commit(origin, "web/app.py", "two\n")
    back = await repository.changes(new, old)
    assert (back.commits, back.total, back.files) == ((), 0, 0)
    git(origin, "checkout", "--quiet", "-b", "fix", old)
    fix = commit(origin, "fix.txt", "x\n", "Fix it")
    forked = await repository.changes(new, fix)
    assert ([each.subject for each in forked.commits], forked.files) == (["Fix it"], 1)
    git(origin, "checkout", "--quiet", "--orphan", "other")
    other = commit(origin, "other.txt", "x\n", "Begin again")
    assert (await repository.changes(new, other)).total == 1


async def test_odd_messages_names_and_dates_are_survived(origin: Path, repository: GitRepository) -> None:
    old = git(origin, "rev-parse", "HEAD")
    commit(origin, "a\tb\n\xff", "x", "a\tb\x02\u2028c%x00%H\n\nbody", GIT_AUTHOR_NAME="T\tab\u2028")
    commit(origin, "web/app.py", "3", "", GIT_AUTHOR_NAME="Zoë 🚂")
    new = commit(origin, "web/app.py", "4", "far away", GIT_COMMITTER_DATE="@99999999999999 +0000")
    found = await repository.changes(old, new)
    assert found.total == 3
    assert {each.subject for each in found.commits} == {"a\tb\x02\u2028c%x00%H", "", "far away"}
    assert set(found.authors) == {"T\tab\u2028", "Zoë 🚂", "Alice"}
    assert max(each.at.year for each in found.commits) == 9999


async def test_a_path_from_chat_is_never_an_option_nor_a_pattern(origin: Path, repository: GitRepository) -> None:
    head = git(origin, "rev-parse", "HEAD")
    for path in ("--output=x", ":(top)web", "web/*", "-rf", "nowhere", "--"):
        assert (await repository.changes(None, head, path=path)).total == 0
    for path in ("../../etc/passwd", "/etc/passwd", "a\0b"):
        with pytest.raises(PushbotError):
            await repository.changes(None, head, path=path)


async def test_an_unknown_revision_is_said(repository: GitRepository) -> None:
    with pytest.raises(PushbotError, match="has no revision"):
        await repository.changes(None, "0123456789" * 4)


async def test_a_folder_without_repository_is_said_even_inside_another(origin: Path) -> None:
    with pytest.raises(PushbotError, match=r"no git repository at .*/none"):
        await GitRepository(GitOptions(url=str(origin / "none"))).resolve("main")
    with pytest.raises(PushbotError, match="not a git repository"):
        await GitRepository(GitOptions(url=str(origin / "web"))).resolve("main")


async def test_an_unreachable_remote_is_said_without_its_password(tmp_path: Path) -> None:
    url = "http://me:sesame@127.0.0.1:9/x.git"
    with pytest.raises(PushbotError, match="cannot fetch") as caught:
        await GitRepository(GitOptions(url=url, cache=tmp_path / "m")).resolve("main")
    assert "sesame" not in str(caught.value)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_a_known_id_resolves_while_the_remote_is_away(origin: Path, tmp_path: Path) -> None:
    repository = GitRepository(GitOptions(url=f"file://{origin}", cache=tmp_path / "mirror"))
    first = await repository.resolve("main")
    await asyncio.to_thread(origin.rename, tmp_path / "away")
    assert await repository.resolve(first) == first
    with pytest.raises(PushbotError, match="cannot fetch"):
        await repository.resolve("main")


async def test_many_at_once_share_one_mirror(origin: Path, tmp_path: Path) -> None:
    cache = tmp_path / "mirror"
    each = [GitRepository(GitOptions(url=f"file://{origin}", cache=cache)) for _ in range(4)]
    for text in ("two", "three"):
        wanted = commit(origin, "web/app.py", text)
        async with asyncio.TaskGroup() as group:
            found = [group.create_task(one.resolve("main")) for one in each]
        assert [task.result() for task in found] == [wanted] * 4


async def test_missing_git_names_the_package(origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(origin))
    with pytest.raises(PushbotError, match="apt-get install git"):
        await GitRepository(GitOptions(url=str(origin))).resolve("main")


async def test_a_git_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "pids"
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\ntrap '' TERM\necho $$ >> {note}\nwhile :; do sleep 60; done\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    repository = GitRepository(GitOptions(url="host.invalid:x.git", cache=tmp_path / "m", timeout=2.0))
    with pytest.raises(PushbotError, match=r"took more than 2s"):
        await repository.resolve("main")
    pid = int(note.read_text().split()[0])
    deadline = time.monotonic() + 20
    while lives(pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_our_own_git_environment_does_not_lead_astray(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = git(origin, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert await GitRepository(GitOptions(url=str(origin))).resolve("main") == first
