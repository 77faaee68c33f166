"""What the datagrams of the link say: bytes to messages and back, without any I/O.

One `SOCK_SEQPACKET` datagram is one of these, little endian, the first byte is the type:

    'C'  either way         UTF-8 JSON array of control messages, each `{"t": type, …fields}`
    'M'  worker → gateway   u8 type, u8 0, u16 count, u32 sequence, f64 at_s, f32 lateness_s,
                            u32 dropped_total, count x u32 leg number, count x 640 bytes PCM
    'P'  gateway → worker   u8 type, 3 x u8 0, u32 leg number, PCM, at most 60,000 bytes

A datagram that breaks this, or any limit below, raises `LinkProtocolError`: the reader must give up
the link, since after it nothing the other end says can be trusted.
"""

import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.errors import LinkProtocolError
from gateway.link.fields import RecordCodec
from gateway.link.messages import EVENT_NAMES, MESSAGE_NAMES, Control, OnLeg, Refused
from gateway.model.events import Offered
from gateway.model.frame import FRAME_BYTES, SAMPLE_BYTES

CONTROL_LIMIT_BYTES = 65_536
"""Longest control datagram; its longest message must fit with room to spare."""
CONTROL_BATCH_LIMIT = 64
"""Most messages of one control datagram."""
TICK_LEGS_LIMIT = 300
"""Most legs of one tick datagram; a busier worker sends several with the same time."""
PLAY_LIMIT_BYTES = 60_000
"""Most PCM of one play datagram (1.875 s); longer audio is sent in several."""

_CONTROL_OVERHEAD_BYTES = 3  # C[]
_TICK = struct.Struct("<cBHIdfI")
_PLAY = struct.Struct("<c3xI")
LEG_BYTES = 4
TICK_HEADER_BYTES = _TICK.size
DATAGRAM_LIMIT_BYTES = TICK_HEADER_BYTES + TICK_LEGS_LIMIT * (LEG_BYTES + FRAME_BYTES)
"""Longest datagram of all; a receive buffer needs one byte more, to notice a longer one."""

_EVENTS = {name: RecordCodec(kind) for name, kind in EVENT_NAMES.items()}
_MESSAGES = {name: RecordCodec(kind) for name, kind in MESSAGE_NAMES.items()}
_NAMES: dict[type, str] = {
    codec.kind: name for table in (_EVENTS, _MESSAGES) for name, codec in table.items()
}


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick's audio of many legs; the views point into the datagram it was read from."""

    sequence: int
    at_s: float
    lateness_s: float
    """How late the media clock ran when the tick was taken."""
    dropped_total: int
    """Frames that the worker dropped since it started because the link was full."""
    legs: memoryview
    """u32 leg numbers."""
    pcm: memoryview
    """640 bytes per leg, in the same order."""


@dataclass(frozen=True, slots=True)
class Play:
    """Audio for one leg; the view points into the datagram it was read from."""

    leg: int
    pcm: memoryview


Datagram = list[Control] | Tick | Play


def encode_message(message: Control) -> bytes:
    """Return the JSON of one control message, to be joined by `join_control`.

    An offer with very long headers goes without them. Raises `LinkProtocolError` if a number is not
    finite, or if the message is too long for one datagram.
    """
    encoded = _message_bytes(message)
    if len(encoded) <= CONTROL_LIMIT_BYTES - _CONTROL_OVERHEAD_BYTES:
        return encoded
    match message:
        # Only headers, which strangers choose, can add up to so much; the call matters more.
        case OnLeg(leg=leg, event=Offered() as offered):
            return _message_bytes(OnLeg(leg=leg, event=replace(offered, headers={})))
        case Refused(offered=offered, cause=cause):
            return _message_bytes(Refused(offered=replace(offered, headers={}), cause=cause))
        case _:
            raise LinkProtocolError(f"{type(message).__name__} of {len(encoded)} bytes")


def _message_bytes(message: Control) -> bytes:
    if isinstance(message, OnLeg):
        name = _NAMES[type(message.event)]
        wire = _EVENTS[name].to_wire(message.event)
        wire["leg"] = message.leg
    else:
        name = _NAMES[type(message)]
        wire = _MESSAGES[name].to_wire(message)
    wire["t"] = name
    try:
        text = json.dumps(wire, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise LinkProtocolError(f"{name}: {error}") from error
    return text.encode("utf-8")


def join_control(parts: Sequence[bytes]) -> bytes:
    """Return the control datagram that holds these messages, in order."""
    return b"".join((b"C[", b",".join(parts), b"]"))


def batch_size(parts: Iterable[bytes]) -> int:
    """Return how many of the first messages fit into one control datagram (at least one)."""
    total = _CONTROL_OVERHEAD_BYTES
    count = 0
    for part in parts:
        total += len(part) + 1
        if count and (total > CONTROL_LIMIT_BYTES or count == CONTROL_BATCH_LIMIT):
            break
        count += 1
    return count


def encode_tick(
    sequence: int,
    at_s: float,
    lateness_s: float,
    dropped_total: int,
    legs: Sequence[int],
    frames: Sequence[bytes | bytearray | memoryview],
) -> bytes:
    """Return one tick datagram; raises `ValueError` for more than `TICK_LEGS_LIMIT` legs."""
    count = len(legs)
    if count > TICK_LEGS_LIMIT or count != len(frames):
        raise ValueError(f"{count} legs and {len(frames)} frames do not make a tick")
    head = _TICK.pack(
        b"M", 0, count, sequence & 0xFFFF_FFFF, at_s, lateness_s, dropped_total & 0xFFFF_FFFF
    )
    datagram = b"".join((head, struct.pack(f"<{count}I", *legs), *frames))
    if len(datagram) != TICK_HEADER_BYTES + count * (LEG_BYTES + FRAME_BYTES):
        raise ValueError("a frame is not 640 bytes")
    return datagram


def encode_play(leg: int, pcm: bytes) -> Iterator[bytes]:
    """Yield the play datagrams that carry `pcm`; raises `ValueError` for an odd length."""
    if len(pcm) % SAMPLE_BYTES:
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    head = _PLAY.pack(b"P", leg)
    for start in range(0, len(pcm), PLAY_LIMIT_BYTES):
        yield head + pcm[start : start + PLAY_LIMIT_BYTES]


def decode(datagram: memoryview) -> Datagram:
    """Return what a datagram says; raises `LinkProtocolError` for anything malformed."""
    if not datagram:
        raise LinkProtocolError("empty datagram")
    reader = _READERS.get(datagram[0])
    if reader is None:
        raise LinkProtocolError(f"unknown datagram type {datagram[0]:#04x}")
    return reader(datagram)


def _decode_tick(datagram: memoryview) -> Tick:
    if len(datagram) < TICK_HEADER_BYTES:
        raise LinkProtocolError("tick shorter than its header")
    _, zero, count, sequence, at_s, lateness_s, dropped = _TICK.unpack_from(datagram)
    if zero or count > TICK_LEGS_LIMIT:
        raise LinkProtocolError(f"tick of {count} legs")
    if not (math.isfinite(at_s) and math.isfinite(lateness_s)):
        raise LinkProtocolError("tick at no time")
    split = TICK_HEADER_BYTES + count * LEG_BYTES
    if len(datagram) != split + count * FRAME_BYTES:
        raise LinkProtocolError(f"tick of {count} legs in {len(datagram)} bytes")
    return Tick(
        sequence, at_s, lateness_s, dropped, datagram[TICK_HEADER_BYTES:split], datagram[split:]
    )


def _decode_play(datagram: memoryview) -> Play:
    if len(datagram) < _PLAY.size:
        raise LinkProtocolError("play shorter than its header")
    _, leg = _PLAY.unpack_from(datagram)
    pcm = datagram[_PLAY.size :]
    if len(pcm) % SAMPLE_BYTES or len(pcm) > PLAY_LIMIT_BYTES:
        raise LinkProtocolError(f"play of {len(pcm)} bytes")
    return Play(leg, pcm)


def _decode_control(datagram: memoryview) -> list[Control]:
    if len(datagram) > CONTROL_LIMIT_BYTES:
        raise LinkProtocolError(f"control datagram of {len(datagram)} bytes")
    try:
        parsed = json.loads(str(datagram[1:], "utf-8"))
    except (ValueError, RecursionError) as error:
        raise LinkProtocolError("control datagram is not JSON") from error
    if not isinstance(parsed, list) or len(parsed) > CONTROL_BATCH_LIMIT:
        raise LinkProtocolError(f"expected an array of at most {CONTROL_BATCH_LIMIT} messages")
    return [_decode_message(wire) for wire in parsed]


def _decode_message(wire: object) -> Control:
    if not isinstance(wire, dict):
        raise LinkProtocolError("a control message is not an object")
    name = wire.pop("t", None)
    if not isinstance(name, str):
        raise LinkProtocolError("a control message has no type")
    if codec := _EVENTS.get(name):
        leg = _leg_number(wire.pop("leg", None))
        event = codec.from_wire(wire)
        return OnLeg(leg=leg, event=event)  # type: ignore[arg-type]  # the table has only events
    if codec := _MESSAGES.get(name):
        if "leg" in wire:
            _leg_number(wire["leg"])
        return codec.from_wire(wire)  # type: ignore[return-value]  # the table has only messages
    raise LinkProtocolError(f"unknown control message {name[:40]!r}")


def _leg_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 0xFFFF_FFFF:
        raise LinkProtocolError("expected a leg number")
    return value


_READERS: dict[int, Callable[[memoryview], Datagram]] = {
    ord("C"): _decode_control,
    ord("M"): _decode_tick,
    ord("P"): _decode_play,
}
