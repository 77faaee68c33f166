"""The console's files: all are used and served, and the page keeps to its own policy."""

import re

from gateway.http.console import page
from gateway.sessions.gate import OpenReason
from gateway.sessions.state import SessionState

FOLDER = page.folder()
MODULES = sorted(FOLDER.glob("*.js"))


def test_the_page_has_nothing_inline_and_asks_only_for_files_that_are_served() -> None:
    served = page.read_files(FOLDER)
    markup = served[page.PAGE].body.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", markup)
    links = re.findall(r'(?:src|href)="([^"]*)"', markup)
    assert links
    # Relative, so that a path before it does no harm.
    assert set(links) <= {f"console/static/{name}" for name in served}


def test_every_module_is_used() -> None:
    named = set(re.findall(r'"\./([^"]+)"', "".join(path.read_text() for path in MODULES)))

    assert {path.name for path in MODULES} - named == {"app.js"}


def test_every_state_and_every_reason_of_a_gate_has_words() -> None:
    known = (FOLDER / "call_words.js").read_text()

    for name in (*SessionState, *OpenReason):
        assert re.search(rf"\b{name.value}: \"", known), name
