"""Datagrams of the link: what goes in comes out, and nothing else comes through."""

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LinkProtocolError
from gateway.link import fields, protocol
from gateway.link.messages import (
    EVENT_NAMES,
    MESSAGE_NAMES,
    Control,
    Hello,
    Negotiated,
    NegotiationRefused,
    OnLeg,
    Ping,
    Pong,
    Refusal,
    Refused,
    Welcome,
)
from gateway.link.protocol import Play, Tick, decode, encode_message, join_control
from gateway.model import commands, events
from gateway.model.frame import FRAME_BYTES
from gateway.model.hangup import HangupCause

_text = st.text(st.characters(codec="utf-8"), max_size=fields.TEXT_LIMIT)
_long = st.text(st.characters(codec="utf-8"), max_size=3 * fields.TEXT_LIMIT)
_short = st.text(st.characters(codec="utf-8"), max_size=40)
_number = st.floats(allow_nan=False, allow_infinity=False)
_whole = st.integers(-fields.INTEGER_LIMIT, fields.INTEGER_LIMIT)
_leg = st.integers(0, 2**32 - 1)
_cause = st.sampled_from(HangupCause)
_of_call = {"call_id": _short, "at_s": _number}
_capabilities = st.builds(
    events.Capabilities,
    dtmf_in=st.booleans(),
    dtmf_out=st.booleans(),
    exact_playout=st.booleans(),
    listen_only=st.booleans(),
    messages=st.booleans(),
)
_offered = st.builds(
    events.Offered,
    **_of_call,
    endpoint=st.sampled_from(events.EndpointKind),
    caller=_text,
    callee=_text,
    agent=_text,
    max_call_s=_whole,
    caller_name=_text,
    foreign_id=_text,
    source=_short,
    direction=st.sampled_from(events.Direction),
    capabilities=_capabilities,
    headers=st.dictionaries(_short, _short, max_size=fields.ENTRIES_LIMIT),
)
_EVENTS: dict[type, st.SearchStrategy[events.Event]] = {
    events.Offered: _offered,
    events.Ringing: st.builds(events.Ringing, **_of_call),
    events.Answered: st.builds(events.Answered, **_of_call),
    events.MediaUp: st.builds(
        events.MediaUp,
        **_of_call,
        codec=_short,
        reason=st.sampled_from(events.MediaUpReason),
    ),
    events.Marked: st.builds(
        events.Marked, **_of_call, name=_text, played_ms=_number, cleared=st.booleans()
    ),
    events.Cleared: st.builds(events.Cleared, **_of_call, played_ms=_number),
    events.Dtmf: st.builds(events.Dtmf, **_of_call, digit=_short, duration_ms=_whole),
    events.MessageReceived: st.builds(events.MessageReceived, **_of_call, text=_long),
    events.Statistics: st.builds(
        events.Statistics,
        **_of_call,
        packets_in=_whole,
        packets_out=_whole,
        packets_lost_in=_whole,
        packets_lost_out=_whole,
        jitter_in_ms=_number,
        jitter_out_ms=_number,
        round_trip_ms=_number,
        frames_dropped=_whole,
    ),
    events.Ended: st.builds(events.Ended, **_of_call, cause=_cause, detail=_text),
}
_MESSAGES: dict[type, st.SearchStrategy[Control]] = {
    Hello: st.builds(
        Hello,
        version=_whole,
        pid=_whole,
        facts=st.dictionaries(_short, _short, max_size=fields.ENTRIES_LIMIT),
    ),
    Pong: st.builds(
        Pong,
        number=_whole,
        counters=st.dictionaries(_short, _number, max_size=fields.ENTRIES_LIMIT),
    ),
    Refused: st.builds(Refused, offered=_offered, cause=_cause),
    Welcome: st.builds(Welcome, version=_whole),
    Ping: st.builds(Ping, number=_whole),
    commands.Answer: st.builds(commands.Answer, leg=_leg),
    commands.Reject: st.builds(commands.Reject, leg=_leg, cause=_cause, retry_after_s=_whole),
    commands.Mark: st.builds(commands.Mark, leg=_leg, name=_text),
    commands.Clear: st.builds(commands.Clear, leg=_leg),
    commands.SendDtmf: st.builds(commands.SendDtmf, leg=_leg, digits=_short),
    commands.SendMessage: st.builds(commands.SendMessage, leg=_leg, text=_long),
    commands.HangUp: st.builds(commands.HangUp, leg=_leg, cause=_cause),
    commands.Place: st.builds(commands.Place, call_id=_short, target=_text, caller=_text),
    Negotiated: st.builds(Negotiated, call_id=_short, sdp=_long, etag=_short),
    NegotiationRefused: st.builds(
        NegotiationRefused, call_id=_short, refusal=st.sampled_from(Refusal), detail=_text
    ),
    commands.Negotiate: st.builds(
        commands.Negotiate,
        call_id=_short,
        sdp=_long,
        callee=_text,
        agent=_text,
        caller=_text,
        caller_name=_text,
        source=_short,
        relay_only=st.booleans(),
        early_audio=st.booleans(),
        max_call_s=_whole,
        ice_servers=_long,
    ),
    commands.AddCandidates: st.builds(commands.AddCandidates, call_id=_short, fragment=_long),
    commands.RestartIce: st.builds(
        commands.RestartIce, call_id=_short, fragment=_long, etag=_short
    ),
    commands.CallerLeft: st.builds(commands.CallerLeft, call_id=_short),
    commands.Drain: st.builds(commands.Drain),
    commands.Reread: st.builds(commands.Reread),
}
_control = st.one_of(
    *_MESSAGES.values(),
    *(st.builds(OnLeg, leg=_leg, event=event) for event in _EVENTS.values()),
)


def control(text: str) -> memoryview:
    return memoryview(b"C" + text.encode())


def test_every_message_is_tried_below() -> None:
    assert set(EVENT_NAMES.values()) == set(_EVENTS)
    assert set(MESSAGE_NAMES.values()) == set(_MESSAGES)


@given(st.lists(_control, max_size=5))
def test_control_messages_come_back_equal(messages: list[Control]) -> None:
    parts = [encode_message(message) for message in messages]

    read: list[Control] = []
    while parts:
        count = protocol.batch_size(parts)
        got = decode(memoryview(join_control(parts[:count])))
        assert isinstance(got, list)
        read += got
        del parts[:count]

    assert read == messages


@given(st.lists(st.tuples(_leg, st.binary(min_size=640, max_size=640)), max_size=6), _number)
def test_ticks_come_back_equal(rows: list[tuple[int, bytes]], at_s: float) -> None:
    legs = [leg for leg, _ in rows]
    frames = [frame for _, frame in rows]

    tick = decode(memoryview(protocol.encode_tick(2**32 + 5, at_s, 0.25, 7, legs, frames)))

    assert isinstance(tick, Tick)
    assert (tick.sequence, tick.at_s, tick.lateness_s, tick.dropped_total) == (5, at_s, 0.25, 7)
    assert list(struct.unpack(f"<{len(legs)}I", tick.legs)) == legs
    assert tick.pcm.tobytes() == b"".join(frames)


@given(_leg, st.integers(0, 100_000))
def test_audio_comes_back_in_pieces_that_fit(leg: int, samples: int) -> None:
    pcm = bytes(index & 0xFF for index in range(2 * samples))

    pieces = [decode(memoryview(datagram)) for datagram in protocol.encode_play(leg, pcm)]

    assert all(isinstance(piece, Play) and piece.leg == leg for piece in pieces)
    sizes = [len(piece.pcm) for piece in pieces if isinstance(piece, Play)]
    assert all(size <= protocol.PLAY_LIMIT_BYTES for size in sizes)
    assert b"".join(piece.pcm for piece in pieces if isinstance(piece, Play)) == pcm


def test_the_longest_tick_is_the_longest_datagram() -> None:
    count = protocol.TICK_LEGS_LIMIT
    datagram = protocol.encode_tick(0, 0.0, 0.0, 0, range(count), [bytes(640)] * count)

    assert len(datagram) == protocol.DATAGRAM_LIMIT_BYTES
    assert protocol.CONTROL_LIMIT_BYTES <= protocol.DATAGRAM_LIMIT_BYTES


@given(st.binary(max_size=300))
def test_random_bytes_never_crash_the_reader(data: bytes) -> None:
    try:
        decode(memoryview(data))
    except LinkProtocolError:
        return


@given(st.sampled_from([b"C", b"M", b"P"]), st.binary(max_size=2_000))
def test_random_bytes_of_a_known_type_never_crash_the_reader(kind: bytes, data: bytes) -> None:
    try:
        decode(memoryview(kind + data))
    except LinkProtocolError:
        return


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(_control, st.data())
def test_a_message_with_one_field_changed_is_read_or_refused(
    message: Control, data: st.DataObject
) -> None:
    wire = json.loads(encode_message(message))
    name = data.draw(st.sampled_from(sorted(wire)))
    wire[name] = data.draw(_json)

    try:
        decode(control(json.dumps([wire])))
    except LinkProtocolError:
        return


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "[{}]",
        '[{"t": 1}]',
        '[{"t": "unknown"}]',
        '[{"t": "ping"}]',
        '[{"t": "ping", "number": 1, "more": 2}]',
        '[{"t": "ping", "number": true}]',
        '[{"t": "ping", "number": 1.5}]',
        '[{"t": "ping", "number": 1e400}]',
        '[{"t": "ping", "number": 99999999999999999999}]',
        '[{"t": "answer", "leg": -1}]',
        '[{"t": "answer", "leg": 4294967296}]',
        '[{"t": "ringing", "call_id": "c", "at_s": 1}]',
        '[{"t": "ringing", "leg": 1, "call_id": "c", "at_s": NaN}]',
        '[{"t": "ringing", "leg": 1, "call_id": "\\ud800", "at_s": 1}]',
        '[{"t": "hang_up", "leg": 1, "cause": "boredom"}]',
        "[" * 100_000,
        "9" * 5_000,
        json.dumps([{"t": "mark", "leg": 1, "name": "x" * 1_025}]),
        json.dumps([{"t": "ping", "number": 1}] * 65),
    ],
)
def test_what_breaks_the_protocol_is_refused(text: str) -> None:
    with pytest.raises(LinkProtocolError):
        decode(control(text))


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x00",
        b"X",
        b"C\xff\xfe[]",
        b"M" + bytes(10),
        struct.pack("<cBHIdfI", b"M", 1, 0, 0, 0.0, 0.0, 0),
        struct.pack("<cBHIdfI", b"M", 0, 2, 0, 0.0, 0.0, 0) + bytes(FRAME_BYTES),
        struct.pack("<cBHIdfI", b"M", 0, 0, 0, math.nan, 0.0, 0),
        struct.pack("<cBHIdfI", b"M", 0, 0, 0, 0.0, math.inf, 0),
        b"P" + bytes(3),
        b"P" + bytes(8),
        b"P" + bytes(7 + 60_002),
    ],
)
def test_malformed_datagrams_are_refused(datagram: bytes) -> None:
    with pytest.raises(LinkProtocolError):
        decode(memoryview(datagram))


def test_long_text_from_the_network_is_cut_and_surrogates_are_replaced() -> None:
    offered = events.Offered(
        call_id="c_1",
        at_s=1.0,
        endpoint=events.EndpointKind.SIP,
        caller="x" * 5_000,
        callee="\ud800\u00e9",
        headers={f"X-{index}": "v" for index in range(100)},
    )

    [read] = decode(memoryview(join_control([encode_message(OnLeg(leg=1, event=offered))])))  # type: ignore[misc]

    assert isinstance(read, OnLeg)
    assert isinstance(read.event, events.Offered)
    assert read.event.caller == "x" * fields.TEXT_LIMIT
    assert read.event.callee == "?\u00e9"
    assert len(read.event.headers) == fields.ENTRIES_LIMIT


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600", "\x01", '"'])
def test_an_offer_with_the_worst_headers_goes_without_them(character: str) -> None:
    worst = character * fields.TEXT_LIMIT
    offered = events.Offered(
        call_id=worst,
        at_s=1.0,
        endpoint=events.EndpointKind.SIP,
        caller=worst,
        callee=worst,
        caller_name=worst,
        foreign_id=worst,
        source=worst,
        headers={f"X-{index}": worst for index in range(fields.ENTRIES_LIMIT)},
    )

    for message in (
        OnLeg(leg=1, event=offered),
        Refused(offered=offered, cause=HangupCause.CAPACITY),
    ):
        assert isinstance(decode(memoryview(join_control([encode_message(message)]))), list)


def test_numbers_that_json_lacks_are_refused_on_sending() -> None:
    with pytest.raises(LinkProtocolError, match="cleared"):
        encode_message(
            OnLeg(leg=1, event=events.Cleared(call_id="c", at_s=1.0, played_ms=math.nan))
        )


def test_frames_of_another_size_and_half_samples_are_refused_on_sending() -> None:
    with pytest.raises(ValueError, match="640"):
        protocol.encode_tick(0, 0.0, 0.0, 0, [1], [bytes(320)])
    with pytest.raises(ValueError, match="legs"):
        protocol.encode_tick(0, 0.0, 0.0, 0, [1, 2], [bytes(640)])
    with pytest.raises(ValueError, match="samples"):
        list(protocol.encode_play(1, b"abc"))
