"""Tests of the scheme that gateway/http/peer.py tells."""

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.http.peer import Peers


class FakeTransport:
    def __init__(self, address):
        self.address = address

    def get_extra_info(self, name, default=None):
        return (self.address, 1) if name == "peername" else default


@pytest.mark.parametrize(
    ("peer", "forwarded", "scheme"),
    [
        ("127.0.0.1", "https", "https"),
        # The last proxy is the one we know.
        ("127.0.0.1", "http, HTTPS", "https"),
        ("192.0.2.1", "https", "http"),
        ("127.0.0.1", "", "http"),
    ],
)
def test_only_a_trusted_proxy_tells_the_scheme(peer, forwarded, scheme):
    headers = {"X-Forwarded-Proto": forwarded} if forwarded else {}
    request = make_mocked_request("POST", "/", headers=headers, transport=FakeTransport(peer))
    assert Peers(("127.0.0.0/8",)).scheme(request) == scheme
