"""The pages name only routes, configuration keys and metrics that there are, and all keys that a reload takes up."""

import re
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.config.changes import LIVE
from gateway.config.problems import _known_keys
from gateway.http.route_scopes import ROUTE_SCOPES
from gateway.sessions.state import SessionState
from tests.docs.test_monitoring import TOLD

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
NO_KEYS = {"webrtc.json", "rooms show", "rooms say"}
"""They look like a section and a key: a file, and commands."""


def of_page(pattern: str) -> list[object]:
    """Return each match of a pattern, once for each page, with the page's name."""
    return [
        pytest.param(*(match if isinstance(match, tuple) else (match,)), id=f"{page.name}:{match}")
        for page, text in TEXTS.items()
        for match in sorted(set(re.findall(pattern, text)))
    ]


def blanked(route: str) -> str:
    """Return a route with all ids alike: `{call_id}`, `ID`, `c_…`."""
    return re.sub(r"/(?:\{\w+\}|ID|c_…)", "/{}", route.rstrip("/"))


@pytest.mark.parametrize("route", of_page(r"(/api/v1/[\w/.{}…-]*\w}?)"))
def test_a_route_that_is_named_is_there(route):
    assert blanked(route) in {blanked(known) for _, known in ROUTE_SCOPES}


@pytest.mark.parametrize(("method", "route"), of_page(r"`(GET|POST|PUT|DELETE) (/api/v1/[^`? ]*)"))
def test_a_route_is_named_with_its_method(method, route):
    assert (method, blanked(route)) in {(known, blanked(one)) for known, one in ROUTE_SCOPES}


@pytest.mark.parametrize(
    ("section", "rest"),
    of_page(rf"`\[?({'|'.join(Config.model_fields)})(?:\.|\] )([a-z_.]+)(?=[\]`]| = )"),
)
def test_a_key_that_is_named_is_there(section, rest):
    if f"{section}.{rest}" in NO_KEYS:
        return
    path: tuple[str, ...] = (section,)
    for key in rest.split("."):
        known = _known_keys(path, {})
        assert not known or key in known, f"{'.'.join(path)} knows: {', '.join(sorted(known))}"
        path = (*path, key)


@pytest.mark.parametrize("metric", of_page(r"`(offhook_\w+)"))
def test_a_metric_that_is_named_is_told(metric):
    assert {metric, f"{metric}_count"} & TOLD.keys()


def test_every_key_that_a_reload_takes_up_is_named():
    page = " ".join(TEXTS[ROOT / "docs" / "operating.md"].split())
    told = re.search(r"read the configuration again.*?All else", page)
    assert told is not None
    named = set(re.findall(r"`([\w.*]+)`", told[0]))

    assert {key.removeprefix("gateway.") for key in LIVE} | {"trunks.*.networks"} <= named


def test_the_states_of_a_call_are_told_in_order():
    assert f"\n{' → '.join(SessionState)}\n" in TEXTS[ROOT / "README.md"]
