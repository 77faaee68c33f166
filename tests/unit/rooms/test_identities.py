"""Addresses of one person, from the configuration."""

import pytest

from gateway.errors import ConfigError
from gateway.model.messages import Channel
from gateway.rooms.identities import key_of, link_all
from gateway.store.people import person_keys
from gateway.store.room_lines import room_of


def test_configured_addresses_are_one_person_in_one_room_however_often_they_are_linked(database):
    identities = {"+49 151 1": ["email:Ann@Example.org", "telegram:7", "+491512"]}
    with database.begin() as connection:
        for at in (1.0, 2.0):
            link_all(connection, identities, at=at)
        assert person_keys(connection, "telegram:7") == {
            "+491511",
            "+491512",
            "email:ann@example.org",
            "telegram:7",
        }
        found = {
            room_of(connection, channel, number="+4930", address=address, at=3.0)
            for channel, address in (
                (Channel.WHATSAPP, "+491511"),
                (Channel.SMS, "+491512"),
                (Channel.EMAIL, "ann@example.org"),
            )
        }
    assert len(found) == 1


@pytest.mark.parametrize("address", ["", "email:", "pigeon:7", ":7"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="no address"):
        key_of(address)
