"""The command line of the release tool: arguments in, one line out; it exits with 0, 1 (failed) or 2 (wrong use)."""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot_plugins.release import verbs
from pushbot_plugins.release.root import Root
from pushbot_plugins.release.service import Address
from pushbot_plugins.release.trouble import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable

_ABOUT: Final = "Timestamped releases, a `current` link flipped by one rename, one process; every verb may be repeated."
_NOTE: Final = (
    "PUSHBOT_REVISION, PUSHBOT_RUN and PUSHBOT_KIND are read from the environment, as pushbot sets them for steps."
)


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What was typed; each verb fills in what it has."""

    verb: Callable[[_Arguments], str]
    root: Path = Path()
    repo: str = ""
    revision: str = field(default_factory=lambda: os.environ.get("PUSHBOT_REVISION", ""))
    run: str = field(default_factory=lambda: os.environ.get("PUSHBOT_RUN", ""))
    share: tuple[str, ...] = ()
    free: int = 100
    need: tuple[str, ...] = ()
    pidfile: Path | None = None
    log: Path | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    grace: float = 5.0
    wait: float = 10.0
    command: tuple[str, ...] = ()
    keep: int = 5


def main(words: list[str] | None = None) -> int:
    """Carry out the verb in `words` (by default, the process's own arguments) and return the exit code."""
    arguments = _Arguments(**vars(parser().parse_args(words)))
    try:
        print(arguments.verb(arguments))
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"release: {error.filename or arguments.root}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """What is typed: the verbs, each with its options."""
    tool = argparse.ArgumentParser(prog="python -m pushbot_plugins.release", description=_ABOUT, epilog=_NOTE)
    group = tool.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, about: str, call: Callable[[_Arguments], str]) -> argparse.ArgumentParser:
        made = group.add_parser(name, help=about, description=about, argument_default=argparse.SUPPRESS)
        made.add_argument("--root", type=Path, metavar="DIR", help="the root folder (default: where you are)")
        made.set_defaults(verb=call)
        return made

    def process(made: argparse.ArgumentParser) -> None:
        made.add_argument("--pidfile", type=Path, help="default: ROOT/shared/service.pid")
        made.add_argument("--grace", type=float, metavar="S", help="seconds from TERM to KILL (default: 5)")

    one = verb("preflight", "see that the root can take a release", _preflight)
    one.add_argument("--free", type=int, metavar="MB", help="free disk space wanted (default: 100)")
    one.add_argument("--need", action="append", metavar="'CMD[>=VERSION]'", help="a command wanted; may be repeated")
    one = verb("checkout", "make a new release of PUSHBOT_REVISION", _checkout)
    one.add_argument("--repo", required=True, metavar="URL", help="the git repository, a path or a URL")
    one.add_argument("--revision", help="default: PUSHBOT_REVISION")
    one.add_argument("--share", action="append", metavar="PATH", help="a path to link to ROOT/shared; may be repeated")
    one = verb("inside", "run a command in the folder of this run's release, to build or migrate", _inside)
    one.add_argument("command", nargs="+", metavar="-- COMMAND", help="becomes this very process")
    verb("publish", "make this run's release live", lambda a: verbs.publish(Root(a.root), a.run))
    one = verb("restart", "end the service and start that of the live release", _restart)
    process(one)
    one.add_argument("--log", type=Path, help="where its output is appended (default: ROOT/shared/service.log)")
    one.add_argument("--host", help="where it listens (default: 127.0.0.1)")
    one.add_argument("--port", type=int, help="its port, given to it as PORT; waited for to be free, then to be served")
    one.add_argument("--wait", type=float, metavar="S", help="seconds it may take to listen (default: 10)")
    one.add_argument("command", nargs="+", metavar="-- COMMAND", help="the service, started in the release's folder")
    process(verb("stop", "end the service", _stop))
    verb(
        "good", "mark the live release good, to which a rollback may return", lambda a: verbs.good(Root(a.root), a.run)
    )
    one = verb("cleanup", "delete old releases: failed ones, and good ones but for the newest", _cleanup)
    one.add_argument("--keep", type=int, metavar="N", help="how many good ones stay (default: 5)")
    one = verb("rollback", "make the last good release live again", _rollback)
    one.add_argument(
        "--revision", help="the revision to bring back (default: PUSHBOT_REVISION, else the last good one)"
    )
    verb("list", "show the releases, oldest first", lambda a: verbs.listing(Root(a.root)))
    return tool


def _preflight(arguments: _Arguments) -> str:
    return verbs.preflight(Root(arguments.root), arguments.free, arguments.need)


def _checkout(arguments: _Arguments) -> str:
    return verbs.checkout(Root(arguments.root), arguments.repo, arguments.revision, arguments.run, arguments.share)


def _inside(arguments: _Arguments) -> str:
    return verbs.inside(Root(arguments.root), arguments.command, arguments.run)


def _restart(arguments: _Arguments) -> str:
    root = Root(arguments.root)
    return verbs.restart(
        root,
        tuple(arguments.command),
        address=None if arguments.port is None else Address(arguments.host, arguments.port),
        pidfile=_pidfile(root, arguments),
        log=(arguments.log or root.shared / "service.log").absolute(),
        grace=arguments.grace,
        wait=arguments.wait,
    )


def _stop(arguments: _Arguments) -> str:
    root = Root(arguments.root)
    return verbs.stop(root, _pidfile(root, arguments), arguments.grace)


def _cleanup(arguments: _Arguments) -> str:
    return verbs.cleanup(Root(arguments.root), arguments.keep)


def _rollback(arguments: _Arguments) -> str:
    return verbs.rollback(Root(arguments.root), arguments.revision, arguments.run)


def _pidfile(root: Root, arguments: _Arguments) -> Path:
    return (arguments.pidfile or root.shared / "service.pid").absolute()
