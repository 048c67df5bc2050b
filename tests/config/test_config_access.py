"""People, roles and access in a configuration: what it becomes, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.config import Config, ConfigErrors, load
from pushbot.queue.model import Person
from pushbot.service.people.directory import account_of, of_group

if TYPE_CHECKING:
    from pathlib import Path

BASE = """
[chats.irc]
host = "127.0.0.1"
tls = false

[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"

[pipelines.web.defaults]
executor = "dryrun"
access = { retry = "driver", done = "driver" }

[[pipelines.web.stages]]
name = "princess"
steps = [{ name = "build", run = ["true"] }]

[[pipelines.web.stages]]
name = "production"
second = "release"
access = { go = ["release", "operator"], done = ["release"] }
steps = [{ name = "build", run = ["true"] }]

[roles.release]
people = ["alice"]

[people.alice]
"""


def loaded(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "pushbot.toml"
    file.write_text(text, "utf-8")
    return load(file)


def wrong(tmp_path: Path, more: str, base: str = BASE) -> str:
    """What is wrong with the base and `more` of it, the file's name aside."""
    with pytest.raises(ConfigErrors) as error:
        loaded(tmp_path, f"{base}\n{more}")
    (problem,) = error.value.problems
    return str(problem).partition(": ")[2]


def test_people_roles_and_access(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        BASE
        + """
accounts = ["irc/alice", "control/al"]
git = ["Alice"]
pager = "+44"
roles = ["operator"]
[people.bob]
accounts = ["irc/~bob@*.example.org"]
[roles.operator]
people = ["irc/carol", "*"]
[roles.listed]
command = ["./members"]
every = "1m"
timeout = "5s"
[access]
kick = "driver"
"unlock!" = ["release", "operator"]
".say" = ["anyone"]
[lanes.web.access]
kick = ["anyone"]
""",
    )
    directory = config.access.directory
    assert directory.people[0].accounts == (account_of("irc/alice"), account_of("control/al"))
    alice = Person("irc", "account:alice", "alice", "account alice")
    assert directory.roles(directory.linked(alice)) == {"operator", "release"}
    assert directory.roles_kept[2].command == (str(tmp_path / "members"),)
    assert (directory.roles_kept[2].every, directory.roles_kept[2].timeout) == (60, 5)
    assert config.access.policy.may("kick") == {"driver"}
    assert config.access.policy.may("unlock!") == {"release", "operator"}
    assert config.access.policy.may("say") == {"anyone"}
    (web,) = config.lanes
    assert config.access.policy_at(web).may("kick") == {"anyone"}
    princess, production = web.stages
    assert princess.access == {"retry": {"driver"}, "done": {"driver"}}
    assert princess.second is None
    assert production.access == {
        "retry": {"driver"},
        "done": {"release"},
        "go": {"release", "operator"},
    }
    assert production.second == "release"
    assert config.access.policy_at(web, "production").may("second") == {"release"}
    assert config.access.policy_at(web, "production").may("kick") == {"anyone"}
    assert config.access.operators


def test_groups_of_a_chat_that_knows_such(tmp_path: Path) -> None:
    groups = 'groups = ["slack/@deployers", "slack/S024BE7LH"]\nevery = "1m"'
    config = loaded(tmp_path, f"{BASE}\n[chats.slack]\n[roles.operator]\n{groups}\n[roles.one]\ngroups = 'slack/@ops'")
    _, operator, one = config.access.directory.roles_kept
    assert (operator.groups, operator.every) == (("slack/@deployers", "slack/S024BE7LH"), 60)
    assert one.groups == ("slack/@ops",)
    assert config.access.operators
    ann = Person("slack", "user:U024ANN", "ann", "Slack user U024ANN")
    assert config.access.directory.roles(ann) == frozenset()
    config.access.directory.listed[of_group("slack/@ops")] = frozenset({"slack/U024ANN"})
    assert config.access.directory.roles(ann) == {"one"}


@pytest.mark.parametrize(("written", "role"), [("true", "anyone"), ("false", None), ('"operator"', "operator")])
def test_whose_second_word_a_stage_wants(tmp_path: Path, written: str, role: str | None) -> None:
    config = loaded(tmp_path, BASE.replace('second = "release"', f"second = {written}"))
    assert config.lanes[0].stages[1].second == role
    assert not config.access.operators


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            'accounts = ["alice"]',
            "people.alice.accounts[0]: found 'alice'; expected CHAT/ACCOUNT as the chat",
        ),
        (
            'accounts = ["irc/al*"]',
            "people.alice.accounts[0]: found 'irc/al*'; expected one account, or a mask USER@HOST",
        ),
        (
            'accounts = ["irc/*@*"]',
            "people.alice.accounts[0]: found 'irc/*@*'; expected one account, or a mask USER@HOST",
        ),
        ('accounts = ["ircc/al"]', "people.alice.accounts[0]: there is no chat 'ircc'; did you mean 'irc'?"),
        (
            'accounts = ["irc/al", "irc/AL"]',
            "people.alice.accounts[1]: 'irc/AL' is twice here; expected each account once",
        ),
        (
            'accounts = ["irc/al"]\n[people.bob]\naccounts = ["irc/Al"]',
            "people.bob.accounts[0]: 'irc/Al' is that of 'alice' as well; expected each account once",
        ),
        (
            'accounts = ["irc/~al@*.org"]\n[people.bob]\naccounts = ["irc/~al@pc.org"]',
            "people.bob.accounts[0]: 'irc/~al@pc.org' is that of 'alice' as well; expected each account once",
        ),
        (
            'git = ["Alice"]\n[people.bob]\ngit = ["alice"]',
            "people.bob.git[0]: 'alice' is that of 'alice' as well; expected each once",
        ),
        ('roles = ["releese"]', "people.alice.roles: there is no role 'releese'; did you mean 'release'?"),
        ('roles = ["rider"]', "people.alice.roles: there is no role 'rider'; expected one of operator, release"),
        ('[roles.x]\npeople = ["alise"]', "roles.x.people[0]: there is no person 'alise'; did you mean 'alice'?"),
        ('[roles.x]\npeople = ["ircc/al"]', "roles.x.people[0]: there is no chat 'ircc'; did you mean 'irc'?"),
        (
            '[roles.x]\npeople = ["irc/"]',
            "roles.x.people[0]: found 'irc/'; expected CHAT/ACCOUNT as the chat proves it",
        ),
        (
            '[roles.x]\ngroups = ["@ops"]',
            "roles.x.groups[0]: found '@ops'; expected CHAT/GROUP as the chat calls it, such as \"slack/@deployers\"",
        ),
        ('[roles.x]\ngroups = ["irx/@ops"]', "roles.x.groups[0]: there is no chat 'irx'; did you mean 'irc'?"),
        ('[roles.x]\ngroups = ["control/@ops"]', "roles.x.groups[0]: there is no chat 'control'; expected one of irc"),
        (
            '[roles.x]\ngroups = "irc/@ops"',
            "roles.x.groups[0]: chat 'irc' has no groups of people; expected a chat that has",
        ),
        (
            "[roles.driver]",
            "roles.driver: nobody is put into this role: it follows from who speaks; expected another name",
        ),
        (
            "[roles.Release]",
            "roles.Release: there is already a role 'release'; expected names that differ in more than",
        ),
        ('[access]\nkikc = ["rider"]', "access.kikc: there is no verb 'kikc'; did you mean 'kick'?"),
        ('[access]\nkick = ["opertor"]', "access.kick: there is no role 'opertor'; did you mean 'operator'?"),
        (
            '[lanes.web.access]\njoin = "devs"',
            "lanes.web.access.join: there is no role 'devs'; expected one of anyone, ",
        ),
        (
            '[chats.control]\ntype = "irc"\nhost = "x"',
            "chats.control: this name is taken: it stands for the control socket",
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_was_meant(tmp_path: Path, more: str, told: str) -> None:
    assert wrong(tmp_path, more).startswith(told)


def test_so_is_what_is_wrong_in_a_stage(tmp_path: Path) -> None:
    base = BASE.replace('second = "release"', 'second = "releas"')
    told = "pipelines.web.stages[1].second: there is no role 'releas'; did you mean 'release'?"
    assert wrong(tmp_path, "", base) == told
    base = BASE.replace("access = { go", "access = { went")
    assert wrong(tmp_path, "", base).startswith("pipelines.web.stages[1].access.went: there is no verb 'went'")
