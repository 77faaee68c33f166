"""Tests of gateway/http/webrtc/descriptions.py: what can be an offer, what a fragment, and what leaks (nothing)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.errors import ApiError
from gateway.http.webrtc import descriptions
from tests.support.fake_browser_calls import CANDIDATE, OFFER, PASSWORD, UFRAG, a_fragment


def test_a_browsers_offer_passes_unchanged():
    assert descriptions.offer(OFFER.encode()) == OFFER
    assert descriptions.ufrag_of(OFFER) == UFRAG


def test_bare_line_feeds_pass():
    text = OFFER.replace("\r\n", "\n")
    assert descriptions.offer(text.encode()) == text


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "empty"),
        (b"  \r\n", 400, "empty"),
        (b"\xff\xfe", 400, "UTF-8"),
        (b'{"sdp": "v=0"}', 400, "line 1"),
        (b"v=0\r\nnonsense\r\n", 400, "line 2"),
        (b"v=0\r\ns=\x00\r\n", 400, "line 2"),
        (b"v=0\rs=-\r", 400, "line 1"),
        (OFFER.replace("v=0", "v=1").encode(), 400, "v=0"),
        (OFFER.replace("m=audio", "m=video").encode(), 400, "no audio"),
        (OFFER.replace("a=fingerprint", "a=fingertip").encode(), 400, "fingerprint"),
        (OFFER.replace("a=ice-ufrag", "a=ice-other").encode(), 400, "ice-ufrag"),
        (OFFER.replace(PASSWORD, "short").encode(), 400, "ice-pwd"),
        (OFFER.encode() + b"a=x\r\n" * 1001, 400, "lines"),
        (OFFER.encode() + b"a=" + b"x" * 1025, 400, "longer than"),
        (OFFER.encode() + f"{CANDIDATE}\r\n".encode() * 65, 400, "candidates"),
        (OFFER.encode() + b"a=x\r\n" * 7000, 413, "bytes"),
    ],
)
def test_an_offer_is_refused_with_the_reason(body, status, reason):
    with pytest.raises(ApiError, match=reason) as refused:
        descriptions.offer(body)

    assert refused.value.status == status
    assert refused.value.code == ("sdp.malformed" if status == 400 else "http.too_large")


@given(st.binary(max_size=400))
def test_no_bytes_break_it_and_none_are_repeated(body):
    for read in (descriptions.offer, descriptions.fragment):
        with pytest.raises(ApiError) as refused:
            read(b"secret=1\r\n" + body)
        assert "secret" not in str(refused.value)
        assert str(refused.value).isascii()


def test_a_fragment_passes_with_its_credentials():
    text = a_fragment(UFRAG, PASSWORD, CANDIDATE, "a=end-of-candidates")

    assert descriptions.fragment(text.encode()) == descriptions.Fragment(text, UFRAG, PASSWORD)


@pytest.mark.parametrize(
    "body",
    [b"", a_fragment("Ab").encode(), CANDIDATE.encode(), a_fragment("a b c d").encode()],
)
def test_a_fragment_without_credentials_is_refused(body):
    with pytest.raises(ApiError) as refused:
        descriptions.fragment(body)

    assert refused.value.code == "sdp.malformed"
