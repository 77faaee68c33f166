"""The life of a browser call: every state, every bound, one end."""

from dataclasses import dataclass, field

import pytest

from gateway.errors import InvalidTransition
from gateway.link.leg_reports import Quality
from gateway.media.playout import MarkReached
from gateway.model import events
from gateway.model.hangup import HangupCause
from webrtc import leg as leg_module
from webrtc.leg import SILENT_S, STATISTICS_S, Bounds, Leg, LegState, Trigger

BOUNDS = Bounds(answer_s=30.0, connect_s=20.0, grace_s=10.0)


@dataclass
class FakeTransport:
    """Writes down what the leg asks."""

    did: list[str] = field(default_factory=list)
    heard_at_s: float = 0.0
    codec: str = "opus/48000"

    def answer(self) -> None:
        self.did.append("answer")

    def close(self) -> None:
        self.did.append("close")

    def quality(self) -> Quality:
        return Quality(
            packets_in=1,
            packets_out=2,
            packets_lost_in=0,
            packets_lost_out=0,
            jitter_in_ms=0.5,
            jitter_out_ms=0.5,
            round_trip_ms=3.0,
            frames_dropped=4,
        )

    def tell_quality(self, quality: Quality) -> None:
        self.did.append("quality")


@dataclass
class Bench:
    bounds: Bounds = BOUNDS
    transport: FakeTransport = field(default_factory=FakeTransport)
    told: list[events.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        offered = events.Offered(
            call_id="c", at_s=0.0, endpoint=events.EndpointKind.WEBRTC, caller="", callee="x"
        )
        self.leg = Leg(7, offered, self.transport, self.bounds, self._emit)

    def _emit(self, number: int, event: events.Event) -> None:
        assert number == 7
        self.told.append(event)

    def up(self) -> "Bench":
        self.leg.answer(1.0)
        self.leg.connected(2.0)
        self.transport.heard_at_s = 2.0
        return self

    @property
    def ended(self) -> HangupCause | None:
        causes = [event.cause for event in self.told if isinstance(event, events.Ended)]
        assert len(causes) <= 1
        return causes[0] if causes else None


def test_a_call_comes_up_once() -> None:
    bench = Bench()
    bench.leg.answer(1.0)
    bench.leg.answer(1.1)
    assert bench.leg.playout.is_held
    bench.leg.connected(2.0)
    bench.leg.connected(2.1)

    assert bench.transport.did == ["answer"]
    assert [type(event) for event in bench.told] == [events.Answered, events.MediaUp]
    assert not bench.leg.playout.is_held


def test_a_lost_transport_holds_playout_and_may_come_back() -> None:
    bench = Bench().up()
    bench.leg.lost("gone", 5.0)
    assert (bench.leg.state, bench.leg.playout.is_held) == (LegState.LOST, True)
    bench.leg.connected(7.0)

    assert (bench.leg.state, bench.leg.playout.is_held) == (LegState.UP, False)
    assert len(bench.told) == 2


def test_silence_of_the_transport_is_its_loss() -> None:
    bench = Bench().up()
    bench.leg.poll(2.0 + SILENT_S - 0.1)
    assert bench.leg.state is LegState.UP
    bench.leg.poll(2.0 + SILENT_S)

    assert bench.leg.state is LegState.LOST


def test_without_grace_a_loss_is_the_end() -> None:
    bench = Bench(Bounds(answer_s=1, connect_s=1, grace_s=0)).up()
    bench.leg.lost("gone", 3.0)

    assert bench.ended is HangupCause.NO_MEDIA


@pytest.mark.parametrize(
    ("state", "at_s", "cause"),
    [
        (LegState.OFFERED, 30.0, HangupCause.NO_ANSWER),
        (LegState.CONNECTING, 21.0, HangupCause.NO_MEDIA),
        (LegState.LOST, 15.0, HangupCause.NO_MEDIA),
    ],
)
def test_every_wait_is_bounded(state: LegState, at_s: float, cause: HangupCause) -> None:
    bench = bench_in(state)
    bench.leg.poll(at_s - 0.1)
    assert bench.ended is None
    bench.leg.poll(at_s)

    assert bench.ended is cause
    assert bench.transport.did[-1] == "close"


def bench_in(state: LegState) -> Bench:
    bench = Bench()
    if state is not LegState.OFFERED:
        bench.leg.answer(1.0)
    if state in (LegState.UP, LegState.LOST):
        bench.leg.connected(2.0)
        bench.transport.heard_at_s = 1e9
    if state is LegState.LOST:
        bench.leg.lost("gone", 5.0)
    return bench


@pytest.mark.parametrize(
    "state", [LegState.OFFERED, LegState.CONNECTING, LegState.UP, LegState.LOST]
)
def test_a_call_ends_once_from_every_state_and_nothing_follows(state: LegState) -> None:
    bench = bench_in(state)
    bench.leg.mark("m", 6.0)
    bench.leg.hang_up(HangupCause.OPERATOR_HUNG_UP, 6.0)
    count = len(bench.told)

    leg = bench.leg
    leg.hang_up(HangupCause.MAX_DURATION, 7.0)
    leg.caller_left("", 7.0)
    leg.answer(7.0)
    leg.reject(HangupCause.BUSY, 7.0)
    leg.connected(7.0)
    leg.lost("", 7.0)
    leg.key("1", 0, 7.0)
    leg.message("{}", 7.0)
    leg.clear(7.0)
    leg.marks([MarkReached("x", 0, cleared=False)], 7.0)
    leg.poll(1e6)

    assert bench.ended is HangupCause.OPERATOR_HUNG_UP
    assert len(bench.told) == count
    assert isinstance(bench.told[-1], events.Ended)
    marks = [event for event in bench.told if isinstance(event, events.Marked)]
    assert [(mark.name, mark.cleared) for mark in marks] == [("m", True)]
    assert bench.transport.did.count("close") == 1


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        (LegState.OFFERED, HangupCause.CALLER_CANCELLED),
        (LegState.CONNECTING, HangupCause.CALLER_HUNG_UP),
        (LegState.UP, HangupCause.CALLER_HUNG_UP),
        (LegState.LOST, HangupCause.CALLER_HUNG_UP),
    ],
)
def test_who_leaves_before_the_answer_gave_up(state: LegState, cause: HangupCause) -> None:
    bench = bench_in(state)
    bench.leg.caller_left("", 6.0)

    assert bench.ended is cause


def test_a_rejected_offer_ends_with_its_cause() -> None:
    bench = Bench()
    bench.leg.reject(HangupCause.BUSY, 1.0)

    assert bench.ended is HangupCause.BUSY


def test_figures_are_told_from_time_to_time() -> None:
    bench = Bench().up()
    for tenth in range(20, 20 + int(10 * STATISTICS_S) + 1):
        bench.transport.heard_at_s = tenth / 10
        bench.leg.poll(tenth / 10)

    told = [event for event in bench.told if isinstance(event, events.Statistics)]
    assert [(item.packets_out, item.frames_dropped) for item in told] == [(2, 4)]
    assert bench.transport.did.count("quality") == 2


def test_keys_and_messages_come_through_once_up() -> None:
    bench = Bench()
    bench.leg.key("1", 0, 1.0)
    bench.leg.message('{"type":"text"}', 1.0)
    bench.up()
    bench.leg.key("2", 0, 3.0)
    bench.leg.message('{"type":"text"}', 3.0)

    assert [event.digit for event in bench.told if isinstance(event, events.Dtmf)] == ["2"]
    assert sum(isinstance(event, events.MessageReceived) for event in bench.told) == 1


def test_a_flood_of_keys_is_bounded() -> None:
    bench = Bench()
    bench.up()
    for step in range(2_000):
        bench.leg.key("5", 0, 3.0 + step / 1_000)

    keys = [event for event in bench.told if isinstance(event, events.Dtmf)]
    assert 32 <= len(keys) <= 60


def test_the_table_has_a_way_out_of_every_state() -> None:
    for state in LegState:
        ways = {trigger for trigger in Trigger if (state, trigger) in leg_module._TABLE}
        assert (Trigger.END in ways) is (state is not LegState.ENDED)
    with pytest.raises(InvalidTransition):
        Bench().leg._move(Trigger.CONNECT, 0.0)
