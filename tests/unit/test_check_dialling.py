"""What `offhook check` says of trunks, of what may be dialled, and of links."""

import pytest

from gateway.checks import dialling
from gateway.checks.asking import Unreachable
from gateway.checks.dialling import check_dialling
from gateway.checks.finding import Level
from gateway.config import Config

TRUNK = {"host": "192.0.2.5", "caller_id": "+493099"}
NAMED = {"host": "sip.example.com", "caller_id": "+493099", "networks": ["192.0.2.0/24"]}
GOOD = {"trunks": {"a": TRUNK}, "dialling": {"allow": ["+49"]}}


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """The network's names; tests add theirs."""
    known = {"192.0.2.5": ["192.0.2.5"], "sip.example.com": ["192.0.2.9"]}

    def resolve(host: str) -> list[str]:
        if host not in known:
            raise Unreachable("name or service not known")
        return known[host]

    monkeypatch.setattr(dialling, "resolve", resolve)
    return known


def told(config: dict) -> list[tuple[Level, str]]:
    return [
        (one.level, f"{one.message} → {one.remedy}")
        for one in check_dialling(Config.model_validate(config))
    ]


def test_nothing_is_said_of_what_is_not_used() -> None:
    assert told({}) == []


def test_all_is_well() -> None:
    ((level, text),) = told(GOOD)
    assert level is Level.OK
    assert "a" in text


@pytest.mark.parametrize("deny", [["+49900", "00", "0044"], ["1"]])
def test_beginnings_that_deny_what_they_say(deny) -> None:
    assert [level for level, _ in told({**GOOD, "dialling": {"allow": ["+49"], "deny": deny}})] == [
        Level.OK
    ]


def test_with_a_country_numbers_may_be_denied_as_they_are_dialled_there() -> None:
    rules = {"allow": ["+49"], "deny": ["0900"], "country": "DE"}
    assert [level for level, _ in told({**GOOD, "dialling": rules})] == [Level.OK]


@pytest.mark.parametrize(
    ("config", "level", "words"),
    [
        ({**GOOD, "dialling": {}}, Level.WARN, "dialling.allow is empty"),
        ({**GOOD, "dialling": {"allow": ["*"]}}, Level.WARN, "every number in the world"),
        ({**GOOD, "dialling": {"allow": ["+"]}}, Level.WARN, "every number in the world"),
        ({**GOOD, "dialling": {"allow": ["+49"], "deny": ["0900"]}}, Level.WARN, "deny: 0900"),
        ({"dialling": {"allow": ["+49"]}}, Level.WARN, "there is no trunk"),
        ({**GOOD, "sip": {"enabled": False}}, Level.FAIL, "sip.enabled"),
        ({**GOOD, "trunks": {"a": {"host": "192.0.2.5"}}}, Level.WARN, "no caller_id"),
        (
            {**GOOD, "numbers": [{"number": "1", "agent": "echo"}]},
            Level.WARN,
            "no agent answers +493099",
        ),
        (
            {**GOOD, "trunks": {"a": {**NAMED, "host": "gone.example.com"}}},
            Level.FAIL,
            "does not resolve",
        ),
        (
            {**GOOD, "trunks": {"a": {**NAMED, "networks": ["198.51.100.0/24"]}}},
            Level.FAIL,
            "trunks.a.networks",
        ),
        ({"fallback": {"order": ["voice", "sms"]}}, Level.WARN, "voice is passed over"),
        ({"http": {"public_url": "http://voice.example.com"}}, Level.FAIL, "microphone"),
        (
            {"http": {"public_url": "https://v.example.com"}, "webrtc": {"enabled": False}},
            Level.WARN,
            "webrtc.enabled",
        ),
        ({"http": {"public_url": "https://v.example.com"}}, Level.OK, "can carry links"),
    ],
)
def test_each_mistake_is_told(config: dict, level: Level, words: str) -> None:
    assert [one for one in told(config) if one[0] is level and words in one[1]]


def test_a_name_within_its_networks_is_well() -> None:
    ((level, _),) = told({**GOOD, "trunks": {"a": NAMED}})
    assert level is Level.OK
