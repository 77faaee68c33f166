"""The worker's end of the link: commands, events, ticks, full sockets, the end."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.errors import LinkProtocolError, LinkVersionError
from gateway.link.messages import LINK_VERSION, Control, Hello, OnLeg, Ping, Pong, Refused, Welcome
from gateway.link.protocol import (
    TICK_LEGS_LIMIT,
    Tick,
    decode,
    encode_message,
    encode_play,
    encode_tick,
    join_control,
)
from gateway.link.worker_link import CONTROL_LIMIT, TICKS_LIMIT, LinkState, WorkerLink
from gateway.model import commands
from gateway.model.events import Answered, EndpointKind, Offered
from gateway.model.hangup import HangupCause

JOIN_S = 10.0
FRAME = bytes(640)


class Handler:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_play(self, leg_no: int, pcm: bytes) -> None:
        self.told.append(("play", leg_no, pcm))

    def on_mark(self, leg_no: int, name: str) -> None:
        if name == "fault":
            raise RuntimeError("a fault of the handler")
        self.told.append(("mark", leg_no, name))

    def on_clear(self, leg_no: int) -> None:
        self.told.append(("clear", leg_no))

    def on_answer(self, leg_no: int) -> None:
        self.told.append(("answer", leg_no))

    def on_reject(self, leg_no: int, cause: HangupCause, retry_after_s: int) -> None:
        self.told.append(("reject", leg_no, cause, retry_after_s))

    def on_dtmf(self, leg_no: int, digits: str) -> None:
        self.told.append(("dtmf", leg_no, digits))

    def on_send_message(self, leg_no: int, text: str) -> None:
        self.told.append(("message", leg_no, text))

    def on_hang_up(self, leg_no: int, cause: HangupCause) -> None:
        self.told.append(("hang_up", leg_no, cause))

    def on_place(self, call_id: str, target: str, caller: str, trunk: str) -> None:
        self.told.append(("place", call_id, target, caller))

    def on_signalling(self, command: commands.Signalling) -> None:
        self.told.append(("signalling", command))

    def on_drain(self) -> None:
        self.told.append(("drain",))

    def on_reread(self) -> None:
        self.told.append(("reread",))

    def counters(self) -> Mapping[str, float]:
        return {"calls": 2.0}


class Gateway:
    """The other end, with a link under test that reads on a thread of its own."""

    def __init__(self) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(JOIN_S)
        self.handler = Handler()
        self.link = WorkerLink(theirs, self.handler)
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def welcome(self) -> None:
        self.start()
        self.send(Welcome(version=LINK_VERSION))

    def send(self, *messages: Control) -> None:
        self.sock.send(join_control([encode_message(message) for message in messages]))

    def receive(self) -> list[Control] | Tick:
        got = decode(memoryview(self.sock.recv(300_000)))
        assert isinstance(got, list | Tick)
        return got

    def ask(self) -> None:
        """Wait until everything sent so far was handled."""
        self.send(Ping(number=99))
        while True:
            got = self.receive()
            if isinstance(got, list) and any(isinstance(message, Pong) for message in got):
                return

    def wait_end(self) -> None:
        self._thread.join(JOIN_S)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        self.link.close()
        if self._thread.ident is not None:
            self.wait_end()
        self.sock.close()

    def _run(self) -> None:
        try:
            self.link.run()
        except Exception as error:
            self.failure = error


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.stop()


def fill(gateway: Gateway) -> int:
    """Send ticks until one has to wait; returns how many went into the socket."""
    count = 0
    while not gateway.link._ticks:
        gateway.link.send_tick(float(count), 0.0, [1], [FRAME])
        count += 1
    return count - 1


def test_hello_is_the_first_message(gateway: Gateway) -> None:
    gateway.link.hello({"engine": "test"})

    assert gateway.receive() == [
        Hello(version=LINK_VERSION, pid=os.getpid(), facts={"engine": "test"})
    ]
    assert gateway.link.state is LinkState.NEW


def test_commands_reach_the_handler_in_order(gateway: Gateway) -> None:
    gateway.welcome()
    for datagram in encode_play(4, b"ab" * 40_000):
        gateway.sock.send(datagram)
    gateway.send(
        commands.Mark(leg=4, name="end"),
        commands.Clear(leg=4),
        commands.Answer(leg=4),
        commands.Reject(leg=5, cause=HangupCause.BUSY, retry_after_s=3),
        commands.SendDtmf(leg=4, digits="1#"),
        commands.HangUp(leg=4, cause=HangupCause.AGENT_HUNG_UP),
        commands.Place(call_id="c_1", target="sip:x@y", caller="+49"),
        commands.Drain(),
        commands.Reread(),
    )
    gateway.ask()

    assert gateway.handler.told == [
        ("play", 4, b"ab" * 30_000),
        ("play", 4, b"ab" * 10_000),
        ("mark", 4, "end"),
        ("clear", 4),
        ("answer", 4),
        ("reject", 5, HangupCause.BUSY, 3),
        ("dtmf", 4, "1#"),
        ("hang_up", 4, HangupCause.AGENT_HUNG_UP),
        ("place", "c_1", "sip:x@y", "+49"),
        ("drain",),
        ("reread",),
    ]
    assert gateway.link.state is LinkState.OPEN


def test_a_ping_is_answered_with_the_counters(gateway: Gateway) -> None:
    gateway.welcome()
    gateway.send(Ping(number=7))

    assert gateway.receive() == [Pong(number=7, counters={"calls": 2.0})]


def test_a_fault_in_the_handler_costs_its_command_only(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.welcome()
    gateway.send(commands.Mark(leg=1, name="fault"), commands.Mark(leg=1, name="next"))
    gateway.ask()

    assert gateway.handler.told == [("mark", 1, "next")]
    assert "a command from the gateway failed" in caplog.text


def test_events_refusals_and_ticks_arrive(gateway: Gateway) -> None:
    offered = Offered(call_id="c", at_s=1.0, endpoint=EndpointKind.SIP, caller="a", callee="b")
    gateway.link.send_event(1, offered)
    gateway.link.send_refused(offered, HangupCause.CAPACITY)
    gateway.link.send_tick(2.0, 0.5, [1, 2], [FRAME, bytearray(FRAME)])
    gateway.link.send_tick(3.0, 0.0, [], [])

    assert gateway.receive() == [OnLeg(leg=1, event=offered)]
    assert gateway.receive() == [Refused(offered=offered, cause=HangupCause.CAPACITY)]
    tick = gateway.receive()
    assert isinstance(tick, Tick)
    assert (tick.at_s, tick.lateness_s, tick.dropped_total) == (2.0, 0.5, 0)
    assert len(tick.pcm) == 1_280


def test_a_tick_of_too_many_legs_is_sent_in_several(gateway: Gateway) -> None:
    count = TICK_LEGS_LIMIT + 5
    gateway.start()  # two of these may not fit into the socket at once
    gateway.link.send_tick(1.0, 0.0, range(count), [FRAME] * count)

    ticks = [gateway.receive(), gateway.receive()]

    assert [len(tick.legs) // 4 for tick in ticks if isinstance(tick, Tick)] == [300, 5]


def test_a_full_socket_keeps_the_newest_ticks_and_counts_the_rest(gateway: Gateway) -> None:
    taken = fill(gateway)
    for index in range(TICKS_LIMIT + 4):
        gateway.link.send_tick(1_000.0 + index, 0.0, [1], [FRAME])
    assert gateway.link.dropped_frames == 5

    gateway.start()
    ticks = [gateway.receive() for _ in range(taken + TICKS_LIMIT)]

    times = [tick.at_s for tick in ticks if isinstance(tick, Tick)]
    assert times == [*map(float, range(taken)), *(1_004.0 + index for index in range(10))]
    last = ticks[-1]
    assert isinstance(last, Tick)
    assert last.dropped_total == 5


def test_events_wait_for_a_full_socket_and_keep_their_order(gateway: Gateway) -> None:
    taken = fill(gateway)
    for index in range(200):
        gateway.link.send_event(index, Answered(call_id=f"c{index}", at_s=1.0))

    gateway.start()
    for _ in range(taken):
        gateway.receive()
    legs: list[int] = []
    while len(legs) < 200:
        got = gateway.receive()
        legs += [message.leg for message in got if isinstance(message, OnLeg)]  # type: ignore[union-attr]

    assert legs == list(range(200))


def test_a_gateway_that_never_reads_fails_the_link(gateway: Gateway) -> None:
    gateway.start()
    fill(gateway)
    for index in range(CONTROL_LIMIT + 1):
        gateway.link.send_event(index, Answered(call_id="c", at_s=1.0))

    gateway.wait_end()

    assert isinstance(gateway.failure, LinkProtocolError)
    assert gateway.link.state is LinkState.CLOSED


def test_the_end_of_file_ends_run_in_peace(gateway: Gateway) -> None:
    gateway.welcome()
    gateway.sock.close()
    gateway.wait_end()

    assert gateway.failure is None
    gateway.link.send_event(1, Answered(call_id="c", at_s=1.0))
    gateway.link.send_tick(1.0, 0.0, [1], [FRAME])


def test_sending_to_a_gateway_that_is_gone_is_harmless(gateway: Gateway) -> None:
    gateway.sock.close()
    for _ in range(3):
        gateway.link.send_event(1, Answered(call_id="c", at_s=1.0))
        gateway.link.send_tick(1.0, 0.0, [1], [FRAME])

    gateway.start()
    gateway.wait_end()

    assert gateway.failure is None


def test_close_may_be_called_twice_and_from_elsewhere(gateway: Gateway) -> None:
    gateway.welcome()
    gateway.link.send_event(1, Answered(call_id="c", at_s=1.0))
    gateway.link.close()
    gateway.link.close()
    gateway.wait_end()

    assert gateway.failure is None
    assert isinstance(gateway.receive(), list)
    assert gateway.sock.recv(10) == b""


def test_close_before_run_releases_everything(gateway: Gateway) -> None:
    gateway.link.close()
    gateway.link.run()

    assert gateway.sock.recv(10) == b""


@pytest.mark.parametrize(
    "datagram",
    [
        b"nonsense",
        b"C[{}]",
        encode_tick(0, 0.0, 0.0, 0, [], []),
        join_control([encode_message(Pong(number=1, counters={}))]),
    ],
)
def test_nonsense_from_the_gateway_fails_the_link(gateway: Gateway, datagram: bytes) -> None:
    gateway.welcome()
    with contextlib.suppress(ConnectionError):
        gateway.sock.send(datagram)
    gateway.wait_end()

    assert isinstance(gateway.failure, LinkProtocolError)


def test_a_command_before_the_welcome_fails_the_link(gateway: Gateway) -> None:
    gateway.start()
    gateway.send(commands.Answer(leg=1))
    gateway.wait_end()

    assert isinstance(gateway.failure, LinkProtocolError)


def test_another_version_fails_the_link(gateway: Gateway) -> None:
    gateway.start()
    gateway.send(Welcome(version=LINK_VERSION + 1))
    gateway.wait_end()

    assert isinstance(gateway.failure, LinkVersionError)


def test_many_threads_send_at_once(gateway: Gateway) -> None:
    gateway.welcome()
    threads, each = 4, 200

    def send(base: int) -> None:
        for index in range(each):
            gateway.link.send_event(base + index, Answered(call_id="c", at_s=1.0))

    senders = [threading.Thread(target=send, args=(1_000 * n,)) for n in range(threads)]
    for sender in senders:
        sender.start()
    legs: list[int] = []
    while len(legs) < threads * each:
        got = gateway.receive()
        legs += [message.leg for message in got if isinstance(message, OnLeg)]  # type: ignore[union-attr]
    for sender in senders:
        sender.join()

    for base in range(threads):
        mine = [leg for leg in legs if leg // 1_000 == base]
        assert mine == sorted(mine)
