"""Every command reaches a method of the handler."""

from typing import get_args

import pytest

from gateway.link.command_handler import CommandHandler, run_command
from gateway.model import commands
from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText

SAMPLES: dict[type, commands.Command] = {
    type(command): command
    for command in (
        commands.Answer(leg=1),
        commands.Reject(leg=1, cause=HangupCause.BUSY, retry_after_s=2),
        commands.Mark(leg=1, name="m"),
        commands.Clear(leg=1),
        commands.SendDtmf(leg=1, digits="1"),
        commands.SendMessage(leg=1, text=LongText("{}")),
        commands.HangUp(leg=1, cause=HangupCause.AGENT_HUNG_UP),
        commands.Place(call_id="c", target="sip:x@y", caller="+49"),
        commands.Negotiate(call_id="c", sdp=LongText("v=0"), callee="x"),
        commands.AddCandidates(call_id="c", fragment=LongText("a=x")),
        commands.RestartIce(call_id="c", fragment=LongText("a=x"), etag="1"),
        commands.CallerLeft(call_id="c"),
        commands.Drain(),
        commands.Reread(),
    )
}
METHODS = {
    commands.Answer: "on_answer",
    commands.Reject: "on_reject",
    commands.Mark: "on_mark",
    commands.Clear: "on_clear",
    commands.SendDtmf: "on_dtmf",
    commands.SendMessage: "on_send_message",
    commands.HangUp: "on_hang_up",
    commands.Place: "on_place",
    commands.Negotiate: "on_signalling",
    commands.AddCandidates: "on_signalling",
    commands.RestartIce: "on_signalling",
    commands.CallerLeft: "on_signalling",
    commands.Drain: "on_drain",
    commands.Reread: "on_reread",
}


class Recorder:
    """Answers to every method's name and writes it down."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def __getattr__(self, name: str) -> object:
        return lambda *_: self.called.append(name)


@pytest.mark.parametrize("kind", get_args(commands.Command))
def test_a_command_calls_its_method_once(kind: type) -> None:
    recorder = Recorder()

    run_command(recorder, SAMPLES[kind])  # type: ignore[arg-type]  # it has any method

    assert recorder.called == [METHODS[kind]]
    assert hasattr(CommandHandler, METHODS[kind])
