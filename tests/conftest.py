"""Markers by folder, the rules of each folder, and what all tests share."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes says how busy the machine is.
settings.register_profile("offhook", deadline=None)
settings.load_profile("offhook")

ROOT = Path(__file__).parent
MARKED = {"component", "interop", "models", "browser", "load", "docs"}
TIMED = {"interop", "models", "browser", "load"}
"""Folders whose tests look at the clock: asyncio's debug mode would slow down what they measure."""
TOOLS = {
    "interop": ("sipp", "baresip"),
    "models": ("espeak-ng",),
    "browser": ("chromium", "turnserver", "ip"),
}
REASON_LINES = 25
"""Of a test's failed first try; its assertion stands at the end."""
_DEBUG = "PYTHONASYNCIODEBUG"


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).parts[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder, so that none can be without."""
    for item in items:
        folder = _folder(item)
        if folder in MARKED:
            item.add_marker(getattr(pytest.mark, folder))
        if folder in TIMED:
            # Real audio in real time: a machine that stalls for a moment may spoil one try. The summary tells
            # of every second one.
            item.add_marker(pytest.mark.flaky(reruns=1))
        for tool in TOOLS.get(folder, ()):
            # A missing tool is a failure where the whole set is asked for, else a reasoned skip.
            if shutil.which(tool) is None and not os.environ.get("REQUIRE_INTEROP"):
                item.add_marker(pytest.mark.skip(reason=f"{tool} is not installed"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell why a test was tried a second time; that it then passed hides it otherwise."""
    spoilt = [
        r for r in terminalreporter.stats.get("rerun", ()) if isinstance(r, pytest.TestReport)
    ]
    if spoilt:
        terminalreporter.section("tried a second time")
    for report in spoilt:
        terminalreporter.write_line(report.nodeid, bold=True)
        for line in report.longreprtext.splitlines()[-REASON_LINES:]:
            terminalreporter.write_line(f"    {line}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have event loops, made after this, tell of slow callbacks and forgotten coroutines."""
    if _folder(item) in TIMED:
        os.environ.pop(_DEBUG, None)
    else:
        os.environ[_DEBUG] = "1"


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Unit tests use no sockets but pairs and files of this machine."""
    if _folder(request.node) != "unit":
        yield
        return
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, _only_local(getattr(socket.socket, name)))
    yield


def _only_local(method):
    def guarded(self: socket.socket, *arguments):
        if self.family != socket.AF_UNIX:
            raise AssertionError(f"a unit test may not use the network: {arguments!r}")
        return method(self, *arguments)

    return guarded
