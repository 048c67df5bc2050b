"""What has happened to a queue, in the past tense. The voice turns events into words, the service into runs."""

from pushbot.queue.events.keeping import (
    Confirmed,
    EndsSoon,
    Held,
    Locked,
    Overridden,
    Released,
    Seconded,
    Unlocked,
)
from pushbot.queue.events.line import (
    Blocked,
    BuildFailed,
    BuildQueued,
    DriverAsked,
    DriverChanged,
    Finished,
    GivenUp,
    HeadChanged,
    Joined,
    Left,
    Marked,
    NoteSet,
    Overtaken,
    Quieted,
    Renamed,
    RidersAsked,
    StageSet,
    TopicTaken,
    TrainReady,
)
from pushbot.queue.events.stages import (
    AbortFailed,
    AbortRequested,
    HostsCounted,
    RolledBack,
    RunCancelled,
    RunFailed,
    RunStarted,
    RunWasLost,
    StageRequested,
    StageSucceeded,
)

__all__ = [
    "AbortFailed",
    "AbortRequested",
    "Blocked",
    "BuildFailed",
    "BuildQueued",
    "Confirmed",
    "DriverAsked",
    "DriverChanged",
    "EndsSoon",
    "Event",
    "Finished",
    "GivenUp",
    "HeadChanged",
    "Held",
    "HostsCounted",
    "Joined",
    "Left",
    "Locked",
    "Marked",
    "NoteSet",
    "Overridden",
    "Overtaken",
    "Quieted",
    "Released",
    "Renamed",
    "RidersAsked",
    "RolledBack",
    "RunCancelled",
    "RunFailed",
    "RunStarted",
    "RunWasLost",
    "Seconded",
    "StageRequested",
    "StageSet",
    "StageSucceeded",
    "TopicTaken",
    "TrainReady",
    "Unlocked",
]

Event = (
    Joined
    | Marked
    | TrainReady
    | Blocked
    | HeadChanged
    | DriverChanged
    | Left
    | StageSet
    | Finished
    | GivenUp
    | Renamed
    | TopicTaken
    | BuildQueued
    | BuildFailed
    | NoteSet
    | Quieted
    | DriverAsked
    | RidersAsked
    | Overtaken
    | StageRequested
    | AbortRequested
    | AbortFailed
    | HostsCounted
    | RunStarted
    | StageSucceeded
    | RolledBack
    | RunFailed
    | RunCancelled
    | RunWasLost
    | Held
    | Released
    | Locked
    | Unlocked
    | EndsSoon
    | Seconded
    | Confirmed
    | Overridden
)
