"""Who is behind a user id, and what they are called: display names are free text, change, and are not unique.

Here each name is one line and belongs to one person: who comes later is shown as `Alex@handle`. The names under which
people were told of are noted, so that a change is noticed that happened while the bot was away.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.chat.slack.hearing.words import tidy
from pushbot.chat.slack.shape import part, text, true
from pushbot.ports import Renamed
from pushbot.queue.model import Person

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pushbot.chat.slack.shape import Object

NAME_LIMIT = 64
"""Characters of a name that are shown."""
NOTED = "name/"
"""How notes begin that say under which name somebody was told of; the id follows."""
SLACKBOT = "USLACKBOT"
ID = re.compile(r"[A-Za-z][\w-]{1,63}", re.ASCII)
"""What ids of users look like; what does not is nobody. Slack's are like U024BE7LH, those of stand-ins also U_ALICE."""
_INSTEAD = str.maketrans({'"': "'", "|": "/", "<": "(", ">": ")", ";": ","})
"""Characters that names cannot have in a topic or a command, and what is shown for them."""
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
"""Letters of which nothing is seen (Unicode: Default_Ignorable_Code_Point), beside those that no line has."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody as Slack describes them: `wanted` is the name they chose, `member` whether they are full members.

    `updated` is when that was last changed, in seconds, 0 where Slack does not tell.
    """

    id: str
    handle: str
    wanted: str
    member: bool
    bot: bool
    gone: bool
    updated: int = 0


def read_user(found: Object, team: str) -> User | None:
    """Whom an object of Slack's describes (docs.slack.dev/reference/objects/user-object); None where there is no id."""
    who, profile = text(found, "id"), part(found, "profile")
    if ID.fullmatch(who) is None:
        return None
    handle = _name(text(found, "name")) or who
    names = (text(profile, "display_name"), text(profile, "real_name"), text(found, "real_name"), handle)
    outside = any(true(found, flag) for flag in ("is_restricted", "is_ultra_restricted", "is_stranger"))
    home = text(found, "team_id")
    updated = found.get("updated")
    shared = part(found, "enterprise_user").get("teams")  # in a grid, somebody is a member of several workspaces
    near = not home or not team or home == team or (isinstance(shared, list) and team in shared)
    return User(
        id=who,
        handle=handle,
        wanted=next(filter(None, map(_name, names))),
        member=near and not outside,
        bot=true(found, "is_bot") or who == SLACKBOT,
        gone=true(found, "deleted"),
        updated=updated if isinstance(updated, int) else 0,
    )


@dataclass(slots=True)
class Roster:
    """Everybody who is known in one workspace; `team` is its id, once that is known.

    `guests` says whether those are trusted too who are no full members.
    """

    chat: str
    guests: bool = False
    team: str = ""
    _users: dict[str, User] = field(default_factory=dict)
    _called: dict[str, str] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)
    _handles: dict[str, str] = field(default_factory=dict)
    _noted: dict[str, str] = field(default_factory=dict)

    # --- asking ---

    def knows(self, user_id: str) -> bool:
        """Whether it is known who that is."""
        return user_id in self._users

    def is_bot(self, user_id: str) -> bool:
        """Whether that is no human."""
        user = self._users.get(user_id)
        return user_id == SLACKBOT or (user is not None and user.bot)

    def name_of(self, user_id: str) -> str:
        """What that user is called; the id of one who is not known."""
        return self._called.get(user_id, user_id)

    def person(self, user_id: str) -> Person:
        """The person of that id. Nothing vouches for one who is not known, or known to be no full member."""
        user = self._users.get(user_id)
        trusted = user is not None and not user.gone and not user.bot and (user.member or self.guests)
        return self._person(user_id, self.name_of(user_id), proof=trusted)

    def named(self, name: str) -> Person:
        """The person of that name, handle or id; somebody for whom nothing vouches where nobody is called so."""
        wanted = fold(name)
        found = self._owners.get(wanted) or self._handles.get(wanted)
        if found is None and name in self._users:
            found = name
        return self.person(found) if found is not None else Person(self.chat, f"name:{wanted}", _name(name) or "-")

    # --- learning ---

    def recall(self, notes: Mapping[str, str]) -> None:
        """Take up the names under which people were told of before a restart."""
        for note, name in notes.items():
            if note.startswith(NOTED):
                who = note.removeprefix(NOTED)
                self._noted[who] = self._called[who] = name
                self._owners[fold(name)] = who

    def learn(self, found: Object) -> tuple[Renamed, ...]:
        """Slack describes a user; told is who is called otherwise now. What is older than what is known is left out."""
        user = read_user(found, self.team)
        if user is None or (user.id in self._users and user.updated < self._users[user.id].updated):
            return ()
        before = self._called.get(user.id)
        was = self.person(user.id)
        self._users[user.id] = user
        self._handles[fold(user.handle)] = user.id
        name = self._free(user)
        if name == before:
            return ()
        if before is not None:
            self._owners.pop(fold(before), None)
        self._called[user.id] = name
        self._owners[fold(name)] = user.id
        return (Renamed(self.chat, was, self.person(user.id)),) if before is not None else ()

    def note(self, user_id: str) -> tuple[str, str] | None:
        """The note to be made because this user is told of; None when it is made already."""
        name = self._called.get(user_id)
        if name is None or self._noted.get(user_id) == name:
            return None
        self._noted[user_id] = name
        return f"{NOTED}{user_id}", name

    def strangers(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Those of `ids` who are not known."""
        return tuple(one for one in dict.fromkeys(ids) if one and one not in self._users and one != SLACKBOT)

    def _free(self, user: User) -> str:
        """The name they chose if nobody else has it; the one they have stays theirs as long as it comes of that."""
        full = f"{user.wanted}@{user.handle}"
        if self._called.get(user.id) in (user.wanted, full):
            return self._called[user.id]
        for name in (user.wanted, full):
            owner = self._owners.get(fold(name), user.id)
            if owner == user.id or (owner in self._users and self._users[owner].gone):
                return name
        return f"{full}@{user.id}"

    def _person(self, user_id: str, name: str, *, proof: bool) -> Person:
        vouched = f"Slack user {user_id}" if proof else ""
        return Person(self.chat, f"user:{user_id}", name, proof=vouched, address=user_id)


def fold(name: str) -> str:
    """`name` in the form in which two names of one person are equal: those that look the same by Unicode are."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).removeprefix("@").casefold()


def _name(name: str) -> str:
    """A display name in one line, without what would break a topic or is not seen."""
    return tidy(_BLANK.sub("", name)).translate(_INSTEAD)[:NAME_LIMIT].strip(" .,:@")
