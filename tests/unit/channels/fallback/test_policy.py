"""The fallback policy: each rule by itself, each error code, and what holds for every course of events."""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.fallback.error_codes import TREATMENTS, Next, treatment_of
from gateway.channels.fallback.incident import Attempt, Form, Incident, Rules, Standing
from gateway.channels.fallback.phone_number import LineKind
from gateway.channels.fallback.policy import (
    WINDOW_S,
    Decision,
    Pass,
    Reason,
    Send,
    decide,
    incident_cause,
    step_cause,
)
from gateway.channels.fallback.quiet_hours import QuietHours
from gateway.channels.fallback.triggers import Trigger
from gateway.model.messages import Channel, MessageStatus

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
NIGHT = QuietHours(time(21), time(8))
HOUR_S = 3_600.0
EVERYWHERE = (Channel.WHATSAPP, Channel.SMS, Channel.RCS, Channel.EMAIL, Channel.VOICE)

RULES = Rules(order=EVERYWHERE, templates=frozenset({Channel.WHATSAPP}))
STANDING = Standing(
    addresses={**dict.fromkeys(EVERYWHERE, "+4915123456789"), Channel.EMAIL: "a@example.com"},
    senders=dict.fromkeys(EVERYWHERE, "+4930111"),
    began=True,
    last_inbound_at={Channel.WHATSAPP: NOW - HOUR_S},
    line=LineKind.MOBILE,
    zones=("Europe/Berlin",),
)
INCIDENT = Incident(cause="call:c_1", trigger=Trigger.CUT, first_at=NOW)


def failed(
    channel: Channel,
    code: str,
    form: Form = Form.TEXT,
    status: MessageStatus = MessageStatus.FAILED,
) -> Attempt:
    return Attempt(channel=channel, form=form, status=status, error_code=code)


def after(*attempts: Attempt, is_urgent: bool = True) -> Incident:
    return replace(INCIDENT, attempts=attempts, is_urgent=is_urgent)


def sent(decision: Decision) -> tuple[Channel, Form]:
    assert isinstance(decision, Send), decision
    return decision.channel, decision.form


def passed(decision: Decision) -> Reason:
    assert isinstance(decision, Pass), decision
    return decision.reason


def skips(decision: Decision) -> dict[Channel, Reason]:
    return {item.channel: item.reason for item in decision.skipped}


def ask(
    incident: Incident = INCIDENT, standing: Standing = STANDING, rules: Rules = RULES
) -> Decision:
    return decide(incident, standing, rules, now=NOW)


# What is chosen first -----------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", Trigger)
def test_the_first_channel_of_the_order_is_written_to_at_once(trigger: Trigger) -> None:
    decision = ask(replace(INCIDENT, trigger=trigger))
    assert decision == Send(
        channel=Channel.WHATSAPP,
        sender="+4930111",
        recipient="+4915123456789",
        form=Form.TEXT,
        cause="fallback:call:c_1#0",
        not_before=NOW,
        not_after=NOW + RULES.useful_s,
    )


def test_a_closed_window_takes_the_template_and_without_one_the_next_channel() -> None:
    closed = replace(STANDING, last_inbound_at={Channel.WHATSAPP: NOW - WINDOW_S})
    assert sent(ask(standing=closed)) == (Channel.WHATSAPP, Form.TEMPLATE)
    never = replace(STANDING, last_inbound_at={})
    assert sent(ask(standing=never)) == (Channel.WHATSAPP, Form.TEMPLATE)
    decision = ask(standing=closed, rules=replace(RULES, templates=frozenset()))
    assert sent(decision) == (Channel.SMS, Form.TEXT)
    assert skips(decision) == {Channel.WHATSAPP: Reason.WINDOW_CLOSED}


def test_a_window_that_closes_overnight_counts_as_closed() -> None:
    evening = NOW + 10 * HOUR_S
    standing = replace(STANDING, last_inbound_at={Channel.WHATSAPP: evening - 20 * HOUR_S})
    incident = replace(INCIDENT, first_at=evening)
    decision = decide(incident, standing, replace(RULES, quiet=NIGHT), now=evening)
    assert sent(decision) == (Channel.WHATSAPP, Form.TEMPLATE)


def test_a_landline_has_mail_or_a_call() -> None:
    decision = ask(standing=replace(STANDING, line=LineKind.LANDLINE))
    assert sent(decision) == (Channel.EMAIL, Form.TEXT)
    assert set(skips(decision).values()) == {Reason.LANDLINE}


def test_what_is_known_not_to_reach_the_person_is_passed_over() -> None:
    standing = replace(STANDING, unreachable={Channel.WHATSAPP: "63003"})
    decision = ask(standing=standing)
    assert sent(decision) == (Channel.SMS, Form.TEXT)
    assert skips(decision) == {Channel.WHATSAPP: Reason.UNREACHABLE}


def test_channels_without_an_address_or_a_provider_are_passed_over() -> None:
    standing = replace(
        STANDING,
        addresses={Channel.SMS: "+49151", Channel.RCS: "+49151"},
        senders={Channel.RCS: "x"},
    )
    decision = ask(standing=standing)
    assert sent(decision) == (Channel.RCS, Form.TEXT)
    assert skips(decision) == {
        Channel.WHATSAPP: Reason.NO_ADDRESS,
        Channel.SMS: Reason.NOT_SERVED,
    }


def test_nothing_left_says_why_for_each_channel() -> None:
    decision = ask(standing=replace(STANDING, senders={}))
    assert passed(decision) is Reason.NONE_LEFT
    assert skips(decision) == dict.fromkeys(EVERYWHERE, Reason.NOT_SERVED)


# Consent and quiet hours --------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", [Trigger.NOT_ANSWERED, Trigger.BUSY])
def test_whom_we_called_unasked_is_written_to_only_where_they_consented(trigger: Trigger) -> None:
    incident = replace(INCIDENT, trigger=trigger)
    stranger = replace(STANDING, began=False)
    assert passed(ask(incident, stranger)) is Reason.NONE_LEFT
    assert set(skips(ask(incident, stranger)).values()) == {Reason.NO_CONSENT}
    consenting = replace(stranger, consents={Channel.SMS: True})
    assert sent(ask(incident, consenting)) == (Channel.SMS, Form.TEXT)


def test_a_consent_taken_back_holds_for_its_channel() -> None:
    decision = ask(standing=replace(STANDING, consents={Channel.WHATSAPP: False}))
    assert sent(decision) == (Channel.SMS, Form.TEXT)


def test_by_night_it_is_put_off_until_morning_and_mail_is_not() -> None:
    night = NOW + 11 * HOUR_S
    incident = replace(INCIDENT, first_at=night)
    rules = replace(RULES, quiet=NIGHT)
    decision = decide(incident, STANDING, rules, now=night)
    assert isinstance(decision, Send)
    assert decision.not_before == NOW + 20 * HOUR_S
    mail = decide(incident, STANDING, replace(rules, order=(Channel.EMAIL,)), now=night)
    assert isinstance(mail, Send)
    assert mail.not_before == night


def test_a_night_longer_than_the_message_is_of_use_passes_the_channel_over() -> None:
    night = NOW + 11 * HOUR_S
    incident = replace(INCIDENT, first_at=night)
    rules = replace(RULES, quiet=NIGHT, useful_s=HOUR_S)
    decision = decide(incident, STANDING, rules, now=night)
    assert sent(decision) == (Channel.EMAIL, Form.TEXT)
    assert Reason.QUIET_TOO_LONG in skips(decision).values()


# What forbids everything --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (replace(STANDING, is_opted_out=True), Reason.OPTED_OUT),
        (replace(STANDING, addresses={}), Reason.NOBODY),
        (replace(STANDING, is_in_call=True), Reason.IN_CALL),
        (replace(STANDING, last_fallback_at=NOW - 5), Reason.JUST_WRITTEN),
    ],
)
def test_the_person_forbids_it(standing: Standing, reason: Reason) -> None:
    assert passed(ask(standing=standing)) is reason


def test_the_operator_forbids_it() -> None:
    assert passed(ask(rules=replace(RULES, order=()))) is Reason.NO_FALLBACK
    only_missed = replace(RULES, triggers=frozenset({Trigger.MISSED}))
    assert passed(ask(rules=only_missed)) is Reason.NO_FALLBACK


def test_what_comes_too_late_is_left() -> None:
    decision = decide(INCIDENT, STANDING, RULES, now=NOW + RULES.useful_s + 1)
    assert passed(decision) is Reason.TOO_LATE


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (MessageStatus.QUEUED, Reason.UNDER_WAY),
        (MessageStatus.SENDING, Reason.UNDER_WAY),
        (MessageStatus.SENT, Reason.ARRIVED),
        (MessageStatus.DELIVERED, Reason.ARRIVED),
        (MessageStatus.READ, Reason.ARRIVED),
    ],
)
def test_one_cause_has_one_message_that_may_arrive(status: MessageStatus, reason: Reason) -> None:
    earlier = failed(Channel.WHATSAPP, "63003")
    assert passed(ask(after(earlier, failed(Channel.SMS, "", status=status)))) is reason


# The table of error codes -------------------------------------------------------------------------

WHATSAPP, SMS, VOICE = Channel.WHATSAPP, Channel.SMS, Channel.VOICE


@pytest.mark.parametrize(
    ("channel", "code", "expected"),
    [
        (WHATSAPP, "63016", (WHATSAPP, Form.TEMPLATE)),
        (WHATSAPP, "63003", (SMS, Form.TEXT)),
        (WHATSAPP, "63024", (SMS, Form.TEXT)),
        (WHATSAPP, "63018", (WHATSAPP, Form.TEXT)),
        (WHATSAPP, "63022", (WHATSAPP, Form.TEXT)),
        (WHATSAPP, "63012", (WHATSAPP, Form.TEXT)),
        (WHATSAPP, "63021", (SMS, Form.TEXT)),
        (WHATSAPP, "63019", (SMS, Form.TEXT)),
        (WHATSAPP, "63001", (SMS, Form.TEXT)),
        (WHATSAPP, "63013", (SMS, Form.TEXT)),
        (WHATSAPP, "63032", (SMS, Form.TEXT)),
        (SMS, "30003", (SMS, Form.TEXT)),
        (SMS, "30004", (WHATSAPP, Form.TEXT)),
        (SMS, "30005", (VOICE, Form.TEXT)),
        (SMS, "30006", (VOICE, Form.TEXT)),
        (SMS, "21614", (VOICE, Form.TEXT)),
        (SMS, "21635", (VOICE, Form.TEXT)),
        (SMS, "30007", (WHATSAPP, Form.TEXT)),
        (SMS, "30008", (SMS, Form.TEXT)),
        (SMS, "30034", (WHATSAPP, Form.TEXT)),
        (SMS, "30032", (WHATSAPP, Form.TEXT)),
        (SMS, "21408", (WHATSAPP, Form.TEXT)),
        (SMS, "21612", (WHATSAPP, Form.TEXT)),
        (SMS, "21610", Reason.OPTED_OUT),
        (SMS, "20429", (WHATSAPP, Form.TEXT)),
        (SMS, "14107", (WHATSAPP, Form.TEXT)),
        (SMS, "opted_out", Reason.STOPPED_BY_ERROR),
        (SMS, "expired", Reason.STOPPED_BY_ERROR),
        (SMS, "outcome_unknown", Reason.STOPPED_BY_ERROR),
        (SMS, "no_transport", (WHATSAPP, Form.TEXT)),
        (SMS, "of no table", (WHATSAPP, Form.TEXT)),
    ],
)
def test_what_follows_from_a_code(
    channel: Channel, code: str, expected: tuple[Channel, Form] | Reason
) -> None:
    decision = ask(after(failed(channel, code)))
    if isinstance(expected, Reason):
        assert passed(decision) is expected
    else:
        assert sent(decision) == expected
        assert isinstance(decision, Send)
        assert decision.cause == "fallback:call:c_1#1"


@pytest.mark.parametrize(
    "code", [code for code, item in TREATMENTS.items() if item.next is Next.AGAIN]
)
def test_the_same_is_tried_once_more_later_and_then_another(code: str) -> None:
    once = ask(after(failed(WHATSAPP, code)))
    assert isinstance(once, Send)
    assert once.not_before == NOW + treatment_of(code).delay_s > NOW
    twice = ask(after(failed(WHATSAPP, code), failed(WHATSAPP, code)))
    assert sent(twice) == (SMS, Form.TEXT)


@pytest.mark.parametrize("code", ["63018", "63022"])
def test_limits_move_only_what_is_urgent_to_another_channel(code: str) -> None:
    attempts = failed(WHATSAPP, code), failed(WHATSAPP, code)
    assert passed(ask(after(*attempts, is_urgent=False))) is Reason.NOT_URGENT
    assert sent(ask(after(*attempts))) == (SMS, Form.TEXT)


def test_a_window_found_closed_goes_template_then_sms() -> None:
    first = failed(WHATSAPP, "63016")
    second = failed(WHATSAPP, "63016", Form.TEMPLATE)
    assert sent(ask(after(first, second))) == (SMS, Form.TEXT)
    without = replace(RULES, templates=frozenset())
    assert sent(ask(after(first), rules=without)) == (SMS, Form.TEXT)


def test_a_line_that_takes_no_texts_is_never_texted_again_whatever_fails_later() -> None:
    attempts = failed(SMS, "30006"), failed(VOICE, "busy")
    assert sent(ask(after(*attempts))) == (Channel.EMAIL, Form.TEXT)


def test_the_operator_s_order_is_not_widened_by_a_preference() -> None:
    only_texts = replace(RULES, order=(WHATSAPP, SMS))
    assert passed(ask(after(failed(SMS, "30006")), rules=only_texts)) is Reason.NONE_LEFT


def test_the_key_of_a_step_tells_its_incident() -> None:
    assert incident_cause(step_cause("message:m#1", 3)) == "message:m#1"
    assert incident_cause("reply:m_1") is None


# What holds for every course of events ------------------------------------------------------------

CODES = st.sampled_from([*TREATMENTS, "", "99999"])
SUBSETS = st.sets(st.sampled_from(EVERYWHERE)).map(frozenset)
STANDINGS = st.builds(
    Standing,
    addresses=SUBSETS.map(lambda found: dict.fromkeys(found, "+49151")),
    senders=SUBSETS.map(lambda found: dict.fromkeys(found, "+4930")),
    is_opted_out=st.booleans(),
    began=st.booleans(),
    consents=st.dictionaries(st.sampled_from(EVERYWHERE), st.booleans()),
    unreachable=SUBSETS.map(lambda found: dict.fromkeys(found, "63003")),
    last_inbound_at=st.dictionaries(
        st.sampled_from(EVERYWHERE), st.floats(NOW - 3 * WINDOW_S, NOW)
    ),
    line=st.sampled_from(LineKind),
    zones=st.lists(st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tokyo"])).map(tuple),
    is_in_call=st.booleans(),
)
RULES_OF_ALL_KINDS = st.builds(
    Rules,
    order=st.lists(st.sampled_from(EVERYWHERE), unique=True).map(tuple),
    templates=SUBSETS,
    quiet=st.none() | st.just(NIGHT),
    attempts_most=st.integers(1, 20),
    useful_s=st.floats(0, 3 * WINDOW_S),
)


@given(
    st.sampled_from(Trigger),
    STANDINGS,
    RULES_OF_ALL_KINDS,
    st.lists(CODES, min_size=25, max_size=25),
    st.floats(0, WINDOW_S),
)
def test_it_ends_and_keeps_every_rule_whatever_fails(
    trigger: Trigger, standing: Standing, rules: Rules, codes: list[str], at: float
) -> None:
    incident = Incident(cause="call:c", trigger=trigger, first_at=NOW + at)
    now = NOW + at
    keys = set()
    for code in codes:
        decision = decide(incident, standing, rules, now=now)
        if isinstance(decision, Pass):
            break
        assert not standing.is_opted_out
        assert not standing.is_in_call
        assert decision.channel in rules.order
        assert decision.channel not in standing.unreachable
        assert standing.consents.get(decision.channel, True)
        assert decision.recipient
        assert decision.sender
        assert now <= decision.not_before <= decision.not_after
        if decision.form is Form.TEMPLATE:
            assert decision.channel in rules.templates
        if standing.line is LineKind.LANDLINE:
            assert decision.channel in {Channel.EMAIL, Channel.VOICE}
        assert decision.cause not in keys
        keys.add(decision.cause)
        attempt = Attempt(
            channel=decision.channel,
            form=decision.form,
            status=MessageStatus.FAILED,
            error_code=code,
        )
        assert sum(item == attempt for item in incident.attempts) < 2
        incident = replace(incident, attempts=(*incident.attempts, attempt))
        now = decision.not_before
    else:
        pytest.fail("it goes on and on")
    assert len(incident.attempts) <= rules.attempts_most


@given(STANDINGS, RULES_OF_ALL_KINDS, st.lists(CODES, max_size=4))
def test_an_opted_out_person_is_never_written_to(
    standing: Standing, rules: Rules, codes: list[str]
) -> None:
    attempts = tuple(failed(SMS, code) for code in codes)
    decision = ask(after(*attempts), replace(standing, is_opted_out=True), rules)
    assert isinstance(decision, Pass)
    learned = ask(after(*attempts, failed(SMS, "21610")), standing, rules)
    assert isinstance(learned, Pass)
