"""What Slack answers instead of doing it, in words that say what to do about it."""

from __future__ import annotations

import structlog

from pushbot.errors import PushbotError

LOG = structlog.get_logger()
WHAT_TO_DO = {
    "unknown_method": "the server at `api_url` does not know this method",
    "not_in_channel": "invite the bot there (/invite)",
    "channel_not_found": "name a channel that exists, and invite the bot if it is private",
    "is_archived": "unarchive the channel, or take it out of the configuration",
    "restricted_action": "let the bot do so in the workspace's settings (who may post, or set topics)",
    "restricted_action_read_only_channel": "let the bot post in this read-only channel",
    "restricted_action_thread_only_channel": "let the bot post new messages in this channel",
    "not_allowed_token_type": "give the bot token (xoxb-)",
    "not_authed": "set the token",
    "invalid_auth": "put the token of the installed app where the configuration points",
    "token_revoked": "install the app again and put the new token where the configuration points",
    "token_expired": "install the app again and put the new token where the configuration points",
    "account_inactive": "install the app again and put the new token where the configuration points",
    "access_denied": "let the app do so in the workspace's settings",
    "ekm_access_denied": "let the app do so in the workspace's settings",
    "team_access_not_granted": "install the app in this workspace",
    "user_not_found": "name somebody of this workspace",
    "user_disabled": "this person has left the workspace",
    "cannot_dm_bot": "bots cannot be written to in private",
    "not_enabled": "turn on the Home tab in the app's settings",
    "paid_teams_only": "this needs a paid plan",
    "plan_upgrade_required": "this needs a paid plan",
    "msg_too_long": "say less",
    "too_long": "say less",
    "message_limit_exceeded": "wait: the workspace has sent all it may for now",
    "team_quota_exceeded": "wait, or move to a larger plan",
}
"""What to do about a code; those that are not here speak for themselves, or are a bug."""

UNKNOWN = "unknown_method"
"""The code of a method that the server does not know: a stand-in for Slack knows only some."""
UNHEARD_OF = frozenset({UNKNOWN, "method_not_found", "method_not_implemented", "not_implemented"})
"""What stand-ins call the same."""
WITHOUT = {
    "chat.delete": "what cannot be edited any more stays where it is",
    "chat.postEphemeral": "refusals are told in private",
    "chat.update": "boards are posted anew, and messages of pushes stay as they are",
    "conversations.history": "after a restart it may say again what it had said",
    "conversations.info": "the bot takes itself for a member of its rooms",
    "conversations.open": "people are written to where they wrote to the bot, or by their ids",
    "conversations.setTopic": "topics stay as they are, boards show the same",
    "files.getUploadURLExternal": "ends of logs are said as they are",
    "pins.add": "boards are not pinned",
    "pins.list": "boards are not pinned, nor found again once forgotten",
    "users.info": "nobody is known to be a member, and only `guests = true` lets people change anything",
    "users.list": "people are known by name only when they have spoken",
    "views.publish": "people have no page of their own",
}
"""Methods that stand-ins for Slack often lack, and what comes of that."""

AGAIN = frozenset({"ratelimited", "rate_limited"})
"""Codes of what was not done, and may be asked again later."""
IN_DOUBT = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""Codes after which nobody knows whether it was done."""
NO_ENTRY = frozenset({"channel_not_found", "not_in_channel"})
"""Codes of a channel that the bot may be let into (a private one is not found by who is not in it)."""
NO_BOT = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "not_authed",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""Codes that have nothing to do with what was asked: somebody has to see to the app first."""

TOO_MUCH = frozenset(
    {"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "invalid_arguments", "no_text"}
)
"""Codes after which it may still pass, if alone, without blocks."""


class Refused(PushbotError):  # noqa: N818 - it says what happened
    """Slack answered `ok: false`. `code` is its error, `needed` the scope that is missing, if that is why."""

    def __init__(self, code: str, method: str, needed: str = "", where: str = "") -> None:
        self.code, self.method, self.needed = code, method, needed
        if code == "missing_scope":
            cure = f"add the scope {needed or 'it needs'} to the app and install it again"
        else:
            page = f"see https://docs.slack.dev/reference/methods/{method}"
            cure = WHAT_TO_DO.get(code, page if "." in method else "it is used up, or gone")
        place = f" in {where}" if where else ""
        super().__init__(f"Slack refused {method}{place} ({code}): {cure}.")


class Unreachable(PushbotError):  # noqa: N818 - it says what happened
    """Slack could not be asked, and nothing was done; it may be asked again later."""


def warn(event: str, error: Exception, **of: object) -> None:
    """Log what was not done. That a stand-in for Slack does not know a method was said when it was first called."""
    known = isinstance(error, Refused) and error.code == UNKNOWN
    (LOG.debug if known else LOG.warning)(event, **of, error=str(error))
