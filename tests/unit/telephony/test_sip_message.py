"""Reading raw INVITEs, friendly and hostile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.sip_message import display_name_of, read_invite, user_of

INVITE = (
    "INVITE sip:+15550100@192.0.2.1;transport=udp SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.9\r\n"
    'From: "Ann \\"A\\" Other" <sip:+15551234@carrier.example;user=phone>;tag=1\r\n'
    "To: <sip:+15550100@192.0.2.1>\r\n"
    "Call-ID: abc@carrier\r\n"
    "X-Twilio-CallSid: CA12\r\n"
    "x-folded: one\r\n two\r\n"
    "\r\n"
    "X-Body: not a header\r\n"
)


def test_a_carriers_invite() -> None:
    facts = read_invite(INVITE)
    assert facts.caller == "+15551234"
    assert facts.caller_name == 'Ann "A" Other'
    assert facts.callee == "+15550100"
    assert facts.sip_call_id == "abc@carrier"
    assert facts.x_headers == {"X-Twilio-CallSid": "CA12", "x-folded": "one two"}


def test_compact_forms() -> None:
    facts = read_invite("INVITE sip:a@b SIP/2.0\r\nf: <sip:c@d>;tag=1\r\ni: q\r\n\r\n")
    assert (facts.caller, facts.callee, facts.sip_call_id) == ("c", "a", "q")


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:alice@example.com", "alice"),
        ("<sips:alice:secret@example.com:5061;transport=tls?x=y>", "alice"),
        ("sip:+1555;phone-context=example.com@host", "+1555"),
        ("tel:+15551234;isub=1", "+15551234"),
        ("sip:example.com", "example.com"),
        ("sip:example.com:5060;lr", "example.com"),
        ("sip:j%40n@host", "j@n"),
        ("mailto:nobody@nowhere", ""),
        ("", ""),
    ],
)
def test_user_parts(uri: str, user: str) -> None:
    assert user_of(uri) == user


@pytest.mark.parametrize(
    ("sender", "caller"),
    [
        # Whoever writes his name must not be taken for somebody else.
        ('"sip:+4930123456@x" <sip:+15551234@carrier.example>;tag=1', "+15551234"),
        ('"<sip:+4930123456@x>" <sip:+15551234@carrier.example>', "+15551234"),
        (r'"a \" <sip:+4930123456@x>" <sip:+15551234@carrier.example>', "+15551234"),
        ("tel:+4930123456 <sip:+15551234@carrier.example>", "+15551234"),
        ("<sip:+15551234@carrier.example>;x=sip:+4930123456@x", "+15551234"),
        ("sip:+15551234@carrier.example;tag=1", "+15551234"),
        # Nor for somebody who writes, or calls from a page: rooms know those as `web:ann`, `telegram:4711`.
        ("<sip:web%3Aann@carrier.example>", "web%3Aann"),
        ("<sip:telegram:4711@carrier.example>", "telegram"),
        # Nobody: calls without a user must not be those of one person.
        ("<sip:carrier.example:5060>;tag=1", "anonymous@carrier.example"),
        ('"Anonymous" <sip:anonymous.invalid>', "anonymous@anonymous.invalid"),
        ("<sip:@carrier.example>", "anonymous@carrier.example"),
        ('"unclosed <sip:+4930123456@x>', ""),
        ("nonsense", ""),
    ],
)
def test_who_calls(sender: str, caller: str) -> None:
    assert read_invite(f"INVITE sip:a@b SIP/2.0\r\nFrom: {sender}\r\n\r\n").caller == caller


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_only_a_line_end_of_sip_ends_a_line(end: str) -> None:
    facts = read_invite(
        f"INVITE sip:a@b SIP/2.0\r\nSubject: x{end}From: <sip:+4930123456@x>{end}X-Vip: yes\r\n"
        "From: <sip:+15551234@carrier.example>\r\n\r\n"
    )
    assert (facts.caller, facts.x_headers) == ("+15551234", {})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Bob <sip:bob@x>", "Bob"),
        ('"Bob" <sip:bob@x>', "Bob"),
        ("<sip:bob@x>", ""),
        ("sip:bob@x;tag=1", ""),
        ('"unclosed <sip:bob@x>', ""),
        ("anonymous\x1b[31m <sip:x@y>", "anonymous?[31m"),
    ],
)
def test_display_names(value: str, name: str) -> None:
    assert display_name_of(value) == name


def test_what_is_long_is_cut_and_what_is_many_is_bounded() -> None:
    lines = [f"X-{number}: {'v' * 1000}" for number in range(100)]
    facts = read_invite("\r\n".join(["INVITE sip:a@b SIP/2.0", *lines, "", ""]))
    assert len(facts.x_headers) == 32
    assert {len(value) for value in facts.x_headers.values()} == {256}


@given(st.text())
def test_any_text_is_survived_and_comes_out_printable(text: str) -> None:
    facts = read_invite(f"INVITE sip:{text}@h SIP/2.0\r\nFrom: {text}\r\nX-A: {text}\r\n\r\n")
    for value in (facts.caller, facts.caller_name, facts.callee, *facts.x_headers.values()):
        assert "\n" not in value
        assert "\x00" not in value
        value.encode()
