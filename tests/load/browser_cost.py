"""Processor time of the browser worker per call, with speech both ways: `python -m tests.load.browser_cost`.

The browsers are aiortc's, in this process, with packets encoded before; only the worker's own time counts.
"""

import argparse
import asyncio
import os
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from aiortc import MediaStreamTrack

from gateway.media.tick import AudioTick
from gateway.model.browser_calls import BrowserOffer
from gateway.model.events import MediaUp
from gateway.model.frame import FRAME_BYTES, FRAME_MS, RATE_HZ
from gateway.model.ids import new_call_id
from tests.support.browser_endpoint import browser_config, browser_endpoint
from tests.support.browser_peer import BrowserPeer
from tests.support.leg_recorder import LegRecorder
from webrtc.opus import OpusEncoder

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_RTP_HZ = 48_000


class Counting(LegRecorder):
    """Counts the callers' frames instead of keeping them."""

    frames = 0

    def on_tick(self, tick: AudioTick) -> None:
        self.frames += len(tick.ears)


class Ready(MediaStreamTrack):
    """Sends packets that were encoded before, for ever."""

    kind = "audio"

    def __init__(self, packets: list[bytes]) -> None:
        super().__init__()
        self._packets = packets
        self._sent = 0
        self._start_s = 0.0

    async def recv(self) -> av.Packet:
        loop = asyncio.get_running_loop()
        self._start_s = self._start_s or loop.time()
        await asyncio.sleep(self._start_s + self._sent * FRAME_MS / 1000 - loop.time())
        packet = av.Packet(self._packets[self._sent % len(self._packets)])
        packet.pts = self._sent * _RTP_HZ * FRAME_MS // 1000
        packet.time_base = Fraction(1, _RTP_HZ)
        self._sent += 1
        return packet


def speech(seconds: float) -> bytes:
    """Return noise with the spectrum and the rhythm of speech."""
    count = int(seconds * RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum *= (hz > 100) / (1 + (hz / 500) ** 2)
    wave = np.fft.irfft(spectrum, count) * (
        1.2 + np.sin(np.arange(count) / RATE_HZ * 2 * np.pi * 4)
    )
    return (wave / np.abs(wave).max() * 12_000).astype("<i2").tobytes()


def used_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


async def measure(calls: int, seconds: float, *, silent: bool, hold: bool) -> None:
    pcm = speech(10.0)
    encoder = OpusEncoder()
    packets = [
        encoder.encode(pcm[start : start + FRAME_BYTES])
        for start in range(0, len(pcm), FRAME_BYTES)
    ]
    recorder = Counting()
    peers = []
    with tempfile.TemporaryDirectory() as folder:
        config = browser_config(max_calls=calls + 1)
        endpoint = browser_endpoint(
            config, Path(folder) / "worker.json", offers=recorder, ticks=recorder
        )
        await endpoint.start()
        try:
            for index in range(calls):
                peer = BrowserPeer()
                peer.connection.getSenders()[0].replaceTrack(Ready(packets))
                peers.append(peer)
                offer = BrowserOffer(
                    call_id=new_call_id(), sdp=await peer.offer(), agent="a", callee="a"
                )
                asked = asyncio.create_task(endpoint.negotiate(offer))
                call = await recorder.wait_offer(index + 1)
                call.leg.bind_ear(index)
                call.leg.answer()
                await peer.accept((await asked).sdp)
                await call.wait_for(MediaUp)
                # Decoding at the far end is not what is measured here.
                peer.connection.getReceivers()[0]._enabled = False
                if not silent:
                    for _ in range(int((seconds + 20 + calls) // 10) + 1):
                        call.leg.play(pcm)
            await asyncio.sleep(2)
            pid = endpoint.workers[0].pid
            assert pid is not None
            print("worker", pid, flush=True)
            before_s, frames = used_s(pid), recorder.frames
            await asyncio.sleep(seconds)
            each = (used_s(pid) - before_s) / seconds / calls * 100
            expected = calls * seconds * 1000 / FRAME_MS
            print(f"{calls} calls: {each:.2f} % of a core per call")
            print(f"frames: {(recorder.frames - frames) / expected:.1%} of those expected")
            print(dict(endpoint.workers[0].counters))
            if hold:
                await asyncio.sleep(60)
        finally:
            await asyncio.gather(*(peer.close() for peer in peers))
            await endpoint.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--silent", action="store_true", help="our side says nothing")
    parser.add_argument("--hold", action="store_true", help="keep the calls for a profiler")
    options = parser.parse_args()
    asyncio.run(measure(options.calls, options.seconds, silent=options.silent, hold=options.hold))


if __name__ == "__main__":
    main()
