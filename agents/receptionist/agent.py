"""The receptionist as an agent: its dialogue, its FAQ and a conversation per call."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from agents.conversation.brain import Brain, Note, Thought, UserTurn
from agents.conversation.conversation import Conversation
from agents.conversation.history import History
from agents.conversation.listening import Ears
from agents.conversation.manners import Manners
from agents.local.sentences import SentenceSplitter
from agents.receptionist.dialogue import Dialogue
from agents.receptionist.faq import Embedder, FaqIndex
from agents.receptionist.heard import Answer, TextAnswer, Texting
from agents.receptionist.phrases import fixed_phrases, named
from gateway.config import ReceptionistAgent, TurnsSection
from gateway.errors import GatewayError, ProviderError, ProviderUnavailable
from gateway.model.line import Agent, CallFacts, Line
from gateway.model.speech import Voice

log = logging.getLogger(__name__)

EMBED_BOUND_S = 2.0
"""Longest wait for the similarity of a question; without it the receptionist takes a message."""


SEND_BOUND_S = 5.0
"""Longest wait until a text is accepted; fillers account for it."""

SendText = Callable[[str], Awaitable[None]]
Capability = Callable[[str, Mapping[str, Any]], Awaitable[str]]
"""(call id, arguments) → what came of it; raises `GatewayError`."""


class ReceptionistBrain:
    """Thinks for one call: a dialogue and, for questions, the FAQ. `send` sends the caller a text."""

    def __init__(
        self,
        dialogue: Dialogue,
        faq: FaqIndex | None,
        embedder: Embedder,
        send: SendText | None = None,
    ) -> None:
        self._dialogue = dialogue
        self._faq = faq
        self._embedder = embedder
        self._send = send

    async def reply(
        self,
        turn: UserTurn,
        history: History,
    ) -> AsyncGenerator[Thought, None]:
        """Answer by the dialogue's next step; a failing embedder only costs the FAQ."""
        del history  # the dialogue remembers what it needs
        answer = None if turn.is_keys else await self._find(turn.text)
        thoughts = self._dialogue.hear(
            turn.text,
            answer=answer,
            is_keys=turn.is_keys,
            after_reprompt=turn.after_reprompt,
        )
        for thought in thoughts:
            if not isinstance(thought, TextAnswer):
                yield thought
                continue
            for following in await self._text(thought):
                yield following

    async def _text(self, answer: TextAnswer) -> tuple[Thought, ...]:
        """Send a text; whatever goes wrong, the caller is told that it did not work."""
        try:
            if self._send is None:
                raise ProviderUnavailable("nothing sends texts")
            async with asyncio.timeout(SEND_BOUND_S):
                await self._send(answer.text)
        except (GatewayError, TimeoutError) as error:
            log.warning("a text for the caller is not sent", extra={"reason": repr(error)})
            return (Note("text_not_sent", {"reason": str(error)[:200]}), *answer.failed)
        return (Note("text_sent"), *answer.sent)

    async def _find(self, text: str) -> Answer | None:
        if self._faq is None:
            return None
        try:
            async with asyncio.timeout(EMBED_BOUND_S):
                return await self._faq.find(text, self._embedder)
        except (ProviderError, TimeoutError) as error:
            log.warning("no similarity for a question", extra={"reason": repr(error)})
            return None


class Receptionist:
    """One `[agents.NAME]` section of kind `receptionist`; shared by all its calls."""

    def __init__(
        self,
        name: str,
        section: ReceptionistAgent,
        turns: TurnsSection,
        ears: Ears,
        embedder: Embedder,
        voice: Voice,
        send_message: Capability | None = None,
    ) -> None:
        """`send_message` sends a caller a text, as the tool of that name does for language models."""
        self._name = name
        self._send_message = send_message if section.texts_answers else None
        self._section = section
        self._manners = Manners.of(section, turns)
        self._ears = ears
        self._embedder = embedder
        self._voice = voice
        self._faq: FaqIndex | None = None

    @property
    def name(self) -> str:
        return self._name

    async def start(self) -> None:
        """Embed the questions. Without the model the receptionist takes messages only."""
        await self._load_faq()

    async def _load_faq(self) -> None:
        if self._faq is not None:
            return
        threshold = self._section.faq_threshold
        try:
            self._faq = await FaqIndex.build(self._section.faq, self._embedder, threshold)
        except ProviderError as error:
            log.warning(
                "the receptionist cannot answer questions",
                extra={"agent": self._name, "reason": repr(error)},
            )

    async def converse(self, line: Line) -> None:
        """Answer, take messages, end politely."""
        await self._load_faq()
        brain = self._brain(line.facts, Texting.ASKED if self._send_message else Texting.NEVER)
        await Conversation(
            line, brain, self._ears, self._voice, self._manners, SentenceSplitter
        ).run()

    def text_brain(self, facts: CallFacts) -> Brain:
        """Return a brain for one conversation, spoken or written; it answers what the FAQ, once loaded, knows."""
        return self._brain(facts, Texting.IN_WRITING)

    def _brain(self, facts: CallFacts, texting: Texting) -> Brain:
        capability = self._send_message

        async def send(text: str) -> None:
            if capability is not None:
                await capability(facts.call_id, {"text": text})

        dialogue = Dialogue(
            caller=facts.caller,
            goodbye=self._section.goodbye,
            greeting=self._section.greeting,
            business=self._section.business,
            texting=texting,
        )
        return ReceptionistBrain(dialogue, self._faq, self._embedder, send)

    def phrases(self) -> Sequence[str]:
        """Return every sentence that does not depend on the call."""
        business = self._section.business
        answers = tuple(named(entry.answer, business) for entry in self._section.faq)
        return tuple(dict.fromkeys((*self._manners.phrases(), *answers, *fixed_phrases(business))))


_: type[Agent] = Receptionist
