"""The browser worker given what no browser sends: offers, candidates, packets, messages. It must not notice."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import Phase, given, settings

from gateway.errors import GatewayError
from gateway.model.browser_calls import BrowserOffer
from gateway.model.events import Ended, MediaUp
from gateway.model.ids import new_call_id
from tests.load import processes
from tests.support.browser_endpoint import browser_config
from tests.support.browser_harness import AGENT, BrowserFarEnd, BrowserHarness
from tests.support.leg_recorder import RecordedLeg
from tests.support.mutations import EXAMPLES, corpus, fuzzed, mutated

T = TypeVar("T")

harsh = settings(
    fuzzed,
    max_examples=max(20, EXAMPLES // 2),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    database=None,
)
GROWTH_MOST_MB = 60
ANSWER_BOUND_S = 3.0


class Worker:
    """A real worker and a loop, driven from tests that are not coroutines."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = folder

    def run(self, work: Awaitable[T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(30):
                return await work

        return self.loop.run_until_complete(bounded())

    def start(self) -> None:
        async def begin() -> None:
            self.harness = BrowserHarness(self.folder, browser_config())
            await self.harness.start()

        self.run(begin())
        self.pid = self.harness.endpoint.workers[0].pid
        assert self.pid is not None

    def stop(self) -> None:
        self.run(self.harness.stop())
        self.loop.close()

    async def call(self) -> tuple[RecordedLeg, BrowserFarEnd]:
        before = len(self.harness.recorder.legs)
        far = await self.harness.offer()
        call = await self.harness.recorder.wait_offer(before + 1)
        call.leg.answer()
        await call.wait_for(MediaUp)
        await far.peer.wait_up()
        return call, far

    async def hang_up(self, call: RecordedLeg, far: BrowserFarEnd) -> None:
        await far.hang_up()
        await call.wait_for(Ended)
        await far.close()
        self.harness.far_ends.remove(far)

    async def one_call(self) -> None:
        await self.hang_up(*await self.call())

    def assert_lives(self) -> None:
        assert self.harness.endpoint.workers[0].pid == self.pid, "the worker died"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path)
    made.start()
    made.run(made.one_call())
    before_mb = processes.usage(made.pid).rss_mb
    yield made
    made.assert_lives()
    made.run(made.one_call())
    assert processes.usage(made.pid).rss_mb - before_mb < GROWTH_MOST_MB
    assert not [call for call in made.harness.recorder.legs if not call.of(Ended)]
    made.stop()


def test_mutated_offers(worker: Worker) -> None:
    async def offered(data: bytes) -> None:
        offer = BrowserOffer(
            call_id=new_call_id(),
            sdp=data.decode("utf-8", "replace"),
            agent=AGENT,
            callee=AGENT,
            caller="",
            source="127.0.0.1",
        )
        before = len(worker.harness.recorder.legs)
        answered = asyncio.create_task(worker.harness.endpoint.negotiate(offer))
        for _ in range(100):
            await asyncio.sleep(0.005)
            if answered.done():
                break
            if len(worker.harness.recorder.legs) > before:
                worker.harness.recorder.legs[-1].leg.answer()
                break
        with contextlib.suppress(GatewayError, TimeoutError):
            async with asyncio.timeout(ANSWER_BOUND_S):
                await answered
        worker.harness.endpoint.hang_up(offer.call_id)
        for call in worker.harness.recorder.legs[before:]:
            await call.wait_for(Ended)

    for data in corpus("offer"):
        worker.run(offered(data))
    # Some of them are right, and become calls: else the test would only try the door.
    assert len(worker.harness.recorder.legs) > 2

    @harsh
    @given(mutated(corpus("offer")))
    def run(data: bytes) -> None:
        worker.run(offered(data))
        worker.assert_lives()

    run()


def test_mutated_candidates_for_a_call_that_goes_on(worker: Worker) -> None:
    call, far = worker.run(worker.call())
    call_id = far.offer.call_id

    async def told(data: bytes) -> None:
        with contextlib.suppress(GatewayError):
            await worker.harness.endpoint.add_candidates(call_id, data.decode("utf-8", "replace"))
        with contextlib.suppress(GatewayError, TimeoutError):
            async with asyncio.timeout(0.2):
                await worker.harness.endpoint.restart_ice(
                    call_id, data.decode("utf-8", "replace"), "stale"
                )

    for data in corpus("fragment"):
        worker.run(told(data))

    @harsh
    @given(mutated(corpus("fragment")))
    def run(data: bytes) -> None:
        worker.run(told(data))
        worker.assert_lives()

    run()
    assert not call.of(Ended)
    worker.run(worker.hang_up(call, far))


def test_mutated_messages_and_packets_of_a_call(worker: Worker) -> None:
    """Through the encryption, as only the caller himself can send them; and from outside, as anybody can."""
    call, far = worker.run(worker.call())
    channel = far.peer.channel
    transport = far.peer.connection.getTransceivers()[0].sender.transport
    ports = [int(port) for port in re.findall(r" udp \d+ 127\.0\.0\.1 (\d+) ", answer_of(far))]
    assert channel is not None
    assert ports
    messages = [message for message in corpus("channel") if b"hangup" not in message]

    async def sent(data: bytes, message: bytes) -> None:
        # The sender's own library refuses to encrypt what is no packet at all.
        with contextlib.suppress(Exception):
            await transport._send_rtp(data)
        channel.send(message)
        channel.send(message.decode("utf-8", "replace"))
        await asyncio.sleep(0)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for data in (*corpus("rtp"), *corpus("rtcp")):
            worker.run(sent(data, b"x"))
            stranger.sendto(data, ("127.0.0.1", ports[0]))
        for message in messages:
            worker.run(sent(b"", message))

        @harsh
        @given(
            mutated([*corpus("rtp"), *corpus("rtcp")], most=1200),
            mutated(messages, most=20_000),
        )
        def run(data: bytes, message: bytes) -> None:
            if b'"hangup"' in message:
                return  # a right message, which ends the call
            worker.run(sent(data, message))
            stranger.sendto(data, ("127.0.0.1", ports[0]))
            worker.assert_lives()

        run()
    assert not call.of(Ended)
    worker.run(worker.hang_up(call, far))


def answer_of(far: BrowserFarEnd) -> str:
    return str(far.peer.connection.remoteDescription.sdp)
