"""The names of the messages on the wire."""

from typing import get_args

from gateway.link.messages import EVENT_NAMES, MESSAGE_NAMES, OnLeg, Ping, UpMessage, Welcome
from gateway.model import commands, events


def test_every_event_has_a_name() -> None:
    assert set(EVENT_NAMES.values()) == {events.Offered, *get_args(events.LegEvent)}


def test_every_command_and_message_has_a_name() -> None:
    expected = {*get_args(UpMessage), *get_args(commands.Command), Welcome, Ping} - {OnLeg}
    assert set(MESSAGE_NAMES.values()) == expected


def test_no_name_means_two_things() -> None:
    assert not EVENT_NAMES.keys() & MESSAGE_NAMES.keys()
