"""Who is behind a user id, and what they are called: display names are free text, change, and are not unique.

Here each name is one line and belongs to one person: who comes later is shown as `Alex@handle`. The names under which
people were told of are noted, so that a change is noticed that happened while the bot was away.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.chat.slack.inbound.mrkdwn import EMOJI, tidy
from pushbot.chat.slack.shape import part, text, true
from pushbot.ports import Renamed
from pushbot.queue.model import Person

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pushbot.chat.slack.shape import Object

NAME_LIMIT, HANDLE_LIMIT = 64, 32
"""Characters of a name that are shown, and of a handle."""
NOTED = "name/"
"""How notes begin that say under which name somebody was told of; the id follows."""
SOUGHT = 1000
"""Names that nobody had who was known, of which it is remembered that they were asked for."""
SLACKBOT = "USLACKBOT"
ID = re.compile(r"[A-Za-z][\w-]{1,63}", re.ASCII)
"""What ids of users look like; what does not is nobody. Slack's are like U024BE7LH, those of stand-ins also U_ALICE."""
_INSTEAD = str.maketrans({'"': "'", "|": "/", "<": "(", ">": ")", ";": ","})
"""Characters that names cannot have in a topic or a command, and what is shown for them."""
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Letters of which nothing is seen (Unicode: Default_Ignorable_Code_Point, and an empty cell of braille), beside those
that no line has."""


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

    @property
    def full(self) -> str:
        """The name with the handle behind it, for one whose name somebody else has too."""
        return _among(self.wanted, self.handle)

    @property
    def fullest(self) -> str:
        """The same with the id, for one whose handle, too, somebody else has: in another workspace, say."""
        return _among(self.wanted, self.handle, self.id)

    @property
    def typed(self) -> frozenset[str]:
        """What people may type for them, beside the full names."""
        return frozenset({fold(self.wanted), fold(self.handle), pictured(self.wanted)})


def read_user(found: Object, team: str) -> User | None:
    """Whom an object of Slack's describes (docs.slack.dev/reference/objects/user-object); None where there is no id."""
    who, profile = text(found, "id"), part(found, "profile")
    if ID.fullmatch(who) is None:
        return None
    handle = _name(text(found, "name"))[:HANDLE_LIMIT] or who
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
    _typed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _noted: dict[str, str] = field(default_factory=dict)
    _sought: dict[str, Person] = field(default_factory=dict)

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
        """The person who is shown under that name, or the only one whom it may mean, else somebody unknown."""
        wanted = fold(name)
        shown = self._owners.get(wanted)
        meant = (shown,) if shown is not None else self._meant(name)
        if len(meant) == 1:
            return self.person(meant[0])
        stranger = Person(self.chat, f"name:{wanted}", _name(name) or "-")
        if not meant:  # it may be kept for them until they are known
            self._sought[wanted] = stranger
            if len(self._sought) > SOUGHT:
                del self._sought[next(iter(self._sought))]
        return stranger

    def people(self, name: str) -> tuple[Person, ...]:
        """All whom `name` may mean, each under a name that means nobody else."""
        meant = self._meant(name) or (self._typed.get(pictured(name), ()) if ":" in name else ())
        return tuple(replace(self.person(one), name=self._told_apart(one, left=True)) for one in meant)

    def spelt(self, user_id: str) -> str:
        """What that user is called, with more behind it where somebody else who is there may be meant by that."""
        return self._told_apart(user_id, left=False)

    # --- learning ---

    def recall(self, notes: Mapping[str, str]) -> None:
        """Take up the names under which people were told of before a restart."""
        for note, name in notes.items():
            if note.startswith(NOTED):
                who = note.removeprefix(NOTED)
                self._noted[who] = self._called[who] = name
                self._owners[fold(name)] = who

    def learn(self, found: Object) -> tuple[Renamed, ...]:
        """Slack describes a user; told is who is called otherwise now, or was named before it was known who that is.

        What is older than what is known is left out.
        """
        user = read_user(found, self.team)
        if user is None or (user.id in self._users and user.updated < self._users[user.id].updated):
            return ()
        before, first = self._called.get(user.id), user.id not in self._users
        was = self.person(user.id)
        self._type(user)
        name = self._free(user)
        if before is not None and self._owners.get(fold(before)) == user.id:
            del self._owners[fold(before)]
        self._called[user.id] = name
        self._owners[fold(name)] = user.id
        olds = [was] if before not in (None, name) else []
        if first and self.person(user.id).trusted:
            olds += filter(None, (self._sought.pop(fold(one), None) for one in (name, user.handle)))
        return tuple(Renamed(self.chat, old, self.person(user.id)) for old in olds)

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
        for name in (self._called.get(user.id), user.wanted, user.full):
            if name in (user.wanted, user.full):
                owner = self._owners.get(fold(name), user.id)
                if owner == user.id or (owner in self._users and self._users[owner].gone):
                    return name
        return user.fullest

    def _type(self, user: User) -> None:
        """Find `user` from now on by what they call themselves, and no more by what they did."""
        before = self._users.get(user.id)
        for name in before.typed if before is not None else ():
            self._typed[name] = tuple(one for one in self._typed[name] if one != user.id)
            if not self._typed[name]:
                del self._typed[name]
        self._users[user.id] = user
        for name in user.typed:
            self._typed[name] = (*self._typed.get(name, ()), user.id)

    def _meant(self, name: str) -> tuple[str, ...]:
        """The ids of all who are shown as `name`, chose it, or have it as their handle or id."""
        wanted, last = fold(name), name.rpartition("@")[2].strip()
        near = (self._owners.get(wanted, ""), *self._typed.get(wanted, ()), *self._typed.get(fold(last), ()), last)
        return tuple(one for one in dict.fromkeys(near) if one in self._called and wanted in self._spellings(one))

    def _spellings(self, user_id: str) -> frozenset[str]:
        user, names = self._users.get(user_id), [self._called[user_id], user_id]
        if user is not None:
            names += [user.wanted, user.handle, user.full, user.fullest]
        return frozenset(map(fold, names))

    def _told_apart(self, user_id: str, *, left: bool) -> str:
        """The shortest name by which nobody else is meant; with `left` nor anybody who left: they may be aboard."""

        def another(name: str) -> bool:
            others = (one for one in self._meant(name) if one != user_id)
            return any(left or one not in self._users or not self._users[one].gone for one in others)

        user, name = self._users.get(user_id), self.name_of(user_id)
        if user is None:
            return name
        return next((one for one in (name, user.full) if not another(one)), user.fullest)

    def _person(self, user_id: str, name: str, *, proof: bool) -> Person:
        vouched = f"Slack user {user_id}" if proof else ""
        return Person(self.chat, f"user:{user_id}", name, proof=vouched, address=user_id)


def pictured(name: str) -> str:
    """The same with one sign for emoji: people pick a picture, and Slack tells its name (`:tada:`)."""
    return EMOJI.sub("\u263a", fold(name))


def fold(name: str) -> str:
    """`name` in the form in which two names of one person are equal: those that look the same by Unicode are."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).removeprefix("@").casefold()


def _among(name: str, *marks: str) -> str:
    """A name with what tells it from others, in so many characters as names may have."""
    tail = "".join(f"@{mark}" for mark in marks)
    return f"{name[: max(1, NAME_LIMIT - len(tail))]}{tail}"


def _name(name: str) -> str:
    """A display name in one line, without what would break a topic or is not seen."""
    return tidy(_BLANK.sub("", name)).translate(_INSTEAD)[:NAME_LIMIT].strip(" .,:@")
