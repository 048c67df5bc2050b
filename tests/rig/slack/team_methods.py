"""auth.*, bots.*, team.*, users.*, usergroups.* and views.* (docs.slack.dev/reference/methods)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.rig.slack.calls import Refusal, cut, malformed
from tests.rig.slack.chat_methods import named
from tests.rig.slack.limits import judge_view
from tests.rig.slack.state import APP, BOT, BOT_USER, TEAM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.slack.calls import Args
    from tests.rig.slack.posts import Posts
    from tests.rig.slack.state import Group, Object

TRIGGER = 3.0
"""Seconds a `trigger_id` is good for (docs.slack.dev/interactivity/handling-user-interaction)."""


@dataclass
class Team:
    """What is answered about people, groups and views. `homes` are Home tabs by user, `modals` the views opened."""

    posts: Posts
    homes: dict[str, Object] = field(default_factory=dict)
    modals: list[tuple[str, Object]] = field(default_factory=list)
    triggers: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.space = self.posts.space
        self.methods: dict[str, Callable[[Args], Object]] = {
            "auth.test": self.auth,
            "bots.info": self.bot,
            "team.info": self.team,
            "users.info": self.user,
            "users.list": self.users,
            "usergroups.list": self.groups,
            "usergroups.users.list": self.group_users,
            "views.publish": self.publish,
            "views.open": self.open,
            "views.update": self.update,
        }

    def auth(self, args: Args) -> Object:
        url = f"https://{self.space.domain}.slack.com/"
        common: Object = {"ok": True, "url": url, "team": "Princess", "team_id": TEAM, "is_enterprise_install": False}
        if args.grant and args.grant.kind == "app":
            return common | {"app_id": APP, "app_name": "pushbot"}
        return common | {"user": self.space.users[BOT_USER].name, "user_id": BOT_USER, "bot_id": BOT}

    def bot(self, args: Args) -> Object:
        bot = args.text("bot") or BOT
        owner = next((user for user in self.space.users.values() if user.bot == bot), None)
        if owner is None:
            raise Refusal("bot_not_found")
        return {"ok": True, "bot": {**self.posts.bot(bot), "user_id": owner.id}}

    def team(self, args: Args) -> Object:
        assert args is not None
        return {"ok": True, "team": {"id": TEAM, "name": "Princess", "domain": self.space.domain}}

    def user(self, args: Args) -> Object:
        user = self.space.users.get(args.must("user"))
        if user is None:
            raise Refusal("user_not_found")
        return {"ok": True, "user": user.json()}

    def users(self, args: Args) -> Object:
        page, more = cut([user.json() for user in self.space.users.values()], args, 1000)
        answer: Object = {"ok": True, "members": page, "cache_ts": int(self.space.clock())}
        return answer | more

    # --- user groups ---

    def groups(self, args: Args) -> Object:
        self._paid()
        groups = [one for one in self.space.groups.values() if args.flag("include_disabled") or not one.disabled]
        shown = [one.json() for one in groups]
        if not args.flag("include_users"):
            shown = [{key: value for key, value in one.items() if key != "users"} for one in shown]
        return {"ok": True, "usergroups": [*shown]}

    def group_users(self, args: Args) -> Object:
        self._paid()
        return {"ok": True, "users": [*self._group(args.must("usergroup")).users]}

    def _group(self, group: str) -> Group:
        if group not in self.space.groups:
            raise Refusal("no_such_subteam")
        return self.space.groups[group]

    def _paid(self) -> None:
        if not self.space.paid:
            raise Refusal("paid_teams_only")

    # --- views ---

    def publish(self, args: Args) -> Object:
        user = args.must("user_id")
        if user not in self.space.users or self.space.users[user].deleted:
            raise Refusal("user_not_found")
        if not self.posts.app.home_tab:
            raise Refusal("not_enabled")
        view = self._judged(args, "home")
        before = self.homes.get(user)
        if args.text("hash") and before and args.text("hash") != before["hash"]:
            raise Refusal("hash_conflict")
        self.homes[user] = self._kept(view, str(before["id"]) if before else self.space.id("V"))
        return {"ok": True, "view": self.homes[user]}

    def open(self, args: Args) -> Object:
        user, at = self.triggers.get(args.must("trigger_id"), ("", 0.0))
        if not user:
            raise Refusal("invalid_trigger_id")
        if self.space.clock() - at > TRIGGER:
            raise Refusal("expired_trigger_id")
        view = self._kept(self._judged(args, "modal"), self.space.id("V"))
        del self.triggers[args.must("trigger_id")]
        self.modals.append((user, view))
        return {"ok": True, "view": view}

    def update(self, args: Args) -> Object:
        for at, (user, view) in enumerate(self.modals):
            if view["id"] == args.text("view_id"):
                if args.text("hash") not in {"", view["hash"]}:
                    raise Refusal("hash_conflict")
                self.modals[at] = (user, self._kept(self._judged(args, "modal"), str(view["id"])))
                return {"ok": True, "view": self.modals[at][1]}
        raise Refusal("not_found")

    def _judged(self, args: Args, kind: str) -> Object:
        view = args.object("view")
        if view is None:
            raise malformed("missing required field: view")
        if problems := judge_view(view, kind):
            raise malformed(*(str(one) for one in problems))
        if len(json.dumps(view)) > 250_000:
            raise Refusal("view_too_large")
        return view

    def _kept(self, view: Object, view_id: str) -> Object:
        ts = self.space.ts()
        digest = hashlib.sha256(json.dumps(view).encode()).hexdigest()[:8]
        own: Object = {"id": view_id, "team_id": TEAM, "app_id": APP, "bot_id": BOT, "hash": f"{ts}.{digest}"}
        given: Object = {"callback_id": "", "private_metadata": "", "external_id": "", "state": {"values": {}}}
        blocks = view["blocks"]
        assert isinstance(blocks, list)
        own["blocks"] = [*named(blocks, self.posts)]
        return {**given, **view, **own, "root_view_id": view_id, "previous_view_id": None}
