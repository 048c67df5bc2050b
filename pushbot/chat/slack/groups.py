"""User groups as roles: who is in `@deployers`, or in S024BE7LH, as Slack knows it at this moment.

usergroups.list tells handles and ids, usergroups.users.list the people; both take usergroups:read, and a plan that has
user groups (https://docs.slack.dev/reference/methods/usergroups.list). Whoever asks keeps the answer and asks again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.refused import Refused
from pushbot.chat.slack.shape import text
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pushbot.chat.slack.api import Api

LOG = structlog.get_logger()
NO_PLAN = frozenset({"paid_teams_only", "plan_upgrade_required"})
"""What Slack answers where the plan of the workspace has no user groups."""
GONE = "no_such_subteam"


@dataclass(slots=True)
class UserGroups:
    """The user groups of one workspace."""

    api: Api
    _unknown: set[str] = field(default_factory=set)

    async def members(self, group: str) -> frozenset[str]:
        """The user ids of those in the group of that handle (`@deployers`) or id; nobody, where there is none.

        A group that is switched off is none. Raises PushbotError when Slack does not tell.
        """
        try:
            found = await self._id_of(group)
            users = (await self.api.call("usergroups.users.list", usergroup=found)).get("users") if found else None
        except Refused as refusal:
            if refusal.code == GONE:
                found = users = None
            else:
                raise _told(refusal) from refusal
        if found is None and group not in self._unknown:
            LOG.warning("slack_group_unknown", group=group)
        (self._unknown.discard if found else self._unknown.add)(group)
        return frozenset(map(str, users)) if isinstance(users, list) else frozenset()

    async def _id_of(self, group: str) -> str | None:
        listed = (await self.api.call("usergroups.list")).get("usergroups")
        wanted = group.removeprefix("@")
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and wanted in {one.get("id"), one.get("handle")} and not one.get("date_delete"):
                return text(one, "id") or None
        return None


def _told(refusal: Refused) -> PushbotError:
    if refusal.code in NO_PLAN:
        return PushbotError(
            f"The plan of this Slack workspace has no user groups ({refusal.code}): "
            "put people into the role by `people` or `command`, or move to a paid plan."
        )
    return refusal
