"""Offers find their agents, refusals are written down, a drain ends everything well."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from gateway.config import AgentBase, GreetingSection, NumberSection, TurnsSection
from gateway.errors import CallNotFound, HearingFull
from gateway.metrics import Metrics
from gateway.model import events
from gateway.model.hangup import HangupCause
from gateway.rooms.access import OPEN, ChannelAccess
from gateway.rooms.timeline import Kind
from gateway.sessions.placed import PlacedCall
from gateway.sessions.registry import LOOKUPS_LIMIT, LoadGate, SessionRegistry
from gateway.sessions.state import SessionState
from gateway.sessions.surroundings import Surroundings
from tests.support.virtual_clock import run_virtual
from tests.unit.sessions.bench import (
    FakeAgent,
    FakeEar,
    FakeHearing,
    FakePhrases,
    FakeRecorder,
    VirtualLeg,
    not_echo,
    now,
)


class FullHearing(FakeHearing):
    def open(self) -> FakeEar:
        raise HearingFull("all ears are taken")


class Rules:
    """What the one room of the test says of its calls."""

    def __init__(self, own: str = "", voice: ChannelAccess = OPEN) -> None:
        self.own, self.access = own, voice

    def agent(self, number: str, person: str) -> str:
        return self.own

    def voice(self, number: str, person: str) -> ChannelAccess:
        return self.access


@dataclass
class Switchboard:
    """A registry with two agents and its surroundings."""

    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    hearing: FakeHearing = field(default_factory=FakeHearing)
    phrases: FakePhrases = field(default_factory=FakePhrases)
    metrics: Metrics = field(default_factory=Metrics)
    load: LoadGate | None = None
    rules: "Rules | None" = None

    def __post_init__(self) -> None:
        self.agents = {"desk": FakeAgent(), "echo": FakeAgent()}
        self.registry = SessionRegistry(
            rules=self.rules,
            numbers=[
                NumberSection(number="echo", agent="echo"),
                NumberSection(number="1*", agent="desk"),
            ],
            agents=self.agents,
            settings={"desk": AgentBase(greeting="Desk."), "echo": AgentBase(greeting="Echo.")},
            around=Surroundings(
                greeting=GreetingSection(),
                turns=TurnsSection(),
                max_call_s=3600,
                retry_after_s=5,
                recorder=self.recorder,
                metrics=self.metrics,
                hearing=self.hearing,
                phrases=self.phrases,
                is_echo=not_echo,
            ),
            load=self.load,
        )

    def offered(self, callee: str, number: int = 1) -> events.Offered:
        return events.Offered(
            call_id=f"c_{number}",
            at_s=now(),
            endpoint=events.EndpointKind.FAKE,
            caller="+1555",
            callee=callee,
        )

    def offer(self, callee: str, number: int = 1) -> VirtualLeg:
        leg = VirtualLeg(f"c_{number}")
        leg.listener = self.registry.on_offered(leg, self.offered(callee, number))
        return leg


def test_an_offer_goes_to_the_agent_of_its_number() -> None:
    async def work() -> None:
        board = Switchboard()
        board.offer("echo", 1)
        board.offer("100", 2)
        await asyncio.sleep(3)

        assert board.agents["echo"].line is not None
        assert board.agents["desk"].line is not None
        statistics = board.registry.statistics()
        assert statistics.live == 2
        assert statistics.by_state == {SessionState.CONVERSING: 2}
        assert [session.offered.call_id for session in board.registry.sessions()] == ["c_1", "c_2"]
        await board.registry.stop()
        assert board.registry.sessions() == ()

    run_virtual(work())


class RefusedLeg(VirtualLeg):
    """Keeps what its caller is told."""

    def __init__(self, call_id: str) -> None:
        super().__init__(call_id)
        self.refusals: list[tuple[HangupCause, int]] = []

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        self.refusals.append((cause, retry_after_s))
        super().reject(cause, retry_after_s=retry_after_s)


class Busy:
    """A machine that carries no further call."""

    retry_after_s = 17

    def admits(self) -> bool:
        return False


def test_a_busy_machine_refuses_calls_with_a_time_to_come_back() -> None:
    async def work() -> None:
        board = Switchboard(load=Busy())
        leg = RefusedLeg("c_1")
        board.registry.on_offered(leg, board.offered("100"))
        await asyncio.sleep(1)

        assert leg.refusals == [(HangupCause.OVERLOADED, 17)]
        assert board.registry.statistics().refused == 1
        await board.registry.stop()

    run_virtual(work())


def test_a_call_of_our_own_is_not_refused_for_load() -> None:
    async def work() -> None:
        board = Switchboard(load=Busy())
        leg = VirtualLeg("c_1")
        board.registry.placed.expect(
            PlacedCall(
                call_id="c_1", number="100", person="+1555", agent="desk", ring_s=30, max_call_s=60
            )
        )
        offered = replace(board.offered("+1555"), direction=events.Direction.OUTBOUND)
        leg.listener = board.registry.on_offered(leg, offered)

        assert board.registry.statistics().live == 1
        await board.registry.stop()

    run_virtual(work())


def test_an_offer_may_name_its_agent() -> None:
    async def work() -> None:
        board = Switchboard()
        for number, agent in enumerate(("desk", "nobody"), start=1):
            leg = VirtualLeg(f"c_{number}")
            offered = replace(board.offered("echo", number), agent=agent)
            leg.listener = board.registry.on_offered(leg, offered)
        await asyncio.sleep(3)

        assert board.agents["desk"].line is not None
        assert board.agents["echo"].line is None
        assert board.registry.statistics().refused == 1
        await board.registry.stop()

    run_virtual(work())


@pytest.mark.parametrize(
    ("callee", "full", "draining", "cause"),
    [
        ("999", False, False, HangupCause.NO_ROUTE),
        ("100", True, False, HangupCause.CAPACITY),
        ("100", False, True, HangupCause.DRAINING),
    ],
)
def test_an_offer_that_cannot_be_taken_is_refused_and_written_down(
    callee: str, full: bool, draining: bool, cause: HangupCause
) -> None:
    async def work() -> None:
        board = Switchboard(hearing=FullHearing() if full else FakeHearing())
        if draining:
            board.registry.refuse_new()
        leg = board.offer(callee)
        await asyncio.sleep(1)

        assert leg.commands == [f"reject {cause.value}"]
        assert board.recorder.kinds() == [Kind.OFFERED, Kind.REFUSED, Kind.ENDED]
        assert board.recorder.ended == [("c_1", cause, 0.0)]
        assert board.registry.statistics().refused == 1
        outcome = {"endpoint": "fake", "outcome": cause.value}
        assert board.metrics.registry.get_sample_value("offhook_calls_total", outcome) == 1
        assert board.metrics.registry.get_sample_value("offhook_calls_active") == 0

    run_virtual(work())


def test_a_refusal_is_written_down_although_the_gateway_stops() -> None:
    async def work() -> None:
        board = Switchboard()
        board.recorder.delay_s = 0.5
        board.registry.on_refused(board.offered("100"), HangupCause.CAPACITY)
        await asyncio.sleep(0.1)
        await board.registry.stop()
        assert [cause for _, cause, _ in board.recorder.ended] == [HangupCause.CAPACITY]

    run_virtual(work())


def test_refusals_by_the_endpoint_are_written_down_even_in_a_flood() -> None:
    async def work() -> None:
        board = Switchboard()
        board.recorder.delay_s = 0.5
        flood = LOOKUPS_LIMIT + 20
        for number in range(flood):
            board.registry.on_refused(board.offered("100", number), HangupCause.CAPACITY)
        await asyncio.sleep(2)

        assert len(board.recorder.ended) == flood
        assert board.registry.statistics().refused == flood

    run_virtual(work())


def test_sessions_are_found_by_call_id_while_they_live() -> None:
    async def work() -> None:
        board = Switchboard()
        leg = board.offer("100")
        await asyncio.sleep(3)
        assert board.registry.session("c_1").state is SessionState.CONVERSING

        board.registry.hang_up("c_1")
        await asyncio.sleep(1)

        assert leg.commands[-1] == "hang_up operator_hung_up"
        with pytest.raises(CallNotFound):
            board.registry.session("c_1")
        with pytest.raises(CallNotFound):
            board.registry.hang_up("c_1")

    run_virtual(work())


def test_the_call_of_a_room_is_the_newest_that_takes_something() -> None:
    async def work() -> None:
        board = Switchboard()
        board.offer("100")
        await asyncio.sleep(3)
        session = board.registry.session("c_1")
        room_id = session.room_id
        assert room_id is not None
        assert board.registry.in_room(room_id) is session
        assert board.registry.in_room("another") is None

        session.close(HangupCause.DRAINING)
        await asyncio.sleep(0.1)
        assert session.state is SessionState.CLOSING
        assert board.registry.in_room(room_id) is None
        await board.registry.stop()

    run_virtual(work())


def test_drain_waits_then_says_goodbye_then_ends() -> None:
    async def work() -> None:
        board = Switchboard()
        short, long = board.offer("100", 1), board.offer("101", 2)
        await asyncio.sleep(3)
        begun = now()
        draining = asyncio.create_task(board.registry.drain(10.0))
        await asyncio.sleep(5)
        assert board.offer("102", 3).commands == ["reject draining"]
        short.end(HangupCause.CALLER_HUNG_UP)
        await draining

        assert now() - begun == pytest.approx(11.1, abs=0.3)
        assert long.commands[-1] == "hang_up draining"
        assert AgentBase().goodbye in [text for _, text, _ in board.recorder.said()]
        assert board.registry.statistics().live == 0

    run_virtual(work())


def test_drain_returns_as_soon_as_the_last_call_is_over() -> None:
    async def work() -> None:
        board = Switchboard()
        leg = board.offer("100")
        await asyncio.sleep(3)
        begun = now()
        asyncio.get_running_loop().call_later(2.0, leg.end, HangupCause.CALLER_HUNG_UP)
        await board.registry.drain(3600)

        assert now() - begun < 2.1

    run_virtual(work())


def test_stop_ends_calls_even_if_endpoints_say_nothing() -> None:
    async def work() -> None:
        board = Switchboard()
        leg = board.offer("100")
        leg.reports_end = False
        await asyncio.sleep(0.5)
        await board.registry.stop()
        await board.registry.stop()

        assert leg.commands[-1] == "hang_up draining"
        assert len(board.recorder.ended) == 1
        assert board.hearing.ears[0].closed == 1

    run_virtual(work())


def test_the_rooms_own_agent_takes_the_call() -> None:
    async def scenario() -> None:
        board = Switchboard(rules=Rules(own="echo"))
        leg = board.offer("100")
        await asyncio.sleep(0.1)
        (session,) = board.registry.sessions()
        assert session.agent is board.agents["echo"]
        leg.end(HangupCause.CALLER_HUNG_UP)
        await asyncio.sleep(1)

    run_virtual(scenario())


def test_an_agent_that_is_gone_leaves_the_call_to_the_number() -> None:
    async def scenario() -> None:
        board = Switchboard(rules=Rules(own="gone"))
        leg = board.offer("100")
        await asyncio.sleep(0.1)
        (session,) = board.registry.sessions()
        assert session.agent is board.agents["desk"]
        leg.end(HangupCause.CALLER_HUNG_UP)
        await asyncio.sleep(1)

    run_virtual(scenario())


@pytest.mark.parametrize(
    "voice",
    [
        ChannelAccess(is_muted=True),
        ChannelAccess(can_read=False),
        ChannelAccess(can_write=False),
    ],
)
def test_a_room_whose_voice_is_closed_takes_no_call(voice: ChannelAccess) -> None:
    async def scenario() -> None:
        board = Switchboard(rules=Rules(voice=voice))
        board.offer("100")
        await asyncio.sleep(0.1)
        ((_, cause, _),) = board.recorder.ended
        assert cause is HangupCause.NOT_ALLOWED
        assert board.registry.statistics().live == 0

    run_virtual(scenario())
