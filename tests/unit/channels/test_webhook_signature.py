"""Tests of gateway/channels/webhook_signature.py, with the specification's own package as the oracle."""

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from gateway.channels.webhook_signature import is_genuine, key_of, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = key_of(SECRET)
AT = 1_700_000_000.0
BODY = '{"a": "ä"}'


def headers():
    signature = Webhook(SECRET).sign("m1", datetime.fromtimestamp(AT, UTC), BODY)
    return {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(AT)),
        "webhook-signature": signature,
    }


def test_what_the_specification_signs_is_genuine():
    assert sign(KEY, "m1", BODY.encode(), at=AT) == headers()
    assert is_genuine([KEY], headers(), BODY.encode(), at=AT)
    assert is_genuine([b"x" * 24, KEY], headers(), BODY.encode(), at=AT + 299)


def test_several_signatures_while_secrets_are_rotated():
    both = headers() | {"webhook-signature": "v1a,x v1,AAAA " + headers()["webhook-signature"]}
    assert is_genuine([KEY], both, BODY.encode(), at=AT)


@pytest.mark.parametrize("late_s", [301, -301, 1e9])
def test_a_replay_is_not(late_s):
    assert not is_genuine([KEY], headers(), BODY.encode(), at=AT + late_s)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "m2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(AT) + 1)},
        {"webhook-timestamp": "²"},
        {"webhook-timestamp": "-1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,é\udcff"},
        {"webhook-signature": "v2," + headers()["webhook-signature"][3:]},
    ],
)
def test_a_change_is_found_out(change):
    assert not is_genuine([KEY], headers() | change, BODY.encode(), at=AT)


def test_another_body_or_no_key_is_found_out():
    assert not is_genuine([KEY], headers(), b"{}", at=AT)
    assert not is_genuine([], headers(), BODY.encode(), at=AT)


@pytest.mark.parametrize("secret", ["", "whsec_", "not base64!", "c2hvcnQ="])
def test_a_bad_secret_is_told(secret):
    with pytest.raises(ValueError, match="secret"):
        key_of(secret)
