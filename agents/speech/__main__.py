"""`python -m agents.speech`: a speech worker, started by the gateway with an inherited socket."""

import argparse
import logging
import os
import signal
import socket
import time

from agents.speech.wire import JobKind, Json, Message, send
from agents.speech.worker import serve
from gateway.errors import GatewayError


def main() -> None:
    """Load the models, report ready, serve until the gateway closes the socket."""
    parser = argparse.ArgumentParser(prog="python -m agents.speech", description=__doc__)
    parser.add_argument("--link-fd", type=int, required=True, help="inherited socket")
    parser.add_argument("--niceness", type=int, default=0, help="added to the process's niceness")
    parser.add_argument("--kinds", default=",".join(JobKind), help="jobs to load models for")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="speech worker %(process)d: %(message)s")
    # Ctrl-C reaches the whole foreground group; the gateway ends us by closing the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(arguments.niceness)
    sock = socket.socket(fileno=arguments.link_fd)
    began_s = time.monotonic()
    try:
        # Imported here so that a missing library is reported over the link, like a missing model.
        from agents.speech.models import load

        handlers, took_s = load([JobKind(kind) for kind in arguments.kinds.split(",")])
    except (GatewayError, ImportError) as error:
        code = error.code if isinstance(error, GatewayError) else "asset.missing"
        send(sock, Message({"failed": str(error), "code": code}))
        raise SystemExit(1) from error
    ready: dict[str, Json] = {"pid": os.getpid(), "load_s": round(time.monotonic() - began_s, 3)}
    ready["each_s"] = {**took_s}
    send(sock, Message({"ready": ready}))
    serve(sock, handlers)


if __name__ == "__main__":
    main()
