"""Calls that browsers ask for: the seam between signalling and whoever terminates them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserOffer:
    """A call that a browser asks for."""

    call_id: str
    sdp: str
    agent: str
    """Name of the agent that is to take it."""
    callee: str
    caller: str = ""
    caller_name: str = ""
    source: str = ""
    """Network address the offer came from."""
    relay_only: bool = False
    has_early_audio: bool = False
    """The page will send what was said before the connection."""
    max_call_s: int = 0
    """Longest call; 0: as configured."""
    ice: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Negotiation:
    """What the browser is to be told."""

    sdp: str
    etag: str
    """Names the ICE session; without quotes."""


class BrowserCalls(Protocol):
    """Whoever terminates browser calls. For the event loop."""

    @property
    def is_ready(self) -> bool:
        """Whether a call can be taken now."""

    async def negotiate(self, offer: BrowserOffer) -> Negotiation:
        """Have a call made of an offer; returns when it was answered. Raises `GatewayError`.

        Whoever gives up waiting also calls `hang_up`: cancelling alone ends no call.
        """

    async def add_candidates(self, call_id: str, fragment: str) -> None:
        """Hand on more of the browser's candidates. Raises `GatewayError`."""

    async def restart_ice(self, call_id: str, fragment: str, etag: str) -> Negotiation:
        """Restart ICE with the browser's new credentials; `sdp` is our fragment. Raises `GatewayError`.

        `etag` names the session that is to be replaced; `*` is whichever there is.
        """

    def hang_up(self, call_id: str) -> None:
        """End a call at the caller's wish, in whatever state it is; unknown calls are ignored."""
