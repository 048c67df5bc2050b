"""Answers questions beside the lanes, so that a slow repository holds nobody up."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.queue.commands import Question, Try, Versions
from pushbot.service.voice.refusals import broken, too_many_questions

if TYPE_CHECKING:
    from pushbot.service.answers.questions import Questions
    from pushbot.service.asks import Ask
    from pushbot.service.speaker import Speaker

LOG = structlog.get_logger()
AT_ONCE = 50
"""Questions that are looked into at the same time."""
EACH = 10
"""Questions of one person that may wait for an answer; the rest is turned away: nobody takes the turns of others."""
MOST = 1000
"""Questions that may wait in all."""


@dataclass(slots=True)
class Answering:
    """Each question is a task of `group`; the lines of one answer are said together."""

    questions: Questions
    speaker: Speaker
    group: asyncio.TaskGroup
    _open: Counter[str] = field(default_factory=Counter)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _patient: set[tuple[str, Ask]] = field(default_factory=set)

    def take(self, lane: str, ask: Ask) -> None:
        """Find the answer to a question about `lane` and say it where it was asked.

        Hosts and checks may take their time: who asks again meanwhile is answered once, and takes nobody's turn.
        """
        if ask.origin is None or not isinstance(ask.what, Question) or (lane, ask) in self._patient:
            return
        if self._open[ask.by.key] >= EACH or self._open.total() >= MOST:
            self.speaker.answer(ask.origin, too_many_questions(), alone=True)
            return
        self._open[ask.by.key] += 1
        if isinstance(ask.what, Versions | Try):
            self._patient.add((lane, ask))
        task = self.group.create_task(self._answer(lane, ask, ask.what), name="answer")
        task.add_done_callback(lambda _: self._done(lane, ask))

    def _done(self, lane: str, ask: Ask) -> None:
        self._open[ask.by.key] -= 1
        self._open += Counter[str]()  # forgets who waits for nothing
        self._patient.discard((lane, ask))

    async def _answer(self, lane: str, ask: Ask, question: Question) -> None:
        try:
            async with self._gate:
                lines = await self.questions.answer(question, lane, ask.by)
        except PushbotError as error:
            lines = (str(error),)
        except Exception:
            reference = fault_reference()
            LOG.exception("answer_failed", reference=reference)
            lines = (broken(reference),)
        for line in lines:
            if ask.origin is not None:
                self.speaker.answer(ask.origin, line, ask.by.key)
