"""Prints what the link costs per tick of 100 calls: `python -m tests.load.link_cost`.

Each figure is processor time of this process, in microseconds.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from gateway.endpoints.worker import WorkerEndpoint
from gateway.link.connection import LinkConnection
from gateway.link.messages import OnLeg
from gateway.link.protocol import Tick, decode, encode_tick
from gateway.link.sockets import link_pair
from gateway.link.worker_link import WorkerLink
from gateway.media.playout import PlayoutQueue
from gateway.media.tick import AudioTick
from gateway.metrics import Metrics
from gateway.model import commands
from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from tests.support.leg_recorder import LegRecorder

CALLS = 100
TICKS = 2_000


class Deaf:
    """Takes ticks and does nothing with them."""

    def __init__(self) -> None:
        self.ticks = 0

    def on_tick(self, tick: AudioTick) -> None:
        self.ticks += len(tick.ears) == CALLS


class Idle:
    """Takes commands and does nothing with them."""

    def on_play(self, leg_no: int, pcm: bytes) -> None: ...
    def on_mark(self, leg_no: int, name: str) -> None: ...
    def on_clear(self, leg_no: int) -> None: ...
    def on_answer(self, leg_no: int) -> None: ...
    def on_reject(self, leg_no: int, cause: HangupCause, retry_after_s: int) -> None: ...
    def on_dtmf(self, leg_no: int, digits: str) -> None: ...
    def on_send_message(self, leg_no: int, text: str) -> None: ...
    def on_hang_up(self, leg_no: int, cause: HangupCause) -> None: ...
    def on_place(self, call_id: str, target: str, caller: str, trunk: str) -> None: ...
    def on_signalling(self, command: commands.Signalling) -> None: ...
    def on_drain(self) -> None: ...
    def on_reread(self) -> None: ...
    def counters(self) -> Mapping[str, float]:
        return {}


def cost_us(work: Callable[[], Any], times: int = TICKS) -> float:
    """Return the processor time of one call of `work`."""
    began_s = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began_s) / times * 1e6


async def main() -> None:
    deaf, recorder = Deaf(), LegRecorder()
    endpoint = WorkerEndpoint(
        EndpointKind.FAKE, lambda _: (), offers=recorder, ticks=deaf, metrics=Metrics()
    )
    legs = list(range(1, CALLS + 1))
    frames = [bytearray(os.urandom(640)) for _ in legs]
    for leg in legs:
        offered = Offered(
            call_id=f"c{leg}", at_s=0.0, endpoint=EndpointKind.FAKE, caller="", callee=""
        )
        endpoint.on_worker_message(OnLeg(leg=leg, event=offered))
        recorder.legs[-1].leg.bind_ear(leg)
    datagram = memoryview(encode_tick(1, 1.0, 0.0, 0, legs, frames))
    tick = decode(datagram)
    assert isinstance(tick, Tick)

    print(f"encode   {cost_us(lambda: encode_tick(1, 1.0, 0.0, 0, legs, frames)):6.1f} us")
    print(f"decode   {cost_us(lambda: decode(datagram)):6.1f} us")
    print(f"dispatch {cost_us(lambda: endpoint.on_worker_message(tick)):6.1f} us")

    deaf.ticks = 0
    ours, theirs = link_pair()
    gone = asyncio.Event()
    connection = LinkConnection(ours, endpoint.on_worker_message, lambda _: gone.set())  # type: ignore[arg-type]
    link = WorkerLink(theirs, Idle())
    began_s = time.process_time()
    for index in range(TICKS):
        link.send_tick(time.monotonic(), 0.0, legs, frames)
        if index % 5 == 4:
            await asyncio.sleep(0)
    while deaf.ticks < TICKS:  # noqa: ASYNC110  # turns of the loop are what is measured
        await asyncio.sleep(0)
    both_us = (time.process_time() - began_s) / TICKS * 1e6
    print(f"both ends of the link together {both_us:6.1f} us, {both_us * 50 / 1e4:.2f} % of a core")
    connection.close()
    await gone.wait()
    link.close()

    queues = [PlayoutQueue() for _ in legs]
    for queue in queues:
        queue.release()
        queue.play(bytes(640 * (TICKS + 1)))

    def play() -> None:
        for queue in queues:
            queue.next_frame()

    print(f"playout  {cost_us(play):6.1f} us for {CALLS} frames")
    assert all(queue.played_ms == 20 * TICKS for queue in queues)
    assert link.dropped_frames == 0


if __name__ == "__main__":
    asyncio.run(main())
