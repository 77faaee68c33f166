"""Speaks to systemd's journal in its own protocol, so that each fact of a record is a field that can be searched.

Protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. A record is one datagram; one too large for that goes as
a sealed file in memory. Nothing waits for the journal: what it does not take at once is dropped and counted.
"""

import array
import errno
import fcntl
import logging
import os
import re
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "offhook"
PREFIX = "OFFHOOK_"
"""Before the names of our own facts, so that none looks like a field of systemd's."""
_NAME_MOST = 64
"""systemd.journal-fields(7): longer names are refused."""
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `stream` is connected to the journal, by `JOURNAL_STREAM` (systemd.exec(5))."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    if not (device.isdigit() and inode.isdigit()):
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (status.st_dev, status.st_ino) == (int(device), int(inode))


def field_name(name: str) -> str:
    """Return the field of a fact: `pii.caller` is `OFFHOOK_PII_CALLER`."""
    return (PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper()))[:_NAME_MOST]


def encode(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a record; values with a line break carry their length, as the protocol wants."""
    parts = []
    for name, value in fields:
        text = value.encode("utf-8", "replace")
        if b"\n" in text:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(text)) + text + b"\n")
        else:
            parts.append(name.encode() + b"=" + text + b"\n")
    return b"".join(parts)


Describe = Callable[[logging.LogRecord], Iterable[tuple[str, str]]]
"""What of a record is written besides message and place: pairs of field and value."""


class JournalHandler(logging.Handler):
    """Writes records to the journal."""

    def __init__(self, describe: Describe, path: str = SOCKET) -> None:
        """Raises `OSError` when there is no journal."""
        super().__init__()
        self._describe = describe
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self.dropped = 0
        """Records that the journal did not take."""
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        try:
            datagram = encode(
                (
                    ("PRIORITY", str(priority(record.levelno))),
                    ("SYSLOG_IDENTIFIER", IDENTIFIER),
                    ("CODE_FILE", record.pathname),
                    ("CODE_LINE", str(record.lineno)),
                    ("CODE_FUNC", record.funcName or ""),
                    *self._describe(record),
                )
            )
        except Exception:
            self.handleError(record)
            return
        try:
            self._send(datagram)
        except OSError:
            self.dropped += 1

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.send(datagram)
        except OSError as error:
            if error.errno in (errno.EMSGSIZE, errno.ENOBUFS):
                self._send_file(datagram)
            elif error.errno in (errno.ENOTCONN, errno.ECONNREFUSED, errno.EPIPE):
                # The journal was started again.
                self._socket.connect(self._path)
                self._socket.send(datagram)
            else:
                raise

    def _send_file(self, datagram: bytes) -> None:
        fd = os.memfd_create("offhook-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.write(fd, datagram)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            rights = array.array("i", [fd])
            self._socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        finally:
            os.close(fd)

    def close(self) -> None:
        self._socket.close()
        super().close()


def priority(level: int) -> int:
    """Return the syslog priority of a level (RFC 5424 section 6.2.1)."""
    return next((found for least, found in _PRIORITIES if level >= least), 7)
