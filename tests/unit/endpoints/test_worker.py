"""The worker endpoint's decisions, without a process: messages in, listeners told."""

import struct

import numpy as np
import pytest

from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import LinkProtocolError
from gateway.link.messages import OnLeg, Refused
from gateway.link.protocol import Tick
from gateway.media.tick import AudioTick
from gateway.metrics import Metrics
from gateway.model.endpoint import Leg, LegListener
from gateway.model.events import Answered, Ended, EndpointKind, Event, Offered
from gateway.model.hangup import HangupCause
from tests.support.leg_recorder import LegRecorder


def offered(call_id: str) -> Offered:
    return Offered(call_id=call_id, at_s=1.0, endpoint=EndpointKind.SIP, caller="a", callee="b")


def tick(rows: dict[int, int], dropped_total: int = 0) -> Tick:
    """Return a tick in which each leg's frame holds one value."""
    return Tick(
        sequence=1,
        at_s=2.0,
        lateness_s=0.004,
        dropped_total=dropped_total,
        legs=memoryview(struct.pack(f"<{len(rows)}I", *rows)),
        pcm=memoryview(b"".join(struct.pack("<h", value) * 320 for value in rows.values())),
    )


class Bench:
    """An endpoint that was never started, and what it told."""

    def __init__(self) -> None:
        self.recorder = LegRecorder()
        self.metrics = Metrics()
        self.ticks: list[AudioTick] = []
        self.endpoint = WorkerEndpoint(
            EndpointKind.SIP,
            lambda _: (),
            offers=self.recorder,
            ticks=self,
            metrics=self.metrics,
        )

    def on_tick(self, tick: AudioTick) -> None:
        self.ticks.append(tick)

    def tell(self, leg: int, event: Event) -> None:
        self.endpoint.on_worker_message(OnLeg(leg=leg, event=event))

    def sample(self, name: str) -> float:
        value = self.metrics.registry.get_sample_value(name)
        assert value is not None
        return value


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_leg_is_told_its_own_events(bench: Bench) -> None:
    bench.tell(1, offered("one"))
    bench.tell(2, offered("two"))
    bench.tell(2, Answered(call_id="two", at_s=1.5))

    one, two = bench.recorder.legs
    assert one.events == []
    assert two.events == [Answered(call_id="two", at_s=1.5)]
    assert [leg.call_id for leg in bench.endpoint.legs()] == ["one", "two"]


def test_an_ended_leg_is_forgotten_and_hears_no_more(bench: Bench) -> None:
    bench.tell(1, offered("one"))
    ended = Ended(call_id="one", at_s=2.0, cause=HangupCause.CALLER_HUNG_UP)
    bench.tell(1, ended)
    bench.tell(1, ended)
    bench.tell(1, Answered(call_id="one", at_s=3.0))

    assert bench.recorder.legs[0].events == [ended]
    assert bench.endpoint.legs() == []


def test_refusals_are_passed_on(bench: Bench) -> None:
    bench.endpoint.on_worker_message(Refused(offered=offered("x"), cause=HangupCause.CAPACITY))

    assert bench.recorder.refused == [(offered("x"), HangupCause.CAPACITY)]


def test_audio_goes_to_the_ears_that_are_bound(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.tell(number, offered(f"c{number}"))
    bench.recorder.legs[0].leg.bind_ear(40)
    bench.recorder.legs[2].leg.bind_ear(20)

    bench.endpoint.on_worker_message(tick({3: 33, 9: 99, 2: 22, 1: 11}))

    [heard] = bench.ticks
    assert heard.at_s == 2.0
    assert heard.ears.tolist() == [20, 40]
    assert heard.pcm.shape == (2, 320)
    assert heard.pcm[:, 0].tolist() == [33, 11]


def test_the_frames_are_not_copied_when_all_are_heard(bench: Bench) -> None:
    bench.tell(1, offered("one"))
    bench.recorder.legs[0].leg.bind_ear(0)
    message = tick({1: 5})
    bench.endpoint.on_worker_message(message)

    [heard] = bench.ticks
    assert np.shares_memory(heard.pcm, np.frombuffer(message.pcm, dtype="<i2"))


def test_a_tick_that_nobody_hears_is_only_counted(bench: Bench) -> None:
    bench.endpoint.on_worker_message(tick({1: 1}))
    bench.endpoint.on_worker_message(tick({}))

    assert bench.ticks == []
    assert bench.sample("offhook_media_tick_lateness_seconds_count") == 2


def test_dropped_frames_are_counted_once(bench: Bench) -> None:
    for total in (0, 3, 3, 10):
        bench.endpoint.on_worker_message(tick({}, dropped_total=total))

    assert bench.sample("offhook_frames_dropped_total") == 10


def test_a_lost_worker_ends_each_leg_once(bench: Bench) -> None:
    bench.tell(1, offered("one"))
    bench.tell(2, offered("two"))
    bench.endpoint.on_worker_lost("it died")
    bench.endpoint.on_worker_lost("it died")

    for call in bench.recorder.legs:
        [ended] = call.of(Ended)
        assert ended.cause is HangupCause.WORKER_LOST
        assert ended.detail == "it died"
    assert bench.endpoint.legs() == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_leg_number_used_again_breaks_the_protocol(bench: Bench, number: int) -> None:
    bench.tell(2, offered("one"))

    with pytest.raises(LinkProtocolError, match="leg number"):
        bench.tell(number, offered("two"))


def test_an_event_of_another_call_breaks_the_protocol(bench: Bench) -> None:
    bench.tell(1, offered("one"))

    with pytest.raises(LinkProtocolError, match="not call"):
        bench.tell(1, Answered(call_id="two", at_s=1.0))


def test_an_outbound_call_without_a_worker_is_not_placed(bench: Bench) -> None:
    assert not bench.endpoint.place("c_1", "sip:x@y", caller="+49")
    assert not bench.endpoint.is_ready


def test_an_event_of_a_call_that_never_became_a_leg_is_ignored(bench: Bench) -> None:
    bench.tell(8, Ended(call_id="c_1", at_s=1.0, cause=HangupCause.NO_ROUTE))

    assert bench.recorder.legs == []


def test_a_listener_that_fails_on_an_offer_loses_only_that_offer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(leg: Leg, offered: Offered) -> LegListener:
        raise RuntimeError(f"cannot take {leg.call_id} {offered.caller}")

    with monkeypatch.context() as patch:
        patch.setattr(bench.recorder, "on_offered", fail)
        bench.tell(1, offered("one"))
    bench.tell(1, Ended(call_id="one", at_s=1.0, cause=HangupCause.INTERNAL_ERROR))
    bench.tell(2, offered("two"))

    assert [call.offered.call_id for call in bench.recorder.legs] == ["two"]
