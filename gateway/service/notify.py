"""Tells the service manager how the gateway is: sd_notify(3), spoken over its datagram socket.

Nothing here blocks and nothing raises: a service manager that does not listen must not cost a call.
"""

import logging
import os
import socket
import time
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

SOCKET_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"
STATUS_MOST = 200
"""Characters of a status line; systemd shows it in one."""


class Notifier:
    """Owns one datagram socket; without an address every method does nothing."""

    def __init__(self, address: str = "", *, watchdog_s: float = 0.0) -> None:
        """`address` is a path, or `@` and an abstract name; `watchdog_s` is 0 for no watchdog."""
        self.watchdog_s = watchdog_s
        """The manager ends us when it hears no `watchdog` for so long."""
        self._socket: socket.socket | None = None
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._status = ""
        self._has_failed = False
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """Take the address and the watchdog's period that systemd gave; workers do not inherit them."""
        address = environment.pop(SOCKET_VARIABLE, "")
        period_us = environment.pop(WATCHDOG_VARIABLE, "")
        pid = environment.pop(WATCHDOG_PID_VARIABLE, "")
        if not address.startswith(("/", "@")) or len(address) < 2:
            return cls()
        is_ours = not pid or pid == str(os.getpid())
        watchdog_s = int(period_us) / 1e6 if is_ours and period_us.isdigit() else 0.0
        return cls(address, watchdog_s=watchdog_s)

    @property
    def is_on(self) -> bool:
        return self._socket is not None

    def ready(self) -> None:
        """Calls are answered: after the start, and after a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` must follow."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Show one line to people; the same line is not sent twice in a row."""
        line = " ".join(text.split())[:STATUS_MOST]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def watchdog(self) -> None:
        """Everything moves."""
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Starting or stopping goes on; the manager waits so long for the next word."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def close(self) -> None:
        """May be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, state: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(state.encode(), self._address)
            self._has_failed = False
        except OSError as error:
            # Full or gone. Told once: a manager that is away for an hour is not worth 500 lines.
            if not self._has_failed:
                self._has_failed = True
                log.warning("the service manager does not listen", extra={"reason": str(error)})
