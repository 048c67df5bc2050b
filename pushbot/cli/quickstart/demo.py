"""The web app's git repository: made once, with a short history, and given a new version whenever one is wanted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pushbot.cli.quickstart.plan import Plan

_COLOURS: Final = ("seagreen", "steelblue", "indianred", "darkorchid", "goldenrod", "slategray")
_HISTORY: Final = (("dave", "Say what the app is for"), ("carol", "Hello from #push"))
_LONGEST: Final = 200
_TIMEOUT: Final = 30.0


def prepare(plan: Plan) -> None:
    """Make the repository if there is none yet; it appears at once and whole."""
    if (plan.app / ".git").exists():
        return
    if not plan.source.is_dir():
        raise PushbotError(f"there is no {plan.source}, from which the demo app is made; go to a checkout of pushbot")
    scratch = Path(tempfile.mkdtemp(prefix=".app-", dir=plan.var))
    try:
        shutil.copytree(plan.source, scratch, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        _git(scratch, "init", "--quiet", "--initial-branch=main")
        (scratch / ".git" / "info").mkdir(exist_ok=True)
        (scratch / ".git" / "info" / "exclude").write_text("__pycache__/\npublic/\n.release.json\n", encoding="utf-8")
        _record(scratch, "alice", "Serve a first page")
        for author, text in _HISTORY:
            _change(scratch, author, text, healthy=True)
        scratch.chmod(0o755)
        scratch.rename(plan.app)
    except OSError as error:
        raise PushbotError(f"cannot make the demo app in {plan.app}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def commit(app: Path, author: str, text: str, *, healthy: bool = True) -> str:
    """Commit a new version that says `text`, with all else that was edited; what came of it, in one line.

    One that is not `healthy` fails its health check when it is deployed, so that a rollback can be seen.
    """
    if not (app / ".git").exists():
        raise PushbotError(f"there is no demo app in {app} yet; start the quickstart once")
    try:
        return _change(app, author, text[:_LONGEST], healthy=healthy)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PushbotError(f"cannot make a new version in {app}: page.json is not as it was ({error})") from error


def _change(app: Path, author: str, text: str, *, healthy: bool) -> str:
    """The next version of page.json, committed."""
    file = app / "page.json"
    page = json.loads(file.read_text(encoding="utf-8"))
    version = int(page["version"]) + 1
    page |= {"version": version, "colour": _COLOURS[version % len(_COLOURS)], "healthy": healthy}
    page["message"] = text or f"This is version {version}"
    file.write_text(json.dumps(page, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    revision = _record(app, author, page["message"])
    return f"version {version} is committed as {revision[:8]} by {author}: {page['message']}"


def _record(app: Path, author: str, message: str) -> str:
    """Commit all that is in the work tree, and return the commit's id."""
    _git(app, "add", "--all")
    _git(app, "commit", "--quiet", "--no-verify", "--message", message, author=author)
    return _git(app, "rev-parse", "HEAD")


def _git(folder: Path, *arguments: str, author: str = "pushbot") -> str:
    """What git prints; the committer is named here, so that nobody's git has to be set up first."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": author, f"GIT_{who}_EMAIL": "demo@pushbot.invalid"}
    try:
        done = subprocess.run(
            ("git", "-c", "commit.gpgSign=false", *arguments),  # noqa: S607 - whichever git the PATH has
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PushbotError(f"git {arguments[0]} in {folder} took more than {_TIMEOUT:g}s and was ended") from error
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode:
        why = said.splitlines()[-1] if said else "no reason given"
        raise PushbotError(f"git {arguments[0]} failed in {folder}: {why}")
    return said
