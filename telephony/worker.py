"""The worker process: joins the link, the switchboard and the SIP stack, and ends them in order.

Threads: the main thread owns pjsua2 (`run`); a reader thread takes the gateway's commands; PJSIP's clock
thread calls the audio ports. Audio goes straight into and out of playout queues; everything else is
posted to the main thread, which handles it on its next turn, at most `ua.POLL_MS` later, so that the
events of a leg come from one thread and in order.
"""

import gc
import logging
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gateway.config import Config
from gateway.errors import GatewayError
from gateway.link.worker_link import WorkerLink
from gateway.media.playout import MarkReached
from gateway.model import commands
from gateway.model.hangup import HangupCause
from telephony import engine
from telephony.admission import Admission
from telephony.leg import Bounds
from telephony.switchboard import Switchboard
from telephony.tick_batch import TickBatch
from telephony.ua import UserAgent

log = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0001
"""At Python's default of 5 ms the clock thread may wait so long for the interpreter's lock."""
_INBOX_LIMIT = 65_536
"""Posted work that waits for the main thread; when full the worker is beyond help and ends."""
_TURN_LIMIT = 512
"""Posted work handled in one turn, so that SIP traffic is not kept waiting."""
_SHUTDOWN_BOUND_S = 3.0
_MAINTENANCE_S = 30.0
_REPORT_S = 60.0


class Worker:
    """One SIP worker, from start to end. `run` on the main thread; commands come on the reader's."""

    def __init__(
        self, config: Config, sock: socket.socket, *, config_file: Path | None = None
    ) -> None:
        """`config_file` is read again when the gateway asks for it."""
        self._config_file = config_file
        sip = config.sip
        self._inbox: deque[Callable[[float], None]] = deque()
        self._stop = threading.Event()
        self._admission = Admission(sip.max_calls)
        self.link = WorkerLink(sock, self)
        bounds = Bounds(
            media_up_s=sip.media_up_bound_ms / 1000,
            answer_s=sip.answer_deadline_s,
            media_timeout_s=sip.media_timeout_s,
        )
        self._switchboard = Switchboard(self.link, self._admission, bounds, sip.retry_after_s)
        self._batch = TickBatch(self._admission.native_calls, self.link.send_tick)
        self._agent = UserAgent(config, self._switchboard, self._batch, self._post_marks)
        self._dropped_packets = 0
        self._turns = 0

    def run(self) -> None:
        """Serve until the gateway closes the link or SIGTERM comes. Raises `EndpointError`."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        # Ctrl-C reaches the whole process group; the gateway ends its workers in order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._agent.start()
        self.link.hello(
            {
                **{
                    name: str(value)
                    for name, value in engine.describe(engine.call_slots()).as_dict().items()
                },
                "admitted_calls": str(self._admission.max_calls),
                "listeners": " ".join(
                    f"{item.protocol}:{item.host}:{item.port}" for item in self._agent.listeners
                ),
            }
        )
        reader = threading.Thread(target=self._read, name="link reader", daemon=True)
        reader.start()
        # The collector may run destructors of native objects on any thread: from here on it runs
        # only when this thread says so, and never looks at what start-up left behind.
        gc.collect()
        gc.freeze()
        gc.disable()
        log.info("sip worker is ready")
        try:
            self._serve()
            self._end_calls()
        finally:
            self._agent.stop()
            self.link.close()

    def _serve(self) -> None:
        maintenance_s = report_s = time.monotonic()
        while not self._stop.is_set():
            now_s = self._turn()
            if now_s - maintenance_s >= _MAINTENANCE_S:
                maintenance_s = now_s
                self._agent.maintain()
            if now_s - report_s >= _REPORT_S:
                report_s = now_s
                self._report()

    def _turn(self) -> float:
        self._turns += 1
        self._agent.poll()
        now_s = time.monotonic()
        inbox = self._inbox
        for _ in range(min(len(inbox), _TURN_LIMIT)):
            work = inbox.popleft()
            try:
                work(now_s)
            except Exception:
                log.exception("command failed")
        self._switchboard.poll(now_s)
        return now_s

    def _end_calls(self) -> None:
        """Refuse new calls, end the running ones, and wait a bounded time until all are gone."""
        self._admission.link_up = False
        self._agent.trunks.withdraw(time.monotonic())
        self._switchboard.hang_up_all(HangupCause.DRAINING, time.monotonic())
        deadline_s = time.monotonic() + _SHUTDOWN_BOUND_S
        while self._is_busy() and time.monotonic() < deadline_s:
            self._turn()
        self._turn()

    def _is_busy(self) -> bool:
        return bool(self._agent.native_calls) or not self._agent.trunks.is_settled

    def _report(self) -> None:
        dropped = self._agent.dropped_packets()
        if dropped != self._dropped_packets:
            log.info(
                "packets of unknown senders were dropped",
                extra={"packets": dropped - self._dropped_packets, "period_s": _REPORT_S},
            )
            self._dropped_packets = dropped

    def _read(self) -> None:
        """Take commands until the link ends; then the worker ends."""
        try:
            self.link.run()
        except GatewayError as error:
            log.error("media link failed", extra={"reason": str(error)})
        finally:
            self._stop.set()

    def _post(self, work: Callable[[float], None]) -> None:
        if len(self._inbox) >= _INBOX_LIMIT:
            log.critical("worker cannot keep up, ending")
            self._stop.set()
            return
        self._inbox.append(work)

    def _post_marks(self, leg: int, reached: list[MarkReached], at_s: float) -> None:
        self._post(lambda _: self._switchboard.marks(leg, reached, at_s))

    # The gateway's commands, on the reader thread (CommandHandler) ------------------------------

    def on_play(self, leg_no: int, pcm: bytes) -> None:
        if (playout := self._switchboard.playouts.get(leg_no)) is not None:
            playout.play(pcm)

    def on_mark(self, leg_no: int, name: str) -> None:
        if (playout := self._switchboard.playouts.get(leg_no)) is None:
            return
        with playout.lock:
            if (returned := playout.mark(name)) is not None:
                self._post_marks(leg_no, [returned], time.monotonic())

    def on_clear(self, leg_no: int) -> None:
        if (playout := self._switchboard.playouts.get(leg_no)) is None:
            return
        # At once, on this thread: the next frame that the clock asks for fades out already.
        with playout.lock:
            reached, played_ms = playout.clear()
            at_s = time.monotonic()
            self._post(lambda _: self._switchboard.cleared(leg_no, reached, played_ms, at_s))

    def on_answer(self, leg_no: int) -> None:
        self._post(partial(self._switchboard.answer, leg_no))

    def on_reject(self, leg_no: int, cause: HangupCause, retry_after_s: int) -> None:
        self._post(partial(self._switchboard.reject, leg_no, cause, retry_after_s))

    def on_dtmf(self, leg_no: int, digits: str) -> None:
        self._post(lambda _: self._switchboard.press(leg_no, digits))

    def on_hang_up(self, leg_no: int, cause: HangupCause) -> None:
        self._post(partial(self._switchboard.hang_up, leg_no, cause))

    def on_send_message(self, leg_no: int, text: str) -> None:
        """Nobody takes messages on a telephone."""

    def on_place(self, call_id: str, target: str, caller: str, trunk: str) -> None:
        self._post(partial(self._agent.place, call_id, target, caller, trunk))

    def on_signalling(self, command: commands.Signalling) -> None:
        """Browsers do not call here."""

    def on_drain(self) -> None:
        self._post(self._drain)

    def _drain(self, now_s: float) -> None:
        self._admission.draining = True
        self._agent.trunks.withdraw(now_s)

    def on_reread(self) -> None:
        if self._config_file is not None:
            self._post(partial(self._reread, self._config_file))

    def _reread(self, file: Path, _now_s: float) -> None:
        try:
            self._agent.allow(Config.model_validate_json(file.read_bytes()))
        except (OSError, ValueError, GatewayError) as error:
            log.error("networks stay as they were", extra={"reason": str(error)})
        else:
            log.info("networks that may call were read again")

    def counters(self) -> Mapping[str, float]:
        lateness_s, self._batch.max_lateness_s = self._batch.max_lateness_s, 0.0
        return {
            "calls": self._switchboard.active,
            "refused": self._switchboard.refused,
            "turns": self._turns,
            "ticks": self._batch.ticks,
            "max_tick_lateness_s": lateness_s,
            "frames_dropped": self.link.dropped_frames + self._batch.overflowed,
            "packets_dropped": self._agent.dropped_packets(),
            "native_calls": self._agent.native_calls,
            "abandoned_calls": self._agent.abandoned_calls,
            **self._agent.trunks.counters(),
        }
