"""docs/SECURITY.md says what is so: its files exist, its figures are those of the code, its scopes are all."""

import re
from pathlib import Path

from gateway.access import login_throttle
from gateway.access.scopes import Scope
from gateway.config import HttpSection, OverloadSection
from gateway.http import access, guards, parser_errors, server

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "SECURITY.md").read_text()


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`((?:tests|gateway|telephony|webrtc|agents)/[\w./-]+)`", TEXT))
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_scope_is_named():
    listed = re.search(r"Bearer tokens with scopes: (.*?)\.", TEXT, re.DOTALL)
    assert listed is not None
    assert re.findall(r"`(\w+)`", listed[1]) == [scope.value for scope in Scope]


def test_every_key_of_the_configuration_exists():
    for key in re.findall(r"`http\.(\w+)", TEXT):
        assert key in HttpSection.model_fields
    assert OverloadSection.model_fields["enabled"].default is True


def test_the_figures_are_those_of_the_code():
    bounds = " ".join(TEXT.split())
    section = HttpSection()
    assert f"{server.BODY_MOST // 1024} KiB of body" in bounds
    assert f"{server.HEADER_MOST // 1024} KiB for each header" in bounds
    assert f"{section.max_connections} connections and " in bounds
    assert f"{section.max_connections_per_address} of one address" in bounds
    assert f"{server.KEEP_ALIVE_S:.0f} s for a request's head" in bounds
    assert guards.BODY_BOUND_S == access.ANSWER_BOUND_S
    assert f"{guards.BODY_BOUND_S:.0f} s for its body and for the API's answer" in bounds
    assert f"for {parser_errors.STUCK_MS // 1000} s is cut off" in bounds
    assert (login_throttle.FREE, login_throttle.LONGEST_S) == (5, 300.0)
    assert "After five wrong tokens" in bounds
    assert "up to five minutes" in bounds


def test_no_address_is_made_up():
    assert not re.search(r"[\w.]+@[\w.]+\.\w+", TEXT)
    assert not re.search(r"https?://(?!127\.0\.0\.1)", TEXT)
