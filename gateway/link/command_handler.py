"""What a worker must be able to do for the gateway, and which command asks for what."""

from collections.abc import Mapping
from typing import Protocol, assert_never

from gateway.model import commands
from gateway.model.hangup import HangupCause


class CommandHandler(Protocol):
    """Runs the gateway's commands; all methods are called on the thread of `WorkerLink.run`.

    They must return soon (that thread answers the gateway's pings) and ignore legs that have ended
    or that they do not know. An exception is logged and costs that command, not the link.
    """

    def on_play(self, leg_no: int, pcm: bytes) -> None:
        """Append PCM16 mono 16 kHz of any even length to the leg's playout queue."""

    def on_mark(self, leg_no: int, name: str) -> None:
        """Report `Marked` when all audio queued so far has been played."""

    def on_clear(self, leg_no: int) -> None:
        """Drop the playout queue: report each mark in it as cleared, then `Cleared`."""

    def on_answer(self, leg_no: int) -> None:
        """Accept the offer; playout stays held until media is up."""

    def on_reject(self, leg_no: int, cause: HangupCause, retry_after_s: int) -> None:
        """Refuse the offer with the response that belongs to `cause`; `Ended(cause)` follows.

        `retry_after_s` is 0 for no Retry-After.
        """

    def on_dtmf(self, leg_no: int, digits: str) -> None:
        """Press keys (RFC 4733); `digits` has only `0123456789*#ABCD`."""

    def on_send_message(self, leg_no: int, text: str) -> None:
        """Send a text message to the far end; dropped where nobody takes any.

        What comes before the far end can take it (its data channel opens after the audio) waits for
        that, in order and bounded.
        """

    def on_hang_up(self, leg_no: int, cause: HangupCause) -> None:
        """End the call now; the marks that wait come back cleared, then `Ended(cause)` follows."""

    def on_place(self, call_id: str, target: str, caller: str, trunk: str) -> None:
        """Call `target` (a SIP URI), showing `caller`; `Offered` with that `call_id` follows.

        `trunk` names the account to use; empty: none.
        """

    def on_signalling(self, command: commands.Signalling) -> None:
        """Take an offer, candidates, a restart or the end from a browser; only its worker does."""

    def on_drain(self) -> None:
        """Refuse new calls with `DRAINING` from now on; calls that run go on."""

    def on_reread(self) -> None:
        """Read the configuration file again; what can change while calls go on, changes."""

    def counters(self) -> Mapping[str, float]:
        """Return the worker's own counters; asked once a second, to answer the gateway's ping."""


def run_command(handler: CommandHandler, command: commands.Command) -> None:
    """Call the handler's method for a command."""
    match command:
        case commands.Answer():
            handler.on_answer(command.leg)
        case commands.Reject():
            handler.on_reject(command.leg, command.cause, command.retry_after_s)
        case commands.Mark():
            handler.on_mark(command.leg, command.name)
        case commands.Clear():
            handler.on_clear(command.leg)
        case commands.SendDtmf():
            handler.on_dtmf(command.leg, command.digits)
        case commands.SendMessage():
            handler.on_send_message(command.leg, command.text)
        case commands.HangUp():
            handler.on_hang_up(command.leg, command.cause)
        case commands.Place():
            handler.on_place(command.call_id, command.target, command.caller, command.trunk)
        case (
            commands.Negotiate()
            | commands.AddCandidates()
            | commands.RestartIce()
            | commands.CallerLeft()
        ):
            handler.on_signalling(command)
        case commands.Drain():
            handler.on_drain()
        case commands.Reread():
            handler.on_reread()
        case _:
            assert_never(command)
