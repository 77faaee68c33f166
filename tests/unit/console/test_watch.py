"""What is seen of calls from between endpoints and sessions, with nothing changed on the way."""

import numpy as np
import pytest

from gateway.console.announcer import CallAnnouncer, MessageAnnouncer
from gateway.console.board import CallBoard
from gateway.console.bus import EventBus
from gateway.console.envelope import SPEAKING
from gateway.console.watch import ENDED_MOST, CallWatch
from gateway.console.watched_call import REPORTS_MOST, WatchedCall
from gateway.media.tick import AudioTick
from gateway.model.events import (
    Ended,
    EndpointKind,
    MediaUp,
    MediaUpReason,
    Offered,
    Statistics,
)
from gateway.model.frame import FRAME_SAMPLES
from gateway.model.hangup import HangupCause
from gateway.model.line import Role
from gateway.model.messages import Channel, InboundMessage
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import CallEnd
from tests.unit.console.test_bus import parsed


class Leg:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple] = []

    def __getattr__(self, name):
        if name in ("call_id", "capabilities"):
            return name
        return lambda *args, **options: self.told.append((name, *args, *options.values()))


class Sessions:
    """Takes offers, as the registry does."""

    def __init__(self) -> None:
        self.legs: list = []
        self.events: list = []
        self.refused: list = []

    def on_offered(self, leg, offered):
        self.legs.append(leg)
        return self

    def on_refused(self, offered, cause):
        self.refused.append((offered.call_id, cause))

    def on_leg_event(self, event):
        self.events.append(event)


class Ticks:
    def __init__(self) -> None:
        self.ticks: list[AudioTick] = []

    def on_tick(self, tick):
        self.ticks.append(tick)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def world():
    class World:
        clock, sessions, ticks, speaking = Clock(), Sessions(), Ticks(), set()

    world = World()
    world.watch = CallWatch(
        world.sessions,
        world.ticks,
        is_speaking=lambda call_id: call_id in world.speaking,
        clock=world.clock,
    )
    return world


def offered(call_id: str = "c_1", at_s: float = 100.0) -> Offered:
    return Offered(
        call_id=call_id, at_s=at_s, endpoint=EndpointKind.FAKE, caller="+4930123456", callee="100"
    )


def statistics(at_s: float = 101.0, **changed) -> Statistics:
    facts = {
        "packets_in": 50, "packets_out": 50, "packets_lost_in": 0, "packets_lost_out": 0,
        "jitter_in_ms": 1.0, "jitter_out_ms": 1.0, "round_trip_ms": 10.0, "frames_dropped": 0,
    }  # fmt: skip
    return Statistics(call_id="c_1", at_s=at_s, **{**facts, **changed})


def tick(world, *peaks: tuple[int, int]) -> None:
    """Give each ear one frame with this peak, 20 ms later."""
    world.clock.now_s += 0.02
    ears = np.array([ear for ear, _ in peaks], dtype=np.int32)
    pcm = np.zeros((len(peaks), FRAME_SAMPLES), dtype=np.int16)
    pcm[:, 7] = [peak for _, peak in peaks]
    world.watch.on_tick(AudioTick(at_s=world.clock.now_s, ears=ears, pcm=pcm))


def test_everything_is_passed_on_as_it_came(world):
    leg = Leg()
    listener = world.watch.on_offered(leg, offered())
    (tapped,) = world.sessions.legs
    tapped.bind_ear(3)
    tapped.answer()
    tapped.reject(HangupCause.CAPACITY, retry_after_s=5)
    tapped.play(b"\1\0" * 320)
    tapped.mark("m")
    tapped.clear()
    tapped.send_dtmf("1")
    tapped.send_message("{}")
    tapped.hang_up(HangupCause.OPERATOR_HUNG_UP)
    listener.on_leg_event(statistics())
    world.watch.on_refused(offered("c_2"), HangupCause.CAPACITY)
    tick(world, (3, 5))

    assert leg.told == [
        ("bind_ear", 3), ("answer",), ("reject", HangupCause.CAPACITY, 5),
        ("play", b"\1\0" * 320), ("mark", "m"), ("clear",), ("send_dtmf", "1"),
        ("send_message", "{}"), ("hang_up", HangupCause.OPERATOR_HUNG_UP),
    ]  # fmt: skip
    assert (tapped.call_id, tapped.capabilities) == ("call_id", "capabilities")
    assert world.sessions.events == [statistics()]
    assert world.sessions.refused == [("c_2", HangupCause.CAPACITY)]
    assert len(world.ticks.ticks) == 1


def test_both_sides_are_heard_at_their_time(world):
    listener = world.watch.on_offered(Leg(), offered())
    (tapped,) = world.sessions.legs
    tapped.bind_ear(3)
    listener.on_leg_event(
        MediaUp(call_id="c_1", at_s=100.0, codec="PCMU/8000", reason=MediaUpReason.PACKET)
    )
    tapped.play(np.full(FRAME_SAMPLES * 5, 8_192, dtype="<i2").tobytes())
    world.speaking.add("c_1")
    for _ in range(10):
        tick(world, (3, 328), (4, 30_000))

    call = world.watch.call("c_1")
    assert call.codec == "PCMU/8000"
    assert {level for level in call.envelope.caller if level} == {10 | SPEAKING}
    assert max(call.envelope.agent) == 50
    assert call.envelope.agent[-1] == 0
    assert call.is_speaking


def test_an_ended_call_is_kept_for_a_while_and_changes_no_more(world):
    for number in range(ENDED_MOST + 5):
        name = f"c_{number}"
        listener = world.watch.on_offered(Leg(), offered(name))
        listener.on_leg_event(
            Ended(call_id=name, at_s=101.0, cause=HangupCause.CALLER_HUNG_UP, detail="")
        )

    assert world.watch.call("c_0") is None
    call = world.watch.call(f"c_{ENDED_MOST}")
    assert call.is_over
    length = len(call.envelope)
    for _ in range(20):
        tick(world)
    assert len(call.envelope) == length


def test_calls_whose_end_was_never_told_do_not_pile_up(world):
    for number in range(1_100):
        world.watch.on_offered(Leg(), offered(f"c_{number}"))

    assert world.watch.call("c_0") is None
    assert world.watch.call("c_1099") is not None


def test_strange_ears_do_no_harm(world):
    world.watch.on_offered(Leg(), offered())
    (tapped,) = world.sessions.legs
    tapped.bind_ear(100_000)

    for _ in range(5):
        tick(world, (-1, 30_000), (100_000, 30_000))

    assert max(world.watch.call("c_1").envelope.caller) == 0


def test_reports_of_a_long_call_are_thinned_out():
    call = WatchedCall("c_1", 0.0)
    for number in range(5_000):
        call.reported(statistics(at_s=number * 5.0))

    assert len(call.reports) <= REPORTS_MOST
    assert call.reports[0].at_s == 0
    assert call.reports[-1].at_s > 4_900 * 5
    assert call.report.at_s == 4_999 * 5.0


def entry(kind: Kind, *, text: str = "", role: Role | None = None, **facts) -> Entry:
    return Entry(
        room_id="r_1", call_id="c_1", kind=kind, offset_ms=5.0, role=role, text=text, facts=facts
    )


async def test_what_is_written_down_is_told_and_noted(world):
    bus = EventBus()
    watcher = bus.subscribe()
    announcer = CallAnnouncer(bus, world.watch)
    world.watch.on_offered(Leg(), offered())

    announcer.call_offered(offered(), room_id="r_1", agent="desk")
    announcer.appended(entry(Kind.GATE_OPENED, reason="greeting_played"))
    announcer.appended(entry(Kind.AGENT_SAID, text="Hi.", role=Role.AGENT, response_ms=412.5))
    announcer.call_ended(
        CallEnd(call_id="c_1", cause=HangupCause.CALLER_HUNG_UP, detail="", offset_ms=900.0)
    )
    MessageAnnouncer(bus).received(
        InboundMessage(
            channel=Channel.SMS,
            provider="twilio",
            provider_id="SM1",
            sender="+4930123456",
            recipient="100",
            text="hello",
            received_at=1.0,
        )
    )

    told = parsed(await watcher.take())
    assert [kind for _, kind, _ in told] == [
        "hello", "call_offered", "line", "line", "call_ended", "inbox",
    ]  # fmt: skip
    assert told[1][2]["caller"] == "+4930123456"
    assert told[3][2]["text"] == "Hi."
    assert told[4][2] == {
        "call_id": "c_1", "cause": "caller_hung_up", "detail": "", "ended_ms": 900.0,
    }  # fmt: skip
    call = world.watch.call("c_1")
    assert list(call.responses_ms) == [412]
    assert call.gate_reason == "greeting_played"


def test_the_board_tells_of_calls_it_did_not_see_and_of_media_while_kept(world):
    class Session:
        room_id, agent_name, is_gate_open = "r_1", "desk", False

        def __init__(self, call_id):
            self.offered = offered(call_id)

        class state:
            value = "greeting"

    listener = world.watch.on_offered(Leg(), offered())
    listener.on_leg_event(statistics())
    board = CallBoard(lambda: (Session("c_0"), Session("c_1")), world.watch, EventBus())

    seen, unseen = board.calls()

    assert (seen["call_id"], seen["quality"]["in"]["mos"]) == ("c_1", pytest.approx(4.4, abs=0.1))
    assert unseen["call_id"] == "c_0"
    assert "levels" not in unseen
    assert board.media("c_9") is None
    assert len(board.media("c_1")["reports"]) == 1
