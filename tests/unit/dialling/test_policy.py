"""What may be dialled, and what not: the rules against toll fraud."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.trunks import DiallingSection, TrunkSection
from gateway.dialling.policy import (
    LIMITS,
    Permit,
    Refusal,
    Refused,
    Route,
    Usage,
    check_number,
    check_usage,
    longest_fit,
    normalise,
    rewrite,
)

GERMAN = TrunkSection(
    host="192.0.2.1", prefixes=("+49",), caller_id="+493099", strip="+", prepend="00"
)
WORLD = TrunkSection(host="192.0.2.2", caller_id="+1555", caller_ids=("+493099",))
PBX = TrunkSection(host="192.0.2.3", prefixes=("1", "reception"), username="")
TRUNKS = {"world": WORLD, "german": GERMAN, "pbx": PBX}


def rules(**values) -> DiallingSection:
    return DiallingSection(**{"allow": ("*",), **values})


@pytest.mark.parametrize(
    ("asked", "country", "number"),
    [
        ("+49 30 123456", "", "+4930123456"),
        ("+49 (0) 30-123456", "", "+4930123456"),
        ("030 123456", "DE", "+4930123456"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("100", "", "100"),
        ("100", "DE", "100"),
        ("*21#", "", "*21#"),
        ("reception", "", "reception"),
        ("front-desk", "", "front-desk"),
        ("", "", ""),
        ("   ", "", ""),
        ("+", "", ""),
        ("sip:me@192.0.2.1", "", ""),
        ("me@192.0.2.1", "", ""),
        ("tel:+4930123456", "", ""),
        ("+49301\r\nTo: x", "", ""),
        ("1;user=phone", "", ""),
        ("1" * 65, "", ""),
        ("١٢٣", "", ""),
        # Whoever takes `+49` or `+1` off would dial abroad.
        ("+49001900555123", "", ""),
        ("+4900" + "1" * 30, "DE", ""),
        ("+490900123456", "", ""),
        ("+3900190055", "", ""),
        ("+101149900123", "", ""),
        ("+119005551", "US", ""),
        ("+0049900123", "", ""),
        ("+49*21", "", ""),
        # Not known to be anybody's, but nowhere else either.
        ("+49110", "", "+49110"),
        ("+39011", "", "+39011"),
    ],
)
def test_numbers_as_rooms_know_them(asked: str, country: str, number: str) -> None:
    assert normalise(asked, country) == number


@pytest.mark.parametrize(
    ("number", "prefixes", "length"),
    [
        ("+4930", ("+49",), 3),
        ("+4930", ("+49", "+4930"), 5),
        ("+4930", ("*",), 0),
        ("+4930", ("+1",), -1),
        ("+4930", (), -1),
        ("reception", ("reception",), 9),
        ("receptionist", ("reception",), -1),
        ("receptionist", ("reception*",), 9),
    ],
)
def test_the_longest_beginning_that_fits(number, prefixes, length) -> None:
    assert longest_fit(number, prefixes) == length


@pytest.mark.parametrize(
    ("section", "asked", "reason"),
    [
        (DiallingSection(), "+4930123456", Refusal.NOT_ALLOWED),
        (rules(allow=("+44",)), "+4930123456", Refusal.NOT_ALLOWED),
        (rules(deny=("+49",)), "+4930123456", Refusal.DENIED),
        (rules(allow=("+49",), deny=("+4930",)), "+4930123456", Refusal.DENIED),
        (rules(allow=("+49",), deny=("+49",)), "+4930123456", Refusal.DENIED),
        (rules(allow=("+4930",), deny=("+49",)), "+4930123456", None),
        (rules(), "sip:a@b", Refusal.INVALID_NUMBER),
        (rules(), "+4930123456", None),
    ],
)
def test_beginnings_that_are_allowed_and_denied(section, asked, reason) -> None:
    found = check_number(asked, section, TRUNKS)
    assert (found.reason if isinstance(found, Refused) else None) is reason


@pytest.mark.parametrize(
    ("asked", "country"),
    [
        ("+49 900 1234567", ""),
        ("0049 900 1234567", ""),
        ("00 49 (0) 900 123", "DE"),
        ("01149900 1234567", ""),
        ("01149900 1234567", "US"),
        ("499001234567", ""),
        ("499001234567", "US"),
        ("0900 1234567", "DE"),
        ("0900 12", "DE"),
        ("900 123456789012", "DE"),
    ],
)
@pytest.mark.parametrize("deny", ["+49900", "0049900", "01149900"])
def test_what_is_denied_is_so_in_every_spelling(asked, country, deny) -> None:
    section = rules(allow=("*", "00", "0", "4"), deny=(deny,), country=country)
    found = check_number(asked, section, TRUNKS)
    assert isinstance(found, Refused)
    assert found.reason in (Refusal.DENIED, Refusal.INVALID_NUMBER)


@pytest.mark.parametrize(
    ("deny", "country", "asked", "reason"),
    [
        ("0900", "DE", "+499001234567", Refusal.DENIED),
        ("1900", "US", "(900) 555-1234", Refusal.DENIED),
        ("0900", "", "+49301234567", None),
        ("+1900", "", "1900", None),
        ("00", "DE", "+4930123456", None),
        ("0", "DE", "+4930123456", None),
        ("00", "DE", "00999", Refusal.DENIED),
    ],
)
def test_beginnings_that_are_denied_as_they_are_dialled_at_home(
    deny, country, asked, reason
) -> None:
    found = check_number(asked, rules(deny=(deny,), country=country), TRUNKS)
    assert (found.reason if isinstance(found, Refused) else None) is reason


@pytest.mark.parametrize(
    ("allow", "asked", "reason"),
    [
        (("*",), "+499001234567", Refusal.DENIED),
        (("+",), "+19005551234", Refusal.DENIED),
        (("+49",), "0900 1234567", Refusal.DENIED),
        (("+44",), "+449012345678", Refusal.DENIED),
        (("+49", "+49900"), "+499001234567", None),
        (("+49",), "+4930123456", None),
        (("+49",), "+498001234567", None),
        (("*",), "900", None),
    ],
)
def test_premium_rate_numbers_must_be_meant(allow, asked, reason) -> None:
    found = check_number(asked, rules(allow=allow, country="DE"), TRUNKS)
    assert (found.reason if isinstance(found, Refused) else None) is reason
    if isinstance(found, Refused):
        assert "dialling.allow, like +" in found.message


def test_nothing_may_be_dialled_by_default_and_the_remedy_is_named() -> None:
    found = check_number("+4930123456", DiallingSection(), TRUNKS)
    assert isinstance(found, Refused)
    assert "dialling.allow" in found.message


@pytest.mark.parametrize(
    ("asked", "trunk", "dialled"),
    [
        ("+4930123456", "german", "004930123456"),
        ("+12125550123", "world", "+12125550123"),
        ("100", "pbx", "100"),
        ("reception", "pbx", "reception"),
    ],
)
def test_the_trunk_whose_beginning_fits_best(asked, trunk, dialled) -> None:
    found = check_number(asked, rules(), TRUNKS)
    assert isinstance(found, Route)
    assert (found.trunk, found.dialled) == (trunk, dialled)


def test_a_trunk_that_is_named() -> None:
    found = check_number("+4930123456", rules(), TRUNKS, trunk="world")
    assert isinstance(found, Route)
    assert found.trunk == "world"
    for wrong in ("pbx", "nobody"):
        refused = check_number("+4930123456", rules(), TRUNKS, trunk=wrong)
        assert isinstance(refused, Refused)
        assert refused.reason is Refusal.NO_TRUNK
    none = check_number("+4930123456", rules(), {})
    assert isinstance(none, Refused)
    assert "[trunks.NAME]" in none.message


@pytest.mark.parametrize(
    ("caller_id", "shown"),
    [("", "+1555"), ("+1555", "+1555"), ("+49 30 99", "+493099"), ("+442071234567", None)],
)
def test_only_our_own_numbers_are_shown(caller_id, shown) -> None:
    found = check_number("+12125550123", rules(), TRUNKS, caller_id=caller_id)
    if shown is None:
        assert isinstance(found, Refused)
        assert found.reason is Refusal.CALLER_ID
    else:
        assert isinstance(found, Route)
        assert found.caller_id == shown


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (Usage(), None),
        (Usage(at_once=1), None),
        (Usage(at_once=2), Refusal.TOO_MANY_AT_ONCE),
        (Usage(calls_today=9), None),
        (Usage(calls_today=10), Refusal.TOO_MANY_TODAY),
        (Usage(calls_to_number=3), Refusal.TOO_OFTEN),
        (Usage(seconds_today=600 - 10), None),
        (Usage(seconds_today=600 - 9), Refusal.NO_MINUTES_LEFT),
        (Usage(seconds_today=700), Refusal.NO_MINUTES_LEFT),
    ],
)
def test_limits(usage, reason) -> None:
    section = rules(calls_at_once=2, calls_per_day=10, minutes_per_day=10, calls_per_number=3)
    found = check_usage(section, usage)
    assert (found.reason if isinstance(found, Refused) else None) is reason
    if isinstance(found, Refused):
        assert found.reason in LIMITS
        assert found.retry_after_s > 0
        assert "dialling." in found.message


def test_a_call_is_no_longer_than_what_the_day_has_left() -> None:
    section = rules(minutes_per_day=10, max_call_s=300)
    assert check_usage(section, Usage()) == Permit(300)
    assert check_usage(section, Usage(seconds_today=500)) == Permit(100)


NUMBERS = st.from_regex(r"\A\+?[0-9]{1,15}\Z")
PREFIXES = st.lists(st.from_regex(r"\A\+?[0-9]{1,4}\Z"), max_size=4).map(tuple)


@given(st.text(max_size=70), PREFIXES, PREFIXES)
def test_only_what_begins_as_allowed_is_ever_dialled(asked, allow, deny) -> None:
    section = DiallingSection(allow=allow, deny=deny)
    found = check_number(asked, section, {"any": TrunkSection(host="192.0.2.1")})
    if isinstance(found, Route):
        best = max(len(one) for one in allow if found.number.startswith(one))
        assert all(len(one) < best for one in deny if found.number.startswith(one))
        # Nothing of it ends the user part of a SIP address.
        assert not set(found.dialled) & set('@:;?&<>" \r\n%/\\')


@given(NUMBERS, st.sampled_from(["", "+", "00"]), st.sampled_from(["", "00", "9"]))
def test_only_the_beginning_is_rewritten(number, strip, prepend) -> None:
    trunk = TrunkSection(host="192.0.2.1", strip=strip, prepend=prepend)
    rest = number.removeprefix(strip) if strip else number
    assert rewrite(number, trunk) == prepend + rest


@given(
    st.integers(0, 5), st.integers(0, 50), st.integers(0, 50_000), st.integers(0, 10),
    st.integers(0, 5), st.integers(0, 50), st.integers(0, 500), st.integers(1, 10),
)  # fmt: skip
def test_no_permit_ever_leads_over_a_limit(
    at_once, today, seconds, to_number, most_at_once, most_today, minutes, per_number
) -> None:
    section = rules(
        calls_at_once=most_at_once,
        calls_per_day=most_today,
        minutes_per_day=minutes,
        calls_per_number=per_number,
    )
    usage = Usage(
        at_once=at_once, calls_today=today, seconds_today=seconds, calls_to_number=to_number
    )
    permit = check_usage(section, usage)
    if isinstance(permit, Permit):
        assert at_once + 1 <= most_at_once
        assert today + 1 <= most_today
        assert to_number + 1 <= per_number
        assert seconds + permit.max_call_s <= minutes * 60
        assert 10 <= permit.max_call_s <= section.max_call_s
