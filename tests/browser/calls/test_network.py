"""Networks that change under a call, and networks with nothing but a relay."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.calls.browser import (
    Samples,
    candidate_types,
    heard,
    statistics,
    was_heard,
)
from tests.browser.calls.conftest import WEB, Person, Speaking, StartGateway
from tests.browser.support.coturn import Coturn
from tests.browser.support.namespace import Namespace, is_possible
from tests.interop.gateway.conftest import ASK_HOURS, GREETING, HOURS, SETTINGS
from tests.interop.gateway.running_gateway import RunningGateway, entries, kinds, tell, until

Reference = Callable[[str], Samples]
EVERYWHERE = 'host = "0.0.0.0"'


@pytest.fixture
def elsewhere() -> Iterator[Namespace]:
    """A namespace for a browser; without the right to make one the test cannot be."""
    if not is_possible():
        if os.environ.get("REQUIRE_INTEROP"):
            pytest.fail("network namespaces cannot be made here")
        pytest.skip("network namespaces cannot be made here")
    # Two runs of the tests at a time must not share addresses.
    with Namespace(os.getpid() % 200) as namespace:
        yield namespace


@pytest.mark.parametrize("is_away", [False, True], ids=["at once", "after a gap"])
def test_a_call_survives_another_network_without_a_second_greeting(
    is_away: bool,
    own_gateway: StartGateway,
    person: Person,
    speaking: Speaking,
    elsewhere: Namespace,
    reference: Reference,
) -> None:
    gateway: RunningGateway = own_gateway(WEB + SETTINGS, http=EVERYWHERE)
    origin = f"http://{elsewhere.address}:{gateway.http_port}"
    caller = person(
        gateway,
        microphone=speaking(30.0, ASK_HOURS, 10.0, ASK_HOURS),
        netns=elsewhere.name,
        secure_origins=(origin,),
    )
    caller.call(elsewhere.address)
    gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    assert _local_address(caller.page) == elsewhere.address_of(0)

    before = _ufrag(caller.page)
    if is_away:
        elsewhere.cut(0)
        caller.wait_for_state("reconnecting", 20)
    elsewhere.switch(1)
    until(lambda: _local_address(caller.page) == elsewhere.address_of(1), 30, "the other way")
    caller.wait_for_state("in_call", 20)
    if is_away:
        assert _ufrag(caller.page) != before
    record = gateway.wait_for_words(caller.number, "nine to five", 60)

    assert kinds(record).count("greeting_started") == 1, tell(record)
    assert kinds(record).count("media_up") == 1
    assert len([call for call in gateway.calls() if call["caller"] == caller.number]) == 1
    time.sleep(3)
    # After a gap the browser's jitter buffer works for a while on what it plays.
    was_heard(reference(HOURS), heard(caller.page), 0.5)


def test_a_call_that_never_comes_back_is_ended_after_the_grace(
    own_gateway: StartGateway, person: Person, speaking: Speaking, elsewhere: Namespace
) -> None:
    gateway = own_gateway(WEB + "grace_s = 4\n" + SETTINGS, http=EVERYWHERE)
    origin = f"http://{elsewhere.address}:{gateway.http_port}"
    caller = person(
        gateway, microphone=speaking(1.0), netns=elsewhere.name, secure_origins=(origin,)
    )
    caller.call(elsewhere.address)
    gateway.wait_for(caller.number, "gate_opened")
    elsewhere.cut(0)
    record = gateway.wait_until_ended(caller.number, 45)

    assert record["cause"] == "no_media", tell(record)
    caller.wait_for_state("failed", 60)


def test_relay_only_goes_through_the_relay_alone(
    own_gateway: StartGateway,
    person: Person,
    speaking: Speaking,
    reference: Reference,
    elsewhere: Namespace,
    tmp_path: Path,
) -> None:
    with Coturn(tmp_path / "coturn", elsewhere.address, secret="a-shared-secret") as relay:
        web = f"""{WEB}relay_only = true
turn_secret_file = "{relay.secret_file}"
[[webrtc.ice_servers]]
urls = ["{relay.url}"]
"""
        gateway = own_gateway(web + SETTINGS, http=EVERYWHERE)
        origin = f"http://{elsewhere.address}:{gateway.http_port}"
        caller = person(
            gateway,
            microphone=speaking(7.0, ASK_HOURS),
            netns=elsewhere.name,
            secure_origins=(origin,),
        )
        caller.call(elsewhere.address)
        record = gateway.wait_for(caller.number, "greeting_played", interrupted=False)
        gateway.wait_for_words(caller.number, "nine to five")

        assert candidate_types(caller.page) == {("relay", "relay")}
        assert relay.allocations() >= 2
        was_heard(reference(GREETING), heard(caller.page))
        assert entries(record, "media_up", reason="transport")


def _ufrag(page) -> str:
    """Return our ICE user name; a restart makes another."""
    (ufrag,) = page.evaluate(
        "window.offhookPeers.map((peer) => /ice-ufrag:(\\S+)/.exec(peer.localDescription.sdp)[1])"
    )
    return str(ufrag)


def _local_address(page) -> str:
    """Return our address on the pair in use."""
    by_id = {line["id"]: line for line in statistics(page, "local-candidate")}
    pairs = {line["id"]: line for line in statistics(page, "candidate-pair")}
    (transport,) = statistics(page, "transport")
    pair = pairs.get(transport.get("selectedCandidatePairId", ""), {})
    return str(by_id.get(pair.get("localCandidateId", ""), {}).get("address", ""))
