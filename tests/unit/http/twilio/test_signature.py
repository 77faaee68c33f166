"""Tests of gateway/http/twilio/signature.py, with Twilio's own package as the oracle."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway.http.twilio.signature import is_form_genuine, is_json_genuine, sign

TOKEN = "12345"
URL = "https://example.com/twilio/messages?a=1&b=%20x"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FIELDS = st.dictionaries(TEXT, TEXT, max_size=8)


@given(
    FIELDS, st.sampled_from([URL, "https://example.com:443/x", "http://h/", "https://[::1]:8/y"])
)
def test_what_twilio_signs_is_genuine(fields, url):
    signature = RequestValidator(TOKEN).compute_signature(url, fields)
    assert sign(TOKEN, url, fields.items()) == signature
    assert is_form_genuine([TOKEN], url, list(fields.items()), signature)
    assert is_form_genuine(["new", TOKEN], url, list(fields.items()), signature)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=6))
def test_repeated_fields_are_signed_as_twilio_does(pairs):
    class Multi(dict):
        def getall(self, name):
            return [value for key, value in pairs if key == name]

    signature = RequestValidator(TOKEN).compute_signature(URL, Multi(pairs))
    assert is_form_genuine([TOKEN], URL, pairs, signature)


@given(FIELDS, TEXT, TEXT)
def test_a_field_that_was_added_is_found_out(fields, name, value):
    signature = RequestValidator(TOKEN).compute_signature(URL, fields)
    if name not in fields and name + value:
        changed = [*fields.items(), (name, value)]
        assert not is_form_genuine([TOKEN], URL, changed, signature) or sign(
            TOKEN, URL, changed
        ) == sign(TOKEN, URL, fields.items())


@pytest.mark.parametrize("port", ["", ":443"])
@pytest.mark.parametrize("signed_port", ["", ":443"])
def test_the_port_may_or_may_not_have_been_signed(port, signed_port):
    signature = RequestValidator(TOKEN).compute_signature(f"https://example.com{signed_port}/x", {})
    assert is_form_genuine([TOKEN], f"https://example.com{port}/x", [], signature)


@pytest.mark.parametrize(
    "signature", ["", "x", "A" * 28, base64.b64encode(bytes(20)).decode(), "é" * 28, "\udcff" * 28]
)
def test_other_signatures_are_not(signature):
    assert not is_form_genuine([TOKEN], URL, [("Body", "hi")], signature)
    assert not is_json_genuine([TOKEN], URL, b"{}", signature)


def test_nothing_is_genuine_without_a_token():
    assert not is_form_genuine([], URL, [], sign("", URL))


@pytest.mark.parametrize(
    "url", ["https://example.com/other", "http://example.com/twilio", "https://["]
)
def test_another_url_is_found_out(url):
    assert not is_form_genuine([TOKEN], url, [], sign(TOKEN, URL))


def test_json_is_vouched_for_by_the_hash_in_the_url():
    body = b'{"a": 1}'
    url = f"https://example.com/s?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    assert RequestValidator(TOKEN).validate(url, body.decode(), signature)
    assert is_json_genuine([TOKEN], url, body, signature)
    assert not is_json_genuine([TOKEN], url, b'{"a": 2}', signature)
    assert not is_json_genuine(["other"], url, body, signature)


@pytest.mark.parametrize(
    "query", ["", "?bodySHA256=", "?bodySHA256=x&bodySHA256=y", "?bodySHA256=é"]
)
def test_json_without_its_hash_is_not(query):
    url = f"https://example.com/s{query}"
    assert not is_json_genuine([TOKEN], url, b"{}", sign(TOKEN, url))
