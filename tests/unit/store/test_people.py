"""Tests of gateway/store/people.py, on a database in memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.messages import Channel
from gateway.store import people
from gateway.store.identity import address_key
from tests.support.direct_database import DirectDatabase

PHONE = "+491701"


@pytest.fixture
def connection():
    database = DirectDatabase()
    with database.begin() as connection:
        yield connection
    database.close()


def say(connection, channel, address, is_out, source):
    return people.record_opt_out(
        connection, channel, address, is_out=is_out, at=1.0, source=source, detail="STOP"
    )


def test_a_stop_by_sms_holds_for_every_telephone_channel(connection):
    say(connection, Channel.SMS, PHONE, True, "twilio:SM1")

    for channel in (Channel.SMS, Channel.WHATSAPP, Channel.RCS, Channel.VOICE):
        assert people.is_opted_out(connection, channel, PHONE)
    assert not people.is_opted_out(connection, Channel.SMS, "+491702")


def test_a_webhook_that_comes_again_after_a_start_does_not_stop_again(connection):
    assert say(connection, Channel.SMS, PHONE, True, "twilio:SM1")
    assert say(connection, Channel.SMS, PHONE, False, "twilio:SM2")
    assert not say(connection, Channel.SMS, PHONE, True, "twilio:SM1")

    assert not people.is_opted_out(connection, Channel.SMS, PHONE)


def test_a_stop_holds_for_addresses_that_are_linked_before_or_after_it(connection):
    people.link(connection, "email:ann@example.org", PHONE, at=1.0)
    say(connection, Channel.SMS, PHONE, True, "s1")
    people.link(connection, "telegram:7", PHONE, at=2.0)

    assert people.is_opted_out(connection, Channel.EMAIL, "Ann@example.org")
    assert people.is_opted_out(connection, Channel.TELEGRAM, "7")
    # What was said stays true of an address that is linked no more.
    people.unlink(connection, "email:ann@example.org")
    assert people.is_opted_out(connection, Channel.EMAIL, "ann@example.org")
    say(connection, Channel.SMS, PHONE, False, "s2")
    assert not people.is_opted_out(connection, Channel.TELEGRAM, "7")
    assert people.is_opted_out(connection, Channel.EMAIL, "ann@example.org")


def test_links_of_links_are_one_person(connection):
    people.link(connection, "email:a", PHONE, at=1.0)
    people.link(connection, "telegram:7", "messenger:9", at=1.0)
    people.link(connection, "messenger:9", "email:a", at=2.0)
    people.link(connection, PHONE, "telegram:7", at=3.0)  # is so already

    everybody = {PHONE, "email:a", "telegram:7", "messenger:9"}
    for key in everybody:
        assert people.person_key(connection, key) == PHONE
        assert people.person_keys(connection, key) == everybody


ADDRESSES = [
    (Channel.SMS, "+491"),
    (Channel.WHATSAPP, "+492"),
    (Channel.EMAIL, "a@b"),
    (Channel.TELEGRAM, "7"),
]
STEPS = st.one_of(
    st.tuples(st.just("link"), st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("out"), st.sampled_from(ADDRESSES), st.none()),
    st.tuples(st.just("in"), st.sampled_from(ADDRESSES), st.none()),
)


@settings(max_examples=40)
@given(st.lists(STEPS, max_size=25))
def test_whoever_said_stop_is_out_by_every_address_until_start(steps):
    """Against a model of sets: a group is out if any of its addresses is."""
    database = DirectDatabase()
    groups = {address: frozenset([address]) for address in ADDRESSES}
    out: set[tuple[Channel, str]] = set()
    with database.begin() as connection:
        for number, (what, one, other) in enumerate(steps):
            if what == "link":
                people.link(connection, address_key(*one), address_key(*other), at=1.0)
                both = groups[one] | groups[other]
                groups |= dict.fromkeys(both, both)
            else:
                say(connection, *one, what == "out", f"s{number}")
                out = out | groups[one] if what == "out" else out - groups[one]

            for address in ADDRESSES:
                assert people.is_opted_out(connection, *address) == bool(groups[address] & out)
    database.close()


def test_consent_is_by_channel_and_the_last_word_holds(connection):
    def say_yes(channel, is_given, source):
        return people.record_consent(
            connection, channel, PHONE, is_given=is_given, at=1.0, source=source
        )

    assert people.consent(connection, Channel.SMS, PHONE) is None
    assert say_yes(Channel.SMS, True, "c1")
    assert say_yes(Channel.WHATSAPP, True, "c2")
    assert say_yes(Channel.SMS, False, "c3")
    assert not say_yes(Channel.SMS, True, "c1")

    assert people.consent(connection, Channel.SMS, PHONE) is False
    assert people.consent(connection, Channel.WHATSAPP, PHONE) is True


def test_what_a_channel_does_not_reach_is_remembered_for_a_while(connection):
    people.record_unreachable(connection, Channel.WHATSAPP, PHONE, code="63003", until=50.0)
    people.record_unreachable(connection, Channel.WHATSAPP, PHONE, code="63024", until=90.0)

    def channels(at):
        return people.unreachable_channels(connection, Channel.SMS, PHONE, at=at)

    assert channels(60.0) == {Channel.WHATSAPP: "63024"}
    assert channels(90.0) == {}
