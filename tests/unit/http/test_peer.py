"""Tests of gateway/http/peer.py: whom to believe about who asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.peer import Peers, is_loopback

PROXIES = ("127.0.0.0/8", "10.0.0.0/24", "::1/128")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        # A stranger's word counts for nothing.
        ("192.0.2.1", ["198.51.100.9"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.9"], "198.51.100.9"),
        # What the client itself wrote stands before what our proxy added.
        ("127.0.0.1", ["127.0.0.1, 198.51.100.9"], "198.51.100.9"),
        ("127.0.0.1", ["203.0.113.5, 198.51.100.9, 10.0.0.3"], "198.51.100.9"),
        ("127.0.0.1", ["203.0.113.5", "198.51.100.9"], "198.51.100.9"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:127.0.0.1", ["198.51.100.9"], "198.51.100.9"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
    ],
)
def test_the_nearest_stranger_is_the_client(peer, forwarded, client):
    assert Peers(PROXIES).client(peer, forwarded) == client


def test_without_trusted_proxies_nobody_is_believed():
    assert Peers().client("127.0.0.1", ["198.51.100.9"]) == "127.0.0.1"


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_header_breaks_it(lines):
    assert isinstance(Peers(PROXIES).client("127.0.0.1", lines), str)


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_loopback(host, is_own):
    assert is_loopback(host) is is_own
