"""One ICE session of a call on aioice, and the path by which DTLS sees whichever session is chosen."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from aioice import Candidate, Connection, TransportPolicy
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import (
    ConnectionEvent,
    StunProtocol,
    get_host_addresses,
    relayed_candidate,
    server_reflexive_candidate,
)
from aioice.stun import Message
from aiortc import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from webrtc.sdp_fragment import CANDIDATES_LIMIT, Credentials, RemoteCandidate

log = logging.getLogger(__name__)

GATHER_BOUND_S = 4
"""How long STUN and TURN servers may take; what answers later is left out."""
_HANDSHAKES_LIMIT = 64
"""Datagrams of DTLS that wait; when full the newest are dropped, and sent again by the far end."""
_PORT_TRIES = 64
_COMPONENT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where our side of a call listens and which servers it uses."""

    hosts: tuple[str, ...] = ()
    """Addresses of this machine; none: all it has."""
    public_address: str = ""
    port_min: int
    port_max: int
    relay_only: bool = False
    ice_servers: Sequence[dict[str, Any]] = ()


class IceSession(Connection):
    """One ICE session: hands data on at once, and binds where the configuration says."""

    def __init__(
        self,
        network: Network,
        on_data: Callable[[bytes], None],
        on_check: Callable[["IceSession"], None],
        on_expired: Callable[["IceSession"], None],
        *,
        is_controlling: bool,
    ) -> None:
        policy = TransportPolicy.RELAY if network.relay_only else TransportPolicy.ALL
        super().__init__(
            ice_controlling=is_controlling,
            transport_policy=policy,
            **connection_kwargs([_server(item) for item in network.ice_servers]),
        )
        self._network = network
        self._on_data = on_data
        self._on_check = on_check
        self._on_expired = on_expired

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.local_username, self.local_password)

    def set_remote(self, credentials: Credentials, *, is_lite: bool) -> None:
        self.remote_username, self.remote_password = credentials.ufrag, credentials.password
        self.remote_is_lite = is_lite

    def send_now(self, data: bytes) -> None:
        """Send on the chosen pair; dropped while there is none."""
        pair = self._nominated.get(_COMPONENT)
        if pair is not None:
            pair.protocol.transport.sendto(data, pair.remote_addr)

    @property
    def is_nominated(self) -> bool:
        return bool(self._nominated)

    async def add(self, candidate: RemoteCandidate) -> None:
        """Take a candidate of the far end; a name ending in .local is asked for on the network."""
        if len(self._remote_candidates) >= CANDIDATES_LIMIT:
            # Each is sent checks: nobody may have us send them all over the world.
            return
        native = Candidate(
            foundation=candidate.foundation,
            component=_COMPONENT,
            transport="udp",
            priority=candidate.priority,
            host=candidate.host,
            port=candidate.port,
            type=candidate.type,
        )
        try:
            await self.add_remote_candidate(native)
        except (ValueError, OSError) as error:
            log.debug("a candidate was passed over", extra={"reason": str(error)})

    async def end_candidates(self) -> None:
        """No more candidates of the far end will come."""
        try:
            await self.add_remote_candidate(None)
        except ValueError:
            log.debug("the end of candidates was told twice")

    # What aioice calls -----------------------------------------------------------------------------

    def data_received(self, data: bytes, component: int) -> None:
        del component
        if data:
            self._on_data(data)

    def request_received(
        self, message: Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        super().request_received(message, addr, protocol)
        self._on_check(self)

    def _emit_event(self, event: ConnectionEvent) -> None:
        super()._emit_event(event)
        self._on_expired(self)

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = GATHER_BOUND_S
    ) -> list[Candidate]:
        """Bind sockets and ask the servers; as aioice's own, with our addresses and ports."""
        candidates: list[Candidate] = []
        if self._transport_policy is TransportPolicy.ALL:
            hosts = self._network.hosts or tuple(addresses) or ("127.0.0.1",)
            for host in hosts:
                if (protocol := await self._bind(host)) is not None:
                    self._protocols.append(protocol)
                    candidates.append(protocol.local_candidate)
                    candidates += self._published(protocol.local_candidate)
        candidates += await self._ask_servers(component, timeout)
        return candidates

    async def _bind(self, host: str) -> StunProtocol | None:
        loop = asyncio.get_running_loop()
        first, last = self._network.port_min, self._network.port_max
        for _ in range(_PORT_TRIES):
            try:
                transport, protocol = await loop.create_datagram_endpoint(
                    lambda: StunProtocol(self), local_addr=(host, random.randint(first, last))
                )
            except OSError as error:
                log.debug("cannot bind", extra={"host": host, "reason": str(error)})
                continue
            name = transport.get_extra_info("sockname")
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", name[0]),
                component=_COMPONENT,
                transport="udp",
                priority=candidate_priority(_COMPONENT, "host"),
                host=name[0],
                port=name[1],
                type="host",
            )
            return protocol
        log.warning("no port for media", extra={"host": host})
        return None

    def _published(self, host: Candidate) -> list[Candidate]:
        """Return the candidate by which the world knows a host candidate behind 1:1 NAT."""
        address = self._network.public_address
        if not address or (":" in address) != (":" in host.host):
            return []
        return [
            Candidate(
                foundation=candidate_foundation("srflx", "udp", host.host),
                component=_COMPONENT,
                transport="udp",
                priority=candidate_priority(_COMPONENT, "srflx"),
                host=address,
                port=host.port,
                type="srflx",
                related_address=host.host,
                related_port=host.port,
            )
        ]

    async def _ask_servers(self, component: int, timeout_s: int) -> list[Candidate]:
        asking: list[Coroutine[Any, Any, tuple[Candidate, StunProtocol | None]]] = []
        if self.stun_server:
            asking += [
                server_reflexive_candidate(protocol, self.stun_server)
                for protocol in self._protocols
                if ":" not in protocol.local_candidate.host
            ]
        if self.turn_server:
            asking.append(
                relayed_candidate(
                    component=component,
                    hide_related_address=self._network.relay_only,
                    protocol_factory=lambda: StunProtocol(self),
                    turn_server=self.turn_server,
                    turn_username=self.turn_username,
                    turn_password=self.turn_password,
                    turn_ssl=self.turn_ssl,
                    turn_transport=self.turn_transport,
                )
            )
        if not asking:
            return []
        tasks = [asyncio.create_task(item) for item in asking]
        try:
            done, _ = await asyncio.wait(tasks, timeout=timeout_s)
        finally:
            for task in tasks:
                task.cancel()
        candidates = []
        for task in done:
            if (error := task.exception()) is not None:
                log.info("an ICE server did not help", extra={"reason": repr(error)})
                continue
            candidate, relay = task.result()
            candidates.append(candidate)
            if relay is not None:
                self._protocols.append(relay)
        return candidates


def _server(item: dict[str, Any]) -> RTCIceServer:
    return RTCIceServer(
        urls=item.get("urls", []),
        username=item.get("username"),
        credential=item.get("credential"),
    )


class IcePath:
    """What DTLS takes for its ICE transport: whichever ICE session is chosen at present."""

    def __init__(self, *, is_controlling: bool) -> None:
        self.role = "controlling" if is_controlling else "controlled"
        self.ice: IceSession | None = None
        self._handshakes: asyncio.Queue[bytes] = asyncio.Queue(_HANDSHAKES_LIMIT)

    @property
    def state(self) -> str:
        return "completed" if self.ice is not None else "new"

    def feed(self, data: bytes) -> None:
        """Hand a datagram of DTLS to whoever waits in `_recv`."""
        if not self._handshakes.full():
            self._handshakes.put_nowait(data)

    def send_now(self, data: bytes) -> None:
        if self.ice is not None:
            self.ice.send_now(data)

    # The names that aiortc's DTLS calls.

    async def _recv(self) -> bytes:
        return await self._handshakes.get()

    async def _send(self, data: bytes) -> None:
        self.send_now(data)


def addresses() -> list[str]:
    """Return this machine's addresses that browsers may reach, for people."""
    return [host for host in get_host_addresses(True, True) if not host.startswith("127.")]
