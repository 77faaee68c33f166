"""Which agent answers which number."""

import pytest

from gateway.config import Config, NumberSection
from gateway.sessions.routing import route

ROWS = [
    NumberSection(number="echo", agent="echo"),
    NumberSection(number="+1555123*", agent="sales"),
    NumberSection(number="+15551234567", agent="never"),
    NumberSection(number="100", agent="desk"),
    NumberSection(number="front-*", agent="front"),
]


@pytest.mark.parametrize(
    ("dialled", "agent"),
    [
        ("echo", "echo"),
        ("ECHO", "echo"),
        ("+15551234567", "sales"),  # the first match wins
        ("+1 (555) 123-9999", "sales"),
        ("+1555124", None),
        ("100", "desk"),
        ("1000", None),
        ("front-desk", "front"),
        ("frontdesk", None),
        ("", None),
        ("*", None),
    ],
)
def test_route(dialled: str, agent: str | None) -> None:
    assert route(ROWS, dialled) == agent


@pytest.mark.parametrize("dialled", ["", "anything", "+49301234", "sip.user-7"])
def test_a_lone_star_matches_everything(dialled: str) -> None:
    assert route(Config().numbers, dialled) == "receptionist"
