"""Messages between the gateway and a speech worker."""

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.speech import wire
from agents.speech.wire import PREFIX, Message, decode, decode_prefix, encode, receive, send
from gateway.errors import LinkClosed, LinkProtocolError


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    theirs.settimeout(5)
    with ours, theirs:
        yield ours, theirs


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.none()),
    st.binary(max_size=200),
)
def test_encode_and_decode_are_inverse(header, payload):
    data = encode(Message(header, payload))
    size, rest = decode_prefix(data[: PREFIX.size])
    body = data[PREFIX.size :]

    assert decode(body[:size], body[size:]) == Message(header, payload)
    assert len(body) == size + rest


def test_over_a_socket_even_when_it_does_not_fit_at_once(pair):
    ours, theirs = pair
    message = Message({"id": 1}, bytes(range(256)) * 8_000)
    sender = threading.Thread(target=send, args=(ours, message))
    sender.start()

    assert receive(theirs) == message
    sender.join()


def test_end_of_file_between_messages_is_none(pair):
    ours, theirs = pair
    ours.close()

    assert receive(theirs) is None


@pytest.mark.parametrize("kept", [3, 9, 14])
def test_end_of_file_within_a_message_is_an_error(pair, kept):
    ours, theirs = pair
    ours.sendall(encode(Message({"id": 1}, b"1234"))[:kept])
    ours.close()

    with pytest.raises(LinkClosed):
        receive(theirs)


def test_sending_to_nobody(pair):
    ours, theirs = pair
    theirs.close()

    with pytest.raises(LinkClosed):
        send(ours, Message({}, bytes(1_000_000)))


@pytest.mark.parametrize("lengths", [(wire.HEADER_LIMIT + 1, 0), (2, wire.PAYLOAD_LIMIT + 1)])
def test_lengths_over_the_limit_are_refused_before_reading(lengths):
    with pytest.raises(LinkProtocolError, match="over the limit"):
        decode_prefix(PREFIX.pack(*lengths))


def test_too_large_a_message_is_not_sent():
    with pytest.raises(LinkProtocolError):
        encode(Message({"text": "x" * wire.HEADER_LIMIT}))


@pytest.mark.parametrize("header", [b"{", b"[1]", b"\xff\xfe", b"3"])
def test_a_header_must_be_a_json_object(header):
    with pytest.raises(LinkProtocolError):
        decode(header, b"")
