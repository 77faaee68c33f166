"""A service manager's end of sd_notify: a real datagram socket, read by a thread of its own."""

import socket
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Told:
    """One datagram."""

    at_s: float
    text: str


class ManagerSocket:
    """Listens at a path, or at an abstract name (`@…`); use as a context manager."""

    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self.told: list[Told] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self.address[1:]}" if self.address.startswith("@") else self.address)
        self._socket.settimeout(0.1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        self._socket.close()

    def texts(self) -> list[str]:
        return [item.text for item in self.told]

    def fed(self, since_s: float = 0.0) -> int:
        """Return how often the watchdog was fed since then (monotonic seconds)."""
        return sum(item.text == "WATCHDOG=1" for item in self.told if item.at_s >= since_s)

    def longest_hunger_s(self, since_s: float) -> float:
        """Return the longest time between two feedings since then, up to now."""
        times = [
            item.at_s for item in self.told if item.text == "WATCHDOG=1" and item.at_s >= since_s
        ]
        times = [since_s, *times, time.monotonic()]
        return max(after - before for before, after in pairwise(times))

    def _read(self) -> None:
        while not self._closed.is_set():
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                continue
            self.told.append(Told(time.monotonic(), data.decode()))
