"""Everything that reads what strangers send, given what no honest peer sends: an answer, or the error it promises."""

import contextlib
import json
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.verifier import Granted, Verifier
from gateway.errors import LinkProtocolError, OfferRefused
from gateway.http.peer import Peers, is_loopback
from gateway.http.twilio import forms
from gateway.http.webrtc.origins import Origins, is_own_machine
from gateway.http.webrtc.tokens import TokenRefused, TokenSigner
from gateway.link import protocol
from gateway.link.messages import Ping, Pong
from gateway.model.commands import Answer, Mark
from telephony import sip_message
from tests.support.mutations import corpus, fuzzed, mutated
from webrtc import channel_messages, rtcp, rtp, sdp_fragment, sdp_offer

LINK = [
    protocol.join_control([protocol.encode_message(Ping(number=7))]),
    protocol.join_control(
        [
            protocol.encode_message(Pong(number=1, counters={"calls": 1.0})),
            protocol.encode_message(Mark(leg=3, name="greeting")),
            protocol.encode_message(Answer(leg=4)),
        ]
    ),
    protocol.encode_tick(1, 2.0, 0.001, 0, [1, 2], [bytes(640)] * 2),
    next(iter(protocol.encode_play(5, bytes(1280)))),
]


def reads_offer(data: bytes) -> None:
    try:
        offer = sdp_offer.read(data.decode("utf-8", "replace"))
    except OfferRefused:
        return
    assert offer


def reads_fragment(data: bytes) -> None:
    try:
        fragment = sdp_fragment.read(data.decode("utf-8", "replace"))
    except OfferRefused:
        return
    assert len(fragment.candidates) <= 1000


def reads_rtp(data: bytes) -> None:
    packet = rtp.read(data)
    if packet is None:
        return
    assert len(packet.payload) <= len(data)
    key = rtp.KeyReader().read(packet, 8000)
    assert key is None or (len(key[0]) == 1 and key[1] >= 0)


def reads_rtcp(data: bytes) -> None:
    far = rtcp.FarReport()
    rtcp.read(data, 0x99, far, unix_s=1.8e9, now_s=5.0)
    assert 0 <= far.lost < 1 << 24
    assert far.round_trip_ms >= 0
    # What was taken in can be told again.
    assert rtcp.write(
        ssrc=1, unix_s=1.8e9, now_s=6.0, timestamp=1, packets=1, octets=1, reception=None, far=far
    )


def reads_channel(data: bytes) -> None:
    said = channel_messages.read(data.decode("utf-8", "replace"))
    if isinstance(said, channel_messages.Key):
        assert len(said.digit) == 1


def reads_invite(data: bytes) -> None:
    facts = sip_message.read_invite(data.decode("utf-8", "replace"))
    for name, value in facts.x_headers.items():
        assert name.isprintable(), name
        assert "\n" not in value
    assert "\n" not in facts.caller_name


def reads_link(data: bytes) -> None:
    with contextlib.suppress(LinkProtocolError):
        protocol.decode(memoryview(data))


def reads_twilio(data: bytes) -> None:
    fields = dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        message = forms.inbound(fields, at=1.0)
    except ValueError:
        pass
    else:
        assert len(message.media) <= forms.MEDIA_MOST
        assert len(message.text) <= forms.TEXT_MOST
    with contextlib.suppress(ValueError):
        forms.receipt(fields, message_id="", at=1.0)
    forms.opt_out_type(fields)


READERS = {
    "offer": ("offer", reads_offer),
    "fragment": ("fragment", reads_fragment),
    "rtp": ("rtp", reads_rtp),
    "rtcp": ("rtcp", reads_rtcp),
    "channel": ("channel", reads_channel),
    "invite": ("sip", reads_invite),
    "twilio": ("twilio", reads_twilio),
}


@pytest.mark.parametrize("name", READERS)
def test_what_was_wrong_before_is_read(name):
    kind, read = READERS[name]
    for data in corpus(kind):
        read(data)


@pytest.mark.parametrize("name", READERS)
def test_mutations_are_read(name):
    kind, read = READERS[name]

    @fuzzed
    @given(mutated(corpus(kind)))
    def run(data: bytes) -> None:
        read(data)

    run()


@pytest.mark.parametrize("name", READERS)
def test_noise_is_read(name):
    _, read = READERS[name]

    @fuzzed
    @given(st.binary(max_size=300))
    def run(data: bytes) -> None:
        read(data)

    run()


@fuzzed
@given(st.one_of(mutated(LINK), st.binary(max_size=100)))
def test_the_link_is_read(data):
    reads_link(data)


@fuzzed
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=12,
    )
)
def test_any_json_on_the_link_is_read(value):
    for wire in (value, [value], [{"t": "ping", "number": value}], [{"t": "leg", "leg": value}]):
        reads_link(b"C" + json.dumps(wire).encode())


# Around HTTP ----------------------------------------------------------------------------------------------


@fuzzed
@given(st.text(max_size=80), st.text(max_size=40))
def test_no_text_is_a_token_but_the_token(token, address):
    assert not isinstance(Verifier("the one token").verify(token, address), Granted)


@fuzzed
@given(st.text(max_size=200))
def test_no_text_is_a_callers_token(text):
    with pytest.raises(TokenRefused):
        TokenSigner("s" * 48).check(text, now_s=1.8e9)


@fuzzed
@given(
    st.sampled_from(["127.0.0.1", "192.0.2.1", "", "::1"]),
    st.lists(st.text(max_size=60), max_size=4),
)
def test_who_is_forwarded_is_an_address(peer, lines):
    found = Peers(["127.0.0.0/8"]).client(peer, lines)
    assert isinstance(found, str)
    # Only what a proxy of ours says is believed.
    assert peer == "127.0.0.1" or found == peer


@fuzzed
@given(st.text(max_size=60), st.text(max_size=60))
def test_origins_are_decided_about(origin, host):
    Origins(["https://www.example.com"]).allows(origin, host)
    Origins([]).headers(origin, host)
    is_own_machine("127.0.0.1", origin, host, {})
    is_loopback(host)
