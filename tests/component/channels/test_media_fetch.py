"""Tests of gateway/channels/media_fetch.py: what is fetched, and everything that is not."""

import socket
from urllib.parse import urlsplit

import pytest

from gateway.channels.http_client import basic_authorization
from gateway.channels.media_fetch import MediaFetcher, PublicAddressesOnly, is_public
from gateway.errors import ProviderRefused, ProviderUnavailable
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn

PICTURE = b"\x89PNG\r\n" + bytes(1000)


@pytest.fixture
async def twilio():
    async with TwilioStandIn() as stand_in:
        stand_in.media["cat.png"] = ("image/png", PICTURE)
        yield stand_in


def fetcher(twilio, **more):
    host = urlsplit(twilio.url).netloc
    authorization = basic_authorization(ACCOUNT_SID, AUTH_TOKEN)
    return MediaFetcher({host: authorization}, is_trusted=lambda name: name == host, **more)


async def test_a_picture_comes_with_our_credentials(twilio):
    fetched = await fetcher(twilio).fetch(f"{twilio.url}/media/cat.png")
    assert (fetched.content_type, fetched.data) == ("image/png", PICTURE)


async def test_without_credentials_it_is_refused(twilio):
    with pytest.raises(ProviderRefused, match="401"):
        await MediaFetcher({}, is_trusted=lambda _: True).fetch(f"{twilio.url}/media/cat.png")


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/javascript"])
async def test_what_a_browser_would_run_is_refused(twilio, kind):
    twilio.media["x"] = (kind, b"x")
    with pytest.raises(ProviderRefused, match="type"):
        await fetcher(twilio).fetch(f"{twilio.url}/media/x")


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_giant_is_refused_whether_or_not_it_says_so(twilio, is_chunked):
    twilio.is_media_chunked = is_chunked
    with pytest.raises(ProviderRefused, match="larger"):
        await fetcher(twilio, size_most=500).fetch(f"{twilio.url}/media/cat.png")


async def test_what_is_gone_is_refused(twilio):
    with pytest.raises(ProviderRefused, match="404"):
        await fetcher(twilio).fetch(f"{twilio.url}/media/dog.png")


async def test_a_slow_server_is_given_up(twilio):
    twilio.media_delay_s = 30
    with pytest.raises(ProviderUnavailable, match="in time"):
        await fetcher(twilio, timeout_s=0.2).fetch(f"{twilio.url}/media/cat.png")


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/",
        "https://[::ffff:10.0.0.1]/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "https://user:secret@8.8.8.8/",
        "https://8.8.8.8:22/",
        "https://[",
        "https://host:port/",
        "https://[fec0::1]/",
    ],
)
async def test_a_redirect_into_our_network_is_refused(twilio, location):
    twilio.media_redirects["away"] = location
    with pytest.raises(ProviderRefused):
        await fetcher(twilio).fetch(f"{twilio.url}/media/away")


async def test_a_name_that_means_this_machine_is_not_connected_to():
    with pytest.raises(ProviderUnavailable, match="localhost"):
        await MediaFetcher({}).fetch("https://localhost/cat.png")
    with pytest.raises(OSError, match="no public address"):
        await PublicAddressesOnly().resolve("localhost", 443, socket.AF_INET)


async def test_a_redirect_to_another_host_does_not_get_our_credentials(twilio):
    async with TwilioStandIn() as other:
        other.media["cat.png"] = ("image/png", PICTURE)
        twilio.media_redirects["away"] = f"{other.url}/media/cat.png"
        host = urlsplit(twilio.url).netloc
        authorization = basic_authorization(ACCOUNT_SID, AUTH_TOKEN)
        with pytest.raises(ProviderRefused, match="401"):
            await MediaFetcher({host: authorization}, is_trusted=lambda _: True).fetch(
                f"{twilio.url}/media/away"
            )


async def test_redirects_in_a_circle_end(twilio):
    twilio.media_redirects["round"] = "/media/round"
    with pytest.raises(ProviderRefused, match="too many"):
        await fetcher(twilio).fetch(f"{twilio.url}/media/round")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cat.png",
        "http://8.8.8.8/x",
        "ftp://8.8.8.8/x",
        "https://[",
        "https://2130706433/",
        f"https://{'a' * 64}.example/x",
        "https://a..b/",
        "https://\udc80/",
    ],
)
async def test_other_addresses_are_refused(url):
    with pytest.raises((ProviderRefused, ProviderUnavailable)):
        await MediaFetcher({}, timeout_s=1).fetch(url)


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b:1::7f00:1", False),
        ("::127.0.0.1", False),
        ("fec0::1", False),
        ("192.0.0.8", False),
        ("192.0.2.1", False),
        ("64:ff9b::808:808", True),
        ("example.com", False),
    ],
)
def test_which_addresses_are_public(address, answer):
    assert is_public(address) is answer
