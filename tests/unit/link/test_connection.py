"""The gateway's end of the link: order, bounds, full sockets, the end."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from gateway.errors import LinkError, LinkProtocolError
from gateway.link import connection
from gateway.link.connection import LinkConnection
from gateway.link.messages import Control, OnLeg, Ping, Pong
from gateway.link.protocol import (
    DATAGRAM_LIMIT_BYTES,
    Play,
    Tick,
    decode,
    encode_message,
    encode_play,
    encode_tick,
    join_control,
)
from gateway.link.sockets import link_pair
from gateway.model import commands
from gateway.model.events import Answered

WAIT_S = 5.0
FRAME = bytes(640)


class Ends:
    """A connection and the worker's bare socket."""

    def __init__(self) -> None:
        ours, self.worker = link_pair()
        self.worker.setblocking(False)
        self.messages: list[Control] = []
        self.ticks: list[tuple[float, bytes]] = []
        self.closed: list[LinkError | None] = []
        self.is_closed = asyncio.Event()
        self.got = asyncio.Event()
        self.refuse = False
        self.connection = LinkConnection(ours, self._on_message, self._on_closed)

    def send(self, *messages: Control) -> None:
        self.worker.send(join_control([encode_message(message) for message in messages]))

    def receive(self) -> list[Control] | Play:
        got = decode(memoryview(self.worker.recv(300_000)))
        assert not isinstance(got, Tick)
        return got

    async def receive_all(self) -> list[Control | tuple[int, bytes]]:
        """Read until nothing more comes for some turns of the loop."""
        found: list[Control | tuple[int, bytes]] = []
        idle = 0
        while idle < 5:
            try:
                got = self.receive()
            except BlockingIOError:
                idle += 1
                await asyncio.sleep(0.001)
                continue
            idle = 0
            if isinstance(got, Play):
                found.append((got.leg, got.pcm.tobytes()))
            else:
                found += got
        return found

    async def wait_closed(self) -> LinkError | None:
        async with asyncio.timeout(WAIT_S):
            await self.is_closed.wait()
        [error] = self.closed
        return error

    def _on_message(self, message: Control | Tick) -> None:
        if self.refuse:
            raise LinkProtocolError("not now")
        if isinstance(message, Tick):
            self.ticks.append((message.at_s, message.pcm.tobytes()))
        else:
            self.messages.append(message)
        self.got.set()

    def _on_closed(self, error: LinkError | None) -> None:
        self.closed.append(error)
        self.is_closed.set()


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ends = Ends()
    yield ends
    ends.connection.close()
    await ends.wait_closed()
    ends.worker.close()


async def test_messages_and_ticks_arrive_in_order(ends: Ends) -> None:
    ends.send(Pong(number=1, counters={}), OnLeg(leg=1, event=Answered(call_id="c", at_s=1.0)))
    ends.worker.send(encode_tick(1, 5.0, 0.0, 0, [1], [b"\x07" * 640]))
    ends.send(Pong(number=2, counters={}))

    async with asyncio.timeout(WAIT_S):
        while len(ends.messages) < 3:
            ends.got.clear()
            await ends.got.wait()

    assert [type(message).__name__ for message in ends.messages] == ["Pong", "OnLeg", "Pong"]
    assert ends.ticks == [(5.0, b"\x07" * 640)]


async def test_commands_and_audio_leave_at_once_and_in_order(ends: Ends) -> None:
    ends.connection.play(3, b"ab" * 320)
    ends.connection.send(commands.Mark(leg=3, name="end"))

    audio = ends.receive()
    assert isinstance(audio, Play)
    assert (audio.leg, audio.pcm.tobytes()) == (3, b"ab" * 320)
    assert ends.receive() == [commands.Mark(leg=3, name="end")]


async def test_what_a_full_socket_does_not_take_follows_in_order(ends: Ends) -> None:
    pieces = 300
    for index in range(pieces):
        ends.connection.play(index, bytes(60_000))
        ends.connection.send(commands.Mark(leg=index, name="m"))

    found = await ends.receive_all()

    assert found == [
        item
        for index in range(pieces)
        for item in ((index, bytes(60_000)), commands.Mark(leg=index, name="m"))
    ]
    assert ends.connection.dropped_frames == 0


async def test_audio_over_the_bound_is_dropped_but_no_command(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AUDIO_LIMIT_BYTES", 200_000)
    for index in range(300):
        ends.connection.play(index, bytes(60_000))
        ends.connection.send(commands.Mark(leg=index, name="m"))

    found = await ends.receive_all()

    marks = [item.leg for item in found if isinstance(item, commands.Mark)]
    audio = [item[0] for item in found if isinstance(item, tuple)]
    assert marks == list(range(300))
    assert audio == list(range(len(audio)))  # the newest is what was dropped
    assert 0 < len(audio) < 300
    assert ends.connection.dropped_frames >= 300 - len(audio)


async def test_a_worker_that_never_reads_loses_the_link(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "COMMANDS_LIMIT", 50)
    for _ in range(200):
        ends.connection.play(1, bytes(60_000))
    for _ in range(51):
        ends.connection.send(commands.Clear(leg=1))

    assert ends.connection.is_closed
    assert ends.closed == []  # told by the loop, not from inside `send`
    assert "50 commands" in str(await ends.wait_closed())


async def test_reading_gives_the_loop_back_in_time(ends: Ends) -> None:
    tick = encode_tick(1, 1.0, 0.0, 0, list(range(100)), [FRAME] * 100)
    count = 0
    try:
        while True:
            ends.worker.send(tick)
            count += 1
    except BlockingIOError:
        assert count > 20

    turns = 0
    while len(ends.ticks) < count:
        await asyncio.sleep(0)
        turns += 1
        assert turns < 1_000

    assert turns > 1


async def test_a_burst_of_two_hundred_legs_passes(ends: Ends) -> None:
    tick = encode_tick(1, 1.0, 0.0, 0, list(range(200)), [FRAME] * 200)
    for _ in range(5):
        ends.worker.send(tick)
    for leg in range(200):
        for datagram in encode_play(leg, FRAME):
            ends.connection.play(leg, datagram[8:])

    async with asyncio.timeout(WAIT_S):
        while len(ends.ticks) < 5:
            ends.got.clear()
            await ends.got.wait()

    assert len(await ends.receive_all()) == 200


@pytest.mark.parametrize(
    "datagram",
    [b"nonsense", b"P\0\0\0\1\0\0\0", b"C[1]", bytes(DATAGRAM_LIMIT_BYTES + 1)],
)
async def test_nonsense_from_the_worker_fails_the_link(ends: Ends, datagram: bytes) -> None:
    ends.worker.send(datagram)

    assert isinstance(await ends.wait_closed(), LinkProtocolError)


async def test_a_message_that_the_listener_refuses_fails_the_link(ends: Ends) -> None:
    ends.refuse = True
    ends.send(Pong(number=1, counters={}))

    assert str(await ends.wait_closed()) == "not now"


async def test_the_end_of_file_is_an_orderly_end(ends: Ends) -> None:
    ends.worker.close()

    assert await ends.wait_closed() is None


async def test_nothing_is_sent_after_the_end(ends: Ends) -> None:
    ends.connection.close()
    ends.connection.close()
    ends.connection.send(Ping(number=1))
    ends.connection.play(1, FRAME)

    assert await ends.wait_closed() is None
    assert ends.worker.recv(10) == b""


async def test_a_worker_that_died_is_noticed_when_sending(ends: Ends) -> None:
    ends.worker.shutdown(socket.SHUT_RDWR)
    ends.connection.send(Ping(number=1))
    ends.connection.send(Ping(number=2))

    error = await ends.wait_closed()
    assert error is None or "broke" in str(error)


async def test_half_samples_are_refused(ends: Ends) -> None:
    with pytest.raises(ValueError, match="samples"):
        ends.connection.play(1, b"abc")


async def test_closing_with_a_backlog_does_not_wait(ends: Ends) -> None:
    for _ in range(200):
        ends.connection.play(1, bytes(60_000))
    began_s = time.monotonic()

    ends.connection.close()
    await ends.wait_closed()

    assert time.monotonic() - began_s < 1
