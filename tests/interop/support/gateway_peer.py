"""The gateway's side of the media link, for tests of a worker process: records all, decides nothing."""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from gateway.config import Config
from gateway.link import messages, protocol
from gateway.model import commands, events
from gateway.model.frame import FRAME_BYTES
from gateway.model.hangup import HangupCause

ROOT = Path(__file__).parents[3]
E = TypeVar("E", bound=events.Event)
_DATAGRAM = 1 << 20


class GatewayPeer:
    """Starts a worker and keeps what it says; use as a context manager.

    `on_offered` is called on the reading thread for each offer, before tests see it.
    """

    def __init__(
        self,
        config: Config,
        on_offered: Callable[["GatewayPeer", int, events.Offered], None] | None = None,
        stderr: Path | None = None,
    ) -> None:
        self._config = config
        self._on_offered = on_offered
        self._stderr_path = stderr
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()
        self.events: list[tuple[int, events.Event]] = []
        self.refused: list[messages.Refused] = []
        self.ticks: list[tuple[protocol.Tick, float]] = []
        """Ticks with the moment they were read."""
        self.keep_ticks = True
        self.tick_hook: Callable[[protocol.Tick, float], None] | None = None
        self.facts: Mapping[str, str] = {}
        self.counters: Mapping[str, float] = {}
        self.is_closed = False
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        config_fd = os.memfd_create("config")
        os.write(config_fd, self._config.model_dump_json().encode())
        os.lseek(config_fd, 0, os.SEEK_SET)
        self._stderr = open(self._stderr_path, "wb") if self._stderr_path else None
        command = [sys.executable, "-m", "telephony"]
        command += ["--link-fd", str(theirs.fileno()), "--config-fd", str(config_fd)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, pass_fds=(theirs.fileno(), config_fd), stderr=self._stderr
        )
        theirs.close()
        os.close(config_fd)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until(lambda: bool(self.facts) or self.is_closed, 20, "the worker's hello")
        if not self.facts:
            self.__exit__()
            raise AssertionError("the worker did not start")
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.hang_up_link()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self._sock.close()
        if self._stderr is not None:
            self._stderr.close()

    # Commands ----------------------------------------------------------------------------------

    def send(self, *controls: messages.Control) -> None:
        self._write(protocol.join_control([protocol.encode_message(item) for item in controls]))

    def play(self, leg: int, pcm: bytes) -> None:
        for datagram in protocol.encode_play(leg, pcm):
            self._write(datagram)

    def answer(self, leg: int) -> None:
        self.send(commands.Answer(leg=leg))

    def mark(self, leg: int, name: str) -> None:
        self.send(commands.Mark(leg=leg, name=name))

    def hang_up(self, leg: int, cause: HangupCause = HangupCause.AGENT_HUNG_UP) -> None:
        self.send(commands.HangUp(leg=leg, cause=cause))

    def ping(self) -> Mapping[str, float]:
        """Return the worker's counters of now."""
        self.counters = {}
        self.send(messages.Ping(number=1))
        self.until(lambda: bool(self.counters), 5, "a pong")
        return self.counters

    def hang_up_link(self) -> None:
        """Close the link as a gateway does that dies."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the worker was first

    # Waiting -----------------------------------------------------------------------------------

    def until(self, happened: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until `happened`, looked at after each datagram."""
        with self._changed:
            if not self._changed.wait_for(happened, timeout_s):
                raise AssertionError(f"{what} did not come within {timeout_s} s; {self.story()}")

    def of(self, kind: type[E], leg: int | None = None) -> list[E]:
        """Return the events of a kind so far, of one leg or of all."""
        return [
            event
            for number, event in list(self.events)
            if isinstance(event, kind) and leg in (None, number)
        ]

    def wait_for(
        self, kind: type[E], leg: int | None = None, *, count: int = 1, timeout_s: float = 10
    ) -> E:
        """Return the `count`-th event of a kind."""
        self.until(lambda: len(self.of(kind, leg)) >= count, timeout_s, f"{count} {kind.__name__}")
        return self.of(kind, leg)[count - 1]

    def wait_for_leg(self, count: int = 1, timeout_s: float = 10) -> int:
        """Return the number of the `count`-th leg that was offered."""
        self.wait_for(events.Offered, count=count, timeout_s=timeout_s)
        offers = [number for number, event in self.events if isinstance(event, events.Offered)]
        return offers[count - 1]

    def heard(self, leg: int) -> bytes:
        """Return all audio that came from a caller."""
        parts = []
        for tick, _ in list(self.ticks):
            for row, number in enumerate(leg_numbers(tick)):
                if number == leg:
                    parts.append(bytes(tick.pcm[row * FRAME_BYTES : (row + 1) * FRAME_BYTES]))
        return b"".join(parts)

    def story(self) -> str:
        return "; ".join(f"{number}: {type(event).__name__}" for number, event in self.events)

    # Inside ------------------------------------------------------------------------------------

    def _write(self, datagram: bytes) -> None:
        with self._send_lock:
            self._sock.send(datagram)

    def _read(self) -> None:
        try:
            while datagram := self._sock.recv(_DATAGRAM):
                self._take(protocol.decode(memoryview(datagram)), time.monotonic())
        except ConnectionError:
            return
        finally:
            with self._changed:
                self.is_closed = True
                self._changed.notify_all()

    def _take(self, said: Any, now_s: float) -> None:
        if isinstance(said, protocol.Tick):
            if self.tick_hook is not None:
                self.tick_hook(said, now_s)
            if self.keep_ticks:
                self.ticks.append((said, now_s))
            with self._changed:
                self._changed.notify_all()
            return
        for message in said:
            match message:
                case messages.Hello():
                    self.send(messages.Welcome(version=messages.LINK_VERSION))
                    self.facts = message.facts
                case messages.OnLeg():
                    if isinstance(message.event, events.Offered) and self._on_offered is not None:
                        self._on_offered(self, message.leg, message.event)
                    self.events.append((message.leg, message.event))
                case messages.Refused():
                    self.refused.append(message)
                case messages.Pong():
                    self.counters = message.counters
        with self._changed:
            self._changed.notify_all()


def leg_numbers(tick: protocol.Tick) -> tuple[int, ...]:
    """Return the legs whose frames the tick carries, in order."""
    return struct.unpack(f"<{len(tick.legs) // 4}I", tick.legs)


def sip_config(**sip: Any) -> Config:
    """Return a configuration with these `[sip]` values and free ports; `trunks` are `[trunks]`."""
    trunks = sip.pop("trunks", {})
    values: dict[str, Any] = {"port": 0, "max_calls": 8, **sip}
    if "rtp_port_min" not in values:
        values["rtp_port_min"] = free_port() & ~1
        values["rtp_port_min"] = min(max(values["rtp_port_min"], 20_000), 55_000)
        values["rtp_port_max"] = values["rtp_port_min"] + 4 * values["max_calls"] + 200
    return Config.model_validate(
        {"sip": values, "trunks": trunks, "gateway": {"log_level": "debug"}}
    )


def free_port(host: str = "127.0.0.1", kind: int = socket.SOCK_DGRAM) -> int:
    """Return a port that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def sip_port(peer: GatewayPeer) -> int:
    """Return the port on which the worker listens."""
    return int(peer.facts["listeners"].split()[0].rsplit(":", 1)[1])
