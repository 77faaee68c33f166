"""The real telephony worker keeps the promises of an endpoint, called by real phones."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from tests.interop.contract.telephony_harness import CALLED, CALLER, TelephonyHarness
from tests.interop.sip.test_greeting import best_match, speech_like
from tests.unit.endpoints.contract import EndpointContract


class TestTelephonyWorker(EndpointContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[TelephonyHarness]:
        harness = TelephonyHarness(tmp_path)
        try:
            await harness.start()
            yield harness
        finally:
            await harness.stop()

    async def test_the_offer_tells_who_calls_whom(self, harness: TelephonyHarness) -> None:
        call, _ = await self.take(harness)

        assert (call.offered.caller, call.offered.callee) == (CALLER, CALLED)
        assert call.offered.source.startswith("127.0.0.1:")
        assert call.offered.foreign_id == harness.phones.legs[0].offered.foreign_id

    async def test_speech_comes_through_both_ways_unharmed(self, harness: TelephonyHarness) -> None:
        call, far = await self.take_up(harness)
        call.leg.bind_ear(1)
        ours, theirs = (speech_like(2.0, 16_000, seed) for seed in (1, 2))
        call.leg.play(ours.astype("<i2").tobytes())
        await far.speak(theirs.astype("<i2").tobytes())
        await asyncio.sleep(2.6)

        for sent, heard in ((ours, await far.heard()), (theirs, harness.recorder.audio[1])):
            samples = np.frombuffer(bytes(heard), dtype="<i2").astype(np.float64)
            # A jitter buffer may stretch or drop a frame: most parts must be what was sent.
            parts = [sent[start : start + 4_000] for start in range(2_000, 30_000, 4_000)]
            likeness = sorted(best_match(samples, part)[0] for part in parts)
            assert likeness[len(parts) // 2] > 0.9
