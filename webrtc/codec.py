"""Which codec a call speaks, and the encoder and decoder for it."""

from typing import Protocol

from gateway.model.frame import SILENCE
from webrtc.g711 import G711Decoder, G711Encoder
from webrtc.opus import QUIET, OpusDecoder, OpusEncoder
from webrtc.sdp_offer import CodecName


class Encoder(Protocol):
    """Makes a packet of each frame; for one call."""

    def encode(self, pcm: bytes) -> bytes:
        """Return the packet of one frame (640 bytes of PCM16 mono 16 kHz)."""

    def close(self) -> None: ...


class Decoder(Protocol):
    """Makes PCM16 mono 16 kHz of packets; for one call."""

    def decode(self, payload: bytes) -> bytes:
        """Return a packet's audio; nothing for one that is malformed."""

    def conceal(self, following: bytes, samples: int) -> bytes:
        """Return `samples` in the place of a lost packet, of which the following one may know."""

    def close(self) -> None: ...


FRAME_TICKS = {CodecName.OPUS: 960, CodecName.PCMU: 160, CodecName.PCMA: 160}
"""Length of a frame in units of the RTP clock."""

_TAIL_FRAMES = 10
"""Silence that is really encoded, so that what was said before it rings out."""


def encoder(name: CodecName) -> Encoder:
    """Return a new encoder; raises `EndpointError`."""
    return OpusEncoder() if name is CodecName.OPUS else G711Encoder(name)


def decoder(name: CodecName) -> Decoder:
    """Return a new decoder; raises `EndpointError`."""
    return OpusDecoder() if name is CodecName.OPUS else G711Decoder(name)


class SparingEncoder:
    """Sends a ready packet for long silence: most of a call nobody on our side speaks."""

    def __init__(self, name: CodecName) -> None:
        self._encoder = encoder(name)
        self._quiet = QUIET if name is CodecName.OPUS else self._encoder.encode(SILENCE)
        self._silent_frames = 0

    def encode(self, pcm: bytes | None) -> bytes:
        """Return the packet of a frame; None: silence."""
        if pcm is not None:
            self._silent_frames = 0
            return self._encoder.encode(pcm)
        if self._silent_frames >= _TAIL_FRAMES:
            return self._quiet
        self._silent_frames += 1
        return self._encoder.encode(SILENCE)

    def close(self) -> None:
        self._encoder.close()
