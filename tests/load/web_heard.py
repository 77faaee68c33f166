"""What callers over WebRTC heard, from the packets their far end wrote down: levels and moments; pure."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

LOUD = 250
"""Root mean square above which a packet surely has speech in it, 16 bits full scale."""
SOFT = 40
"""Below it a packet is silence."""


@dataclass(frozen=True, slots=True)
class HeardPacket:
    at_s: float
    """Monotonic time of its arrival."""
    level: float
    """Root mean square of its 20 ms, 16 bits full scale."""


@dataclass(frozen=True, slots=True)
class HeardCall:
    """One call at its far end."""

    trouble: str
    posted_s: float
    up_s: float | None
    packets: list[HeardPacket]
    missing: int
    """Gaps in the sequence numbers."""

    @property
    def connect_ms(self) -> float | None:
        """From the offer to the transport being up."""
        return None if self.up_s is None else (self.up_s - self.posted_s) * 1000

    def first_after_up_ms(self, level: float) -> float | None:
        """Return how long after the transport was up the first packet of at least a level came."""
        found = next((packet for packet in self.packets if packet.level >= level), None)
        if found is None or self.up_s is None:
            return None
        return max(0.0, found.at_s - self.up_s) * 1000

    def loud_after(self, moment_s: float, look_s: float) -> int:
        """Return how many packets with sound came after a moment, within `look_s`."""
        return sum(
            moment_s < packet.at_s < moment_s + look_s and packet.level > SOFT
            for packet in self.packets
        )


def load(path: Path) -> tuple[list[HeardCall], float]:
    """Return the calls, and the far end's processor time in seconds."""
    result = json.loads(path.read_text())
    return [_call(item) for item in result["calls"]], float(result["cpu_s"])


def _call(item: dict[str, Any]) -> HeardCall:
    packets = item["packets"]
    sequence = [number for _, number, _ in packets]
    steps = [(b - a) & 0xFFFF for a, b in pairwise(sequence)]
    levels = decode_levels([base64.b64decode(text) for _, _, text in packets])
    return HeardCall(
        trouble=item["trouble"],
        posted_s=item["posted_s"],
        up_s=item["up_s"],
        packets=[
            HeardPacket(at_s, level) for (at_s, _, _), level in zip(packets, levels, strict=True)
        ],
        missing=sum(step - 1 for step in steps if 1 < step < 0x8000),
    )


def decode_levels(payloads: Sequence[bytes]) -> list[float]:
    """Return the level of each Opus packet of one stream, in order."""
    codec = av.CodecContext.create("libopus", "r")
    codec.format = "s16"
    codec.layout = "mono"
    codec.sample_rate = 48_000
    levels = []
    for count, payload in enumerate(payloads):
        packet = av.Packet(payload)
        packet.pts = count * 960
        packet.time_base = Fraction(1, 48_000)
        frames = codec.decode(packet) if payload else []
        sound = [frame.to_ndarray().astype(np.float64).ravel() for frame in frames]
        whole = np.concatenate(sound) if sound else np.zeros(1)
        levels.append(float(np.sqrt(np.mean(whole**2))))
    return levels
