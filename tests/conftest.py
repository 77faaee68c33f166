"""Markers by folder, the rules of each folder, and what all tests share."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
MARKED = {"component", "interop", "models", "browser", "load", "docs"}
TOOLS = {"interop": ("sipp", "baresip"), "models": ("espeak-ng",)}

os.environ.setdefault("PYTHONASYNCIODEBUG", "1")


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).parts[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder, so that none can be without."""
    for item in items:
        folder = _folder(item)
        if folder in MARKED:
            item.add_marker(getattr(pytest.mark, folder))
        for tool in TOOLS.get(folder, ()):
            # A missing tool is a failure where the whole set is asked for, else a reasoned skip.
            if shutil.which(tool) is None and not os.environ.get("REQUIRE_INTEROP"):
                item.add_marker(pytest.mark.skip(reason=f"{tool} is not installed"))


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Unit tests open no sockets but pairs within the process."""
    if _folder(request.node) != "unit":
        yield
        return

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a unit test may not use the network: {address!r}")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    yield
