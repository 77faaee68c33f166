"""A caller on the line: SIPp does the signalling, a socket of ours the media, both ways, all the time."""

import itertools
import os
import queue
import subprocess
import threading
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from tests.interop.support.gateway_peer import free_port
from tests.interop.support.rtp import FRAME_SAMPLES, RtpSocket, decode_mu_law
from tests.interop.support.sipp import Sipp

SCENARIOS = Path(__file__).parent / "scenarios"
LINE_HZ = 8_000
Samples = npt.NDArray[np.float64]

_BREATH = np.zeros(FRAME_SAMPLES * 5)
_numbers = itertools.count(1)


class Caller:
    """One call; use as a context manager. Sends silence whenever `say` gave nothing to send.

    `number` is who calls: the name of the call in the gateway's records, used by no other call unless it is given.
    """

    def __init__(
        self,
        directory: Path,
        sip_port: int,
        dialled: str = "desk",
        *,
        scenario: str = "until_they_hang_up",
        hold_s: float = 0,
        is_talking: bool = True,
        number: str = "",
        scenarios: Path = SCENARIOS,
    ) -> None:
        self.number = number or f"+1555{os.getpid() % 100_000:05}{next(_numbers):03}"
        self.media = RtpSocket()
        self._directory = directory / f"{self.number}-{next(_numbers)}"
        self._sip_port = sip_port
        self._dialled = dialled
        self._scenario = scenario
        self._scenarios = scenarios
        self._hold_s = hold_s
        self._is_talking = is_talking
        self._words: queue.Queue[Samples] = queue.Queue()
        self._said = threading.Event()
        self._closed = threading.Event()
        self._mouth = threading.Thread(target=self._talk, daemon=True)
        self._sipp: Sipp | None = None

    def __enter__(self) -> Self:
        self.media.__enter__()
        self._directory.mkdir(parents=True)
        port = free_port()
        name = self._scenario
        command = [
            "sipp",
            f"127.0.0.1:{self._sip_port}",
            "-sf",
            str(self._scenarios / f"{name}.xml"),
        ]
        command += ["-m", "1", "-i", "127.0.0.1", "-p", str(port), "-s", self._dialled]
        command += ["-key", "caller", self.number, "-key", "rtp_port", str(self.media.port)]
        command += ["-d", str(round(self._hold_s * 1000)), "-nostdin", "-timeout_error"]
        command += ["-trace_msg", "-message_file", f"{name}_messages.log"]
        command += ["-trace_err", "-error_file", f"{name}_errors.log"]
        with open(self._directory / f"{name}.out", "wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TERM": "dumb"},
            )
        self._sipp = Sipp(process, self._directory, port, name)
        self._mouth.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._mouth.join()
        self.sipp.stop()
        self.media.__exit__()

    @property
    def sipp(self) -> Sipp:
        assert self._sipp is not None
        return self._sipp

    def expect_success(self, bound_s: float = 20) -> None:
        """The call went as the scenario says."""
        self.sipp.expect_success(bound_s)

    def say(self, samples: Samples) -> None:
        """Begin to say something (8 kHz samples) and go on; silence follows."""
        self._said.clear()
        self._words.put(samples)

    def fall_silent(self) -> None:
        """Send nothing any more, as whose network is gone."""
        self._is_talking = False

    def wait_until_said(self, bound_s: float = 15) -> None:
        assert self._said.wait(bound_s), "the caller could not speak"

    def heard(self) -> Samples:
        """Return all that was heard so far, 8 kHz."""
        return self.media.audio()

    def heard_since(self, at_s: float) -> Samples:
        """Return what arrived from `at_s` on (seconds of the monotonic clock), 8 kHz."""
        parts = [decode_mu_law(p.payload) for p in self.media.packets if p.at_s >= at_s]
        return np.concatenate(parts or [np.zeros(0)])

    def _talk(self) -> None:
        while not self._closed.is_set():
            if not self.media.packets:
                # Where to send to is known from the first packet.
                self._closed.wait(0.005)
                continue
            if not self._is_talking:
                self._closed.wait(0.1)
                continue
            try:
                self.media.send_audio(self._words.get_nowait())
                self._said.set()
            except queue.Empty:
                self.media.send_audio(_BREATH)
