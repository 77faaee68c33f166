"""A worker process that takes browsers' offers without any WebRTC: what an offer's `s=` line says is done.

    python -m tests.support.fake_browser_worker --link-fd N

`s=refuse` the offer breaks a rule · `s=ignore` nothing comes of it · `s=die` the process ends · `s=write TEXT` the
page writes TEXT once the call is up · `s=full` refused for capacity · anything else: a call that comes up by itself.
"""

import json
import os
import sys
import threading
import time

from gateway.errors import LinkError
from gateway.link.messages import Negotiated, NegotiationRefused, Refusal
from gateway.link.sockets import inherited_link
from gateway.model import commands
from gateway.model.events import (
    Capabilities,
    Ended,
    EndpointKind,
    LegEvent,
    MessageReceived,
    Offered,
)
from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText
from tests.support.fake_call import CallerAudio, CallState, FakeCall
from tests.support.fake_worker import Worker

ANSWER = "v=0\r\ns=the worker's part\r\n"


class BrowserWorker(Worker):
    """Answers at once, is up at once; tells what it was sent as messages of the page (`{"type": "saw"}`)."""

    def __init__(self, link_fd: int) -> None:
        super().__init__(inherited_link(link_fd), CallerAudio.SILENCE, 0.02)
        self._numbers: dict[str, int] = {}
        self._says: dict[int, str] = {}
        self._etags: dict[str, int] = {}

    def on_signalling(self, command: commands.Signalling) -> None:
        with self._lock:
            match command:
                case commands.Negotiate():
                    self._negotiate(command)
                case commands.RestartIce(call_id=call_id):
                    self._restart(command, call_id)
                case commands.CallerLeft(call_id=call_id):
                    if call := self._calls.get(self._numbers.get(call_id, 0)):
                        early = call.state is CallState.OFFERED
                        cause = HangupCause.CALLER_HUNG_UP
                        call.end(HangupCause.CALLER_CANCELLED if early else cause, time.monotonic())
                case commands.AddCandidates():
                    pass

    def on_answer(self, leg_no: int) -> None:
        with self._lock:
            if call := self._calls.get(leg_no):
                outcome = Negotiated(call_id=call.call_id, sdp=LongText(ANSWER), etag="1")
                self.link.send_negotiation(outcome)
            super().on_answer(leg_no)
            if words := self._says.get(leg_no):
                self._write(leg_no, {"type": "text", "text": words, "id": "t-1"})

    def on_send_message(self, leg_no: int, text: str) -> None:
        if json.loads(text).get("type") == "line" and (call := self._calls.get(leg_no)):
            call.press("1", time.monotonic())  # the test sees that lines arrive

    def _negotiate(self, command: commands.Negotiate) -> None:
        wish = next(line[2:] for line in command.sdp.splitlines() if line.startswith("s="))
        if wish == "die":
            os._exit(3)
        if wish == "ignore":
            return
        if wish == "refuse":
            self.link.send_negotiation(
                NegotiationRefused(
                    call_id=command.call_id, refusal=Refusal.BAD_SDP, detail="no common codec"
                )
            )
            return
        offered = Offered(
            call_id=command.call_id,
            at_s=time.monotonic(),
            endpoint=EndpointKind.WEBRTC,
            caller=command.caller,
            callee=command.callee,
            agent=command.agent,
            caller_name=command.caller_name,
            source=command.source,
            max_call_s=command.max_call_s,
            capabilities=Capabilities(messages=True),
        )
        if self._is_draining or wish == "full":
            cause = HangupCause.CAPACITY if wish == "full" else HangupCause.DRAINING
            self.link.send_refused(offered, cause)
            return
        self._last_leg += 1
        number = self._numbers[command.call_id] = self._last_leg

        def emit(event: LegEvent) -> None:
            if isinstance(event, Ended):
                self._over[number] = self._calls.pop(number)
            self.link.send_event(number, event)

        self._calls[number] = FakeCall(command.call_id, emit)
        self._says[number] = wish.removeprefix("write ") if wish.startswith("write ") else ""
        self.link.send_event(number, offered)

    def _restart(self, command: commands.RestartIce, call_id: str) -> None:
        etag = self._etags[call_id] = self._etags.get(call_id, 1) + 1
        self.link.send_negotiation(
            Negotiated(call_id=call_id, sdp=LongText("a=ice-ufrag:ours\r\n"), etag=str(etag))
        )

    def _write(self, leg_no: int, message: dict[str, str]) -> None:
        call = self._calls[leg_no]
        self.link.send_event(
            leg_no,
            MessageReceived(
                call_id=call.call_id, at_s=time.monotonic(), text=LongText(json.dumps(message))
            ),
        )


def main() -> int:
    """Run until the gateway closes the link; returns the exit code."""
    worker = BrowserWorker(int(sys.argv[1].partition("=")[2]))
    worker.link.hello({"engine": "fake"})
    threading.Thread(target=worker.tick_for_ever, name="clock", daemon=True).start()
    try:
        worker.link.run()
    except LinkError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
