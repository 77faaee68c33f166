"""What all requests about browser calls share: rules, limits, and whoever makes the calls."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from aiohttp import web

from gateway.config import Config
from gateway.errors import GatewayError
from gateway.http.errors import ApiError
from gateway.http.peer import Peers
from gateway.http.rate_limit import RateLimit
from gateway.http.webrtc import used_tokens
from gateway.http.webrtc.admission import Admission, Admitted
from gateway.http.webrtc.ice_servers import IceServers
from gateway.http.webrtc.origins import Origins, preflight_headers
from gateway.http.webrtc.ports import Guest, Guests, LiveStates
from gateway.http.webrtc.resources import Resources
from gateway.http.webrtc.tokens import NO_ROOM, Claims, TokenRefused, TokenSigner
from gateway.http.webrtc.used_tokens import UsedTokens
from gateway.model.browser_calls import BrowserCalls

log = logging.getLogger(__name__)

REQUESTS_PER_OFFER = 20
"""Candidates, restarts, hang-ups and page settings that an address may ask for, for each offer it may."""


class Desk:
    """One per gateway, on the event loop. Raises `ConfigError` for secrets that cannot be read."""

    def __init__(
        self,
        config: Config,
        signer: TokenSigner,
        calls: BrowserCalls,
        live: LiveStates,
        guests: Guests | None = None,
    ) -> None:
        """`guests` knows the rooms to which tokens lead; without it such tokens open nothing."""
        self._guests = guests
        section = config.webrtc
        self.section = section
        self.agent_names: Sequence[str] = tuple(config.agents)
        self.signer = signer
        self.calls = calls
        self.peers = Peers(config.http.trusted_proxies)
        self.origins = Origins(section.origins)
        self.admission = Admission(section, self.agent_names, signer, self.peers)
        self.ice_servers = IceServers(section)
        self.resources = Resources(section.max_calls, live.states)
        self._offers = RateLimit(section.calls_per_minute)
        self._requests = RateLimit(section.calls_per_minute * REQUESTS_PER_OFFER)
        self._used = UsedTokens()
        self._used_file = config.gateway.data_dir / used_tokens.FILE
        self._writing: asyncio.Task[None] | None = None
        self._is_written = True

    def replace_agents(self, names: Sequence[str]) -> None:
        """Know other agents from now on, the one called by default first."""
        self.agent_names = names
        self.admission = Admission(self.section, names, self.signer, self.peers)

    def load(self) -> None:
        """Remember the tokens that were used before a restart. Blocks; called once, at the start."""
        self._used.load(used_tokens.read_file(self._used_file), time.time())

    async def close(self) -> None:
        """Wait until used tokens are written down."""
        if self._writing is not None:
            await self._writing

    # Rules, in the order in which a request meets them ---------------------------------------------

    def check_origin(self, request: web.Request) -> None:
        """Raise `ApiError` (403) for a page that may not call."""
        if not self.origins.allows(request.headers.get("Origin"), self.peers.host(request)):
            raise ApiError(
                403, "webrtc.origin", "pages of this origin may not call; see webrtc.origins"
            )

    def preflight(self, request: web.Request) -> Mapping[str, str]:
        """Return what the answer to an OPTIONS carries besides, if a browser asks before it calls."""
        is_preflight = "Access-Control-Request-Method" in request.headers
        return preflight_headers() if is_preflight else {}

    def count_offer(self, request: web.Request) -> None:
        """Raise `ApiError` (429) for an address that offers too often."""
        self._count(self._offers, request)

    def count_request(self, request: web.Request) -> None:
        """Raise `ApiError` (429) for an address that asks too often."""
        self._count(self._requests, request)

    def _count(self, limit: RateLimit, request: web.Request) -> None:
        wait_s = limit.ask(self.peers.address(request), time.monotonic())
        if wait_s:
            raise ApiError(
                429,
                "http.too_many_requests",
                "too many requests from this address",
                headers={"Retry-After": str(wait_s)},
            )

    def check_ready(self) -> None:
        """Raise `ApiError` (503) while no call can be taken."""
        if not self.calls.is_ready:
            raise ApiError(
                503, "webrtc.not_ready", "no calls are taken now", headers={"Retry-After": "5"}
            )

    async def guest_of(self, claims: Claims | None) -> Guest | None:
        """Return whose room a token leads into, None if into none. Raises `TokenRefused`, `StoreError`."""
        if claims is None or not claims.room:
            return None
        guest = None if self._guests is None else await self._guests.guest(claims.room)
        if guest is None:
            raise TokenRefused(
                NO_ROOM, "the conversation that this link is for is not there", status=404
            )
        return guest

    async def admit(self, request: web.Request, wanted: str, now_s: float) -> Admitted:
        """Return who calls whom. Raises `TokenRefused`, `ApiError` or `StoreError`."""
        guest = await self.guest_of(self.admission.claims(request, now_s))
        return self.admission.admit(request, wanted, now_s, guest)

    def use_token(self, admitted: Admitted) -> None:
        """Use the caller's token up; raises `TokenRefused` if it was used before."""
        if admitted.claims is not None:
            self._used.use(admitted.claims, time.time())
            self._write_soon()

    def refused(self, admitted: Admitted, error: BaseException) -> None:
        """No call came of an offer: a caller whom only our own state kept out may use the token again."""
        if admitted.claims is None:
            return
        if isinstance(error, GatewayError) and error.retryable:
            self._used.give_back(admitted.claims)
            self._write_soon()

    def ice_for_worker(self, caller: str) -> Mapping[str, object]:
        """Return the servers that our side of a call may use."""
        servers = self.ice_servers.for_call(caller, time.time())
        return {"servers": [server.as_json() for server in servers]}

    # Used tokens over a restart --------------------------------------------------------------------

    def _write_soon(self) -> None:
        self._is_written = False
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="used tokens")

    async def _write(self) -> None:
        while not self._is_written:
            self._is_written = True
            text = self._used.text(time.time())
            await asyncio.to_thread(used_tokens.write_file, self._used_file, text)
