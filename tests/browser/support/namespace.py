"""A network namespace with two ways to this machine, either of which can be cut: a browser that roams."""

import contextlib
import os
import subprocess
from typing import Self

_TIMEOUT_S = 10


def is_possible() -> bool:
    """Return whether this process may make namespaces here."""
    name = f"offhook-probe-{os.getpid()}"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.SubprocessError):
        return False
    try:
        _ip("link", "add", f"op{os.getpid()}", "type", "veth", "peer", f"oq{os.getpid()}")
        _ip("link", "del", f"op{os.getpid()}")
    except subprocess.SubprocessError:
        return False
    finally:
        _ip("netns", "del", name)
    return True


class Namespace:
    """One namespace, ways 0 and 1; the browser's traffic takes way 0 until `switch`.

    `address` is this machine as seen from inside, by whichever way. Use as a context manager.
    """

    def __init__(self, number: int) -> None:
        """`number` (0…199) keeps namespaces that live at the same time apart."""
        self.name = f"offhook-{os.getpid()}-{number}"
        self.address = f"10.{50 + number}.0.1"
        self._nets = [f"10.{50 + number}.{way + 1}" for way in (0, 1)]
        self._outside = [f"ofo{os.getpid() % 100000}w{way}" for way in (0, 1)]
        self._inside = [f"ofi{os.getpid() % 100000}w{way}" for way in (0, 1)]

    def __enter__(self) -> Self:
        _ip("netns", "add", self.name)
        try:
            self._inner("link", "set", "lo", "up")
            _ip("addr", "add", f"{self.address}/32", "dev", "lo")
            for way in (0, 1):
                self._build(way)
            self.switch(0)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.SubprocessError):
            _ip("addr", "del", f"{self.address}/32", "dev", "lo")
        for name in self._outside:
            with contextlib.suppress(subprocess.SubprocessError):
                _ip("link", "del", name)
        _ip("netns", "del", self.name)

    def _build(self, way: int) -> None:
        outside, inside, net = self._outside[way], self._inside[way], self._nets[way]
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", self.name)
        _ip("addr", "add", f"{net}.1/24", "dev", outside)
        _ip("link", "set", outside, "up")
        self._inner("addr", "add", f"{net}.2/24", "dev", inside)

    def switch(self, way: int) -> None:
        """Have this way and not the other one: the browser gets another address, as when it roams."""
        self.cut(1 - way)
        self._inner("link", "set", self._inside[way], "up")
        self._inner("route", "replace", "default", "via", f"{self._nets[way]}.1")

    def cut(self, way: int) -> None:
        """Take a way away; nothing of what is sent arrives."""
        self._inner("link", "set", self._inside[way], "down")

    def address_of(self, way: int) -> str:
        """Return the browser's address on a way."""
        return f"{self._nets[way]}.2"

    def _inner(self, *arguments: str) -> None:
        _ip("-netns", self.name, *arguments)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=_TIMEOUT_S)
