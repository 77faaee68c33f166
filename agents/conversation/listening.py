"""Has the questions of the turn-taker answered by the speech models, within bounds."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from agents.stt import Transcript
from agents.turns.actions import Recognise, Score
from gateway.errors import GatewayError
from gateway.media.hearing import AudioGone
from gateway.model.line import Line
from gateway.model.speech import Urgency

log = logging.getLogger(__name__)

RECOGNITION_BOUND_S = 8.0
"""Longest wait for the words of a turn; the caller hears nothing meanwhile."""

SCORE_BOUND_S = 1.5
"""Longest wait for the end-of-turn model; silence decides without it."""


class Ears(Protocol):
    """The models that understand speech: words, and whether a turn sounds finished."""

    async def transcribe(self, pcm: bytes, urgency: Urgency = Urgency.TURN) -> Transcript:
        """Recognise PCM16 mono 16 kHz. Raises `ProviderUnavailable` or `ProviderRefused`."""

    async def end_of_turn(self, pcm: bytes) -> float:
        """Return the probability (0…1) that the speaker has finished. Raises as `transcribe`."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The answer to a `Recognise`; no text: it failed."""

    ask: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Scored:
    """The answer to a `Score`; no probability: it failed."""

    ask: int
    probability: float | None


async def answer_recognise(line: Line, ears: Ears, question: Recognise) -> Recognised:
    """Recognise what was asked for; never raises, whatever the provider does."""
    try:
        pcm = line.read(question.start, min(question.stop, line.position))
        async with asyncio.timeout(RECOGNITION_BOUND_S):
            transcript = await ears.transcribe(pcm, Urgency.TURN)
    except (GatewayError, AudioGone, TimeoutError) as error:
        log.warning("recognition failed", extra={"reason": repr(error)})
        return Recognised(question.ask, None)
    except Exception:
        # A fault of ours: without an answer the turn would never end, and the caller hear nothing more.
        log.exception("recognition failed")
        return Recognised(question.ask, None)
    return Recognised(question.ask, transcript.text)


async def answer_score(line: Line, ears: Ears, question: Score) -> Scored:
    """Ask the end-of-turn model; never raises, whatever the provider does."""
    try:
        pcm = line.read(question.start, min(question.stop, line.position))
        async with asyncio.timeout(SCORE_BOUND_S):
            return Scored(question.ask, await ears.end_of_turn(pcm))
    except (GatewayError, AudioGone, TimeoutError) as error:
        log.warning("end of turn model failed", extra={"reason": repr(error)})
        return Scored(question.ask, None)
    except Exception:
        log.exception("end of turn model failed")
        return Scored(question.ask, None)
