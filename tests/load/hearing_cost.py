"""Prints what hearing costs per call: `python -m tests.load.hearing_cost [CALLS …]`.

Feeds the hub in real time (50 ticks a second, 10 s) with speech-like sound that is different for each
caller, and counts the processor time of the whole process, the event loop included.
"""

import asyncio
import resource
import sys
import time

import numpy as np

from agents.hearing.hub import HearingHub
from agents.local.assets import silero_vad_model
from gateway.media.tick import AudioTick
from gateway.model.frame import FRAME_SAMPLES, RATE_HZ
from tests.support.hearing import babble

SECONDS = 10


async def measure(calls: int) -> None:
    hub = HearingHub(silero_vad_model())
    await hub.start()
    changes = []
    ears = []
    for _ in range(calls):
        ear = hub.open()
        ear.listen(changes.append)
        ears.append(ear.number)
    numbers = np.array(ears, dtype=np.int32)
    sound = babble(SECONDS * RATE_HZ).reshape(-1, FRAME_SAMPLES)
    shifts = np.arange(calls) * 37
    idle_cpu_s = await _ticks(None, numbers, sound, shifts)
    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu_s = await _ticks(hub, numbers, sound, shifts)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb
    got = hub.statistics()
    print(
        f"{calls:4d} calls: on_tick {got.tick_s / got.ticks * 1e6:6.0f} us, "
        f"vad {got.vad_s / got.chunks * 1e6:5.1f} us/chunk, "
        f"{cpu_s / SECONDS * 100:5.2f} % of a core in all, "
        f"{(cpu_s - idle_cpu_s) / SECONDS / calls * 100:6.4f} % a call, "
        f"{got.dropped_chunks} of {got.chunks} chunks dropped, {len(changes)} changes, "
        f"{grown_kb / 1024:.0f} MB more"
    )
    await hub.stop()


async def _ticks(hub: HearingHub | None, numbers, sound, shifts) -> float:
    """Make the ticks, and give them to `hub` if there is one; returns processor seconds."""
    begun_s = time.monotonic()
    begun_cpu_s = time.process_time()
    for index in range(SECONDS * 50):
        pcm = sound[(index + shifts) % len(sound)]
        if hub is not None:
            hub.on_tick(AudioTick(time.monotonic(), numbers, pcm))
        await asyncio.sleep(max(0.0, begun_s + 0.02 * (index + 1) - time.monotonic()))
    return time.process_time() - begun_cpu_s


if __name__ == "__main__":
    for count in [int(argument) for argument in sys.argv[1:]] or [1, 25, 100, 200]:
        asyncio.run(measure(count))
