"""A day of trains, shortened: twenty people, all that can go wrong on IRC, and no command without an effect.

The day is a story told in order. Whoever says something waits for what comes of it, but for those who are
meant to talk all at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pushbot.service.answers.answering import EACH
from tests.e2e.bot import until
from tests.e2e.day import Day
from tests.e2e.made import Gate, Repository, basics, lane, noted, stage, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.e2e.crowd import Member
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

TRAINS = 12


def _aboard(topic: str) -> set[str]:
    return set(re.findall(r"[\w-]+", re.sub(r"<[^>]*>", "", topic)))


@pytest.fixture
def config(tmp_path: Path, irc_server: Ngircd) -> str:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    file, gate = tmp_path / "steps", tmp_path / "gate"
    return (
        basics(irc_server.port, nick_retry=0.2)
        + '\n[pipelines.web]\nrepository = { type = "git", url = "./app" }\n'
        + stage("web", "princess", [step("build", f'{noted(file, "build")}\n: < "{gate}"')])
        + stage("web", "production", [step("build", noted(file, "build"))])
        + lane("web")
        + '\n[roles.operator]\npeople = ["irc/chief"]\n'
    )


async def test_a_day(irc_server: Ngircd, bots: Bots, people: People, config: str, tmp_path: Path) -> None:
    chief = await people(irc_server, "chief")
    bot = bots(config)
    await bot.start()
    day = Day(bot, irc_server, chief, Gate(tmp_path / "gate"))
    day.staff = [await people(irc_server, f"p{number:02}", "#push") for number in range(15)]
    day.guests = [await people(irc_server, f"g{number}", "#push") for number in range(5)]
    await everybody_at_once(day)
    await nicks_change(day)
    await topics_by_hand(day)
    await the_bot_is_kicked(day)
    await the_server_goes_away(day)
    await noise(day, await people(irc_server, "loud", "#push"), await people(irc_server, "odd", "#push"))
    await trouble(day)
    await words_in_private(day)
    await closing_time(day)


async def everybody_at_once(day: Day) -> None:
    """Twenty people join at once: all are aboard, each on a train of their own. Some leave, all at once too."""
    people = [*day.staff, *day.guests]
    for member in people:
        member.say(".join last")
    await day.chief.sees(lambda topic: _aboard(topic) == {member.nick for member in people})
    by_nick = {member.nick: member for member in people}
    order = [by_nick[name] for name in day.chief.topic().split(" | ")]
    day.drivers, rest = order[:TRAINS], order[TRAINS:]
    for member in rest:
        member.say(".nevermind")
    await day.chief.sees(" | ".join(driver.nick for driver in day.drivers))
    day.staff, day.guests = day.drivers[:], rest
    for member in rest:
        await member.asks(".pop", f"{member.nick}: you are not aboard")


async def nicks_change(day: Day) -> None:
    """One driver takes another nick while deploying, the next one many before; they stay who they are."""
    first = await day.sets_out()
    first.send("NICK zoe")
    await day.chief.sees(lambda topic: topic.startswith("<princess...> zoe* | "))
    await day.arrives(first)
    await day.finishes(first)
    for nick in ("zed", "z[]d", "zed|away"):
        day.drivers[0].send(f"NICK {nick}")
    await day.chief.sees(lambda topic: topic.startswith('"zed|away" | '))
    await day.chief.asks(".kick zed", "nobody called zed is in the queue")
    await day.goes_through()
    assert len(day.bot.trains()) == len(day.drivers) == TRAINS - 2


async def topics_by_hand(day: Day) -> None:
    """Three edits: a good one, one that makes no sense, one that would take a deploy away. And one at a bad moment."""
    companion, late = day.guests[:2]
    first, second = day.drivers[:2]
    topic = day.chief.topic()
    day.chief.send(f"TOPIC #push :{topic.replace(first.nick, f'{first.nick} + {companion.nick}')}")
    await day.chief.hears(f"{first.nick}, {companion.nick}: You're up")
    await day.writes(f"{first.nick} wants to go first, says {second.nick} | HOLD", "[unreadable_topic]")
    await day.writes(f"{first.nick} | <princess> {second.nick}", "[stage_not_of_head]")
    companion.say(".good")
    await day.chief.sees(lambda now: f" + {companion.nick}* | " in now)
    driver = await day.sets_out()
    await day.writes(f"{second.nick} | nobody", "[run_in_flight]")
    await day.arrives(driver, companion)
    topic = day.chief.topic()
    day.chief.send(f'TOPIC #push :{topic} !! "lunch at noon"')  # who comes at this moment is not in it
    late.say(".join last")
    await day.chief.sees(lambda now: now.endswith(f'{late.nick} !! "lunch at noon"'))
    late.say(".nevermind")
    day.chief.say(".message -")
    await day.chief.sees(topic)
    await day.finishes(driver, companion)


async def the_bot_is_kicked(day: Day) -> None:
    """It comes back, sees that somebody wrote the topic meanwhile, quotes that and puts its own there."""
    driver = await day.sets_out()
    topic, since, lines = day.chief.topic(), day.chief.mark, len(day.chief.lines)
    day.chief.send("KICK #push pushbot :enough", "TOPIC #push :no trains today")
    await day.gate.opened()  # what it has to say now, it says when it is back
    await day.chief.gets(lambda line: line.startswith(":pushbot!") and " JOIN " in line, since=lines)
    await day.chief.hears("While I was away the topic became: no trains today", since=since)
    await day.chief.hears(f"{driver.nick}: you're on princess.", since=since)
    await day.chief.sees(topic.replace("...", "").replace(f"{driver.nick}*", driver.nick))
    await day.finishes(driver)


async def the_server_goes_away(day: Day) -> None:
    """A deploy ends while the server is down: the topic and the words are there when it is up again."""
    driver = await day.sets_out()
    since, topic = day.chief.mark, day.chief.topic()
    day.server.kill()
    await day.gate.opened()
    await until(lambda: day.bot.runs()[-1].state == "succeeded", "the end of the run")
    await until(lambda: not any(member.connected for member in day.everybody), "everybody is thrown out")
    await day.server.start()
    for member in day.everybody:
        await member.sign_on(day.server, "#push", "#warroom")
    await day.chief.sees(topic.replace("...", "").replace(f"{driver.nick}*", driver.nick))
    await until(lambda: not day.bot.owed(), "nothing owed")
    await driver.asks(".status", "on princess, waiting for")
    assert sum("you're on princess" in line for line in day.chief.said(since=since)) <= 2
    await day.finishes(driver)


GARBAGE: tuple[str | bytes, ...] = (
    b"PRIVMSG #push :\xff\xfe\x80 .join",
    b"PRIVMSG #push :.join last \xc3\x28 \xf0\x9f",
    "PRIVMSG #push :\x01ACTION does .join\x01",
    "PRIVMSG #push :\x01VERSION\x01",
    "PRIVMSG #push :\x02\x0304.nothing\x0f",
    "PRIVMSG #push :\x1b[2J.....",
    "PRIVMSG #push :" + ".go;" * 100,
    b"PRIVMSG #push :." + "é".encode() * 240,
    "PRIVMSG pushbot :\x01PING \x7f\x01",
    "NOTICE #push :.join",
    "TOPIC",
    "NICK \x01",
    "PRIVMSG #push :.join\x00.join",  # after a NUL, ngircd listens no more
)


async def noise(day: Day, loud: Member, odd: Member) -> None:
    """Bytes that are no text, talk that looks like commands, lines without end: one more train goes through it all."""
    odd.send(*GARBAGE)
    since = day.chief.mark
    for number in range(150):
        loud.say(f"... talk {number}, as people do")
    for number in range(60):
        loud.say(f".log n{number}")
    loud.say(".join last")
    driver = await day.sets_out()
    await day.arrives(driver)

    def answered() -> bool:
        """Each question is answered, or turned away; that is said once to who asks too much at once."""
        lines = day.chief.said(since=since)
        turned_away = any("still looking into earlier questions" in line for line in lines)
        known = len({line for line in lines if line.startswith("I know of no run called n")})
        return known == 60 or (turned_away and known >= EACH)

    await until(answered, "an answer to each of 60 questions")
    await day.chief.sees(lambda topic: topic.endswith(" | loud"))
    loud.say(".nevermind")
    await day.chief.sees(lambda topic: "loud" not in topic)
    await day.finishes(driver)
    loud.leave()


async def trouble(day: Day) -> None:
    """Uh-oh, a hold, a hotfix, a stop and a second try: each is seen by all who should."""
    driver, visitor = await day.sets_out(), day.guests[0]
    await visitor.asks('.join hotfix "the site is down"', "goes next in web with a hotfix")
    await day.chief.hears("goes next in web with a hotfix", to="#warroom")
    await driver.asks(".abort", "was stopped")
    await day.chief.sees(lambda topic: topic.startswith(f"<princess!> {driver.nick}* | {visitor.nick} (askme)"))
    since = day.chief.mark
    driver.say(".go")
    await day.chief.hears("is being deployed to princess", since=since)
    await day.arrives(driver)
    await driver.asks(".uhoh", "says uh-oh on princess; the train waits")
    await driver.asks(".hold it is red", "is on hold by")
    await driver.asks(".good", "everyone is ready")
    await driver.asks(".go", "[held]")
    await day.chief.hears("is on hold by", since=since, to="#warroom")
    await day.chief.asks(".unhold", "web goes on, says chief")
    await day.finishes(driver)
    await visitor.asks(".nevermind", f"{day.drivers[0].nick}: You're up")


async def words_in_private(day: Day) -> None:
    """Whole pushes from a private window, and by calling the bot by name, several commands in a line."""
    driver = day.drivers.pop(0)
    await driver.asks("go", "princess it is", to="pushbot")
    await day.arrives(driver)
    since = day.chief.mark
    driver.say("pushbot: good; go")
    await day.chief.hears(f"{driver.nick}: you're on production.", since=since)
    await driver.asks("status", "on production", to="pushbot")
    await driver.asks("wat", "there is no command", to="pushbot")
    driver.say("done", to="pushbot")
    await day.chief.hears(f"Thanks for driving, {driver.nick}", since=since)


async def closing_time(day: Day) -> None:
    """The rest go through; then the record, the topic and the process are as they should be."""
    while day.drivers:
        await day.goes_through()
    await day.chief.sees("clear")
    assert day.bot.trains() == ()
    runs = day.bot.runs()
    assert [run.state for run in runs].count("cancelled") == 1
    assert {run.state for run in runs} == {"succeeded", "cancelled"}
    assert len({(run.train, run.stage) for run in runs if run.state == "succeeded"}) == 2 * TRAINS == len(runs) - 1
    marks = [line.split()[0] for line in day.bot.written("steps")]
    stopped = {run.id for run in runs if run.state == "cancelled"}  # before or after it left its mark
    assert sorted({*marks} | stopped) == sorted(run.id for run in runs)
    assert len(marks) == len({*marks})
    await day.chief.asks(".history 50", "web")
    await until(lambda: not day.bot.owed(), "nothing owed")
    code, seconds = await day.bot.stop()
    assert (code, day.bot.lives) == (0, 1)
    assert seconds < 20
