"""The speech worker's loop: take a job, do it, reply, until the gateway closes the socket."""

import logging
import socket
from collections.abc import Callable, Mapping

from agents.speech.wire import JobKind, Json, Message, receive, send
from gateway.errors import LinkClosed, ProviderRefused

_log = logging.getLogger(__name__)

Handler = Callable[[Message], Message]
"""Does a job; returns results without the id. Raises `ProviderRefused` for what never works."""


def serve(sock: socket.socket, handlers: Mapping[JobKind, Handler]) -> None:
    """Serve jobs until the end of file. An exception in a handler becomes an error reply.

    Raises:
        LinkProtocolError: the gateway sent something that is not a message; there is no way on.
    """
    while True:
        try:
            job = receive(sock)
            if job is None:
                return
            send(sock, _reply(job, handlers))
        except LinkClosed:
            # The gateway died or restarts; nobody is left to answer.
            return


def _reply(job: Message, handlers: Mapping[JobKind, Handler]) -> Message:
    number: Json = job.header.get("id")
    try:
        kind = JobKind(str(job.header.get("kind")))
        handler = handlers.get(kind)
        if handler is None:
            raise ProviderRefused(f"this worker was not asked to load {kind.value}")
        result = handler(job)
    except (ProviderRefused, ValueError) as error:
        return Message({"id": number, "error": str(error), "refused": True})
    except Exception as error:
        # A model that fails on one input must not take down the others.
        _log.exception("speech job failed")
        return Message(
            {"id": number, "error": f"{type(error).__name__}: {error}", "refused": False}
        )
    return Message({"id": number, **result.header}, result.payload)
