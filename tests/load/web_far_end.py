"""Callers over WebRTC in one process, as lean as aiortc lets them be: `python -m tests.load.web_far_end`.

Each sends ready Opus packets from the moment its transport is up, and notes when each packet towards it
came and what was in it; nothing is encoded or decoded while calls go on. Writes what it saw as JSON.
"""

import argparse
import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.rtp import RtpPacket

from tests.load.processes import usage

PACKET_S = 0.02
WIRE_HZ = 48_000
PACKET_SAMPLES = 960
CONNECT_BOUND_S = 20.0
PCM_HZ = 16_000
_BIT_RATE = 32_000


@dataclass
class Seen:
    """What one caller saw; times are of the system's monotonic clock."""

    trouble: str = ""
    posted_s: float = 0.0
    up_s: float | None = None
    packets: list[tuple[float, int, bytes]] = field(default_factory=list)
    """Arrival, sequence number, Opus payload."""


def encode(pcm: bytes) -> list[bytes]:
    """Return PCM16 16 kHz as Opus packets of 20 ms."""
    codec = av.CodecContext.create("libopus", "w")
    codec.bit_rate = _BIT_RATE
    codec.format = "s16"
    codec.layout = "mono"
    codec.sample_rate = WIRE_HZ
    codec.time_base = Fraction(1, WIRE_HZ)
    codec.options = {"application": "voip", "frame_duration": "20"}
    resampler = av.AudioResampler(
        format="s16", layout="mono", rate=WIRE_HZ, frame_size=PACKET_SAMPLES
    )
    samples = np.frombuffer(pcm, dtype="<i2").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = PCM_HZ
    packets: list[bytes] = []
    for part in resampler.resample(frame):
        packets += [bytes(packet) for packet in codec.encode(part)]
    return packets


class _Voice(MediaStreamTrack):
    """Ready packets, over and over, one each 20 ms."""

    kind = "audio"

    def __init__(self, packets: Sequence[bytes], up: asyncio.Event) -> None:
        super().__init__()
        self._packets = packets
        self._up = up
        self._count = 0
        self._began_s = 0.0

    async def recv(self) -> av.Packet:
        if not self._count:
            await self._up.wait()
            self._began_s = time.monotonic()
        wait_s = self._began_s + self._count * PACKET_S - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        packet = av.Packet(self._packets[self._count % len(self._packets)])
        packet.pts = self._count * PACKET_SAMPLES
        packet.time_base = Fraction(1, WIRE_HZ)
        self._count += 1
        return packet


def _only_note(receiver: RTCRtpReceiver, seen: Seen) -> None:
    """Have a receiver write packets down instead of decoding them."""

    async def note(packet: RtpPacket, arrival_time_ms: int) -> None:
        seen.packets.append((time.monotonic(), packet.sequence_number, bytes(packet.payload)))

    receiver._handle_rtp_packet = note


class Caller:
    """One call from its offer to its end."""

    def __init__(self, url: str, packets: Sequence[bytes]) -> None:
        self.seen = Seen()
        self._url = url
        self._packets = packets

    async def run(self, session: aiohttp.ClientSession, begin: float, end_s: float) -> None:
        """Call at `begin` and hang up at `end_s` (monotonic times)."""
        await asyncio.sleep(max(0.0, begin - time.monotonic()))
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        up, lost = asyncio.Event(), asyncio.Event()
        peer.addTrack(_Voice(self._packets, up))
        peer.createDataChannel("offhook")
        resource = ""

        @peer.on("connectionstatechange")
        def changed() -> None:
            if peer.connectionState == "connected":
                self.seen.up_s = self.seen.up_s or time.monotonic()
                up.set()
            elif peer.connectionState in ("failed", "closed"):
                lost.set()

        try:
            await peer.setLocalDescription(await peer.createOffer())
            _only_note(peer.getTransceivers()[0].receiver, self.seen)
            self.seen.posted_s = time.monotonic()
            async with session.post(
                self._url,
                data=peer.localDescription.sdp,
                headers={"Content-Type": "application/sdp"},
            ) as answer:
                text = await answer.text()
                if answer.status != 201:
                    self.seen.trouble = f"{answer.status} {text[:200]}"
                    return
                resource = urljoin(self._url, answer.headers["Location"])
            await peer.setRemoteDescription(RTCSessionDescription(text, "answer"))
            async with asyncio.timeout(CONNECT_BOUND_S):
                await up.wait()
            waiting = asyncio.create_task(lost.wait())
            ended, _ = await asyncio.wait({waiting}, timeout=max(0.0, end_s - time.monotonic()))
            waiting.cancel()
            if ended:
                self.seen.trouble = "the gateway ended the call"
        except TimeoutError:
            self.seen.trouble = "no connection"
        finally:
            if resource:
                async with session.delete(resource):
                    pass
            await peer.close()


async def _call_all(options: argparse.Namespace) -> list[Caller]:
    pcm = options.sound.read_bytes()
    packets = encode(pcm)
    callers = [Caller(options.url, packets) for _ in range(options.calls)]
    begin_s = time.monotonic() + 0.2
    last_s = begin_s + (options.calls - 1) * options.every
    ends = [
        (begin_s + number * options.every if options.each else last_s) + options.hold
        for number in range(options.calls)
    ]
    async with aiohttp.ClientSession() as session:
        tasks = [
            asyncio.create_task(caller.run(session, begin_s + number * options.every, end_s))
            for number, (caller, end_s) in enumerate(zip(callers, ends, strict=True))
        ]
        for caller, outcome in zip(
            callers, await asyncio.gather(*tasks, return_exceptions=True), strict=True
        ):
            if isinstance(outcome, Exception):
                caller.seen.trouble = f"{type(outcome).__name__}: {outcome}"
    return callers


def main() -> int:
    """Call, hold, write the result; returns the exit status."""
    parser = argparse.ArgumentParser(prog="web_far_end", description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="where offers go")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--every", type=float, default=0.2, help="seconds from call to call")
    parser.add_argument("--hold", type=float, required=True, help="seconds; of all calls together")
    parser.add_argument("--each", action="store_true", help="the hold is each call's own")
    parser.add_argument("--sound", type=Path, required=True, help="PCM16 mono 16 kHz")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    callers = asyncio.run(_call_all(options))
    result = [
        {
            "trouble": caller.seen.trouble,
            "posted_s": caller.seen.posted_s,
            "up_s": caller.seen.up_s,
            "packets": [
                [at_s, sequence, base64.b64encode(payload).decode()]
                for at_s, sequence, payload in caller.seen.packets
            ],
        }
        for caller in callers
    ]
    options.out.write_text(json.dumps({"calls": result, "cpu_s": usage(os.getpid()).cpu_s}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
