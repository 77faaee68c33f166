"""Tests of gateway/http/webrtc/tokens.py: what is signed, what is believed, and why the rest is refused."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.webrtc.tokens import (
    AUDIENCE,
    LONGEST_LIFE_S,
    LONGEST_NAME,
    Claims,
    TokenRefused,
    TokenSigner,
)

SECRET = "s" * 48
NOW_S = 1_800_000_000.0
SIGNER = TokenSigner(SECRET)

names = st.text(max_size=LONGEST_NAME).filter(str.isprintable)


def a_payload(**changes):
    payload = {
        "aud": AUDIENCE,
        "iat": int(NOW_S),
        "exp": int(NOW_S) + 60,
        "jti": "one",
        "agent": "echo",
    }
    payload.update(changes)
    return {key: value for key, value in payload.items() if value is not ...}


def refusal_of(token: str, now_s: float = NOW_S) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        SIGNER.check(token, now_s=now_s)
    return caught.value


@given(agent=names.filter(bool), name=names, subject=names, max_call_s=st.integers(10, 86_400))
def test_what_was_signed_is_what_is_told(agent, name, subject, max_call_s):
    token, claims = SIGNER.sign(
        agent, now_s=NOW_S, ttl_s=60, name=name, subject=subject, max_call_s=max_call_s
    )

    assert SIGNER.check(token, now_s=NOW_S + 59) == claims
    assert claims == Claims(
        agent=agent,
        jti=claims.jti,
        exp_s=NOW_S + 60,
        name=name,
        subject=subject,
        max_call_s=max_call_s,
    )


def test_no_two_tokens_are_alike():
    ids = {SIGNER.sign("echo", now_s=NOW_S, ttl_s=60)[1].jti for _ in range(100)}

    assert len(ids) == 100


@pytest.mark.parametrize("after_s", [60, 61, 1e9])
def test_an_expired_token_is_told_so(after_s):
    token, _ = SIGNER.sign("echo", now_s=NOW_S, ttl_s=60)

    refused = refusal_of(token, NOW_S + after_s)

    assert (refused.status, refused.code) == (401, "token.expired")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_no_token_is_no_invalid_token():
    refused = refusal_of("")

    assert (refused.status, refused.code) == (401, "token.missing")
    assert "error=" not in refused.headers["WWW-Authenticate"]


def test_somebody_elses_signature_is_forged():
    token = jwt.encode(a_payload(), "x" * 48, algorithm="HS256")

    assert refusal_of(token).code == "token.forged"


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_the_token_does_not_choose_its_algorithm(algorithm):
    key = None if algorithm == "none" else SECRET * 2
    token = jwt.encode(a_payload(), key, algorithm=algorithm)

    assert refusal_of(token).code == "token.forged"


def test_every_change_of_a_token_is_noticed():
    token, _ = SIGNER.sign("echo", now_s=NOW_S, ttl_s=60)
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["agent"] = "receptionist"
    other = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    assert refusal_of(f"{head}.{other}.{signature}").code == "token.forged"


@given(st.text(min_size=1, max_size=300))
def test_nonsense_is_malformed_and_never_repeated(text):
    refused = refusal_of(text)

    assert refused.code in ("token.malformed", "token.forged")
    assert refused.status == 401
    assert len(text) < 8 or text not in str(refused)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "other"}, id="for somebody else"),
        pytest.param({"aud": ...}, id="for nobody"),
        pytest.param({"exp": ...}, id="without an end"),
        pytest.param({"exp": "soon"}, id="whose end is a word"),
        pytest.param({"exp": True}, id="whose end is no number"),
        pytest.param({"exp": NOW_S + LONGEST_LIFE_S + 60}, id="good for too long"),
        pytest.param({"nbf": NOW_S + 60}, id="not good yet"),
        pytest.param({"jti": ...}, id="without an id"),
        pytest.param({"jti": ""}, id="with an empty id"),
        pytest.param({"jti": "x" * 65}, id="with a long id"),
        pytest.param({"agent": ...}, id="without an agent"),
        pytest.param({"agent": 7}, id="whose agent is a number"),
        pytest.param({"name": "a\nb"}, id="whose name upsets a log"),
        pytest.param({"name": "x" * 65}, id="with a long name"),
        pytest.param({"max_call_s": 3}, id="with too short a call"),
        pytest.param({"max_call_s": "60"}, id="whose longest call is a word"),
        pytest.param({"max_call_s": True}, id="whose longest call is no number"),
    ],
)
def test_a_token_is_refused(changes):
    token = jwt.encode(a_payload(**changes), SECRET, algorithm="HS256")

    assert refusal_of(token).code == "token.malformed"


def test_a_long_token_is_not_read():
    token = jwt.encode(a_payload(name="x" * 5000), SECRET, algorithm="HS256")

    assert refusal_of(token).code == "token.malformed"


def test_a_signer_elsewhere_may_leave_out_what_is_optional():
    token = jwt.encode(a_payload(iat=...), SECRET, algorithm="HS256")

    assert SIGNER.check(token, now_s=NOW_S).agent == "echo"
