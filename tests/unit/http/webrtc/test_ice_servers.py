"""Tests of gateway/http/webrtc/ice_servers.py: accounts as coturn makes them, told to browsers and in links."""

import base64
import hashlib
import hmac

import pytest

from gateway.config.webrtc import WebrtcSection
from gateway.errors import ConfigError
from gateway.http.webrtc.ice_servers import IceServers, Server, turn_account

NOW_S = 1_800_000_000.0


@pytest.fixture
def section(tmp_path):
    (tmp_path / "secret").write_text("north\n")
    (tmp_path / "password").write_text('pass"word\n')
    return WebrtcSection.model_validate(
        {
            "turn_secret_file": tmp_path / "secret",
            "turn_ttl_s": 3600,
            "ice_servers": [
                {"urls": ["stun:stun.example.com:3478"]},
                {"urls": ["turn:turn.example.com?transport=udp", "turns:turn.example.com"]},
                {
                    "urls": ["turn:other.example.com"],
                    "username": "fixed",
                    "credential_file": tmp_path / "password",
                },
            ],
        }
    )


def test_an_account_is_what_coturn_computes():
    # As turnadmin and the draft do: base64(hmac-sha1(secret, "expiry:user")).
    expected = hmac.new(b"north", b"1800003600:c_1", hashlib.sha1).digest()

    account = turn_account("north", "c_1", now_s=NOW_S, ttl_s=3600)

    assert account == ("1800003600:c_1", base64.b64encode(expected).decode())


def test_a_known_account():
    # Computed with: printf 1433895918:ninefingers | openssl dgst -sha1 -hmac logen -binary | base64
    account = turn_account("logen", "ninefingers", now_s=1433895918 - 60, ttl_s=60)

    assert account == ("1433895918:ninefingers", "HY+Vd729N0UZ/xCzjg1F0GsoMK8=")


def test_every_server_gets_the_account_that_it_wants(section):
    stun, turn, fixed = IceServers(section).for_call("c_1", NOW_S)

    assert stun.as_json() == {"urls": ["stun:stun.example.com:3478"]}
    assert turn.as_json()["username"] == "1800003600:c_1"
    assert (fixed.username, fixed.credential) == ("fixed", 'pass"word')


def test_strangers_are_told_of_no_account(section):
    assert IceServers(section).without_accounts() == (Server(("stun:stun.example.com:3478",)),)


def test_links_tell_the_same(section):
    stun, turn, fixed = IceServers(section).for_call("c_1", NOW_S)

    assert stun.links() == ['<stun:stun.example.com:3478>; rel="ice-server"']
    assert [link.partition(">")[0] for link in turn.links()] == [
        "<turn:turn.example.com?transport=udp",
        "<turns:turn.example.com",
    ]
    assert fixed.links() == [
        '<turn:other.example.com>; rel="ice-server"; username="fixed"; '
        'credential="pass\\"word"; credential-type="password"'
    ]


@pytest.mark.parametrize("content", [None, "", "two\nlines", b"\xff\xfe"])
def test_a_secret_that_cannot_be_used_is_told_with_its_key(section, tmp_path, content):
    path = tmp_path / "secret"
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ConfigError, match=r"webrtc\.turn_secret_file") as error:
        IceServers(section)

    assert "lines" not in str(error.value)
