"""Who is who, and who may do what: what is made of `[people]`, `[roles]` and `[access]`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING

from pushbot.config.tables.access import written_account
from pushbot.queue.access import DEFAULTS, Policy, Role
from pushbot.service.people.access import Access
from pushbot.service.people.directory import CONTROL, EVERYBODY, Account, Directory, Human, RoleSpec, account_of, folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pushbot.config.model import ChatPart
    from pushbot.config.problems import Key
    from pushbot.config.reading import Reading
    from pushbot.config.tables.access import PersonTable, RoleTable

_GIVEN = frozenset(Role) - {Role.OPERATOR}
"""The roles that nobody is put into: they follow from who speaks, and where they sit."""


def read_access(reading: Reading) -> Access:
    """People, roles and the policy for all lanes; what does not fit is noted."""
    table = reading.found.table
    if CONTROL in table.chats:
        reading.note(("chats", CONTROL), "this name is taken: it stands for the control socket", "another name")
    reading.note_twice("person", ((("people", name), name) for name in table.people))
    reading.note_twice("role", ((("roles", name), name) for name in table.roles))
    for name in _GIVEN & table.roles.keys():
        reading.note(("roles", name), "nobody is put into this role: it follows from who speaks", "another name")
    humans = tuple(_human(reading, name, person) for name, person in table.people.items())
    _check_once(reading, humans)
    roles = tuple(_role(reading, name, role) for name, role in table.roles.items())
    policy = Policy().but(access_of(reading, table.access, ("access",)))
    return Access(policy, Directory(humans, roles))


def check_groups(reading: Reading, chats: Iterable[ChatPart]) -> None:
    """Note groups in roles that are said to be of one of `chats` that knows none."""
    without = {chat.name for chat in chats if not callable(getattr(chat.plugin, "members", None))}
    for name, role in reading.found.table.roles.items():
        for i, group in enumerate(role.groups):
            if (chat := account_of(group).chat) in without:
                reading.note(("roles", name, "groups", i), f"chat '{chat}' has no groups of people", "a chat that has")


def access_of(reading: Reading, table: Mapping[str, tuple[str, ...]], key: Key) -> dict[str, frozenset[str]]:
    """What an `access` table at `key` says, without the verbs and roles that there are none of; those are noted."""
    for verb, roles in table.items():
        if verb.removeprefix(".") not in DEFAULTS:
            reading.note_unknown((*key, verb), "verb", verb, DEFAULTS)
        check_roles(reading, roles, (*key, verb), frozenset(Role))
    return {verb.removeprefix("."): frozenset(roles) for verb, roles in table.items()}


def check_roles(reading: Reading, roles: Iterable[str], key: Key, built_in: Iterable[str]) -> None:
    """Note the names at `key` that are neither of the roles `built_in` nor of `[roles]`."""
    known = [*sorted(built_in), *reading.found.table.roles]
    for role in roles:
        if role not in known and reading.found.whole("roles", role):
            reading.note_unknown(key, "role", role, known)


def _check_chat(reading: Reading, account: Account, key: Key, *, grouped: bool = False) -> None:
    """Note a chat that there is not; with `grouped` the control socket is none, as it knows no groups."""
    chats = [*reading.found.table.chats, *([] if grouped else [CONTROL])]
    if account.chat not in chats and reading.found.whole("chats", account.chat):
        reading.note_unknown(key, "chat", account.chat, chats)


def _human(reading: Reading, name: str, table: PersonTable) -> Human:
    key = ("people", name)
    accounts = tuple(map(account_of, table.accounts))
    for i, account in enumerate(accounts):
        _check_chat(reading, account, (*key, "accounts", i))
    check_roles(reading, table.roles, (*key, "roles"), (Role.OPERATOR.value,))
    return Human(name, accounts, table.git, table.pager, frozenset(table.roles))


def _check_once(reading: Reading, humans: tuple[Human, ...]) -> None:
    """Note accounts and authors of which nobody could tell whose they are."""
    accounts = [
        (("people", human.name, "accounts", i), human, account)
        for human in humans
        for i, account in enumerate(human.accounts)
    ]
    for (_, first, one), (key, second, other) in combinations(accounts, 2):
        if _overlap(one, other):
            whose = "twice here" if first is second else f"that of '{first.name}' as well"
            reading.note(key, f"'{other}' is {whose}", "each account once")
    authors = dict[str, str]()
    for human in humans:
        for i, author in enumerate(human.git):
            if authors.setdefault(folded(author), human.name) != human.name:
                whose = authors[folded(author)]
                reading.note(("people", human.name, "git", i), f"'{author}' is that of '{whose}' as well", "each once")


def _overlap(one: Account, other: Account) -> bool:
    if one.chat != other.chat:
        return False
    first, second = folded(one.who), folded(other.who)
    return first == second or fnmatchcase(first, second) or fnmatchcase(second, first)


def _role(reading: Reading, name: str, table: RoleTable) -> RoleSpec:
    people = reading.found.table.people
    for i, entry in enumerate(table.people):
        key = ("roles", name, "people", i)
        if "/" in entry:
            try:
                _check_chat(reading, account_of(written_account(entry)), key)
            except ValueError as error:
                reading.note(key, f"found {entry!r}", str(error))
        elif entry != EVERYBODY and entry not in people and reading.found.whole("people", entry):
            reading.note_unknown(key, "person", entry, people)
    for i, group in enumerate(table.groups):
        _check_chat(reading, account_of(group), ("roles", name, "groups", i), grouped=True)
    command = tuple(str(reading.anchored(word)) for word in table.command or ())
    return RoleSpec(name, table.people, command, table.every, table.timeout, table.groups)
