"""The worker's loop."""

import socket
import threading

import pytest

from agents.speech.wire import JobKind, Message, receive, send
from agents.speech.worker import serve
from gateway.errors import ProviderRefused


def refuse(_):
    raise ProviderRefused("no such text")


def fail(_):
    raise RuntimeError("boom")


def double(job):
    return Message({"probability": 0.5}, job.payload * 2)


HANDLERS = {JobKind.SPEAK: refuse, JobKind.EMBED: fail, JobKind.END_OF_TURN: double}


@pytest.fixture
def gateway():
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    thread = threading.Thread(target=serve, args=(theirs, HANDLERS))
    thread.start()
    with ours, theirs:
        yield ours
        ours.close()
        thread.join(5)
        assert not thread.is_alive()


def ask(gateway, header, payload=b""):
    send(gateway, Message(header, payload))
    return receive(gateway)


def test_a_job_is_answered_with_its_id(gateway):
    reply = ask(gateway, {"id": 7, "kind": "end_of_turn"}, b"ab")

    assert reply == Message({"id": 7, "probability": 0.5}, b"abab")


def test_a_refusal_says_so(gateway):
    reply = ask(gateway, {"id": 1, "kind": "speak"})

    assert reply.header == {"id": 1, "error": "no such text", "refused": True}


def test_an_exception_is_an_error_reply_and_the_worker_goes_on(gateway):
    reply = ask(gateway, {"id": 2, "kind": "embed"})

    assert reply.header == {"id": 2, "error": "RuntimeError: boom", "refused": False}
    assert ask(gateway, {"id": 3, "kind": "end_of_turn"}).header["id"] == 3


@pytest.mark.parametrize(
    "header", [{"id": 4, "kind": "transcribe"}, {"id": 4, "kind": "sing"}, {"id": 4}]
)
def test_what_it_cannot_do_is_refused(gateway, header):
    reply = ask(gateway, header)

    assert reply.header["id"] == 4
    assert reply.header["refused"] is True
