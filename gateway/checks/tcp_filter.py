"""Whether the SIP worker may filter TCP by source address: kernels of 2026 and later ask for CAP_NET_ADMIN.

Without that filter it does not listen on TCP, and SIP is served over UDP only.
"""

import ctypes
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.checks.finding import Finding, ok, warn
from gateway.checks.programs import NoAnswer, ask
from gateway.checks.service_user import service_user
from gateway.config import Config, SipTransport

SUBJECT = "sip over tcp"
SYSTEMCTL_BOUND_S = 3.0
_SO_ATTACH_FILTER = 26
_TAKE_ALL = struct.pack("HBBI", 0x06, 0, 0, 0xFFFF_FFFF)
"""One instruction (linux/filter.h): RET, the whole packet."""
_NET_ADMIN = 12
_CAPABILITIES_V3 = 0x2008_0522
"""linux/capability.h."""
_NEEDS = "this kernel lets only CAP_NET_ADMIN filter TCP by source address"
_REMEDY = (
    "grant it to the service (the lines stand in its unit, `systemctl edit offhook`), or set "
    'sip.transports = ["udp"]'
)


def check_tcp_filter(config: Config, source: Path | None) -> list[Finding]:
    """Return what is to be said of SIP over TCP."""
    sip = config.sip
    if not sip.enabled or SipTransport.TCP not in sip.transports:
        return []
    try:
        # In a process of its own, which gives its capability away.
        facts = ask("gateway.checks.tcp_filter")
    except NoAnswer as error:
        return [warn(SUBJECT, f"whether it can be filtered is not known: {error}", _REMEDY)]
    user = service_user(config, source)
    return list(
        judge(
            may=bool(facts.get("may")),
            may_without=bool(facts.get("may_without")),
            user=user.pw_name if user else "",
            is_granted=user is not None and _is_granted(),
        )
    )


def judge(*, may: bool, may_without: bool, user: str, is_granted: bool) -> Iterator[Finding]:
    """Tell what it means that we may filter, with our capabilities and without CAP_NET_ADMIN.

    `user` is who runs the gateway if root asks for another; `is_granted` whether the unit gives him that.
    """
    if may_without:
        return
    if not may:
        yield warn(SUBJECT, f"{_NEEDS}, which we lack: SIP is served over UDP only", _REMEDY)
    elif user and not is_granted:
        yield warn(SUBJECT, f"{_NEEDS}: {user} serves SIP over UDP only", _REMEDY)
    else:
        yield ok(SUBJECT, f"{_NEEDS}, which this user may use")


def _is_granted() -> bool:
    """Whether a unit of ours grants the capability, as far as systemd can be asked."""
    asked = ["systemctl", "show", "--property=AmbientCapabilities", "--value"]
    try:
        done = subprocess.run(
            [*asked, "offhook.service", "offhook@*.service"],
            capture_output=True,
            text=True,
            timeout=SYSTEMCTL_BOUND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "cap_net_admin" in done.stdout


# In the process of its own --------------------------------------------------------------------------------


def may_filter() -> bool:
    """Whether this process may put a filter on a TCP socket. Raises `OSError` for other reasons."""
    program = ctypes.create_string_buffer(_TAKE_ALL, len(_TAKE_ALL))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        try:
            probe.setsockopt(
                socket.SOL_SOCKET,
                _SO_ATTACH_FILTER,
                struct.pack("HxxxxxxP", 1, ctypes.addressof(program)),
            )
        except PermissionError:
            return False
    return True


def drop_net_admin() -> None:
    """Give CAP_NET_ADMIN away (capset(2)). Raises `OSError`."""
    library = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_V3, 0), 8)
    sets = ctypes.create_string_buffer(24)
    if library.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    # Effective, permitted and inheritable, each of 32 bits, and the same again for the higher ones.
    words = [word & ~(1 << _NET_ADMIN) for word in struct.unpack("=3I", sets.raw[:12])]
    sets.raw = struct.pack("=3I", *words) + sets.raw[12:]
    if library.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def main() -> int:
    """Print whether this process may, with and without the capability."""
    may = may_filter()
    drop_net_admin()
    print(json.dumps({"may": may, "may_without": may_filter()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
