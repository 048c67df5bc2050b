"""The check that looks into git, with real repositories, read in place and over a mirror."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pushbot.errors import PushbotError
from pushbot.ports import Change, Check, Finding, Standing, Touched, Verdict
from pushbot.testing.contracts.check import CheckContract, change_in
from pushbot.testing.repository import MemoryRepository
from pushbot_plugins.checks.git import GitCheck
from pushbot_plugins.checks.globs import matching
from pushbot_plugins.checks.incident import IncidentCheck
from pushbot_plugins.git import GitOptions, GitRepository
from tests.service.world import QUIET, commit

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@x", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@x"}
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | QUIET | who, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """`main` with one commit; `fix` beside it; then `main` goes on with a change of the same line."""
    folder = tmp_path / "source"
    folder.mkdir()
    commit(folder, "app.py", subject="begin")
    git(folder, "branch", "base")
    git(folder, "checkout", "-q", "-b", "fix")
    commit(folder, "app.py", subject="fix it")
    commit(folder, "migrations/1.sql", subject="a table")
    git(folder, "checkout", "-q", "-b", "side", "base")
    commit(folder, "docs/a ü.txt", subject="say more")
    git(folder, "checkout", "-q", "main")
    commit(folder, "app.py", subject="go on")
    return folder


@pytest.fixture(params=["in place", "mirrored"])
def repository(source: Path, tmp_path: Path, request: pytest.FixtureRequest) -> GitRepository:
    url = str(source) if request.param == "in place" else f"file://{source}"
    return GitRepository(GitOptions(url=url, cache=tmp_path / "mirror.git"))


def check(**options: object) -> GitCheck:
    return GitCheck(GitCheck.Options.model_validate(options))


async def look(repository: GitRepository, tmp_path: Path, ref: str, old: str | None, **options: object) -> Verdict:
    previous = None if old is None else await repository.resolve(old)
    change = change_in(tmp_path, await repository.resolve(ref), previous, repository)
    return await check(**options).look(change)


class TestTheContract(CheckContract):
    @pytest.fixture(autouse=True)
    def _with(self, source: Path) -> None:
        self.source = source

    def change(self, directory: Path, ref: str) -> Change:
        repository = GitRepository(GitOptions(url=str(self.source)))
        return change_in(
            directory, git(self.source, "rev-parse", ref), git(self.source, "rev-parse", "base"), repository
        )

    def good(self, directory: Path) -> tuple[Check, Change]:
        return check(merges=True), self.change(directory, "side")

    def bad(self, directory: Path) -> tuple[Check, Change]:
        return check(merges=True), self.change(directory, "fix")


async def test_what_does_not_merge_fails_and_nothing_is_written(
    repository: GitRepository, source: Path, tmp_path: Path
) -> None:
    def objects() -> str:
        return git(source, "count-objects", "-v")

    before = objects()
    found = await look(repository, tmp_path, "fix", None, merges=True)
    assert found == Verdict(Finding.FAILED, "it does not merge with main: app.py")
    assert (await look(repository, tmp_path, "side", None, merges=True)).finding is Finding.PASSED
    assert objects() == before
    assert await repository.standing(await repository.resolve("fix"), "main") == Standing(1, ("app.py",))
    assert await repository.standing(await repository.resolve("main"), "side") == Standing(1)


async def test_what_is_not_up_to_date_fails(repository: GitRepository, tmp_path: Path) -> None:
    found = await look(repository, tmp_path, "side", None, up_to_date=True)
    assert found == Verdict(Finding.FAILED, "it lacks 1 commit of main")
    assert (await look(repository, tmp_path, "main", None, up_to_date=True)).finding is Finding.PASSED
    with pytest.raises(PushbotError, match="no branch, tag or commit 'trunk'"):
        await look(repository, tmp_path, "side", None, up_to_date=True, branch="trunk")


async def test_paths_ask_and_forbidden_ones_fail(repository: GitRepository, tmp_path: Path) -> None:
    asks = await look(repository, tmp_path, "fix", "base", paths=["migrations/**"])
    assert asks == Verdict(Finding.ASKS, "1 file in migrations/** changed (migrations/1.sql)")
    fails = await look(repository, tmp_path, "fix", "base", paths=["migrations/**"], forbidden=["*.py"])
    assert fails.finding is Finding.FAILED
    assert fails.why.startswith("1 file in *.py changed, which is forbidden (app.py); 1 file in migrations/**")
    back = await look(repository, tmp_path, "base", "fix", paths=["migrations/**"])
    assert back.finding is Finding.ASKS  # a table that goes away is worth a question too
    first = await look(repository, tmp_path, "fix", None, paths=["migrations/**"])
    assert first.finding is Finding.ASKS
    assert (await look(repository, tmp_path, "side", "base", paths=["migrations/**"])).finding is Finding.PASSED


async def test_the_size_is_asked_about_above_a_limit(repository: GitRepository, tmp_path: Path) -> None:
    files = await look(repository, tmp_path, "fix", "base", max_files=1)
    assert files == Verdict(Finding.ASKS, "2 files changed, more than 1")
    lines = await look(repository, tmp_path, "fix", "base", max_files=2, max_lines=1)
    assert lines == Verdict(Finding.ASKS, "2 lines changed, more than 1")
    assert (await look(repository, tmp_path, "fix", None, max_files=1)).finding is Finding.PASSED


async def test_files_are_told_under_all_their_names(repository: GitRepository, source: Path) -> None:
    (source / "logo").write_bytes(b"\0\1")
    git(source, "mv", "app.py", "main.py")
    new = commit(source, "new\nline", subject="x")
    found = await repository.touched(await repository.resolve("base"), new)
    names = {file.path: file for file in found}
    assert names.keys() == {"app.py", "main.py", "logo", "new\nline"}
    assert names["logo"] == Touched("logo")
    assert "docs/a ü.txt" in {file.path for file in await repository.touched(None, await repository.resolve("side"))}


async def test_an_export_runs_no_hook_and_leaves_the_repository_alone(
    repository: GitRepository, source: Path, tmp_path: Path
) -> None:
    hook = source / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    before = git(source, "status", "--porcelain"), git(source, "rev-parse", "HEAD")
    await repository.export(await repository.resolve("fix"), folder)
    assert sorted(each.name for each in folder.iterdir()) == ["app.py", "migrations"]
    assert (git(source, "status", "--porcelain"), git(source, "rev-parse", "HEAD")) == before
    assert not (tmp_path / "hooked").exists()


async def test_without_git_there_is_no_verdict(tmp_path: Path) -> None:
    for repository in (None, MemoryRepository()):
        with pytest.raises(PushbotError, match="no git repository"):
            await check(merges=True).look(change_in(tmp_path, repository=repository))


def test_a_check_of_nothing_is_a_mistake() -> None:
    for wrong in ({}, {"paths": ["/etc"]}, {"paths": ["migrations/"]}, {"max_files": 0}):
        with pytest.raises(ValidationError):
            GitCheck.Options.model_validate(wrong)


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        ("migrations/**", ["migrations/1.sql", "migrations/a/b", "migrations/x\ny"], ["migrations", "db/migrations/1"]),
        ("**/migrations/**", ["migrations/1", "a/b/migrations/c/d"], ["amigrations/1"]),
        ("*.py", ["app.py"], ["a/app.py", "app.pyc"]),
        ("**/*.py", ["app.py", "a/b/app.py"], ["a/b/app.pyc"]),
        ("db/?.sql", ["db/1.sql"], ["db/12.sql", "db//.sql"]),
        ("a+b(c)", ["a+b(c)"], ["aab(c)"]),
    ],
)
def test_patterns_fit_whole_paths(pattern: str, fits: list[str], not_: list[str]) -> None:
    found = matching(pattern)
    assert [path for path in fits if found.fullmatch(path)] == fits
    assert not [path for path in not_ if found.fullmatch(path)]


async def test_nothing_goes_while_an_incident_is_open(tmp_path: Path) -> None:
    incident = IncidentCheck(IncidentCheck.Options())
    assert (await incident.look(change_in(tmp_path))).finding is Finding.PASSED
    change = Change("web", "production", "x", None, None, "alice", (), tmp_path, incident="checkout errors")
    found = await incident.look(change)
    assert found == Verdict(Finding.FAILED, "an incident is open (checkout errors), .resolved ends it")
