"""One answer of the agent, from thoughts to speech on the line: thinking, rendering and playing overlap."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from agents.conversation.brain import Phrase, Thought, Words
from agents.conversation.speaking import Speaker
from agents.turns.timings import TurnTimings
from gateway.errors import ProviderUnavailable
from gateway.model.speech import Urgency

THOUGHT_BOUND_S = 40.0
"""Longest wait for the next thought; brains have shorter bounds of their own, this is the last."""

SENTENCES_AHEAD = 8
"""Most sentences waiting to be rendered; then thinking waits."""


class Splitter(Protocol):
    """Cuts running text into sentences."""

    def feed(self, delta: str) -> list[str]: ...

    def flush(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """An answer has been thought to its end and queued, or has failed."""

    generation: int
    error: Exception | None = None


class Reply:
    """One answer under one generation of the speaker. Runs as one task, cancelled if interrupted.

    `on_thought` gets the thoughts that are not speech, each when all speech before it is queued.
    """

    def __init__(
        self,
        thoughts: AsyncGenerator[Thought, None],
        speaker: Speaker,
        splitter: Splitter,
        timings: TurnTimings | None,
        on_thought: Callable[[Thought], None],
    ) -> None:
        self._thoughts = thoughts
        self._speaker = speaker
        self._splitter = splitter
        self._on_thought = on_thought
        self.generation = speaker.generation
        self.timings = timings
        self.first_playback_id: int | None = None
        self._queue: asyncio.Queue[Thought | None] = asyncio.Queue(SENTENCES_AHEAD)

    @property
    def has_spoken(self) -> bool:
        """Whether any of it is queued on the line."""
        return self.first_playback_id is not None

    async def run(self) -> ReplyDone:
        """Think and speak; returns when everything is queued. Only cancellation is raised."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._think(), name="think")
                group.create_task(self._speak(), name="speak")
        except ExceptionGroup as group_error:
            return ReplyDone(self.generation, _first(group_error))
        return ReplyDone(self.generation)

    async def _think(self) -> None:
        await self._speaker.wait_for_drops()
        async with aclosing(self._thoughts) as thoughts:
            while True:
                try:
                    async with asyncio.timeout(THOUGHT_BOUND_S):
                        thought = await anext(thoughts, None)
                except TimeoutError as error:
                    raise ProviderUnavailable("no answer was thought of in time") from error
                if isinstance(thought, Words):
                    for sentence in self._splitter.feed(thought.text):
                        await self._queue.put(Phrase(sentence))
                    continue
                for sentence in self._splitter.flush():
                    await self._queue.put(Phrase(sentence))
                await self._queue.put(thought)
                if thought is None:
                    return

    async def _speak(self) -> None:
        while (thought := await self._queue.get()) is not None:
            if isinstance(thought, Phrase):
                await self._say(thought.text)
            elif self.generation == self._speaker.generation:
                self._on_thought(thought)

    async def _say(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        is_first = not self.has_spoken
        if is_first and self.timings is not None:
            self.timings.sentence_s = loop.time()
        if not is_first:
            await self._speaker.wait_for_room()
        urgency = Urgency.FIRST_SENTENCE if is_first else Urgency.NEXT_SENTENCE
        speech = await self._speaker.render(text, urgency)
        if not speech.pcm:
            return
        await self._speaker.wait_for_floor()
        playback_id = self._speaker.say(self.generation, speech)
        if is_first and playback_id is not None:
            self.first_playback_id = playback_id
            if self.timings is not None:
                self.timings.queued_s = loop.time()


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def script(thoughts: tuple[Thought, ...]) -> AsyncGenerator[Thought, None]:
    """Think of nothing but `thoughts`."""
    for thought in thoughts:
        yield thought
