"""The real browser worker keeps the promises of an endpoint, called by browsers of aiortc."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from gateway.model.events import Answered, MediaUp, MediaUpReason
from tests.interop.sip.test_greeting import best_match, speech_like
from tests.support.browser_harness import AGENT, BrowserHarness
from tests.support.endpoint_harness import FarEndHarness
from tests.support.leg_recorder import RecordedLeg
from tests.unit.endpoints.contract import EndpointContract


class TestBrowserWorker(EndpointContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[BrowserHarness]:
        harness = BrowserHarness(tmp_path)
        try:
            await harness.start()
            yield harness
        finally:
            await harness.stop()

    async def take_up(self, harness: BrowserHarness) -> tuple[RecordedLeg, FarEndHarness]:
        call, far = await super().take_up(harness)
        await far.peer.wait_up()  # type: ignore[attr-defined]  # keys go over its channel
        return call, far

    async def test_the_offer_tells_who_calls_whom(self, harness: BrowserHarness) -> None:
        call, far = await self.take(harness)

        assert (call.offered.caller, call.offered.agent) == ("web:somebody", AGENT)
        assert call.offered.call_id == far.offer.call_id
        assert call.offered.capabilities.messages

    async def test_the_transport_brings_media_up(self, harness: BrowserHarness) -> None:
        call, _ = await self.take_up(harness)

        up = call.of(MediaUp)[0]
        assert (up.reason, up.codec) == (MediaUpReason.TRANSPORT, "opus/48000")
        assert call.of(Answered)[0].at_s <= up.at_s

    async def test_speech_comes_through_both_ways_unharmed(self, harness: BrowserHarness) -> None:
        call, far = await self.take_up(harness)
        call.leg.bind_ear(1)
        ours, theirs = (speech_like(2.0, 16_000, seed) for seed in (1, 2))
        call.leg.play(ours.astype("<i2").tobytes())
        await far.speak(theirs.astype("<i2").tobytes())
        await asyncio.sleep(2.8)

        for sent, heard in ((ours, await far.heard()), (theirs, harness.recorder.audio[1])):
            samples = np.frombuffer(bytes(heard), dtype="<i2").astype(np.float64)
            parts = [sent[start : start + 4_000] for start in range(2_000, 30_000, 4_000)]
            likeness = sorted(best_match(samples, part)[0] for part in parts)
            assert likeness[len(parts) // 2] > 0.9, likeness
