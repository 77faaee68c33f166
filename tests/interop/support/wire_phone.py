"""A far end that sends single SIP messages by hand, for races that no scenario file can time."""

import re
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_SDP = """v=0\r
o=tester 1 1 IN IP4 {host}\r
s=-\r
c=IN IP4 {host}\r
t=0 0\r
m=audio {port} RTP/AVP 0\r
a=rtpmap:0 PCMU/8000\r
"""


@dataclass(frozen=True)
class Message:
    """One received message; `status` is 0 for a request."""

    status: int
    method: str
    """Of the request, or of the request that it answers."""
    text: str

    def header(self, name: str) -> str:
        found = re.search(rf"^{name}:\s*(.*?)\r?$", self.text, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""


class WirePhone:
    """One call over UDP; use as a context manager."""

    def __init__(self, target_port: int, host: str = "127.0.0.1", rtp_port: int = 40_000) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((host, 0))
        self._host, self._port = self._sock.getsockname()
        self._target = ("127.0.0.1", target_port)
        self._rtp_port = rtp_port
        self._call_id = uuid.uuid4().hex
        self._to_tag = ""
        self._remote = f"sip:1000@127.0.0.1:{target_port}"
        self._invite_branch = f"z9hG4bK{uuid.uuid4().hex}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    @property
    def dialog(self) -> str:
        """What `Replaces` names the call by (RFC 3891 section 6.1)."""
        return f"{self._call_id};to-tag={self._to_tag.removeprefix(';tag=')};from-tag=wire"

    def invite(self, *headers: str) -> None:
        body = _SDP.format(host=self._host, port=self._rtp_port)
        self.send("INVITE", 1, branch=self._invite_branch, body=body, headers=headers)

    def cancel(self) -> None:
        """Cancel the INVITE (same branch and CSeq number: RFC 3261 section 9.1)."""
        self.send("CANCEL", 1, branch=self._invite_branch)

    def refusal_seen(self) -> None:
        """Acknowledge a final response that is not 200 (same branch: RFC 3261 section 17.1.1.3)."""
        self.send("ACK", 1, branch=self._invite_branch)

    def send(
        self,
        method: str,
        cseq: int,
        *,
        branch: str = "",
        body: str = "",
        headers: Sequence[str] = (),
    ) -> None:
        in_dialog = method not in ("INVITE", "CANCEL", "OPTIONS")
        lines = [
            f"{method} {self._remote} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self._port}"
            f";branch={branch or 'z9hG4bK' + uuid.uuid4().hex}",
            f"From: <sip:wire@{self._host}:{self._port}>;tag=wire",
            f"To: <sip:1000@127.0.0.1>{self._to_tag if in_dialog else ''}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:wire@{self._host}:{self._port}>",
            "Max-Forwards: 70",
            *headers,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        self._sock.sendto("\r\n".join(lines).encode(), self._target)

    def confirm(self, request: Message) -> None:
        """Answer a request of the far end with 200."""
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = ["SIP/2.0 200 OK", *(f"{name}: {request.header(name)}" for name in names)]
        lines += ["Content-Length: 0", "", ""]
        self._sock.sendto("\r\n".join(lines).encode(), self._target)

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message; None if none comes in time."""
        self._sock.settimeout(max(0.001, timeout_s))
        try:
            text = self._sock.recv(65_536).decode()
        except TimeoutError:
            return None
        first = text.split("\r\n", 1)[0].split(" ")
        status = int(first[1]) if first[0] == "SIP/2.0" else 0
        message = Message(status, "", text)
        method = message.header("CSeq").split(" ")[-1]
        if (
            status
            and method == "INVITE"
            and (tag := re.search(r";tag=[^;\s]+", message.header("To")))
        ):
            self._to_tag = tag[0]
        if status == 200 and (contact := re.search(r"<([^>]+)>", message.header("Contact"))):
            self._remote = contact[1]
        return Message(status, method, text)

    def expect(self, status: int, method: str, timeout_s: float = 5) -> Message:
        """Return the first such message; others are skipped. Status 0: a request."""
        deadline_s = time.monotonic() + timeout_s
        seen = []
        while (left_s := deadline_s - time.monotonic()) > 0:
            message = self.receive(left_s)
            if message is None:
                break
            if (message.status, message.method) == (status, method):
                return message
            seen.append(f"{message.status} {message.method}")
        raise AssertionError(f"no {status} {method} within {timeout_s} s; got {seen}")
