"""A worker process that speaks the link but no SIP: a software 20 ms clock and pretended calls.

    python -m tests.support.fake_worker --link-fd N [--control PATH] [--offer N] [--audio echo|tone]

With `--offer` it offers calls by itself as soon as the gateway welcomed it. With `--control` it
connects to that Unix socket and obeys JSON lines, answering each with one JSON line; see
`Worker.obey` for the commands. `FakeWorkerControl` in `fake_worker_control.py` is the other end.
"""

import argparse
import base64
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from gateway.errors import LinkError
from gateway.link.sockets import inherited_link
from gateway.link.worker_link import LinkState, WorkerLink
from gateway.model import commands
from gateway.model.events import Ended, EndpointKind, LegEvent, MediaUpReason, Offered
from gateway.model.frame import FRAME_MS
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_call_id
from tests.support.fake_call import CallerAudio, FakeCall

TICK_S = FRAME_MS / 1000
logger = logging.getLogger(__name__)


class Worker:
    """Handles the gateway's commands and the test's; one lock, since this is no place for speed."""

    def __init__(self, sock: socket.socket, audio: CallerAudio, media_delay_s: float) -> None:
        self.link = WorkerLink(sock, self)
        self._raw = sock
        self._audio = audio
        self._media_delay_s = media_delay_s
        self._lock = threading.RLock()
        self._calls: dict[int, FakeCall] = {}
        self._over: dict[int, FakeCall] = {}
        self._media_due_s: dict[int, float] = {}
        self._last_leg = 0
        self._is_draining = False
        self._is_hanging = False

    def offer(self, caller: str = "+4930111", callee: str = "100") -> tuple[int, str]:
        """Let a call arrive; returns its leg number and call id."""
        with self._lock:
            offered = Offered(
                call_id=new_call_id(),
                at_s=time.monotonic(),
                endpoint=EndpointKind.FAKE,
                caller=caller,
                callee=callee,
            )
            if self._is_draining:
                self.link.send_refused(offered, HangupCause.DRAINING)
                return 0, offered.call_id
            self._last_leg += 1
            number = self._last_leg

            def emit(event: LegEvent) -> None:
                if isinstance(event, Ended):
                    self._over[number] = self._calls.pop(number)
                self.link.send_event(number, event)

            self._calls[number] = FakeCall(offered.call_id, emit, self._audio)
            self.link.send_event(number, offered)
            return number, offered.call_id

    # Commands of the gateway -----------------------------------------------------------------------

    def on_play(self, leg_no: int, pcm: bytes) -> None:
        if call := self._calls.get(leg_no):
            call.play(pcm)

    def on_mark(self, leg_no: int, name: str) -> None:
        with self._lock:
            if call := self._calls.get(leg_no):
                call.mark(name, time.monotonic())

    def on_clear(self, leg_no: int) -> None:
        with self._lock:
            if call := self._calls.get(leg_no):
                call.clear(time.monotonic())

    def on_answer(self, leg_no: int) -> None:
        with self._lock:
            call = self._calls.get(leg_no)
            if call is not None and call.answer():
                now_s = time.monotonic()
                call.acknowledge(now_s)
                self._media_due_s[leg_no] = now_s + self._media_delay_s

    def on_reject(self, leg_no: int, cause: HangupCause, retry_after_s: int) -> None:
        logger.debug("leg %d refused, retry after %d s", leg_no, retry_after_s)
        with self._lock:
            if call := self._calls.get(leg_no):
                call.reject(cause, time.monotonic())

    def on_dtmf(self, leg_no: int, digits: str) -> None:
        with self._lock:
            if call := self._calls.get(leg_no):
                call.press_for_far_end(digits)

    def on_send_message(self, leg_no: int, text: str) -> None:
        logger.debug("leg %d takes no message of %d characters", leg_no, len(text))

    def on_hang_up(self, leg_no: int, cause: HangupCause) -> None:
        with self._lock:
            if call := self._calls.get(leg_no):
                call.end(cause, time.monotonic())

    def on_place(self, call_id: str, target: str, caller: str, trunk: str) -> None:
        logger.info("call %s to %s as %s is not possible here", call_id, target, caller)

    def on_signalling(self, command: commands.Signalling) -> None:
        logger.debug("call %s is of no browser", command.call_id)

    def on_drain(self) -> None:
        self._is_draining = True

    def on_reread(self) -> None:
        logger.debug("nothing here can be read again")

    def counters(self) -> Mapping[str, float]:
        while self._is_hanging:
            time.sleep(1)  # the thread that runs the commands hangs; the media clock goes on
        return {"calls": float(len(self._calls)), "draining": float(self._is_draining)}

    # The media clock -------------------------------------------------------------------------------

    def tick_for_ever(self) -> None:
        """Play and record every 20 ms until the link ends."""
        due_s = time.monotonic()
        while self.link.state is not LinkState.CLOSED:
            due_s += TICK_S
            time.sleep(max(0.0, due_s - time.monotonic()))
            now_s = time.monotonic()
            if now_s - due_s > 1:
                due_s = now_s  # we were stopped; nobody wants what was missed
            with self._lock:
                self._tick(now_s, now_s - due_s)

    def _tick(self, now_s: float, lateness_s: float) -> None:
        legs: list[int] = []
        frames: list[bytes] = []
        for number, call in list(self._calls.items()):
            if now_s >= self._media_due_s.get(number, now_s + 1):
                call.bring_media_up(now_s, MediaUpReason.PACKET)
            said = call.tick(now_s)
            if said is not None:
                legs.append(number)
                frames.append(said)
        self.link.send_tick(now_s, lateness_s, legs, frames)

    # Commands of the test --------------------------------------------------------------------------

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what the test says: `do` is the name, `leg` the leg number."""
        with self._lock:
            number = int(order.get("leg", 0))
            call = self._calls.get(number) or self._over.get(number)
            match order["do"], call:
                case "offer", _:
                    leg, call_id = self.offer()
                    return {"leg": leg, "call_id": call_id}
                case "garble", _:
                    self._raw.send(b"X this is no datagram of ours")
                case "say_nonsense", _:
                    self._raw.send(b'C[{"t":"marked","leg":1,"name":7}]')
                case "hang", _:
                    self._is_hanging = True
                case "exit", _:
                    os._exit(3)
                case "descriptors", _:
                    return {"open": _open_descriptors()}
                case "hear", FakeCall():
                    return {"pcm": base64.b64encode(call.heard).decode(), "keys": call.keys_heard}
                case "speak", FakeCall():
                    call.speak(base64.b64decode(order["pcm"]))
                case "press", FakeCall():
                    call.press(str(order["digit"]), time.monotonic())
                case "hang_up", FakeCall():
                    early = call.state.value == "offered"
                    cause = HangupCause.CALLER_CANCELLED if early else HangupCause.CALLER_HUNG_UP
                    call.end(cause, time.monotonic())
                case unknown, _:
                    raise ValueError(f"cannot do {unknown!r} with leg {number}")
            return {}

    def obey_for_ever(self, path: str) -> None:
        """Read the test's orders until it goes away."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(path)
            with sock.makefile("rw", encoding="utf-8") as stream:
                for line in stream:
                    stream.write(json.dumps(self.obey(json.loads(line))) + "\n")
                    stream.flush()


def _open_descriptors() -> list[tuple[int, str]]:
    """Return the numbers and targets of all open descriptors."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except FileNotFoundError:
            continue  # the one that listed the folder
    return found


def main() -> int:
    """Run until the gateway closes the link; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--link-fd", type=int, required=True)
    parser.add_argument("--control", default="")
    parser.add_argument("--offer", type=int, default=0)
    parser.add_argument("--audio", type=CallerAudio, default=CallerAudio.SILENCE)
    parser.add_argument("--media-delay-s", type=float, default=0.04)
    options = parser.parse_args()
    worker = Worker(inherited_link(options.link_fd), options.audio, options.media_delay_s)
    worker.link.hello({"engine": "fake"})
    if options.control:
        threading.Thread(
            target=worker.obey_for_ever, args=(options.control,), name="control", daemon=True
        ).start()
    threading.Thread(target=worker.tick_for_ever, name="clock", daemon=True).start()
    for _ in range(options.offer):
        worker.offer()
    try:
        worker.link.run()
    except LinkError as error:
        logger.error("link: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
