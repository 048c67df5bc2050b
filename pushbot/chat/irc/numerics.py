"""The numerics that something is made of here, by the names under which the package `irc` knows them.

Its own table, `irc.events`, is not loaded: it finds its file by looking into every caller's source, and brings twenty
modules along, which was a tenth of what a bot does until it is in its rooms. A test holds the names against it.
"""

from __future__ import annotations

NAMES = {
    "001": "welcome",
    "005": "featurelist",
    "332": "currenttopic",
    "333": "topicinfo",
    "352": "whoreply",
    "353": "namreply",
    "354": "whospcrpl",
    "366": "endofnames",
    "372": "motd",
    "376": "endofmotd",
    "421": "unknowncommand",
    "422": "nomotd",
    "432": "erroneusnickname",
    "433": "nicknameinuse",
    "436": "nickcollision",
    "437": "unavailresource",
    "451": "notregistered",
    "464": "passwdmismatch",
    "900": "loggedin",
    "901": "loggedout",
    "902": "nicklocked",
    "903": "saslsuccess",
    "904": "saslfail",
    "905": "sasltoolong",
    "906": "saslaborted",
    "907": "saslalready",
    "908": "saslmechs",
}
