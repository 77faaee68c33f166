"""Several voices as one: the first that can speaks, and one that keeps failing is left out for a while."""

import asyncio
import logging
from collections.abc import Sequence

from gateway.errors import ProviderError, ProviderRefused, ProviderUnavailable
from gateway.media.circuit_breaker import CircuitBreaker
from gateway.model.speech import Speech, Urgency, Voice

logger = logging.getLogger(__name__)


class LadderVoice:
    """Tries voices in order (implements `Voice`). On the event loop.

    Put caches below it (`LadderVoice([CachedVoice(first), CachedVoice(second)])`), so that what the
    second voice said is never taken for the first one's.
    """

    def __init__(
        self,
        voices: Sequence[Voice],
        *,
        timeout_s: float = 10.0,
        failures: int = 3,
        open_s: float = 30.0,
    ) -> None:
        if not voices:
            raise ValueError("a ladder needs at least one voice")
        self._timeout_s = timeout_s
        self._rungs = [
            (voice, CircuitBreaker(failures=failures, open_s=open_s)) for voice in voices
        ]

    @property
    def name(self) -> str:
        return "ladder:" + ",".join(voice.name for voice, _ in self._rungs)

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        """Render by the first voice that can; raises `ProviderUnavailable` when none can, or
        `ProviderRefused` when all refused."""
        loop = asyncio.get_running_loop()
        last: ProviderError | None = None
        for voice, breaker in self._rungs:
            permit = breaker.ask(loop.time())
            if permit is None:
                continue
            try:
                async with asyncio.timeout(self._timeout_s):
                    speech = await voice.speak(text, urgency)
            except ProviderRefused as error:
                # This text, not this voice: it works, but somebody else has to say it.
                breaker.succeeded(permit)
                last = error
            except ProviderError as error:
                breaker.failed(permit, loop.time())
                last = error
            except TimeoutError:
                breaker.failed(permit, loop.time())
                last = ProviderUnavailable(f"{voice.name} took over {self._timeout_s:g} s")
            except asyncio.CancelledError:
                breaker.released(permit)
                raise
            except Exception as error:
                logger.exception("voice failed", extra={"voice": voice.name})
                breaker.failed(permit, loop.time())
                last = ProviderUnavailable(f"{voice.name}: {type(error).__name__}")
            else:
                breaker.succeeded(permit)
                return speech
            logger.warning("voice did not speak", extra={"voice": voice.name, "reason": str(last)})
        if isinstance(last, ProviderRefused):
            raise last
        raise ProviderUnavailable("no voice can speak now") from last
