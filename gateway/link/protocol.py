"""The bytes of the media link; no I/O here.

One SOCK_SEQPACKET pair joins the gateway and one worker, so every datagram arrives whole. Little endian; the
first byte is the type:

    C  both ways       UTF-8 JSON: an array of control messages, each {"t": name, "leg": number, …}
    M  worker→gateway  one tick: u8 'M', u8 0, u16 count, u32 sequence, f64 at_s, f32 lateness_s,
                       u32 dropped_total, count × u32 leg number, count × 640 bytes PCM
    P  gateway→worker  audio to play: u8 'P', 3 × u8 0, u32 leg number, PCM

Leg numbers are given out by the worker and never used twice in its life. The worker's first message is
`hello` with `LINK_VERSION`; the gateway answers `welcome` or closes. `ping` and `pong` may come at any time.

A datagram that breaks these rules raises `LinkProtocolError`; the reader then gives up the link, because a peer of
ours that errs once cannot be trusted with calls.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt

from gateway.errors import LinkProtocolError
from gateway.model import commands, events
from gateway.model.frame import FRAME_BYTES, FRAME_SAMPLES
from gateway.model.hangup import HangupCause

LINK_VERSION = 1
MAX_DATAGRAM = 208 * 1024
"""Below what a Unix socket takes in one piece with default buffers."""
MAX_TICK_LEGS = 300
MAX_PLAY_BYTES = 60_000
MAX_CONTROL_MESSAGES = 256

_MEDIA = struct.Struct("<BBHIdfI")
_PLAY = struct.Struct("<B3xI")
_C, _M, _P = b"CMP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A worker introduces itself."""

    version: int
    pid: int
    facts: dict[str, Any]
    """What the worker wants to tell about itself (engine version, ports, …)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The gateway takes the worker."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Are you there?"""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """I am; answers the ping of this number. `counters` are the worker's own, for metrics."""

    number: int
    counters: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The worker refused an offer by itself."""

    offered: events.Offered
    cause: HangupCause


@dataclass(frozen=True, slots=True, kw_only=True)
class OnLeg:
    """An event of a leg."""

    leg: int
    event: events.Event


@dataclass(frozen=True, slots=True)
class Play:
    """Audio for a leg's playout queue."""

    leg: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """One media tick of a worker; the arrays are views into the received bytes."""

    sequence: int
    at_s: float
    lateness_s: float
    dropped_total: int
    legs: npt.NDArray[np.uint32]
    """Shape (n,)."""
    pcm: npt.NDArray[np.int16]
    """Shape (n, 320)."""


Control = Hello | Welcome | Ping | Pong | Refused | OnLeg | commands.Command
Message = Control | Tick | Play

_EVENTS: dict[str, type] = {
    "offered": events.Offered,
    "ringing": events.Ringing,
    "answered": events.Answered,
    "media_up": events.MediaUp,
    "marked": events.Marked,
    "cleared": events.Cleared,
    "dtmf_in": events.Dtmf,
    "statistics": events.Statistics,
    "ended": events.Ended,
}
_OTHERS: dict[str, type] = {
    "hello": Hello,
    "welcome": Welcome,
    "ping": Ping,
    "pong": Pong,
    "refused": Refused,
    "answer": commands.Answer,
    "reject": commands.Reject,
    "mark": commands.Mark,
    "clear": commands.Clear,
    "dtmf_out": commands.SendDtmf,
    "hang_up": commands.HangUp,
    "place": commands.Place,
    "drain": commands.Drain,
}
_NAMES: dict[type, str] = {kind: name for name, kind in (_EVENTS | _OTHERS).items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    return value


def encode_control(messages: Sequence[Control]) -> bytes:
    """Return one datagram. Raises `LinkProtocolError` if it would be too large."""
    rows = []
    for message in messages:
        if isinstance(message, OnLeg):
            row = {"t": _NAMES[type(message.event)], "leg": message.leg, **_plain(message.event)}
        else:
            row = {"t": _NAMES[type(message)], **_plain(message)}
        rows.append(row)
    data = b"C" + json.dumps(rows, separators=(",", ":")).encode()
    if len(data) > MAX_DATAGRAM:
        raise LinkProtocolError(f"control datagram of {len(data)} bytes")
    return data


def encode_play(leg: int, pcm: bytes) -> list[bytes]:
    """Return the datagrams that carry `pcm` to a leg."""
    head = _PLAY.pack(_P, leg)
    return [
        head + pcm[start : start + MAX_PLAY_BYTES] for start in range(0, len(pcm), MAX_PLAY_BYTES)
    ]


def encode_tick(
    sequence: int,
    at_s: float,
    lateness_s: float,
    dropped_total: int,
    legs: Sequence[int],
    frames: Sequence[bytes | bytearray],
) -> bytes:
    """Return one datagram with a 640-byte frame of each leg (at most `MAX_TICK_LEGS`)."""
    count = len(legs)
    head = _MEDIA.pack(
        _M, 0, count, sequence & 0xFFFFFFFF, at_s, lateness_s, dropped_total & 0xFFFFFFFF
    )
    return b"".join((head, struct.pack(f"<{count}I", *legs), *frames))


def decode(data: bytes | memoryview) -> list[Message]:
    """Return the messages of one datagram. Raises `LinkProtocolError`."""
    if not data:
        raise LinkProtocolError("empty datagram")
    match data[0]:
        case 0x4D:
            return [_decode_tick(data)]
        case 0x50:
            return [_decode_play(data)]
        case 0x43:
            return list(_decode_control(data))
        case other:
            raise LinkProtocolError(f"unknown datagram type {other}")


def _decode_tick(data: bytes | memoryview) -> Tick:
    if len(data) < _MEDIA.size:
        raise LinkProtocolError("short media datagram")
    _, _, count, sequence, at_s, lateness_s, dropped = _MEDIA.unpack_from(data)
    start = _MEDIA.size + 4 * count
    if count > MAX_TICK_LEGS or len(data) != start + count * FRAME_BYTES:
        raise LinkProtocolError(f"media datagram of {len(data)} bytes for {count} legs")
    legs = np.frombuffer(data, dtype="<u4", count=count, offset=_MEDIA.size)
    pcm = np.frombuffer(data, dtype="<i2", count=count * FRAME_SAMPLES, offset=start)
    return Tick(sequence, at_s, lateness_s, dropped, legs, pcm.reshape(count, FRAME_SAMPLES))


def _decode_play(data: bytes | memoryview) -> Play:
    size = len(data) - _PLAY.size
    if size < 0 or size > MAX_PLAY_BYTES or size % 2:
        raise LinkProtocolError(f"play datagram of {len(data)} bytes")
    _, leg = _PLAY.unpack_from(data)
    return Play(leg, bytes(data[_PLAY.size :]))


def _decode_control(data: bytes | memoryview) -> list[Control]:
    try:
        rows = json.loads(bytes(data[1:]))
    except (ValueError, RecursionError) as error:
        raise LinkProtocolError(f"control datagram is not JSON: {error}") from error
    if not isinstance(rows, list) or len(rows) > MAX_CONTROL_MESSAGES:
        raise LinkProtocolError("control datagram is not a bounded array")
    return [_message(row) for row in rows]


def _message(row: Any) -> Control:
    if not isinstance(row, dict):
        raise LinkProtocolError("control message is not an object")
    values = dict(row)
    name = values.pop("t", None)
    if not isinstance(name, str):
        raise LinkProtocolError("control message has no type")
    if (event := _EVENTS.get(name)) is not None:
        leg = values.pop("leg", None)
        if not _fits(leg, int):
            raise LinkProtocolError(f"{name} without a leg number")
        return OnLeg(leg=leg, event=_build(event, values))
    if (other := _OTHERS.get(name)) is None:
        raise LinkProtocolError(f"unknown control message {name!r}")
    built: Control = _build(other, values)
    return built


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _build(kind: type, values: Mapping[str, Any]) -> Any:
    """Make the dataclass `kind` of JSON values, checking each against its annotation."""
    hints = _hints(kind)
    made: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints.get(name)
        if hint is None:
            raise LinkProtocolError(f"{kind.__name__} has no field {name!r}")
        made[name] = _convert(kind, name, hint, value)
    try:
        return kind(**made)
    except TypeError as error:
        raise LinkProtocolError(str(error)) from error


def _convert(kind: type, name: str, hint: Any, value: Any) -> Any:
    if isinstance(hint, UnionType):
        raise LinkProtocolError(f"{kind.__name__}.{name} cannot travel on the link")
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        try:
            return hint(value)
        except ValueError as error:
            raise LinkProtocolError(f"{kind.__name__}.{name}: {error}") from error
    if is_dataclass(hint) and isinstance(value, dict):
        return _build(hint if isinstance(hint, type) else type(hint), value)
    origin = getattr(hint, "__origin__", hint)
    if not _fits(value, origin):
        raise LinkProtocolError(f"{kind.__name__}.{name} has the wrong type")
    return float(value) if origin is float else value


def _fits(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)
