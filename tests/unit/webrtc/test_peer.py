"""One ICE session after the other beneath a transport, without a network."""

import asyncio

import pytest

from gateway.errors import EndpointError
from tests.unit.webrtc.test_media import offer
from webrtc import peer as peer_module
from webrtc.ice import Network
from webrtc.peer import Certificate, Peer
from webrtc.sdp_fragment import Credentials
from webrtc.sdp_offer import CodecName


class FakeIce:
    """Connects when it is told to; one that is closed too late does so all the same."""

    made: list["FakeIce"]

    def __init__(self, *_: object, is_controlling: bool) -> None:
        self.connected = asyncio.Event()
        self.local_candidates = ["a candidate"]
        self.remote_username = ""
        self.is_nominated = True
        self.made.append(self)

    def set_remote(self, credentials: Credentials, *, is_lite: bool) -> None:
        self.remote_username = credentials.ufrag

    async def gather_candidates(self) -> None:
        if self.remote_username == "nowhere":
            self.local_candidates = []

    async def add(self, _candidate: object) -> None:
        """Whom it could reach is not looked at."""

    async def end_candidates(self) -> None:
        """Neither is that there are no more."""

    async def connect(self) -> None:
        await self.connected.wait()

    async def close(self) -> None:
        """Nothing is open."""


class Told:
    """Keeps what the listener is told."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.lost: list[str] = []

    def on_closed(self, reason: str) -> None:
        self.closed.append(reason)

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)

    def on_connected(self) -> None:
        """Not looked at."""


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[FakeIce]:
    FakeIce.made = []
    monkeypatch.setattr(peer_module, "IceSession", FakeIce)
    return FakeIce.made


def credentials(ufrag: str) -> Credentials:
    return Credentials(ufrag, "p" * 22)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def a_peer() -> tuple[Peer, Told]:
    told = Told()
    network = Network(port_min=20_000, port_max=30_000)
    peer = Peer(offer(CodecName.OPUS), network, Certificate(), told)  # type: ignore[arg-type]
    peer._has_begun_dtls = True  # no handshake: there is nobody
    await peer.prepare()
    peer.start()
    return peer, told


async def test_a_session_that_connects_when_another_restart_has_dropped_it_is_not_taken(
    sessions: list[FakeIce],
) -> None:
    peer, told = await a_peer()
    sessions[0].connected.set()
    await turns()
    for name in ("second", "third"):
        await peer.restart(credentials(name))
        peer.start()
        await turns()
    sessions[1].connected.set()
    await turns()
    sessions[2].connected.set()
    await turns()

    assert peer._path.ice is sessions[2]  # type: ignore[comparison-overlap]
    assert (told.closed, told.lost) == ([], [])
    await peer.close()


async def test_a_restart_without_a_candidate_leaves_the_session_that_is_there(
    sessions: list[FakeIce],
) -> None:
    peer, told = await a_peer()
    sessions[0].connected.set()
    await turns()
    before = peer.remote_ufrag()
    with pytest.raises(EndpointError):
        await peer.restart(credentials("nowhere"))

    assert peer.remote_ufrag() == before
    assert peer._path.ice is sessions[0]  # type: ignore[comparison-overlap]
    assert (told.closed, told.lost) == ([], [])
    await peer.close()
