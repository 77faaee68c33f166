"""How gateway and speech worker talk: length-prefixed messages over a SOCK_STREAM socket pair.

A message is two little-endian 32-bit lengths, a JSON object and a binary payload (PCM or floats).
The first message comes from the worker: `{"ready": {...}}` or `{"failed": text, "code": error
code}`. Then strictly one reply per job: job `{"id", "kind", ...arguments}`, reply `{"id",
...results}` or `{"id", "error": text, "refused": bool}`.
"""

import json
import socket
import struct
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.errors import LinkClosed, LinkProtocolError

PREFIX = struct.Struct("<II")
HEADER_LIMIT = 256 * 1024
PAYLOAD_LIMIT = 16 * 1024 * 1024

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


class JobKind(StrEnum):
    """What a worker can do."""

    TRANSCRIBE = "transcribe"
    """Payload PCM16 16 kHz; results text, no_speech, log_probability."""
    END_OF_TURN = "end_of_turn"
    """Payload PCM16 16 kHz; result probability."""
    SPEAK = "speak"
    """Argument text; results words [[text, start_ms, end_ms], …], source; payload PCM16 16 kHz."""
    EMBED = "embed"
    """Argument texts; payload float32 little endian, results rows, width."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, either way."""

    header: dict[str, Json]
    payload: bytes = field(default=b"", repr=False)


def encode(message: Message) -> bytes:
    """Serialise; raises `LinkProtocolError` when a limit is passed."""
    # Escaped to ASCII: a language model may send halves of surrogate pairs, which UTF-8 has not.
    header = json.dumps(message.header, separators=(",", ":")).encode("ascii")
    _check(len(header), len(message.payload))
    return PREFIX.pack(len(header), len(message.payload)) + header + message.payload


def decode_prefix(prefix: bytes) -> tuple[int, int]:
    """Return the lengths of header and payload; raises `LinkProtocolError` when over a limit."""
    header_bytes, payload_bytes = PREFIX.unpack(prefix)
    _check(header_bytes, payload_bytes)
    return header_bytes, payload_bytes


def decode(header: bytes, payload: bytes) -> Message:
    """Parse a header; raises `LinkProtocolError` unless it is a JSON object."""
    try:
        parsed = json.loads(header)
    except ValueError as error:
        raise LinkProtocolError(f"speech link: header is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise LinkProtocolError("speech link: header is not an object")
    return Message(parsed, payload)


def send(sock: socket.socket, message: Message) -> None:
    """Send on a blocking socket; raises `LinkClosed`."""
    try:
        sock.sendall(encode(message))
    except OSError as error:
        raise LinkClosed(f"speech link: {error}") from error


def receive(sock: socket.socket) -> Message | None:
    """Receive from a blocking socket; None at the end of file between messages.

    Raises:
        LinkClosed: the end of file came within a message.
        LinkProtocolError: a limit was passed or the header is not a JSON object.
    """
    prefix = _read(sock, PREFIX.size)
    if not prefix:
        return None
    header_bytes, payload_bytes = decode_prefix(prefix)
    header = _read(sock, header_bytes)
    payload = _read(sock, payload_bytes)
    if len(header) < header_bytes or len(payload) < payload_bytes:
        raise LinkClosed("speech link: closed within a message")
    return decode(header, payload)


def _read(sock: socket.socket, size: int) -> bytes:
    """Read `size` bytes; empty if the peer has gone before the first one."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    filled = 0
    while filled < size:
        try:
            count = sock.recv_into(view[filled:])
        except ConnectionResetError:
            count = 0
        if count == 0:
            if filled == 0:
                return b""
            raise LinkClosed("speech link: closed within a message")
        filled += count
    return bytes(buffer)


def _check(header_bytes: int, payload_bytes: int) -> None:
    if header_bytes > HEADER_LIMIT or payload_bytes > PAYLOAD_LIMIT:
        raise LinkProtocolError(
            f"speech link: message of {header_bytes} + {payload_bytes} bytes is over the limit of "
            f"{HEADER_LIMIT} + {PAYLOAD_LIMIT}"
        )
