"""A speech worker without models: "speaks" commands such as `crash` and `sleep 0.1`, for the pool's tests."""

import os
import signal
import sys
import time

# Run as a script: the checkout is the working directory.
sys.path.insert(0, os.getcwd())

import argparse
import socket
from pathlib import Path

from agents.speech.wire import JobKind, Message, send
from agents.speech.worker import serve


def speak(job):
    command, _, argument = str(job.header["text"]).partition(" ")
    match command:
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash-once":
            if not Path(argument).exists():
                Path(argument).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            time.sleep(float(argument))
        case "fail":
            raise RuntimeError(argument)
        case "refuse":
            raise ValueError(argument)
        case "garble":
            os.write(SOCK.fileno(), b"\xff" * 64)
    return Message({"words": [["pid", 0, 1]], "source": str(os.getpid())}, b"\0\0")


parser = argparse.ArgumentParser()
parser.add_argument("--link-fd", type=int)
parser.add_argument("--lack", default="")
parser.add_argument("--stay-silent", action="store_true")
options = parser.parse_args()
SOCK = socket.socket(fileno=options.link_fd)
if options.lack:
    send(SOCK, Message({"failed": options.lack, "code": "asset.missing"}))
    raise SystemExit(1)
if options.stay_silent:
    raise SystemExit(3)
send(SOCK, Message({"ready": {}}))
serve(SOCK, {JobKind.SPEAK: speak})
