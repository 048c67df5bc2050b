"""What people do in Slack, by clicking and typing, and what the app is sent of it.

docs.slack.dev/interactivity/implementing-slash-commands, docs.slack.dev/reference/interaction-payloads
(block_actions), docs.slack.dev/reference/events.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rig.slack.calls import Args, Refusal
from tests.rig.slack.files import Reply
from tests.rig.slack.posts import Ephemeral
from tests.rig.slack.pressed import button, filled, inputs, on_ephemeral, on_message, option
from tests.rig.slack.state import APP, BOT_USER, TEAM, Channel, Message, User
from tests.rig.slack.text import escape, typed

if TYPE_CHECKING:
    from tests.rig.slack.files import Files
    from tests.rig.slack.links import Links
    from tests.rig.slack.rooms import Rooms
    from tests.rig.slack.state import Object
    from tests.rig.slack.team_methods import Team


class Failed(AssertionError):  # noqa: N818 - says what happened
    """What somebody did came to nothing; `error` is what Slack shows them, like `operation_timeout`."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class People:
    """Everybody who is not our bot."""

    def __init__(self, team: Team, rooms: Rooms, files: Files, links: Links) -> None:
        self.team, self.rooms, self.files, self.links = team, rooms, files, links
        self.posts, self.space, self.app = team.posts, team.space, team.posts.app

    # --- talking ---

    def say(self, user: str, channel: str, text: str, *, thread: str | None = None, raw: bool = False) -> str:
        """Somebody writes (a member now, if not before); the `ts`. With `raw` the text is as Slack keeps it already."""
        where = self.space.channel(channel)
        assert not where.archived, f"#{where.name} is archived"
        if self.space.user(user).id not in where.members:
            where.members.append(self.space.user(user).id)
        kept = text if raw else typed(text, self.space)
        return self.posts.person(where, self.space.user(user).id, kept, thread).ts

    def direct(self, user: str, text: str, *, thread: str | None = None) -> str:
        """Somebody writes to the bot in private; the message's `ts`."""
        assert self.app.answers, "sending messages to this app has been turned off"
        return self.say(user, self.space.im(self.space.user(user).id).id, text, thread=thread)

    def edit(self, channel: str, ts: str, text: str) -> None:
        """Whoever wrote a message changes it."""
        where = self.space.channel(channel)
        message = where.find(ts)
        assert message is not None, ts
        self.posts.edit(where, message, typed(text, self.space), message.blocks, marked=True)

    def delete(self, channel: str, ts: str) -> None:
        """Somebody deletes a message, theirs or, as workspace owners may, the bot's."""
        where = self.space.channel(channel)
        message = where.find(ts)
        assert message is not None, ts
        self.posts.delete(where, message)

    def write_topic(self, user: str, channel: str, text: str) -> None:
        """Somebody edits the topic."""
        self.posts.topic(self.space.channel(channel), self.space.user(user).id, escape(text))

    # --- commands, buttons, menus ---

    async def slash(self, user: str, channel: str, command: str, text: str = "") -> Object | None:
        """Somebody gives a slash command; what it was acknowledged with. Raises Failed as Slack shows it."""
        person, where = self.space.user(user), self.space.channel(channel)
        if command not in self.app.commands or not self.app.may("commands"):
            raise Failed("invalid_command")
        reply = Reply(person.id, where.id, self.space.clock())
        payload: Object = {
            "token": "verification",
            "team_id": TEAM,
            "team_domain": self.space.domain,
            "channel_id": where.id,
            "channel_name": {"im": "directmessage", "group": "privategroup"}.get(where.kind, where.name),
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": self._after_command(text),
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self.files.reply_url(reply),
            "trigger_id": self._trigger(person),
        }
        return await self._sent("slash_commands", payload, reply)

    def _after_command(self, text: str) -> str:
        """What Slack sends of it: with "Escape channels, users, and links" mentions are ids with a name."""
        if not self.app.escapes:
            return escape(text.strip())
        names = {user.id: user.name for user in self.space.users.values()}
        return re.sub(r"<@(\w+)>", lambda found: f"<@{found[1]}|{names[found[1]]}>", typed(text, self.space))

    async def press(self, user: str, message: Message | Ephemeral | Object | None, what: str) -> Object | None:
        """Somebody presses the button (on a message, or a view) that has this `action_id`, `value` or label."""
        assert message is not None, "there is nothing to press on"
        element, block_id = button(message, what)
        action: Object = {"type": "button", "block_id": block_id}
        action.update((key, element[key]) for key in ("action_id", "text", "value", "style") if key in element)
        return await self._act(user, message, action)

    async def choose(
        self, user: str, message: Message | Ephemeral | Object | None, what: str, menu: str = ""
    ) -> Object | None:
        """Somebody chooses the option with this value or label, from an overflow or a select."""
        assert message is not None, "there is nothing to choose from"
        element, block_id, chosen = option(message, what, menu)
        action: Object = {"type": element["type"], "action_id": element["action_id"], "block_id": block_id}
        return await self._act(user, message, action | {"selected_option": chosen})

    async def submit(self, user: str, view: Object, values: dict[str, str]) -> Object | None:
        """Somebody submits a modal, with what they filled in by `action_id`; what it was acknowledged with."""
        person = self.space.user(user)
        state: Object = {
            block: {name: filled(one, values[name])} for name, one, block in inputs(view) if name in values
        }
        payload: Object = {
            "type": "view_submission",
            "team": {"id": TEAM, "domain": self.space.domain},
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": TEAM},
            "api_app_id": APP,
            "token": "verification",
            "trigger_id": self._trigger(person),
            "view": {**view, "state": {"values": state}},
            "response_urls": [],
            "is_enterprise_install": False,
            "enterprise": None,
        }
        return await self._sent("interactive", payload, None)

    async def _act(self, user: str, on: Message | Ephemeral | Object, action: Object) -> Object | None:
        if not self.app.interactive:
            raise Failed("interactivity is not enabled")
        person = self.space.user(user)
        action["action_ts"] = self.space.ts()
        payload: Object = {
            "type": "block_actions",
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": TEAM},
            "api_app_id": APP,
            "token": "verification",
            "trigger_id": self._trigger(person),
            "team": {"id": TEAM, "domain": self.space.domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }
        reply = None
        if isinstance(on, Message):
            where = self.space.channels[on.channel]
            assert not on.deleted, "the message is gone"
            reply = Reply(person.id, where.id, self.space.clock(), on, on.thread)
            payload |= on_message(where, on, self.posts.json(on))
            payload["response_url"] = self.files.reply_url(reply)
        elif isinstance(on, Ephemeral):
            assert on in self.posts.ephemerals, "the message is gone"
            reply = Reply(person.id, on.channel, self.space.clock(), thread=on.thread, whisper=on)
            payload |= on_ephemeral(on, self.space.channels[on.channel])
            payload["response_url"] = self.files.reply_url(reply)
        else:
            payload |= {"container": {"type": "view", "view_id": on["id"]}, "view": on}
        payload["actions"] = [action]
        return await self._sent("interactive", payload, reply)

    async def _sent(self, kind: str, payload: Object, reply: Reply | None) -> Object | None:
        """Send it and wait for the acknowledgement, whose payload is shown at once."""
        refused: list[str] = []

        def show(answer: Object) -> None:
            if reply and (answer.get("text") or answer.get("blocks")):
                try:
                    self.files.respond(reply, Args(answer))
                except Refusal as refusal:
                    refused.append(str(refusal))

        delivery = self.links.deliver(kind, payload, accepts=kind == "slash_commands" or reply is None, then=show)
        await delivery.settled.wait()
        assert delivery.ack is not None
        if error := delivery.ack.error or "".join(refused):
            raise Failed(error)
        return delivery.ack.payload

    def _trigger(self, person: User) -> str:
        trigger = f"{self.space.number()}.{self.space.number()}.rig"
        self.team.triggers[trigger] = (person.id, self.space.clock())
        return trigger

    def open_home(self, user: str) -> None:
        """Somebody opens the app's Home tab."""
        person = self.space.user(user)
        where = self.space.im(person.id)
        event: Object = {"type": "app_home_opened", "user": person.id, "channel": where.id, "tab": "home"}
        event["event_ts"] = self.space.ts()
        if person.id in self.team.homes:
            event["view"] = self.team.homes[person.id]
        if self.app.home_tab:
            self.app.emit(event)

    # --- people and rooms ---

    def rename(self, user: str, display: str) -> None:
        """Somebody takes another display name."""
        person = self.space.user(user)
        person.display = display
        self._changed(person)

    def deactivate(self, user: str) -> None:
        """Somebody's account is closed."""
        person = self.space.user(user)
        person.deleted = True
        self._changed(person)

    def _changed(self, person: User) -> None:
        person.updated = int(self.space.clock())
        for kind in ("user_change", "user_profile_changed"):
            event: Object = {"type": kind, "user": person.json(), "cache_ts": person.updated}
            self.app.emit(event | {"event_ts": self.space.ts()}, "users:read")

    def rename_channel(self, channel: str, name: str, user: str = "") -> None:
        """A channel gets another name."""
        where = self.space.channel(channel)
        old, by = where.name, self.space.user(user).id if user else "W0CREATOR"
        where.names, where.name = [*where.names, old], name.lstrip("#")
        more: Object = {"old_name": old, "name": where.name}
        text = f'has renamed the channel from "{old}" to "{where.name}"'
        self.posts.notice(where, by, f"{where.kind}_name", text, more)
        shown: Object = {"id": where.id, "name": where.name, "name_normalized": where.name, "created": where.created}
        self._of_room(where, {"type": f"{where.kind}_rename", "channel": shown})

    def archive(self, channel: str, *, archived: bool = True, user: str = "") -> None:
        """A channel is archived, or taken out of the archive."""
        where = self.space.channel(channel)
        by = self.space.user(user).id if user else "W0CREATOR"
        where.archived = archived
        kind = f"{where.kind}_{'archive' if archived else 'unarchive'}"
        self.posts.notice(where, by, kind, f"<@{by}> {'archived' if archived else 'un-archived'} the channel")
        self._of_room(where, {"type": kind, "channel": where.id, "user": by})

    def _of_room(self, channel: Channel, event: Object) -> None:
        if BOT_USER in channel.members:
            scope = "channels:read" if channel.kind == "channel" else "groups:read"
            self.app.emit(event | {"event_ts": self.space.ts()}, scope)

    def invite(self, channel: str, user: str = BOT_USER, by: str = "") -> None:
        """Somebody, the bot by default, becomes a member."""
        where, person = self.space.channel(channel), self.space.user(user)
        if person.id not in where.members:
            self.rooms.enter(where, person.id, self.space.user(by).id if by else "")

    def kick(self, channel: str, user: str = BOT_USER) -> None:
        """Somebody, the bot by default, is removed."""
        self.rooms.exit(self.space.channel(channel), self.space.user(user).id)

    def pin(self, user: str, channel: str, ts: str, *, pinned: bool = True) -> None:
        """Somebody pins a message, or takes the pin off."""
        where = self.space.channel(channel)
        message = where.find(ts)
        assert message is not None, ts
        self.posts.pin(where, message, self.space.user(user).id, pinned=pinned)

    def change_group(self, handle: str, users: list[str]) -> None:
        """The members of a user group become others."""
        group = next(one for one in self.space.groups.values() if one.handle == handle)
        before, group.users = group.users, [self.space.user(one).id for one in users]
        self.app.emit({"type": "subteam_updated", "subteam": group.json()}, "usergroups:read")
        changed: Object = {
            "type": "subteam_members_changed",
            "subteam_id": group.id,
            "team_id": TEAM,
            "added_users": [one for one in group.users if one not in before],
            "removed_users": [one for one in before if one not in group.users],
        }
        self.app.emit(changed, "usergroups:read")
