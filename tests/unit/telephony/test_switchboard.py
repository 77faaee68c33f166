"""Taking, refusing and finding calls."""

from gateway.model import events
from gateway.model.hangup import HangupCause
from telephony.admission import Admission
from telephony.leg import Bounds, Leg
from telephony.sip_message import InviteFacts
from telephony.switchboard import Switchboard
from tests.unit.telephony.fakes import FakeNative, Sink

FACTS = InviteFacts(caller="1", callee="2", sip_call_id="x", x_headers={"X-A": "b"})


def board(max_calls: int = 2) -> tuple[Switchboard, Sink]:
    sink = Sink()
    bounds = Bounds(media_up_s=0.2, answer_s=20.0, media_timeout_s=0.0)
    return Switchboard(sink, Admission(max_calls), bounds, retry_after_s=5), sink


def offer(switchboard: Switchboard, now_s: float = 0.0) -> tuple[Leg | None, FakeNative]:
    native = FakeNative()
    return switchboard.offer(native, FACTS, "192.0.2.1:5060", now_s), native


def test_an_offer_tells_all() -> None:
    switchboard, sink = board()
    offer(switchboard)
    offered = sink.events[0][1]
    assert isinstance(offered, events.Offered)
    assert (offered.caller, offered.callee, offered.foreign_id) == ("1", "2", "x")
    assert offered.source == "192.0.2.1:5060"
    assert offered.headers == {"X-A": "b"}


def test_over_the_limit_is_503_with_retry_after_and_reported() -> None:
    switchboard, sink = board(max_calls=1)
    offer(switchboard)
    leg, native = offer(switchboard)
    assert leg is None
    assert native.done == ["503 5"]
    assert [cause for _, cause in sink.refused] == [HangupCause.CAPACITY]
    assert len(sink.events) == 1
    assert switchboard.refused == 1


def test_draining_and_a_lost_gateway_refuse() -> None:
    switchboard, sink = board()
    switchboard.admission.draining = True
    assert offer(switchboard)[1].done == ["503 5"]
    switchboard.admission.draining = False
    switchboard.admission.link_up = False
    assert offer(switchboard)[1].done == ["503 5"]
    assert {cause for _, cause in sink.refused} == {HangupCause.DRAINING}


def test_an_ended_call_makes_room_and_its_number_is_not_used_again() -> None:
    switchboard, sink = board(max_calls=1)
    first, _ = offer(switchboard)
    assert first is not None
    first.disconnected(487, "", 1.0)
    assert switchboard.active == 0
    assert first.number not in switchboard.playouts
    second, _ = offer(switchboard)
    assert second is not None
    assert second.number != first.number
    assert len(sink.ends()) == 1


def test_commands_to_unknown_legs_are_ignored() -> None:
    switchboard, sink = board()
    switchboard.answer(9, 0.0)
    switchboard.reject(9, HangupCause.NO_ROUTE, 0, 0.0)
    switchboard.hang_up(9, HangupCause.NO_ROUTE, 0.0)
    switchboard.press(9, "1")
    switchboard.marks(9, [], 0.0)
    switchboard.cleared(9, [], 0.0, 0.0)
    assert sink.events == []


def test_a_503_of_the_gateway_gets_retry_after_by_default() -> None:
    switchboard, _ = board()
    leg, native = offer(switchboard)
    other, other_native = offer(switchboard)
    assert leg is not None
    assert other is not None
    switchboard.reject(leg.number, HangupCause.OVERLOADED, 0, 1.0)
    switchboard.reject(other.number, HangupCause.NO_ROUTE, 0, 1.0)
    assert native.done == ["503 5"]
    assert other_native.done == ["404 0"]


def test_waiting_calls_are_looked_at_each_turn_others_once_a_second() -> None:
    switchboard, sink = board()
    leg, native = offer(switchboard)
    assert leg is not None
    switchboard.answer(leg.number, 0.1)
    leg.media_active(True, 0.1)
    leg.acknowledged(0.1)
    switchboard.connected(leg)
    native.packets = 1
    switchboard.poll(0.105)
    assert "MediaUp" in sink.kinds()
    # The deadline of a ringing call is found by the sweep.
    ringing, ringing_native = offer(switchboard, 0.2)
    assert ringing is not None
    switchboard.poll(19.0)
    assert ringing_native.done == []
    for second in range(20, 23):
        switchboard.poll(float(second))
    assert ringing_native.done == ["480 0"]


def test_hang_up_all() -> None:
    switchboard, _ = board()
    natives = [offer(switchboard)[1] for _ in range(2)]
    switchboard.hang_up_all(HangupCause.DRAINING, 1.0)
    assert [native.done for native in natives] == [["503 0"], ["503 0"]]
