"""What somebody is told in private who gets aboard for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.service.voice.plain import counted

if TYPE_CHECKING:
    from collections.abc import Sequence


def guide(name: str, lane: str, stages: Sequence[str], ahead: int, room: str | None) -> tuple[str, ...]:
    """Three lines: what a train is, the way of this lane and what to say on it, and where to look meanwhile.

    `ahead` is how many trains go first, `room` the lane's, None when there is none in the chat of the person.
    """
    first = f"{counted(ahead, 'train')} {'goes' if ahead == 1 else 'go'} first" if ahead else "yours is the first"
    train = (
        f"Welcome aboard, {name}! A train is people who deploy together: it waits in line, and whoever is first on it "
        f"drives. Now {first}"
    )
    way = f"{lane} is deployed by hand: say .at STAGE where you are, .good when your change is, and .done at the end"
    if stages:
        way = (
            f"{lane} goes {' > '.join(stages)}. On each, look at your own change and its graphs, then say .good, "
            f"or .uhoh when something is wrong. Once everyone is good the driver says .go, and after the last one .done"
        )
    where = (
        f"I call you {f'in {room} ' if room else ''}when you are up. .status and .eta tell how far it is, .nevermind "
        f"gets you off, .help COMMAND explains a word, and people here like to be asked. I tell you this only once"
    )
    return (train, way, where)
