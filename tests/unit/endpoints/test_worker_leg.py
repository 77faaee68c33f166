"""A leg in a worker process: what each command becomes, and that none follows the end."""

import pytest

from gateway.endpoints.worker_leg import WorkerLeg
from gateway.link.fields import TEXT_LIMIT
from gateway.model import commands
from gateway.model.events import Capabilities, EndpointKind, Offered
from gateway.model.hangup import HangupCause


class Host:
    """Writes down what a leg asks for."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def command(self, command: commands.Command) -> None:
        self.asked.append(command)

    def play(self, leg: int, pcm: bytes) -> None:
        self.asked.append((leg, pcm))

    def bind(self, leg: int, ear: int | None) -> None:
        self.asked.append(("ear", leg, ear))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def leg(host: Host) -> WorkerLeg:
    offered = Offered(
        call_id="c_1",
        at_s=1.0,
        endpoint=EndpointKind.SIP,
        caller="a",
        callee="b",
        capabilities=Capabilities(listen_only=True),
    )
    return WorkerLeg(host, 5, offered)


def command_all(leg: WorkerLeg) -> None:
    leg.bind_ear(2)
    leg.answer()
    leg.reject(HangupCause.BUSY, retry_after_s=4)
    leg.play(b"abcd")
    leg.play(b"")
    leg.mark("m")
    leg.clear()
    leg.send_dtmf("1A#")
    leg.send_dtmf("")
    leg.hang_up(HangupCause.AGENT_HUNG_UP)


def test_each_command_is_passed_on_in_order(leg: WorkerLeg, host: Host) -> None:
    command_all(leg)

    assert host.asked == [
        ("ear", 5, 2),
        commands.Answer(leg=5),
        commands.Reject(leg=5, cause=HangupCause.BUSY, retry_after_s=4),
        (5, b"abcd"),
        commands.Mark(leg=5, name="m"),
        commands.Clear(leg=5),
        commands.SendDtmf(leg=5, digits="1A#"),
        commands.HangUp(leg=5, cause=HangupCause.AGENT_HUNG_UP),
    ]


def test_nothing_is_passed_on_after_the_end(leg: WorkerLeg, host: Host) -> None:
    leg.is_ended = True
    command_all(leg)

    assert host.asked == []


def test_it_knows_its_call(leg: WorkerLeg) -> None:
    assert leg.call_id == "c_1"
    assert leg.capabilities.listen_only


def test_mistakes_of_the_caller_are_refused(leg: WorkerLeg, host: Host) -> None:
    with pytest.raises(ValueError, match="samples"):
        leg.play(b"abc")
    with pytest.raises(ValueError, match="keys"):
        leg.send_dtmf("12a")
    with pytest.raises(ValueError, match="name"):
        leg.mark("x" * (TEXT_LIMIT + 1))

    assert host.asked == []
