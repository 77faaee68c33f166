"""Tests of gateway/http/webrtc/origins.py: which pages may call, and what counts as this machine."""

import pytest

from gateway.http.webrtc.origins import Origins, is_own_machine

SHOP = "https://shop.example.com"


@pytest.mark.parametrize(
    ("origin", "host", "is_allowed"),
    [
        (None, "phone.example.com", True),
        (SHOP, "phone.example.com", True),
        ("https://phone.example.com", "phone.example.com", True),
        # Behind a proxy that ends TLS the port may be written or not.
        ("https://phone.example.com", "phone.example.com:443", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("http://localhost:8081", "localhost:8080", False),
        ("http://LOCALHOST:8080", "localhost:8080", True),
        ("http://shop.example.com", "phone.example.com", False),
        ("https://shop.example.com:8443", "phone.example.com", False),
        ("https://shop.example.com.evil.example", "phone.example.com", False),
        ("https://evil.example", "phone.example.com", False),
        ("null", "phone.example.com", False),
        ("", "", False),
        ("https://", "", False),
        ("file://phone.example.com", "phone.example.com", False),
        ("https://[", "[", False),
        ("http://a:b:c", "a:b:c", False),
    ],
)
def test_who_may_call(origin, host, is_allowed):
    origins = Origins([SHOP])

    assert origins.allows(origin, host) is is_allowed
    told = origins.headers(origin, host)
    assert told["Vary"] == "Origin"
    assert told.get("Access-Control-Allow-Origin") == (origin if is_allowed else None)


@pytest.mark.parametrize(
    ("address", "origin", "host", "headers", "is_own"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080", "127.0.0.1:8080", {}, True),
        ("::1", "http://localhost:8080", "localhost:8080", {}, True),
        ("127.0.0.1", None, "[::1]:8080", {}, True),
        ("192.0.2.1", "http://127.0.0.1:8080", "127.0.0.1:8080", {}, False),
        # A reverse proxy on this machine passes on a stranger.
        ("127.0.0.1", "https://phone.example.com", "127.0.0.1:8080", {}, False),
        ("127.0.0.1", None, "phone.example.com", {}, False),
        ("127.0.0.1", None, "127.0.0.1:8080", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("127.0.0.1", None, "127.0.0.1:8080", {"Forwarded": "for=1.2.3.4"}, False),
        ("127.0.0.1", None, "127.0.0.1:8080", {"Via": "1.1 proxy"}, False),
        # A strange name that resolves to this machine.
        ("127.0.0.1", "http://evil.example:8080", "evil.example:8080", {}, False),
        ("127.0.0.1", "null", "127.0.0.1:8080", {}, False),
        ("127.0.0.1", None, "", {}, False),
    ],
)
def test_what_is_this_machine(address, origin, host, headers, is_own):
    assert is_own_machine(address, origin, host, headers) is is_own
