"""`pushbot audit`: who asked what of the bot, by what proof, and what came of it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic_core import PydanticCustomError

from pushbot.clock import SystemClock
from pushbot.config import load
from pushbot.log import one_line
from pushbot.store.reading import Journal, Wanted
from pushbot.values import seconds

if TYPE_CHECKING:
    from pushbot.store.reading import Written


class Moment(click.ParamType[datetime]):
    """A time, given as one (ISO 8601, in UTC unless it says otherwise) or as how long ago it was."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time in UTC; fails for what is neither."""
        text = str(value)
        try:
            return SystemClock().now() - timedelta(seconds=seconds(text))
        except PydanticCustomError:
            pass
        except OverflowError:
            self.fail(f"'{text}' is too long ago", param, ctx)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"'{text}' is neither a time (2026-01-31T17:00) nor how long ago (2d, 1h30m)", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--since", type=Moment(), help="Only from then on: 2026-01-31, 2026-01-31T17:00, or 2d for two days ago.")
@click.option("--until", type=Moment(), help="Only what was before that.")
@click.option("--person", help="Only of this person: a key such as account:alice, or a name.")
@click.option("--lane", help="Only of this lane; '' is what concerned no lane.")
@click.option("--outcome", help="Only what ended so: done, answered, or the code of a refusal.")
@click.option("--follow", is_flag=True, help="Go on with what is yet to come, until Ctrl-C.")
@click.option("--text/--json", "text", default=False, help="For people, instead of one JSON object a line.")
def audit(
    config: Path,
    *,
    since: datetime | None,
    until: datetime | None,
    person: str | None,
    lane: str | None,
    outcome: str | None,
    follow: bool,
    text: bool,
) -> None:
    """Tell who asked what of the bot of CONFIG, by what proof, when, where, and what came of it.

    Oldest first, one JSON object a line: id, at, lane, who, name, proof, where, what, outcome. All that was
    asked is in it, refused or not, and what the bot did by itself. It is read from the record, also while the bot runs.

    \b
    Examples:
      pushbot audit pushbot.toml --since 2d --person alice
      pushbot audit pushbot.toml --outcome not_permitted --text
      pushbot audit pushbot.toml --follow | jq .what

    Exit code: 0 also when nothing was found, 1 when the record cannot be read, 2 for wrong usage.
    """  # noqa: D301 - \b is click's mark for lines to keep
    journal = Journal(load(config).bot.store)
    show = _as_text if text else _as_json
    try:
        for written in journal.entries(Wanted(since, until, person, lane, outcome), follow=follow):
            click.echo(show(written))
    except KeyboardInterrupt:
        sys.exit(0)


def _as_json(written: Written) -> str:
    entry = written.entry
    fields = {
        "id": written.number,
        "at": _time(entry.at),
        "lane": written.lane,
        "who": entry.who,
        "name": entry.name,
        "proof": entry.proof,
        "where": entry.where,
        "what": entry.what,
        "outcome": entry.outcome,
    }
    return one_line(json.dumps(fields, ensure_ascii=False))


def _as_text(written: Written) -> str:
    entry = written.entry
    who = f"{entry.name} ({entry.who}{', ' + entry.proof if entry.proof else ''})" if entry.name else entry.who
    where = " ".join(part for part in (written.lane, entry.where) if part) or "-"
    return one_line(f"{_time(entry.at)}  {where}  {who}: {entry.what}  -> {entry.outcome}")


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
