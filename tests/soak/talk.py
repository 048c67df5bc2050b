"""What people say to the bot besides what a push takes: asked for too early, by the wrong ones, twice, in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue.model import Train

if TYPE_CHECKING:
    import random

    from pushbot.queue.model import Queue
    from pushbot.service.spec import LaneSpec
    from tests.soak.crowd import Somebody

ANYBODY = (
    *(".join", ".join last", ".unir ultimo", '.join "just a typo"', '.join hotfix "checkout is down"'),
    *(".join askme", ".join hold", ".join config", ".join with {rider}", ".join before {rider}", ".unir con {other}"),
    *(
        '.hold 10m "lunch"',
        ".hold 2m",
        ".hold 45m",
        '.lock {stage} 20m "reindex"',
        ".lock {stage} 3m",
        ".unlock {stage}",
    ),
    *(".uhoh", ".fml", ".good", ".go", ".drive", ".nevermind", ".pop", ".quiet", '.message "wet paint"', ".message -"),
    *(".second", ".confirm", ".override please", ".kick {rider}", ".unhold", '.unlock! {stage} "mine"', ".abort"),
    *(".rollback", ".retry", ".at {stage}", ".done", ".say {room} hello", ".resolved", ".note I see it too"),
    *(".status", ".eta", ".blame", ".changes", ".versions", ".history 3", ".locks", ".capacity", ".oncall", ".help go"),
    *(".whoami", ".log", ".try {revision}", ".incident", ".blame {stage}", ".blame {stage} app.py", ".status {lane}"),
    *(".notify me when up privately", ".notify off", ".notify me when 1 ahead", ".notify", "{lane}: .status"),
    *(".jion", ".join with", ".lock", "good morning", "...", "pushbot: status", "pushbot, join", ".good; .go; .status"),
    *(".nevermind; .join", "\x02.join\x0f", ".join \u202eevil", ".kick \u00e9\u00e9", '.hold 1s "a" "b', "." * 300),
    *('.message "{long}"', '.join "{long}"', ".join with $(reboot)", ".go -n", ".go main", ".whoami; .uhoh; .good"),
)
"""Lines for everybody; what is in braces is filled in with what there is."""
OPERATORS = (
    *(".unhold", '.override "the old one is worse"', ".kick {rider}", ".abort", ".rollback {stage}", ".at {stage}"),
    *('.unlock! {stage} "they went home"', ".say {room} careful today", ".reload", ".unhold; .go"),
)
EDITS = ("add", "note", "swap", "take", "hold", "garbage", "clear", "stage", "mark")
"""What people write into the topic by hand."""


def line(dice: random.Random, texts: tuple[str, ...], lane: LaneSpec, queue: Queue, people: list[Somebody]) -> str:
    """One of `texts`, about what is in the lane."""
    riders = [rider.person.name for train in queue.trains for rider in train.riders]
    return dice.choice(texts).format(
        rider=dice.choice(riders or ["nobody"]),
        other=dice.choice(people).nick if people else "nobody",
        stage=dice.choice(lane.stages).name,
        lane=lane.name,
        room=lane.rooms[0].name,
        revision="c0ffee",
        long="so much to say " * 20,
    )


def edited(dice: random.Random, how: str, body: str, queue: Queue, who: str) -> str:
    """The topic of a lane as somebody leaves it who edits it by hand."""
    parts = body.split(" | ")
    match how:
        case "add":
            return f"{body} | {who}" if body != "clear" else who
        case "note":
            return body.partition(" !! ")[0] + ' !! "by hand"'
        case "swap":
            return " | ".join([*parts[:-2], *reversed(parts[-2:])])
        case "take":
            return " | ".join(part for part in parts if part is not parts[-1]) or "clear"
        case "hold":
            return f'HOLD "by hand" | {body}'
        case "garbage":
            return body + dice.choice((" ((", " + + ", ' "', "\x03", " |||"))
        case "stage":
            head = queue.head if isinstance(queue.head, Train) else None
            return body.replace("...", "", 1) if head is not None and head.running else f"<production> {body}"
        case "mark":
            return body.replace(" +", "* +", 1)
        case _:
            return "clear"
