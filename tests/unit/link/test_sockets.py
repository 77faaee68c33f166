"""The socket pair under a link."""

import os
import socket

from gateway.link.protocol import DATAGRAM_LIMIT_BYTES
from gateway.link.sockets import inherited_link, link_pair, raise_buffers


def test_neither_end_is_inherited_unless_asked_for() -> None:
    ours, theirs = link_pair()
    with ours, theirs:
        assert not ours.get_inheritable()
        assert not theirs.get_inheritable()


def test_the_longest_datagram_passes_whole() -> None:
    ours, theirs = link_pair()
    with ours, theirs:
        theirs.send(bytes(DATAGRAM_LIMIT_BYTES))
        theirs.send(b"next")

        assert len(ours.recv(DATAGRAM_LIMIT_BYTES + 1)) == DATAGRAM_LIMIT_BYTES
        assert ours.recv(10) == b"next"


def test_more_than_is_granted_may_be_asked_for() -> None:
    ours, theirs = link_pair()
    with ours, theirs:
        assert raise_buffers(ours, 1 << 20) >= DATAGRAM_LIMIT_BYTES


def test_an_inherited_end_is_not_passed_on() -> None:
    ours, theirs = link_pair()
    fd = theirs.detach()
    os.set_inheritable(fd, True)

    with ours, inherited_link(fd) as worker:
        assert worker.type == socket.SOCK_SEQPACKET
        assert not worker.get_inheritable()
        worker.send(b"x")
        assert ours.recv(10) == b"x"
