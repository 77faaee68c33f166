"""A mail server on loopback that takes mail, and refuses it, as RFC 5321 has it."""

import asyncio
from dataclasses import dataclass


@dataclass(slots=True)
class Mail:
    """One mail as it came over the wire."""

    sender: str
    recipient: str
    data: bytes


class SmtpStandIn:
    """`async with` it; `answers` overrides the answer to a command by its verb (`DATA.` for the text)."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.answers: dict[str, str] = {}
        self.delays_s: dict[str, float] = {}
        """How long the answer to a verb takes."""
        self.breaks_at = ""
        """The connection is cut at this verb."""
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "SmtpStandIn":
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail = Mail("", "", b"")
        writer.write(self.answers.get("", "220 ready").encode() + b"\r\n")
        try:
            while line := await reader.readline():
                verb = line[:4].decode().upper()
                if verb == self.breaks_at:
                    return
                answer = self.answers.get(verb, "250 ok")
                if verb == "MAIL":
                    mail.sender = line.decode().partition("<")[2].partition(">")[0]
                elif verb == "RCPT":
                    mail.recipient = line.decode().partition("<")[2].partition(">")[0]
                elif verb == "QUIT":
                    answer = "221 bye"
                elif verb == "DATA" and answer.startswith("2"):
                    writer.write(b"354 go on\r\n")
                    mail.data = await reader.readuntil(b"\r\n.\r\n")
                    verb = "DATA."
                    answer = self.answers.get(verb, "250 ok")
                    if answer.startswith("250"):
                        self.mails.append(mail)
                    if self.breaks_at == "DATA.":
                        return
                await asyncio.sleep(self.delays_s.get(verb, 0.0))
                writer.write(answer.encode() + b"\r\n")
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()
