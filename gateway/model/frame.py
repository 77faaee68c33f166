"""The one audio format used inside Offhook: PCM16, mono, 16 kHz, in frames of 20 ms.

Codecs and resampling live at the edges (the SIP stack, the browser worker, the voices), so nothing
between an endpoint and an agent ever asks which rate it is looking at.
"""

RATE_HZ = 16_000
"""Samples per second of all audio inside the gateway."""

FRAME_MS = 20
"""Length of one frame, and period of every media clock, in milliseconds."""

FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
SAMPLE_BYTES = 2
FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
SAMPLES_PER_MS = RATE_HZ // 1000
BYTES_PER_MS = SAMPLES_PER_MS * SAMPLE_BYTES

SILENCE = bytes(FRAME_BYTES)
"""One frame of digital silence."""


def duration_ms(pcm: bytes) -> float:
    """Return how long `pcm` (PCM16 mono 16 kHz) plays, in milliseconds."""
    return len(pcm) / BYTES_PER_MS
