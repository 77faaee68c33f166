"""Callers who hang up before it rings: INVITE and CANCEL leave back to back, which SIPp cannot do.

Speaks just enough SIP over UDP to end each call properly whatever crosses on the way: ACK for every final
response (RFC 3261 17.1.1.3), and BYE if the answer was quicker than the CANCEL. Nothing is sent twice
but the CANCEL: on the loopback interface nothing is lost.
"""

import re
import selectors
import socket
import threading
import time

_FINAL = re.compile(rb"SIP/2\.0 ([2-6]\d\d) ")
_AGAIN_S = 0.5
_SDP = """v=0\r
o=hasty 1 1 IN IP4 127.0.0.1\r
s=-\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio {port} RTP/AVP 0\r
a=rtpmap:0 PCMU/8000\r
"""


class HastyCallers:
    """So many of them, at an even rate, on a thread of their own. `wait` or `stop` must be called."""

    def __init__(self, sip_port: int, number: str, *, calls: int, rate: float) -> None:
        self._target = ("127.0.0.1", sip_port)
        self._number = number
        self._calls = calls
        self._period_s = 1 / rate
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._port = int(self._socket.getsockname()[1])
        self._open: dict[int, float] = {}
        """Call → when its CANCEL was sent last."""
        self._stop = threading.Event()
        self.cancelled = 0
        """Calls that ended with 487."""
        self.answered = 0
        """Calls that were answered all the same."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def finished(self) -> int:
        return self.cancelled + self.answered

    def wait(self, bound_s: float) -> None:
        """Return when all calls have ended, or after the bound."""
        self._thread.join(bound_s)
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        started = 0
        next_s = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while not self._stop.is_set() and (started < self._calls or self._open):
                now_s = time.monotonic()
                if started < self._calls and now_s >= next_s:
                    started += 1
                    next_s += self._period_s
                    self._send(started, "INVITE", 1, body=_SDP.format(port=self._port))
                    self._cancel(started)
                if selector.select(0.01):
                    self._hear(self._socket.recv(65_535))
                for call, sent_s in list(self._open.items()):
                    if now_s - sent_s > _AGAIN_S:
                        self._cancel(call)

    def _cancel(self, call: int) -> None:
        self._send(call, "CANCEL", 1)
        self._open[call] = time.monotonic()

    def _hear(self, data: bytes) -> None:
        final = _FINAL.match(data)
        if final is None:
            return  # 100 or 180
        call = int(_header(data, "Call-ID").partition("-")[0])
        method = _header(data, "CSeq").split()[1]
        if method != "INVITE":
            return
        is_answer = final.group(1).startswith(b"2")
        to = _header(data, "To")
        # The ACK of a refusal belongs to its transaction, that of an answer does not.
        self._send(call, "ACK", 1, to=to, branch="INVITE" if not is_answer else "ACK")
        if is_answer:
            self._send(call, "BYE", 2, to=to, branch="BYE")
        if self._open.pop(call, None) is not None:
            if is_answer:
                self.answered += 1
            else:
                self.cancelled += 1

    def _send(
        self,
        call: int,
        method: str,
        cseq: int,
        *,
        to: str = "",
        branch: str = "INVITE",
        body: str = "",
    ) -> None:
        uri = f"sip:{self._number}@{self._target[0]}:{self._target[1]}"
        me = f"127.0.0.1:{self._port}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {me};branch=z9hG4bK-{self._port}-{call}-{branch}",
            f"From: <sip:+1556{self._port}{call}@{me}>;tag={self._port}t{call}",
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {call}-hasty@{me}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:hasty@{me}>",
            "Max-Forwards: 70",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        self._socket.sendto("\r\n".join(lines).encode(), self._target)


def _header(data: bytes, name: str) -> str:
    prefix = name.lower() + ":"
    for line in data.decode(errors="replace").split("\r\n"):
        if line.lower().startswith(prefix):
            return line[len(prefix) :].strip()
    return ""
