"""The life of a leg, second by second, without a SIP stack."""

import pytest

from gateway.model import events
from gateway.model.hangup import HangupCause
from telephony.leg import ACK_BOUND_S, ENDING_BOUND_S, Bounds, Leg
from telephony.leg_state import LegState
from tests.unit.telephony.fakes import FakeNative, Sink


class Call:
    """One leg with its fake surroundings."""

    def __init__(self, **bounds: float) -> None:
        self.native = FakeNative()
        self.sink = Sink()
        values = {"media_up_s": 0.2, "answer_s": 20.0, "media_timeout_s": 0.0, **bounds}
        offered = events.Offered(
            call_id="c_1", at_s=0.0, endpoint=events.EndpointKind.SIP, caller="1", callee="2"
        )
        self.leg = Leg(7, offered, self.native, Bounds(**values), self.sink.send_event)

    def connect(self, now_s: float = 1.0) -> None:
        self.leg.answer(now_s)
        self.leg.media_active(True, now_s)
        self.leg.acknowledged(now_s)

    def cause(self) -> HangupCause:
        (ended,) = self.sink.ends()
        return ended.cause


def test_media_is_up_with_the_first_packet_and_playout_waits_for_it() -> None:
    call = Call()
    call.leg.playout.play(bytes(640))
    call.connect(1.0)
    call.leg.poll(1.05)
    assert call.leg.state is LegState.CONNECTED
    assert call.leg.playout.next_frame() == (None, None)
    call.native.packets = 1
    call.leg.poll(1.06)
    assert call.leg.state is LegState.UP
    up = call.sink.events[-1][1]
    assert isinstance(up, events.MediaUp)
    assert (up.at_s, up.codec, up.reason) == (1.06, "PCMU/8000", events.MediaUpReason.PACKET)
    assert call.leg.playout.next_frame()[0] == bytes(640)


def test_media_is_up_after_the_bound_without_a_packet() -> None:
    call = Call()
    call.connect(1.0)
    call.leg.poll(1.19)
    assert call.sink.kinds() == ["Answered"]
    call.leg.poll(1.21)
    assert call.sink.kinds() == ["Answered", "MediaUp"]


def test_the_bound_counts_from_the_later_of_ack_and_media() -> None:
    call = Call()
    call.leg.answer(1.0)
    call.leg.acknowledged(1.1)
    call.leg.poll(5.0)
    assert call.sink.kinds() == ["Answered"]
    call.leg.media_active(True, 5.0)
    call.leg.poll(5.1)
    assert call.sink.kinds() == ["Answered"]
    call.leg.poll(5.21)
    assert call.sink.kinds() == ["Answered", "MediaUp"]


def test_media_before_the_ack_does_not_count_yet() -> None:
    call = Call()
    call.leg.answer(1.0)
    call.leg.media_active(True, 1.0)
    call.native.packets = 5
    call.leg.poll(2.0)
    assert call.sink.kinds() == []


def test_a_call_on_hold_from_the_start_waits() -> None:
    call = Call()
    call.connect(1.0)
    call.leg.media_held()
    call.leg.poll(9.0)
    assert call.leg.state is LegState.CONNECTED


def test_the_caller_hangs_up() -> None:
    call = Call()
    call.connect()
    call.leg.disconnected(200, "OK", 3.0)
    call.leg.disconnected(200, "OK", 3.0)
    assert call.cause() is HangupCause.CALLER_HUNG_UP
    assert call.sink.kinds()[-2:] == ["Statistics", "Ended"]
    assert call.sink.ends()[0].detail == "200 OK"


def test_the_end_returns_the_marks_first_and_nothing_follows() -> None:
    call = Call()
    call.connect()
    call.leg.playout.play(bytes(6400))
    call.leg.playout.mark("a")
    call.leg.disconnected(200, "OK", 3.0)
    marked = [event for _, event in call.sink.events if isinstance(event, events.Marked)]
    assert [(mark.name, mark.cleared) for mark in marked] == [("a", True)]
    count = len(call.sink.events)
    call.leg.marks([], 4.0)
    call.leg.cleared([], 0.0, 4.0)
    call.leg.key("1", 0, 4.0)
    call.leg.hang_up(HangupCause.AGENT_HUNG_UP, 4.0)
    call.leg.answer(4.0)
    call.leg.press("1")
    call.leg.poll(99.0)
    assert len(call.sink.events) == count


def test_we_hang_up_and_the_far_end_confirms() -> None:
    call = Call()
    call.connect()
    call.leg.hang_up(HangupCause.MAX_DURATION, 2.0)
    call.leg.hang_up(HangupCause.AGENT_HUNG_UP, 2.1)
    assert call.native.done == ["200", "BYE"]
    assert call.sink.ends() == []
    call.leg.disconnected(200, "OK", 2.2)
    assert call.cause() is HangupCause.MAX_DURATION


def test_we_hang_up_and_nobody_confirms() -> None:
    call = Call()
    call.connect()
    call.leg.hang_up(HangupCause.AGENT_HUNG_UP, 2.0)
    call.leg.poll(2.0 + ENDING_BOUND_S - 0.1)
    assert call.sink.ends() == []
    call.leg.poll(2.0 + ENDING_BOUND_S)
    assert call.cause() is HangupCause.AGENT_HUNG_UP
    call.leg.disconnected(408, "Request Timeout", 34.0)
    assert len(call.sink.ends()) == 1


@pytest.mark.parametrize(
    ("cause", "response"),
    [
        (HangupCause.NO_ROUTE, "404 0"),
        (HangupCause.CAPACITY, "503 9"),
        (HangupCause.NO_INPUT, "480 0"),
    ],
)
def test_a_rejection_is_the_response_of_its_cause(cause: HangupCause, response: str) -> None:
    call = Call()
    call.leg.reject(cause, 9 if cause is HangupCause.CAPACITY else 0, 1.0)
    assert call.native.done == [response]
    call.leg.disconnected(int(response[:3]), "", 1.0)
    assert call.cause() is cause


def test_hang_up_while_it_rings_is_a_rejection() -> None:
    call = Call()
    call.leg.hang_up(HangupCause.AGENT_FAILED, 1.0)
    assert call.native.done == ["503 0"]


def test_nobody_decides() -> None:
    call = Call(answer_s=5.0)
    call.leg.poll(4.9)
    assert call.native.done == []
    call.leg.poll(5.0)
    assert call.native.done == ["480 0"]


def test_a_cancel_that_beats_our_rejection_is_the_callers() -> None:
    call = Call()
    call.leg.reject(HangupCause.NO_ROUTE, 0, 1.0)
    call.leg.disconnected(487, "Request Terminated", 1.0)
    assert call.cause() is HangupCause.CALLER_CANCELLED


def test_the_call_ends_while_we_answer() -> None:
    call = Call()
    call.native.during_answer = lambda: call.leg.disconnected(488, "Not Acceptable Here", 1.0)
    call.leg.answer(1.0)
    assert call.cause() is HangupCause.UNACCEPTABLE_MEDIA


def test_an_answer_that_fails_ends_the_call() -> None:
    call = Call()
    call.native.fails = True
    call.leg.answer(1.0)
    assert call.leg.state is LegState.ENDING
    call.leg.poll(1.0 + ENDING_BOUND_S)
    assert call.cause() is HangupCause.INTERNAL_ERROR


def test_a_missing_ack() -> None:
    call = Call()
    call.leg.answer(1.0)
    call.leg.poll(1.0 + ACK_BOUND_S - 0.1)
    assert call.sink.ends() == []
    call.leg.poll(1.0 + ACK_BOUND_S)
    assert call.cause() is HangupCause.NO_ACK


def test_a_late_ack_of_a_call_we_ended_changes_nothing() -> None:
    call = Call()
    call.leg.answer(1.0)
    call.leg.hang_up(HangupCause.AGENT_HUNG_UP, 1.1)
    call.leg.acknowledged(1.2)
    assert call.sink.kinds() == []
    assert call.leg.state is LegState.ENDING


def test_media_that_stops() -> None:
    call = Call(media_timeout_s=10.0)
    call.connect(0.0)
    for second in range(1, 31):
        call.native.packets = min(second, 15)
        call.leg.poll(float(second))
    assert call.native.done == ["200", "BYE"]
    call.leg.disconnected(200, "OK", 30.0)
    assert call.cause() is HangupCause.NO_MEDIA


def test_media_may_stop_on_hold_and_where_none_is_expected() -> None:
    held = Call(media_timeout_s=5.0)
    held.connect(0.0)
    held.leg.media_held()
    silent = Call(media_timeout_s=5.0)
    silent.connect(0.0)
    silent.leg.media_active(False, 0.5)
    for call in (held, silent):
        for second in range(1, 60):
            call.leg.poll(float(second))
        assert call.native.done == ["200"]


def test_after_a_hold_the_bound_starts_anew() -> None:
    call = Call(media_timeout_s=5.0)
    call.connect(0.0)
    call.leg.media_held()
    call.leg.media_active(True, 100.0)
    call.leg.poll(104.0)
    assert call.native.done == ["200"]
    call.leg.poll(105.5)
    call.leg.poll(111.0)
    assert call.native.done == ["200", "BYE"]


def test_statistics_come_every_five_seconds() -> None:
    call = Call()
    call.connect(0.0)
    for second in range(1, 21):
        call.leg.poll(float(second))
    assert call.sink.kinds().count("Statistics") == 4


def test_a_flood_of_keys_is_bounded() -> None:
    call = Call()
    call.connect()
    for step in range(2_000):
        call.leg.key("5", 0, 5.0 + step / 1_000)
    keys = [event for _, event in call.sink.events if isinstance(event, events.Dtmf)]
    assert 32 <= len(keys) <= 60


def test_keys_go_out_only_while_connected() -> None:
    call = Call()
    call.leg.press("1")
    call.connect()
    call.leg.press("2")
    call.native.fails = True
    call.leg.press("3")
    assert call.native.done == ["200", "keys 2", "keys 3"]
