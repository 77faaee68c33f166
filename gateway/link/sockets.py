"""The socket pair under a link: how it is made, what is inherited, how much it holds."""

import socket

SEND_BUFFER_BYTES = 4 * 1024 * 1024
"""Asked for on both ends: a tick of 300 calls has 193 kB, a burst of greetings some megabytes."""

_SO_SNDBUFFORCE = 32  # not in the socket module: socket(7), privileged form of SO_SNDBUF


def link_pair() -> tuple[socket.socket, socket.socket]:
    """Return the gateway's and the worker's end, both close-on-exec.

    Pass the second one's number in `pass_fds`; nothing else of ours must reach the child.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    raise_buffers(ours)
    raise_buffers(theirs)
    return ours, theirs


def inherited_link(fd: int) -> socket.socket:
    """Return the worker's end from the inherited descriptor; its own children do not inherit it."""
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    return sock


def raise_buffers(sock: socket.socket, size_bytes: int = SEND_BUFFER_BYTES) -> int:
    """Ask for a send buffer; returns what was granted.

    Root gets it all; others get at most `net.core.wmem_max`, which by default still holds one
    datagram of the greatest length, and the link queues what does not fit.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, size_bytes)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size_bytes)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
