"""Tests of gateway/checks/webrtc.py."""

import pytest

from gateway.checks import webrtc
from gateway.checks.finding import Level
from gateway.config import Config


@pytest.fixture
def config_of(tmp_path, monkeypatch):
    monkeypatch.setattr(webrtc.page, "folder", lambda: tmp_path / "page")
    monkeypatch.setattr(webrtc, "ephemeral_ports", lambda: (32768, 60999))
    monkeypatch.setattr(webrtc, "LIBRARIES", ("json",))
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("x")

    def make(http=None, **section):
        data = {"gateway": {"data_dir": tmp_path / "data"}, "webrtc": section, "http": http or {}}
        return Config.model_validate(data)

    return make


def told(config):
    return [(item.level, item.message) for item in webrtc.check_webrtc(config)]


def test_the_defaults_are_in_order(config_of):
    [(level, message)] = told(config_of())

    assert level is Level.OK
    assert "in order" in message


def test_calls_that_are_not_wanted_are_not_looked_at(config_of):
    [(level, message)] = told(config_of(enabled=False, anonymous="yes"))

    assert (level, "false" in message) == (Level.OK, True)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"anonymous": "yes"}, "whoever reaches the page"),
        ({"origins": ["http://shop.example.com"]}, "without TLS"),
        ({"port_min": 19_000}, "overlaps sip"),
        ({"port_max": 40_000}, "outgoing connections"),
    ],
)
def test_what_is_risky_is_warned_of_with_a_remedy(config_of, section, words):
    [finding] = webrtc.check_webrtc(config_of(**section))

    assert finding.level is Level.WARN
    assert words in finding.message
    assert finding.remedy


@pytest.mark.parametrize(
    "section",
    [
        {"origins": ["https://shop.example.com", "http://localhost:3000", "http://127.0.0.1"]},
        {"anonymous": "no"},
    ],
)
def test_what_is_fine_is_not_warned_of(config_of, section):
    assert [level for level, _ in told(config_of(**section))] == [Level.OK]


def test_a_server_for_others_without_tls_gets_no_microphone(config_of):
    [(level, message)] = told(config_of(http={"host": "0.0.0.0"}))
    [(fine, _)] = told(config_of(http={"host": "0.0.0.0", "trusted_proxies": ["10.0.0.0/8"]}))

    assert (level, fine) == (Level.WARN, Level.OK)
    assert "microphone" in message


def test_missing_libraries_fail(config_of, monkeypatch):
    monkeypatch.setattr(webrtc, "LIBRARIES", ("json", "no_such_library"))

    assert told(config_of()) == [(Level.FAIL, "no_such_library are not installed")]


def test_a_missing_page_fails(config_of, tmp_path):
    (tmp_path / "page" / "index.html").unlink()

    [(level, message)] = told(config_of())

    assert level is Level.FAIL
    assert "index.html is missing" in message


def test_secrets_that_cannot_be_used_fail(config_of, tmp_path):
    (tmp_path / "short").write_text("short")
    servers = [{"urls": ["turn:turn.example.com"]}]
    secret, turn = (
        told(config_of(token_secret_file=tmp_path / "short")),
        told(config_of(turn_secret_file=tmp_path / "none", ice_servers=servers)),
    )

    assert [level for level, _ in (*secret, *turn)] == [Level.FAIL, Level.FAIL]
    assert "does not hold a usable secret" in secret[0][1]
    assert "webrtc.turn_secret_file" in turn[0][1]


def test_passwords_that_end_before_the_call_are_warned_of(config_of, tmp_path):
    (tmp_path / "turn").write_text("north")

    [(level, message)] = told(config_of(turn_secret_file=tmp_path / "turn", turn_ttl_s=600))

    assert level is Level.WARN
    assert "turn_ttl_s = 600" in message
