"""What the endpoint contract needs of an endpoint under test and the network it is in."""

import struct
from typing import Protocol

from gateway.model.endpoint import Endpoint
from gateway.model.frame import FRAME_BYTES, FRAME_MS
from tests.support.leg_recorder import LegRecorder

LOUD = 1_000
"""Peak from which a frame counts as sounding; the tests' tone has 9,800."""


class FarEndHarness(Protocol):
    """The far end of one call."""

    async def hang_up(self) -> None:
        """End the call from there: before the answer it is given up."""

    async def heard(self) -> bytes:
        """Return all that was heard since media came up, PCM16 mono 16 kHz, silence included."""

    async def keys_heard(self) -> str:
        """Return the keys that were received."""

    async def speak(self, pcm: bytes) -> None:
        """Say something, PCM16 mono 16 kHz."""

    async def press(self, digit: str) -> None:
        """Press a key."""


class EndpointHarness(Protocol):
    """An endpoint under test, started, and the network it is in."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def recorder(self) -> LegRecorder:
        """Was given to the endpoint as offer and tick listener."""

    async def offer(self) -> FarEndHarness:
        """Let a call arrive; the far end acknowledges an answer and sends media by itself."""


def sounding_ms(pcm: bytes) -> int:
    """Return for how long sound, not silence, is in `pcm`, in steps of one frame."""
    count = 0
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        samples = struct.unpack_from(f"<{FRAME_BYTES // 2}h", pcm, start)
        count += max(abs(sample) for sample in samples) >= LOUD
    return count * FRAME_MS
