"""The bundled caller over WebRTC, as `offhook rehearse` starts it, against a far end over real sockets."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from gateway.config import Config
from gateway.endpoints.worker import WorkerEndpoint
from gateway.metrics import Metrics
from gateway.model.events import Answered, Direction, Ended, EndpointKind, MediaUp
from gateway.model.hangup import HangupCause
from tests.browser.support.far_end import FarEnd
from tests.browser.support.microphone import place_of
from tests.support.hearing import babble
from tests.support.leg_recorder import LegRecorder, RecordedLeg

TOKEN = "not-a-secret"


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    far_end = FarEnd()
    await far_end.start()
    yield far_end
    await far_end.stop()


@pytest.fixture
def listener() -> LegRecorder:
    return LegRecorder()


@pytest.fixture
async def caller(tmp_path: Path, listener: LegRecorder) -> AsyncIterator[WorkerEndpoint]:
    config = tmp_path / "config.json"
    config.write_text(Config().model_dump_json())

    def argv(link_fd: int) -> Sequence[str]:
        worker = (sys.executable, "-m", "webrtc.caller")
        return (*worker, "--link-fd", str(link_fd), "--config-json", str(config))

    endpoint = WorkerEndpoint(
        EndpointKind.WEBRTC, argv, offers=listener, ticks=listener, metrics=Metrics()
    )
    await endpoint.start()
    yield endpoint
    await endpoint.stop()


async def _placed(caller: WorkerEndpoint, listener: LegRecorder, url: str) -> RecordedLeg:
    assert caller.place("c1", url, caller="rehearsal")
    return await listener.wait_offer()


async def _up(caller: WorkerEndpoint, listener: LegRecorder, far_end: FarEnd) -> RecordedLeg:
    target = f"{far_end.url}webrtc/calls?agent=desk#{TOKEN}"
    leg = await _placed(caller, listener, target)
    await leg.wait_for(MediaUp)
    return leg


async def test_a_call_is_offered_answered_and_up(
    caller: WorkerEndpoint, listener: LegRecorder, far_end: FarEnd
) -> None:
    leg = await _up(caller, listener, far_end)

    assert leg.offered.direction is Direction.OUTBOUND
    assert TOKEN not in leg.offered.callee
    assert [type(event) for event in leg.events[:2]] == [Answered, MediaUp]
    assert leg.of(MediaUp)[0].codec == "opus/48000"
    (request,) = far_end.requests
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.query["agent"] == "desk"


async def test_sound_goes_both_ways(
    caller: WorkerEndpoint, listener: LegRecorder, far_end: FarEnd
) -> None:
    theirs, ours = babble(32_000, seed=2), babble(32_000, seed=3)
    far_end.greeting = np.repeat(theirs, 3)
    leg = await _up(caller, listener, far_end)
    leg.leg.bind_ear(1)
    leg.leg.mark("start")
    leg.leg.play(ours.tobytes())
    leg.leg.mark("end")
    start, end = await leg.wait_mark("start"), await leg.wait_mark("end")
    await asyncio.sleep(0.5)

    assert not start.cleared
    assert end.played_ms == pytest.approx(2_000)
    assert end.at_s - start.at_s == pytest.approx(2.0, abs=0.1)
    _, fit = place_of(ours[4_000:28_000], far_end.heard_pcm())
    assert fit > 0.9
    _, fit = place_of(theirs[8_000:28_000], np.frombuffer(bytes(listener.audio[1]), "<i2"))
    assert fit > 0.8


async def test_keys_go_over_the_data_channel(
    caller: WorkerEndpoint, listener: LegRecorder, far_end: FarEnd
) -> None:
    leg = await _up(caller, listener, far_end)
    # At once, although the channel opens only after the sound: nothing is lost.
    leg.leg.send_dtmf("1#")
    await asyncio.sleep(1)

    assert [message["digit"] for message in far_end.of_type("dtmf")] == ["1", "#"]


async def test_hanging_up_ends_the_resource(
    caller: WorkerEndpoint, listener: LegRecorder, far_end: FarEnd
) -> None:
    leg = await _up(caller, listener, far_end)
    leg.leg.play(bytes(64_000))
    leg.leg.mark("never")
    leg.leg.hang_up(HangupCause.CALLER_HUNG_UP)
    ended = await leg.wait_ended()

    assert ended.cause is HangupCause.CALLER_HUNG_UP
    assert far_end.deleted.is_set()
    assert (await leg.wait_mark("never")).cleared


async def test_the_far_end_may_end_the_call(
    caller: WorkerEndpoint, listener: LegRecorder, far_end: FarEnd
) -> None:
    leg = await _up(caller, listener, far_end)
    async with asyncio.timeout(5):
        await far_end.opened.wait()
    far_end.say(type="ended", cause="agent_hung_up")
    ended = await leg.wait_ended()

    assert ended.cause is HangupCause.CALLER_HUNG_UP
    assert "agent_hung_up" in ended.detail


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, HangupCause.REJECTED),
        (404, HangupCause.NO_ROUTE),
        (503, HangupCause.BUSY),
    ],
)
async def test_a_refusal_ends_the_call_and_says_why(
    caller: WorkerEndpoint,
    listener: LegRecorder,
    far_end: FarEnd,
    status: int,
    cause: HangupCause,
) -> None:
    far_end.refusal = (status, "some.code", {})
    leg = await _placed(caller, listener, f"{far_end.url}webrtc/calls")
    ended = await leg.wait_ended()

    assert ended.cause is cause
    assert ended.detail == f"{status} refused by the test (some.code)"
    assert leg.of(Answered) == []


async def test_nobody_there_is_an_end_and_no_hang(
    caller: WorkerEndpoint, listener: LegRecorder
) -> None:
    leg = await _placed(caller, listener, "http://127.0.0.1:9/webrtc/calls#secret")
    ended = await leg.wait_for(Ended)

    assert ended.cause is HangupCause.NO_ANSWER
    assert "secret" not in ended.detail
