"""Who is let in: capacity, draining, and strangers."""

import socket

from gateway.model import commands, events
from gateway.model.hangup import HangupCause
from tests.interop.sip.conftest import Dial, StartWorker
from tests.interop.sip.test_endings import assert_no_call_left
from tests.interop.support.gateway_peer import sip_port
from tests.interop.support.sipp import settle
from tests.interop.support.wire_phone import WirePhone


def test_calls_over_the_limit_get_503_with_retry_after(
    start_worker: StartWorker, dial: Dial
) -> None:
    peer = start_worker(max_calls=2)
    held = dial(peer, "callee_hangs_up", calls=2)
    peer.wait_for_leg(count=2)
    for leg in (1, 2):
        peer.answer(leg)
    # Many at once: more than there are native slots above the limit.
    refused = dial(peer, "refused", calls=60, rate=1000, limit=60)
    refused.expect_success()
    peer.until(lambda: len(peer.refused) == 60, 5, "60 refusals")
    assert {item.cause for item in peer.refused} == {HangupCause.CAPACITY}
    assert peer.refused[0].offered.caller == "+15551234"
    assert len(peer.of(events.Offered)) == 2
    for leg in (1, 2):
        peer.hang_up(leg)
    held.expect_success()
    taken = dial(peer, "caller_hangs_up")
    peer.answer(peer.wait_for_leg(count=3))
    taken.expect_success()
    assert_no_call_left(peer)


def test_draining_refuses_new_calls_and_keeps_old(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker()
    running = dial(peer, "callee_hangs_up")
    leg = peer.wait_for_leg()
    peer.answer(leg)
    peer.wait_for(events.MediaUp, leg)
    peer.send(commands.Drain())
    dial(peer, "refused").expect_success()
    assert peer.refused[0].cause is HangupCause.DRAINING
    assert not peer.of(events.Ended)
    peer.hang_up(leg)
    running.expect_success()


def test_strangers_get_no_byte(start_worker: StartWorker, dial: Dial) -> None:
    peer = start_worker(allow=("127.0.0.1/32",))
    port = sip_port(peer)
    with WirePhone(port, host="127.0.0.2") as stranger:
        stranger.invite()
        stranger.send("OPTIONS", 2)
        stranger.send("REGISTER", 3)
        assert stranger.receive(1.0) is None
    # TCP: not even a refused connection.
    with socket.socket() as caller:
        caller.bind(("127.0.0.2", 0))
        caller.settimeout(1.0)
        try:
            caller.connect(("127.0.0.1", port))
        except TimeoutError:
            outcome = "silence"
        except ConnectionError:
            outcome = "refused"
        else:
            outcome = "connected"
    assert outcome == "silence"
    assert not peer.events
    assert peer.ping()["packets_dropped"] >= 3
    # Friends are served all the while.
    dial(peer, "options").expect_success()


def test_several_networks(start_worker: StartWorker) -> None:
    peer = start_worker(allow=("10.0.0.0/8", "127.0.0.4/30", "192.0.2.1/32"))
    for host, served in (("127.0.0.3", False), ("127.0.0.5", True), ("127.0.0.8", False)):
        with WirePhone(sip_port(peer), host=host) as phone:
            phone.send("OPTIONS", 1)
            assert (phone.receive(0.5) is not None) is served
    settle(0.05)
