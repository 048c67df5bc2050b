"""Who people are: the identities of one human on several chats, in git and on the pager, and the roles they hold.

`[people]` and `[roles]` of the configuration as values. Only what a chat vouches for is looked up: somebody whose
`proof` is empty is nobody here. Roles that a command lists, or a group of a chat, are kept up by
`membership.py`, in `Directory.listed`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from pushbot.queue.access import Role
from pushbot.queue.model import LINKED, Hold, Person
from pushbot.queue.rules.aboard import rename

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.ports import ChangeSet
    from pushbot.queue.model import Queue

CERTIFICATE: Final = "certfp:"
"""What an account begins with that is the fingerprint of a TLS certificate: `irc/certfp:0a1b…`."""
CONTROL: Final = "control"
"""What the control socket is called where chats have their names."""
EVERYBODY: Final = "*"
"""In a role: whoever is vouched for."""
_UPPER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def folded(text: str) -> str:
    """`text` with the letters A to Z made small, and nothing else: what else looks alike is another identity."""
    return text.translate(_UPPER)


@dataclass(frozen=True, slots=True)
class Account:
    """An identity as one chat proves it: `irc/alice`, `irc/~al@*.example.org`, `slack/U024`, `control/alice`.

    Where it has an `@` it is a mask, in which `*` stands for any characters.
    """

    chat: str
    who: str

    def __str__(self) -> str:
        """As the configuration writes it."""
        return f"{self.chat}/{self.who}"

    @property
    def sweeping(self) -> bool:
        """Whether it is a mask that would mean everybody, which no configuration says and no command may."""
        return "@" in self.who and not self.who.replace("*", "").strip("@.")

    def means(self, person: Person) -> bool:
        """Whether `person` is who is meant; never where nothing vouches for them."""
        if person.chat != self.chat or not person.trusted:
            return False
        kind, _, rest = person.key.partition(":")
        if folded(self.who).startswith(CERTIFICATE) and kind != "cert":
            return False  # an account may be called like a fingerprint
        known = folded(person.name if kind == "uid" else f"{CERTIFICATE}{rest}" if kind == "cert" else rest)
        if kind == "mask":
            return "@" in self.who and not self.sweeping and fnmatchcase(known, _pattern(self.who))
        return known == folded(self.who)


def _pattern(mask: str) -> str:
    """A mask for `fnmatch`, in which only `*` is special."""
    return re.sub(r"[\[?]", lambda found: f"[{found[0]}]", folded(mask))


def account_of(text: str) -> Account:
    """The account that `CHAT/IDENTITY` names."""
    chat, _, who = text.partition("/")
    return Account(chat, who)


@dataclass(frozen=True, slots=True)
class Human:
    """One human of `[people.NAME]`; `git` are names and addresses that they commit under."""

    name: str
    accounts: tuple[Account, ...] = ()
    git: tuple[str, ...] = ()
    pager: str | None = None
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """A role of `[roles.NAME]`: `people` are names of humans, accounts, or `*`; a `command` prints more of them.

    `groups` are groups of people that a chat knows, as CHAT/GROUP. The command is run again, and the chats are asked
    again, `every` so many seconds, and may take `timeout`.
    """

    name: str
    people: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    every: float = 300.0
    timeout: float = 30.0
    groups: tuple[str, ...] = ()

    @property
    def lists(self) -> tuple[tuple[str, ...], ...]:
        """What there is of it in `Directory.listed`, by its key there."""
        return (self.command, *map(of_group, self.groups))


def of_group(group: str) -> tuple[str, ...]:
    """The key in `Directory.listed` of a chat's group; no command has it, as none has an empty name."""
    return ("", group)


@dataclass(frozen=True, slots=True)
class Directory:
    """All humans and roles.

    `listed` is what the commands of roles printed last, and who is in the groups of chats: nobody, where there is no
    entry.
    """

    people: tuple[Human, ...] = ()
    roles_kept: tuple[RoleSpec, ...] = ()
    listed: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict)

    def human(self, person: Person) -> Human | None:
        """The human who `person` is, if the configuration knows them."""
        if person.linked:
            return self.called(person.key.removeprefix(LINKED))
        return next((one for one in self.people if any(account.means(person) for account in one.accounts)), None)

    def called(self, name: str) -> Human | None:
        """The human of that name in the configuration."""
        return next((one for one in self.people if one.name == name), None)

    def linked(self, person: Person) -> Person:
        """`person` under the key that is theirs in every chat; as they are when the configuration knows no better.

        A certificate that the configuration does not know vouches for nobody: anyone can make one.
        """
        human = self.human(person)
        if human is None and person.key.startswith("cert:"):
            return replace(person, proof="")
        return person if human is None or person.linked else replace(person, key=f"{LINKED}{human.name}")

    def named(self, person: Person) -> Person:
        """The same for somebody whom others named: a seat is for the human who has that as an account there.

        Where the chat reaches people at an address, that is it, and no name that anybody may choose.
        """
        if person.trusted or person.linked:
            return self.linked(person)
        who = folded(person.reach)
        for human in self.people:
            if any(one.chat == person.chat and folded(one.who) == who for one in human.accounts):
                return replace(person, key=f"{LINKED}{human.name}")
        return person

    def recorded(self, key: str) -> Human | None:
        """The human who is meant by a key on record (`remembered.key_of`); a nick alone is nobody for sure."""
        if key.startswith(LINKED):
            return self.called(key.removeprefix(LINKED))
        chat, _, own = key.partition("/")
        return None if own.startswith("nick:") else self.human(Person(chat, own, "", "the record"))

    def roles(self, person: Person) -> frozenset[str]:
        """The roles that `person` holds by the configuration at this moment; none where nothing vouches for them."""
        if not person.trusted:
            return frozenset()
        human = self.human(person)
        own = human.roles if human is not None else frozenset()
        if person.chat == CONTROL:
            own |= {Role.OPERATOR.value}  # the socket is open to the bot's own user and to root alone
        kept = (role for role in self.roles_kept if self._holds(role, person, human))
        return own | {role.name for role in kept}

    def _holds(self, role: RoleSpec, person: Person, human: Human | None) -> bool:
        entries = {*role.people, *(entry for key in role.lists for entry in self.listed.get(key, ()))}
        if EVERYBODY in role.people or (human is not None and human.name in entries):
            return True
        accounts = [account_of(entry) for entry in entries if "/" in entry]
        if human is not None and any(account in accounts for account in human.accounts):
            return True
        return any(account.means(person) for account in accounts)

    def person_of_author(self, name: str, email: str = "") -> Human | None:
        """The human who commits under that name or address."""
        wanted = {folded(text.strip()) for text in (name, email)} - {""}
        return next((one for one in self.people if any(folded(git) in wanted for git in one.git)), None)

    def authors(self, names: Sequence[str]) -> frozenset[str]:
        """The keys of the people who commit under `names`, as far as the configuration knows them."""
        found = map(self.person_of_author, names)
        return frozenset(f"{LINKED}{human.name}" for human in found if human is not None)

    def pager(self, who: str) -> str | None:
        """Where somebody is paged whom others call `who`."""
        human = self.called(who)
        return human.pager if human is not None else None


def relinked(queue: Queue, directory: Directory) -> Queue:
    """A stored queue with everybody under the key that is theirs now: the configuration may know more by now."""
    seats = [rider.person for train in (*queue.trains, *queue.aside) for rider in train.riders]
    holders = [item.by for item in queue.items if isinstance(item, Hold) and item.by is not None]
    for person in (*seats, *holders, *(lock.owner for lock in queue.locks)):
        now = directory.linked(replace(person, proof="the key that was stored"))
        if not now.same(person):
            queue = rename(queue, person, replace(now, proof="")).queue
    return queue


def told(directory: Directory, change: ChangeSet) -> ChangeSet:
    """`change` with authors as people know them: `Alice Liddell (alice)`."""

    def who(author: str) -> str:
        human = directory.person_of_author(author)
        return author if human is None or folded(human.name) == folded(author) else f"{author} ({human.name})"

    commits = tuple(replace(commit, author=who(commit.author)) for commit in change.commits)
    return replace(change, commits=commits, authors=tuple(map(who, change.authors)))


def follows(old: Person, new: Person) -> bool:
    """Whether seats of `old` become those of `new` when a chat says that the one is now the other.

    Not when `new` is not vouched for: who logs out keeps the seats for when they come back. And where nobody vouched
    for `old`, they were named by others: such a seat is for the one who proves to be of that very name, or, where names
    are no identities, of whom the chat says so.
    """
    if old.same(new) or (old.trusted and new.trusted):
        return True
    return new.trusted and not old.trusted and (_identity(old) == _identity(new) or old.key.startswith("name:"))


def _identity(person: Person) -> str:
    return folded(person.key.partition(":")[2])
