"""User groups of Slack as roles: who is in them, and what becomes of a role while Slack does not tell."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from pushbot.chat.slack import SlackChat, SlackOptions
from pushbot.chat.slack.api import Api
from pushbot.chat.slack.groups import UserGroups
from pushbot.errors import PushbotError
from pushbot.ports import Groups
from pushbot.queue.model import Person
from pushbot.service.people.directory import Account, Directory, Human, RoleSpec, of_group
from pushbot.service.people.membership import Membership
from pushbot.testing.clock import HandClock
from tests.rig.slack import BOT_TOKEN, Refused, SlackServer, Slow, Stuck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pushbot.ports import Chat

ADA = Person("slack", "user:U024ADA", "Ada", "Slack user U024ADA", "U024ADA")
BOB = Person("slack", "user:U024BOB", "Bob", "Slack user U024BOB", "U024BOB")
GROUP = "slack/@deployers"


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("ada", id="U024ADA")
        server.add_user("bob", id="U024BOB")
        server.add_group("deployers", ["ada"])
        yield server


@pytest.fixture
async def known(slack: SlackServer) -> AsyncIterator[UserGroups]:
    async with Api(AsyncWebClient(token=BOT_TOKEN, base_url=slack.url)) as api:
        yield UserGroups(api)


# --- what Slack tells --------------------------------------------------------------------------


async def test_members_by_handle_and_by_id(slack: SlackServer, known: UserGroups) -> None:
    group = slack.add_group("ops", ["ada", "bob"])
    assert await known.members("@deployers") == await known.members("deployers") == {"U024ADA"}
    assert await known.members(group.id) == {"U024ADA", "U024BOB"}


async def test_nobody_is_in_a_group_that_there_is_not(slack: SlackServer, known: UserGroups) -> None:
    slack.add_group("off", ["ada"]).disabled = True
    with capture_logs() as logs:
        for _ in range(3):
            assert await known.members("@typo") == frozenset()
        assert await known.members("@off") == frozenset()
    assert [(log["event"], log["group"]) for log in logs] == [
        ("slack_group_unknown", "@typo"),
        ("slack_group_unknown", "@off"),
    ]
    slack.fault("usergroups.users.list", Refused("no_such_subteam"))
    assert await known.members("@deployers") == frozenset()


@pytest.mark.parametrize("code", ["paid_teams_only", "plan_upgrade_required"])
async def test_a_plan_without_user_groups(slack: SlackServer, known: UserGroups, code: str) -> None:
    slack.fault("usergroups.list", Refused(code))
    with pytest.raises(PushbotError, match=f"plan of this Slack workspace has no user groups .{code}.: put people"):
        await known.members("@deployers")


async def test_a_scope_that_is_missing(slack: SlackServer, known: UserGroups) -> None:
    slack.app.grants[BOT_TOKEN].scopes.remove("usergroups:read")
    with pytest.raises(PushbotError, match="add the scope usergroups:read to the app and install it again"):
        await known.members("@deployers")


async def test_a_chat_tells_before_it_runs_and_leaves_no_connection(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT_TOKEN)
    chat = SlackChat("slack", SlackOptions(api_url=slack.url), ())
    assert isinstance(chat, Groups)
    assert await chat.members("@deployers") == {"U024ADA"}
    assert chat._known.api._session is None
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    with pytest.raises(PushbotError, match="SLACK_BOT_TOKEN is missing"):
        await SlackChat("slack", SlackOptions(api_url=slack.url), ()).members("@deployers")


async def test_groups_that_are_asked_for_at_the_same_time_leave_each_other_alone(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT_TOKEN)
    slack.add_group("ops", ["ada", "bob"])
    chat = SlackChat("slack", SlackOptions(api_url=slack.url), ())
    slack.fault("usergroups.users.list", Slow(0.0))
    slack.fault("usergroups.users.list", Slow(0.5))  # the other has done by then
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            few, all_of_them = (group.create_task(chat.members(name)) for name in ("@deployers", "@ops"))
    assert few.result() == {"U024ADA"}
    assert all_of_them.result() == {"U024ADA", "U024BOB"}
    assert logs == []
    assert chat._known.api._session is None


# --- what becomes of the role ------------------------------------------------------------------


@dataclass
class Work:
    """A chat of which only the groups count."""

    known: UserGroups
    name: str = "slack"

    async def members(self, group: str) -> frozenset[str]:
        return await self.known.members(group)


@dataclass
class Kept:
    """A directory that is kept up, by a clock driven by hand."""

    directory: Directory
    clock: HandClock

    def may_deploy(self, person: Person) -> bool:
        return "deployers" in self.directory.roles(self.directory.linked(person))

    async def turn(self, seconds: float = 300) -> None:
        """Let that time pass, and what is due then be done."""
        self.clock.advance(seconds)
        await self.asleep()

    async def asleep(self) -> None:
        async with asyncio.timeout(60):
            while not self.clock.sleepers:  # noqa: ASYNC110 - the clock is the tested thing's, and tells nobody
                await asyncio.sleep(0.002)


@asynccontextmanager
async def kept(known: UserGroups, *humans: Human, role: RoleSpec | None = None) -> AsyncIterator[Kept]:
    directory = Directory(humans, (role or RoleSpec("deployers", groups=(GROUP,)),))
    at, chat = HandClock(), Work(known)
    assert isinstance(chat, Groups)

    async def ask(run: Sequence[str], timeout: float) -> str:  # noqa: ASYNC109 - as who gives it says
        raise AssertionError(run, timeout)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(Membership(directory, at, ask, {"slack": cast("Chat", chat)}).run())
        yield Kept(directory, at)
        task.cancel()


async def test_members_hold_the_role_and_those_who_leave_lose_it(slack: SlackServer, known: UserGroups) -> None:
    async with kept(known) as now:
        assert not now.may_deploy(ADA)  # before the first answer
        await now.asleep()
        assert (now.may_deploy(ADA), now.may_deploy(BOB)) == (True, False)
        next(iter(slack.space.groups.values())).users[:] = ["U024BOB"]
        await now.turn(299)
        assert now.may_deploy(ADA)
        await now.turn(1)
        assert (now.may_deploy(ADA), now.may_deploy(BOB)) == (False, True)


async def test_linked_people_hold_it_in_every_chat(known: UserGroups) -> None:
    ada = Human("ada", (Account("slack", "U024ADA"), Account("irc", "ada")))
    async with kept(known, ada) as now:
        await now.asleep()
        assert now.may_deploy(ADA)
        assert now.may_deploy(Person("irc", "account:ada", "ada", "account ada"))
        assert not now.may_deploy(Person("irc", "account:u024ada", "u024ada", "account u024ada"))
        assert not now.may_deploy(Person("slack", "user:U024ADA", "Ada", "", "U024ADA"))  # nobody vouches


async def test_the_list_stays_for_a_day_while_slack_does_not_tell(slack: SlackServer, known: UserGroups) -> None:
    with capture_logs() as logs:
        async with kept(known) as now:
            await now.asleep()
            slack.app.grants[BOT_TOKEN].scopes.remove("usergroups:read")
            await now.turn()
            assert now.may_deploy(ADA)
            for _ in range(4):
                await now.turn(5 * 3600)
                assert now.may_deploy(ADA)
            await now.turn(4 * 3600)
            assert not now.may_deploy(ADA)
            slack.app.grants[BOT_TOKEN].scopes.add("usergroups:read")
            await now.turn(30)  # asked again sooner than its turn
            assert now.may_deploy(ADA)
    told = [(log["event"], log.get("kept")) for log in logs if log["event"].startswith("role")]
    assert told == [("role_not_listed", 1), ("role_taken", None)]  # once, not with every turn


async def test_nobody_has_it_before_the_first_answer(slack: SlackServer, known: UserGroups) -> None:
    slack.space.paid = False
    with capture_logs() as logs:
        async with kept(known) as now:
            await now.asleep()
            assert not now.may_deploy(ADA)
            await now.turn()
            assert now.directory.listed.get(of_group(GROUP)) is None
    (told,) = [log for log in logs if log["event"] == "role_not_listed"]
    assert "has no user groups (paid_teams_only)" in told["error"]


async def test_a_chat_that_hangs_keeps_nobody_waiting(slack: SlackServer, known: UserGroups) -> None:

    slack.fault("usergroups.list", Stuck(done=False))
    role = RoleSpec("deployers", groups=(GROUP,), timeout=0.05)
    with capture_logs() as logs:
        async with kept(known, role=role) as now:
            await now.asleep()
    assert [log["error"] for log in logs if log["event"] == "role_not_listed"] == [
        "slack/@deployers: not known within 0.05 s who is in it"
    ]


async def test_a_chat_without_groups() -> None:
    directory = Directory((), (RoleSpec("deployers", groups=(GROUP,)),))
    at = HandClock()

    async def ask(run: Sequence[str], timeout: float) -> str:  # noqa: ASYNC109 - as who gives it says
        raise AssertionError(run, timeout)

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(Membership(directory, at, ask).run())
            await Kept(directory, at).asleep()
            task.cancel()
    assert [log["error"] for log in logs] == ["'slack/@deployers': this chat has no groups of people"]
