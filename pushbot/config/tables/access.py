"""`[people]`, `[roles]` and `[access]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator

from pushbot.config.tables.table import STRICT, one_or_more
from pushbot.queue.access import Role
from pushbot.service.people.directory import account_of
from pushbot.values import Name, Text, TimeLimit, Words, expected


def written_account(value: str) -> str:
    """`value`, which names an account. Raises ValueError for what names none, or everybody."""
    account = account_of(value)
    mask = "@" in account.who
    if not (account.chat and account.who) or not value.isprintable() or " " in value:
        raise expected('CHAT/ACCOUNT as the chat proves it, such as "irc/alice" or "irc/~al@*.example.org"')
    if ("*" in account.who and not mask) or account.sweeping:
        raise expected("one account, or a mask USER@HOST that does not mean everybody")
    return value


def _group(value: str) -> str:
    group = account_of(value)
    if not (group.chat and group.who.removeprefix("@")) or not value.isprintable() or " " in value:
        raise expected('CHAT/GROUP as the chat calls it, such as "slack/@deployers"')
    return value


AccountName = Annotated[str, AfterValidator(written_account)]
RoleNames = Annotated[tuple[Name, ...], BeforeValidator(one_or_more)]
"""Names of roles, or one alone."""
GroupNames = Annotated[tuple[Annotated[str, AfterValidator(_group)], ...], BeforeValidator(one_or_more)]
"""Groups of people that a chat knows, or one alone."""
AccessTable = dict[Text, RoleNames]
"""`[access]`, and the same for a lane and a stage: a verb, and the roles that may use it."""


def _second(value: object) -> object:
    return Role.ANYONE.value if value is True else None if value is False else value


SecondRole = Annotated[Name | None, BeforeValidator(_second)]
"""Whose second word a stage wants: `true` for anybody's, or a role; None for nobody's."""


class PersonTable(BaseModel):
    """`[people.NAME]`."""

    model_config = STRICT

    accounts: tuple[AccountName, ...] = ()
    git: tuple[Text, ...] = ()
    pager: Text | None = None
    roles: RoleNames = ()


class RoleTable(BaseModel):
    """`[roles.NAME]`."""

    model_config = STRICT

    people: tuple[Text, ...] = ()
    groups: GroupNames = ()
    command: Words | None = None
    every: TimeLimit = 300.0
    timeout: TimeLimit = 30.0
