"""Browser calls without browser or worker: says yes, no or nothing to an offer, as the test wants."""

import asyncio
from dataclasses import dataclass, field

from gateway.errors import GatewayError
from gateway.model.browser_calls import BrowserOffer, Negotiation

UFRAG, PASSWORD = "Ab3/", "p" * 22

OFFER = "\r\n".join(
    (
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
        "c=IN IP4 0.0.0.0",
        f"a=ice-ufrag:{UFRAG}",
        f"a=ice-pwd:{PASSWORD}",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=mid:0",
        "a=rtpmap:111 opus/48000/2",
        "",
    )
)

CANDIDATE = "a=candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host"


def a_fragment(ufrag: str = UFRAG, password: str = PASSWORD, *lines: str) -> str:
    """An ICE fragment as a browser's page sends it."""
    head = (f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", "m=audio 9 UDP/TLS/RTP/SAVPF 111")
    return "\r\n".join((*head, "a=mid:0", *lines, ""))


@dataclass
class FakeBrowserCalls:
    """Implements `BrowserCalls` and `LiveStates`; tests set the attributes."""

    is_ready: bool = True
    fails: GatewayError | None = None
    """What every offer, candidate and restart raises."""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: offers wait."""
    offers: list[BrowserOffer] = field(default_factory=list)
    fragments: list[tuple[str, str]] = field(default_factory=list)
    restarts: list[tuple[str, str, str]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    live: dict[str, str] = field(default_factory=dict)
    cancelled: int = 0

    def __post_init__(self) -> None:
        self.answers.set()

    async def negotiate(self, offer: BrowserOffer) -> Negotiation:
        self.offers.append(offer)
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails is not None:
            raise self.fails
        self.live[offer.call_id] = "answering"
        return Negotiation("v=0\r\ns=the answer\r\n", "1")

    async def add_candidates(self, call_id: str, fragment: str) -> None:
        if self.fails is not None:
            raise self.fails
        self.fragments.append((call_id, fragment))

    async def restart_ice(self, call_id: str, fragment: str, etag: str) -> Negotiation:
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        self.restarts.append((call_id, fragment, etag))
        return Negotiation("a=ice-ufrag:ours\r\n", str(1 + len(self.restarts)))

    def hang_up(self, call_id: str) -> None:
        self.hung_up.append(call_id)
        self.live.pop(call_id, None)

    def states(self) -> dict[str, str]:
        return dict(self.live)
