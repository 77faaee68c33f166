"""A browser worker under the endpoint contract, called by browsers of aiortc."""

import asyncio
from pathlib import Path

from gateway.config import Config
from gateway.errors import GatewayError
from gateway.model.browser_calls import BrowserOffer
from gateway.model.ids import new_call_id
from tests.support.browser_endpoint import browser_config, browser_endpoint
from tests.support.browser_peer import BrowserPeer
from tests.support.leg_recorder import LegRecorder

AGENT = "receptionist"


class BrowserFarEnd:
    """One browser whose call goes through `BrowserEndpoint`, as HTTP would have it."""

    def __init__(self, peer: BrowserPeer, harness: "BrowserHarness", offer: BrowserOffer) -> None:
        self.peer = peer
        self.offer = offer
        self._endpoint = harness.endpoint
        self.refused: GatewayError | None = None
        self.answered = asyncio.create_task(self._negotiate())

    async def _negotiate(self) -> None:
        try:
            negotiation = await self._endpoint.negotiate(self.offer)
        except GatewayError as error:
            self.refused = error
            return
        self.etag = negotiation.etag
        await self.peer.accept(negotiation.sdp)

    async def hang_up(self) -> None:
        self._endpoint.hang_up(self.offer.call_id)

    async def heard(self) -> bytes:
        return bytes(self.peer.heard)

    async def keys_heard(self) -> str:
        return "".join(str(message["digit"]) for message in self.peer.of_type("dtmf"))

    async def speak(self, pcm: bytes) -> None:
        self.peer.microphone.speak(pcm)

    async def press(self, digit: str) -> None:
        await self.peer.wait_up()
        self.peer.say(type="dtmf", digit=digit)

    async def close(self) -> None:
        self.answered.cancel()
        await asyncio.gather(self.answered, return_exceptions=True)
        await self.peer.close()


class BrowserHarness:
    """Implements the contract's `EndpointHarness`."""

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        self.recorder = LegRecorder()
        self.endpoint = browser_endpoint(
            config or browser_config(),
            folder / "worker.json",
            offers=self.recorder,
            ticks=self.recorder,
        )
        self.far_ends: list[BrowserFarEnd] = []

    async def start(self) -> None:
        await self.endpoint.start()

    async def stop(self) -> None:
        await asyncio.gather(*(far.close() for far in self.far_ends))
        await self.endpoint.stop()

    async def offer(self, peer: BrowserPeer | None = None, **facts: object) -> BrowserFarEnd:
        peer = peer or BrowserPeer()
        offer = BrowserOffer(
            call_id=new_call_id(),
            sdp=await peer.offer(),
            agent=AGENT,
            callee=AGENT,
            caller="web:somebody",
            source="127.0.0.1",
            **facts,  # type: ignore[arg-type]
        )
        far = BrowserFarEnd(peer, self, offer)
        self.far_ends.append(far)
        return far
