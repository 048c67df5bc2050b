"""Views for tests of how Slack shows them: any that there may be, by hostile people; and those of a usual day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from pushbot.fleet.model import Tally
from pushbot.queue.model import Hold, Lock, Mark, Person, Phase, Rider, RunKind, Ticket, Train
from pushbot.views import HomeView, LaneBoard, Offer, PushEnd, PushView, StageState, StageView, Weight

NOW = datetime(2026, 11, 21, 14, 2, tzinfo=UTC)

HOSTILE = (
    *("<!channel>", "<@U024BE7LH>", "@here @channel", "&lt;&amp;", "*_~`x`~_*", "```", ":x: :tada:", "\n\n", "", " "),
    *(
        "\u202egood\u202c",
        "a\u200b\u200bb",
        "\x00\x1b[31m",
        "\ud83d",
        "שלום עולם",
        "👩\u200d💻" * 30,
        "e" + "\u0301" * 80,
    ),
    *("n" * 80, "https://x.org/a?b=<!here>", "http://" + "h" * 4000, "reason " * 900, '["x","y","z"]', "a|b", "a\nb"),
)
texts = st.sampled_from(HOSTILE) | st.text(max_size=40)
names = texts.map(lambda text: text[:80])
words = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=40)
times = st.datetimes(datetime(1, 1, 2), datetime(9998, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - aware by timezones
near = st.integers(-90_000, 90_000).map(lambda seconds: NOW + timedelta(seconds=seconds))
moments = near | times
people = names.map(lambda name: Person("slack", f"user:{name}", name, address="U024BE7LH"))
tallies = st.none() | st.builds(Tally, st.integers(0, 500), st.integers(0, 500), st.integers(0, 9))
seconds = st.none() | st.floats(0, 10**7)

riders = st.builds(Rider, people, st.sampled_from(Ticket), st.sampled_from(Mark))
crews = st.lists(riders, min_size=1, max_size=14).map(tuple)
train_values = st.builds(
    Train,
    crews,
    st.none() | words,
    st.sampled_from(Phase),
    st.none() | texts,
    number=st.integers(1, 999),
    run_kind=st.sampled_from(RunKind),
)
stages = st.builds(
    StageView,
    words | texts,
    st.sampled_from(StageState),
    st.none() | texts | st.just("6957bb87" * 5),
    st.none() | names,
    st.none() | moments,
    texts,
    tallies,
    texts,
    st.lists(st.tuples(texts, texts), max_size=7).map(tuple),
    seconds,
    st.integers(0, 9999),
)
offers = st.builds(Offer, words, texts, words.map(".{}".format), st.sampled_from(Weight), texts, st.booleans())
long_offers = st.builds(Offer, words, texts, st.integers(100, 2500).map(lambda size: "." + "x" * size))
holds = st.builds(
    Hold, st.none() | texts, st.none() | people, st.none() | moments, st.none() | moments, st.none() | texts
)
locks = st.builds(Lock, st.integers(1, 9), words, people, moments, moments, st.none() | texts)
marks = st.builds("{}.{}...{}".format, st.integers(1, 9999), words.map(lambda word: word[:20]), st.integers(1, 9999))


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Train, ...]:
    """From nobody to two hundred trains: some different ones, over and over."""
    few = draw(st.lists(train_values, max_size=4))
    return tuple(few * draw(st.sampled_from([1, 1, 3, 50])))


@st.composite
def boards(draw: st.DrawFn) -> LaneBoard:
    shown = draw(st.lists(stages, max_size=5))
    return LaneBoard(
        draw(words),
        draw(crowds()),
        draw(st.lists(seconds, max_size=6).map(tuple)),
        draw(st.none() | holds),
        draw(st.none() | texts),
        tuple(shown * draw(st.sampled_from([1, 1, 6]))),
        tuple(draw(st.lists(locks, max_size=3)) * draw(st.sampled_from([1, 20]))),
        draw(st.lists(offers | long_offers, max_size=2).map(tuple)),
        draw(st.lists(offers | long_offers, max_size=14).map(tuple)),
        draw(marks),
        draw(st.none() | texts),
        draw(seconds),
    )


pushes = st.builds(
    PushView,
    words,
    st.integers(1, 9999),
    people,
    st.lists(people, max_size=30).map(tuple),
    st.lists(stages, max_size=30).map(tuple),
    moments,
    st.sampled_from(PushEnd),
    st.none() | moments,
    *[st.none() | texts] * 5,
)
homes = st.builds(
    HomeView,
    people,
    st.lists(boards(), max_size=3).flatmap(
        lambda few: st.sampled_from([1, 1, 15]).map(lambda times: tuple(few * times))
    ),
    st.lists(texts, max_size=30).map(tuple),
    texts,
    st.lists(offers | long_offers, max_size=8).map(tuple),
    st.lists(texts, max_size=30).map(tuple),
)
