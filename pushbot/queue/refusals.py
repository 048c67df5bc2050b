"""Why something was not done: a code for scripts, and the command that would help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.queue.model import Hold, Lock


class Code(StrEnum):
    """The reasons for which a command is refused; stable, for scripts."""

    ALREADY_ABOARD = "already_aboard"
    ALREADY_DRIVING = "already_driving"
    CLOSED = "closed"
    EMPTY_QUEUE = "empty_queue"
    HEAD_BEGUN = "head_begun"
    HELD = "held"
    HOLD_TICKET = "hold_ticket"
    INCIDENT_OPEN = "incident_open"
    LANE_HAS_NO_STAGES = "lane_has_no_stages"
    LOCKED = "locked"
    NOBODY_BY_THAT_NAME = "nobody_by_that_name"
    NOTHING_FAILED = "nothing_failed"
    NOTHING_RUNNING = "nothing_running"
    NOTHING_TO_ROLL_BACK_TO = "nothing_to_roll_back_to"
    NOT_ABOARD = "not_aboard"
    NOT_EVERYONE_GOOD = "not_everyone_good"
    NOTHING_TO_CONFIRM = "nothing_to_confirm"
    NOT_HELD = "not_held"
    NOT_IDENTIFIED = "not_identified"
    NOT_LOCKED = "not_locked"
    NOT_PERMITTED = "not_permitted"
    NOT_RECORDED = "not_recorded"
    NO_INCIDENT = "no_incident"
    NO_MESSAGE = "no_message"
    NO_ROLLBACK = "no_rollback"
    OWN_WORD = "own_word"
    QUEUE_FULL = "queue_full"
    REVISION_PINNED = "revision_pinned"
    RUN_IN_FLIGHT = "run_in_flight"
    SECOND_NEEDED = "second_needed"
    STAGE_BUSY = "stage_busy"
    STAGE_NOT_OF_HEAD = "stage_not_of_head"
    STALE_BOARD = "stale_board"
    STALE_TOPIC = "stale_topic"
    TIMELINE_FULL = "timeline_full"
    TOO_FAST = "too_fast"
    TOO_MANY = "too_many"
    UNKNOWN_COMMAND = "unknown_command"
    UNKNOWN_ROOM = "unknown_room"
    UNKNOWN_STAGE = "unknown_stage"
    UNREADABLE_TOPIC = "unreadable_topic"
    WHICH_LANE = "which_lane"
    WHICH_PERSON = "which_person"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not done. `subject` is what it is about (a name, a stage, a text), `fix` a command that would help.

    Of what ends by itself: `kept` is the lock or hold in the way, `until` its end, `now` the time that it was asked.
    """

    code: Code
    subject: str = ""
    fix: str | None = None
    kept: Lock | Hold | None = None
    until: datetime | None = None
    now: datetime | None = None
