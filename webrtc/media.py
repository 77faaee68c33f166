"""One call's audio, both ways: frames to packets on our clock, packets to frames in order; pure."""

import random
import time

from gateway.link.leg_reports import Quality
from gateway.model.frame import FRAME_BYTES, SAMPLE_BYTES, SILENCE
from webrtc import rtcp, rtp
from webrtc.codec import FRAME_TICKS, SparingEncoder, decoder
from webrtc.jitter import JitterBuffer, Kind
from webrtc.sdp_offer import Offer

REPORT_S = 1.5
"""How often the far end is told how its stream arrives."""
_FIRST_SAMPLES = FRAME_BYTES // SAMPLE_BYTES


class Media:
    """Owned by its call. Raises `EndpointError` if there is no codec library."""

    def __init__(self, offer: Offer) -> None:
        self._codec = offer.codec
        self._events = dict(offer.events)
        self.ssrc = random.getrandbits(32)
        self._encoder = SparingEncoder(offer.codec.name)
        self._decoder = decoder(offer.codec.name)
        self._jitter = JitterBuffer()
        self._keys = rtp.KeyReader()
        self._reception = rtp.Reception(offer.codec.clock_hz)
        self._far = rtcp.FarReport()
        # In the lower half, so that SRTP's rollover cannot be ambiguous at the start.
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(32)
        self._step = FRAME_TICKS[offer.codec.name]
        self._waiting = b""
        self._packet_samples = _FIRST_SAMPLES
        self._octets = 0
        self.packets_out = 0
        self._report_at_s = 0.0
        self._is_closed = False

    def outgoing(self, pcm: bytes | None) -> bytes:
        """Return the packet of the next frame; None: silence."""
        payload = self._encoder.encode(pcm)
        packet = rtp.write(
            self._codec.payload_type, self._sequence, self._timestamp, self.ssrc, payload
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + self._step) & 0xFFFF_FFFF
        self.packets_out += 1
        self._octets += len(payload)
        return packet

    def skip(self) -> None:
        """Let a frame's time pass without a packet."""
        self._timestamp = (self._timestamp + self._step) & 0xFFFF_FFFF

    def incoming(self, data: bytes, arrival_s: float) -> tuple[str, int] | None:
        """Take a packet; returns key and duration (ms) if one was released."""
        packet = rtp.read(data)
        if packet is None or self._is_closed:
            return None
        if packet.payload_type == self._codec.payload_type:
            if packet.ssrc != self._reception.ssrc:
                self._jitter.reset()
            self._reception.add(packet, arrival_s)
            if packet.payload:
                self._jitter.add(packet.sequence, packet.payload)
            return self._keys.audio()
        if (clock_hz := self._events.get(packet.payload_type)) is not None:
            # Its numbers are of the same stream: without them each key would look like a loss.
            self._reception.add(packet, arrival_s)
            self._jitter.add(packet.sequence, b"")
            return self._keys.read(packet, clock_hz)
        return None

    def heard(self) -> bytes:
        """Return the caller's next frame; silence where there is none."""
        while len(self._waiting) < FRAME_BYTES:
            taken = self._jitter.take()
            if taken.kind is Kind.NOTHING:
                rest, self._waiting = self._waiting, b""
                return rest.ljust(FRAME_BYTES, b"\0") if rest else SILENCE
            if taken.kind is Kind.PACKET and taken.payload:
                pcm = self._decoder.decode(taken.payload)
                if pcm:
                    self._packet_samples = len(pcm) // SAMPLE_BYTES
            else:
                pcm = self._decoder.conceal(taken.payload, self._packet_samples)
            self._waiting += pcm or SILENCE
        frame = self._waiting[:FRAME_BYTES]
        self._waiting = self._waiting[FRAME_BYTES:]
        return frame

    def take_report(self, data: bytes, now_s: float) -> None:
        """Take control packets of the far end."""
        rtcp.read(data, self.ssrc, self._far, unix_s=time.time(), now_s=now_s)

    def report(self, now_s: float) -> bytes | None:
        """Return a report for the far end when one is due."""
        if now_s < self._report_at_s:
            return None
        # Not all calls at the same tick (RFC 3550 section 6.2).
        self._report_at_s = now_s + REPORT_S * random.uniform(0.8, 1.2)
        return rtcp.write(
            ssrc=self.ssrc,
            unix_s=time.time(),
            now_s=now_s,
            timestamp=self._timestamp,
            packets=self.packets_out,
            octets=self._octets,
            reception=self._reception if self._reception.packets else None,
            far=self._far,
        )

    def quality(self) -> Quality:
        return Quality(
            packets_in=self._reception.packets,
            packets_out=self.packets_out,
            packets_lost_in=self._reception.lost,
            packets_lost_out=self._far.lost,
            jitter_in_ms=self._reception.jitter_ms,
            jitter_out_ms=self._far.jitter * 1000 / self._codec.clock_hz,
            round_trip_ms=self._far.round_trip_ms,
            frames_dropped=self._jitter.dropped + self._jitter.late,
        )

    def close(self) -> None:
        """Free the codecs; may be called twice."""
        self._is_closed = True
        self._encoder.close()
        self._decoder.close()
