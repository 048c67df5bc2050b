"""A Slack on loopback: Web API, Socket Mode, people. `SlackServer` is the door; `limits` judges Block Kit by itself."""

from tests.rig.slack.app import APP_TOKEN, BOT_TOKEN
from tests.rig.slack.faults import Fault, Http, Limited, Lost, Refused, Slow, Stuck
from tests.rig.slack.people import Failed
from tests.rig.slack.server import SlackServer
from tests.rig.slack.state import APP, BOT, BOT_USER, TEAM, Channel, Message, User

__all__ = [
    "APP",
    "APP_TOKEN",
    "BOT",
    "BOT_TOKEN",
    "BOT_USER",
    "TEAM",
    "Channel",
    "Failed",
    "Fault",
    "Http",
    "Limited",
    "Lost",
    "Message",
    "Refused",
    "SlackServer",
    "Slow",
    "Stuck",
    "User",
]
