"""The gateway's end of a link, on the event loop.

Writing is immediate; what a full socket does not take waits in one queue, in order, because a mark
must stay behind its audio. That queue is bounded twice: audio over its bound is dropped (the newest,
and counted), a worker that leaves too many commands unread loses the link.
"""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable

from gateway.errors import LinkError, LinkProtocolError
from gateway.link.messages import Control
from gateway.link.protocol import (
    DATAGRAM_LIMIT_BYTES,
    Play,
    Tick,
    decode,
    encode_message,
    encode_play,
    join_control,
)
from gateway.model.frame import FRAME_BYTES

logger = logging.getLogger(__name__)

AUDIO_LIMIT_BYTES = 16 * 1024 * 1024
"""Most audio that waits for a full socket, of all legs together (over eight minutes of speech)."""
COMMANDS_LIMIT = 8_192
"""Most commands that wait for a full socket; one more fails the link."""
TURN_S = 0.002
"""How long one turn of the loop may be held by reading or writing; the rest waits for the next."""
_DATAGRAMS_PER_TURN = 64

MessageListener = Callable[[Control | Tick], None]
"""Called for each message, in order. A tick's views are valid only until it returns.

May raise a `LinkError` for a message that makes no sense where it came; it fails the link.
"""
ClosedListener = Callable[[LinkError | None], None]
"""Called once, from the loop and never from inside a method of ours; None after an orderly end."""


class LinkConnection:
    """One worker's link as the gateway sees it; owns the socket. For the event loop's thread."""

    def __init__(
        self, sock: socket.socket, on_message: MessageListener, on_closed: ClosedListener
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_message = on_message
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(DATAGRAM_LIMIT_BYTES + 1)
        self._view = memoryview(self._buffer)
        self._waiting: deque[tuple[bytes, bool]] = deque()  # datagram, whether it is audio
        self._waiting_audio_bytes = 0
        self._waiting_commands = 0
        self._dropped_bytes = 0
        self._is_closed = False
        self._loop.add_reader(sock.fileno(), self._read)

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def dropped_frames(self) -> int:
        """Audio towards callers dropped because the worker did not read, in frames, rounded up."""
        return -(-self._dropped_bytes // FRAME_BYTES)

    def send(self, message: Control) -> None:
        """Send a control message; ignored once closed."""
        self._put(join_control([encode_message(message)]), is_audio=False)

    def play(self, leg: int, pcm: bytes) -> None:
        """Send audio for a leg's playout queue; ignored once closed. `ValueError` for odd length."""
        for datagram in encode_play(leg, pcm):
            if self._waiting_audio_bytes + len(datagram) > AUDIO_LIMIT_BYTES:
                self._dropped_bytes += len(datagram)
            else:
                self._put(datagram, is_audio=True)

    def close(self) -> None:
        """End the link; the listener is told. May be called twice."""
        self._finish(None)

    def _put(self, datagram: bytes, *, is_audio: bool) -> None:
        if self._is_closed:
            return
        if not self._waiting:
            try:
                self._sock.send(datagram)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._write)
            except OSError as error:
                self._finish(LinkError(f"the link broke: {error}"))
                return
            else:
                return
        if not is_audio and self._waiting_commands >= COMMANDS_LIMIT:
            self._finish(LinkError(f"the worker left {COMMANDS_LIMIT} commands unread"))
            return
        self._waiting.append((datagram, is_audio))
        if is_audio:
            self._waiting_audio_bytes += len(datagram)
        else:
            self._waiting_commands += 1

    def _write(self) -> None:
        stop_s = time.perf_counter() + TURN_S
        try:
            while self._waiting:
                datagram, is_audio = self._waiting[0]
                self._sock.send(datagram)
                self._waiting.popleft()
                if is_audio:
                    self._waiting_audio_bytes -= len(datagram)
                else:
                    self._waiting_commands -= 1
                if time.perf_counter() > stop_s:
                    return
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(LinkError(f"the link broke: {error}"))
            return
        self._loop.remove_writer(self._sock.fileno())

    def _read(self) -> None:
        stop_s = time.perf_counter() + TURN_S
        try:
            for _ in range(_DATAGRAMS_PER_TURN):
                size = self._sock.recv_into(self._buffer)
                if not size:
                    self._finish(None)
                    return
                if size > DATAGRAM_LIMIT_BYTES:
                    raise LinkProtocolError("datagram too long")
                self._dispatch(self._view[:size])
                if self._is_closed or time.perf_counter() > stop_s:
                    return
        except BlockingIOError:
            return
        except LinkError as error:
            logger.error("the worker broke the protocol: %s", error)
            self._finish(error)
        except ConnectionError:
            self._finish(None)
        except OSError as error:
            self._finish(LinkError(f"the link broke: {error}"))

    def _dispatch(self, datagram: memoryview) -> None:
        match decode(datagram):
            case Tick() as tick:
                self._on_message(tick)
            case Play():
                raise LinkProtocolError("the worker sent audio to play")
            case messages:
                for message in messages:
                    if self._is_closed:
                        return
                    self._on_message(message)

    def _finish(self, error: LinkError | None) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        number = self._sock.fileno()
        self._loop.remove_reader(number)
        self._loop.remove_writer(number)
        self._sock.close()
        self._waiting.clear()
        self._loop.call_soon(self._on_closed, error)
