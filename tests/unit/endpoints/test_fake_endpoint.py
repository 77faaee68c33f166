"""The fake endpoint keeps the promises of a real one, and what tests may rely on besides."""

import asyncio

import pytest

from gateway.model.endpoint import Endpoint
from gateway.model.events import Answered, Ended, Marked, MediaUp
from gateway.model.hangup import HangupCause
from tests.support.fake_call import tone
from tests.support.fake_endpoint import FakeEndpoint, FakeLeg
from tests.support.leg_recorder import LegRecorder
from tests.unit.endpoints.contract import EndpointContract


class FakeFarEnd:
    def __init__(self, leg: FakeLeg) -> None:
        self._leg = leg

    async def hang_up(self) -> None:
        self._leg.far.hang_up()

    async def heard(self) -> bytes:
        return self._leg.far.heard

    async def keys_heard(self) -> str:
        return self._leg.far.keys_heard

    async def speak(self, pcm: bytes) -> None:
        self._leg.far.speak(pcm)

    async def press(self, digit: str) -> None:
        self._leg.far.press(digit)


class FakeHarness:
    def __init__(self) -> None:
        self.recorder = LegRecorder()
        self.fake = FakeEndpoint(offers=self.recorder, ticks=self.recorder)

    @property
    def endpoint(self) -> Endpoint:
        return self.fake

    async def offer(self) -> FakeFarEnd:
        return FakeFarEnd(self.fake.offer(answers=True))


class TestFakeEndpoint(EndpointContract):
    @pytest.fixture
    async def harness(self) -> FakeHarness:
        harness = FakeHarness()
        await harness.fake.start()
        return harness


@pytest.fixture
async def fake() -> FakeHarness:
    harness = FakeHarness()
    await harness.fake.start()
    return harness


async def test_the_test_decides_when_an_answer_is_acknowledged(fake: FakeHarness) -> None:
    leg = fake.fake.offer()
    call = await fake.recorder.wait_offer()
    leg.answer()
    await asyncio.sleep(10)
    assert call.events == []

    leg.far.bring_media_up()
    leg.far.acknowledge()
    await asyncio.sleep(0)

    assert [type(event) for event in call.events] == [MediaUp, Answered]


async def test_a_lost_worker_ends_each_leg_once_without_its_marks(fake: FakeHarness) -> None:
    leg = fake.fake.offer(answers=True)
    call = await fake.recorder.wait_offer()
    leg.answer()
    await call.wait_for(MediaUp)
    leg.play(tone(1_000))
    leg.mark("end")

    fake.fake.lose()
    fake.fake.lose()
    leg.far.hang_up()
    await asyncio.sleep(3)

    assert [ended.cause for ended in call.of(Ended)] == [HangupCause.WORKER_LOST]
    assert call.of(Marked) == []


async def test_events_never_come_from_inside_a_command(fake: FakeHarness) -> None:
    leg = fake.fake.offer()
    call = await fake.recorder.wait_offer()

    leg.hang_up(HangupCause.AGENT_HUNG_UP)

    assert call.events == []
    assert (await call.wait_ended()).cause is HangupCause.AGENT_HUNG_UP
