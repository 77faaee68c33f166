"""Tests of who counts as this machine itself for gateway/http/peer.py."""

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.http.peer import Peers
from tests.unit.http.test_peer_scheme import FakeTransport


@pytest.mark.parametrize(
    ("trusted", "peer", "headers", "is_near"),
    [
        ((), "127.0.0.1", {}, True),
        ((), "::1", {}, True),
        ((), "192.0.2.1", {}, False),
        # A proxy here that we were not told of.
        ((), "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, False),
        ((), "127.0.0.1", {"Forwarded": "for=203.0.113.9"}, False),
        # One that we were told of: whoever it names.
        (("127.0.0.0/8",), "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, False),
        (("127.0.0.0/8",), "127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, False),
        (("127.0.0.0/8",), "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, True),
        # A stranger who says that he sits here.
        ((), "192.0.2.1", {"X-Forwarded-For": "127.0.0.1"}, False),
    ],
)
def test_this_machine_is_told_from_strangers(trusted, peer, headers, is_near):
    request = make_mocked_request("GET", "/readyz", headers=headers, transport=FakeTransport(peer))

    assert Peers(trusted).is_this_machine(request) is is_near
