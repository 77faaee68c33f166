"""`offhook rehearse`: becomes the bundled caller, a process of its own with its own SIP engine."""

import importlib.util
import os
import sys
from collections.abc import Sequence

from gateway.commands.exits import CommandFailed

CALLER = "telephony.rehearse"


def become_caller(arguments: Sequence[str]) -> int:
    """Replace this process by the caller, with the same arguments; does not return.

    The gateway's own code may not import the SIP engine, so the module is run, not called.
    """
    if importlib.util.find_spec(CALLER) is None:
        raise CommandFailed(f"{CALLER} is not part of this installation; install offhook whole")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", CALLER, *arguments])
