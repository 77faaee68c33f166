"""The transport of one browser call, on aiortc's DTLS and SCTP and aioice's ICE.

Assembled from their parts instead of `RTCPeerConnection`, for two reasons. ICE can be restarted: DTLS sees
a path whose ICE session is exchanged beneath it. And media never waits: packets are decrypted and handed on
where they arrive, and sent where they are made, without a task or a thread of their own.

This file and `ice.py` are the only ones of the worker that know aiortc. What they use beyond its
documented interface (`_rx_srtp`, `_tx_srtp`, `_task` of DTLS; `_nominated` and the overridden methods of
aioice's `Connection`) is covered by tests.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcdatachannel import RTCDataChannel
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities

from gateway.errors import EndpointError
from webrtc.ice import IcePath, IceSession, Network
from webrtc.sdp_fragment import Credentials, RemoteCandidate
from webrtc.sdp_offer import Offer

log = logging.getLogger(__name__)

CHANNEL = "offhook"
_CHANNEL_LIMIT_BYTES = 262_144
"""Most that waits on the data channel; messages over that are dropped."""
_UNSENT_LIMIT = 32
"""Messages that wait until the page's channel is open; when full the oldest is dropped."""
_FLUSH_BOUND_S = 0.5
"""Time for the last messages on the channel to arrive before it is closed."""
_CLOSE_BOUND_S = 3.0
_DATAGRAM_BYTES = 1_500


class PeerListener(Protocol):
    """Told what happens to a transport, on the event loop."""

    def on_connected(self) -> None:
        """The transport is up and encrypted; also after it was lost."""

    def on_lost(self, reason: str) -> None:
        """Nothing comes through at present."""

    def on_closed(self, reason: str) -> None:
        """The far end has closed it in order, or it can never come up."""

    def on_rtp(self, packet: bytes, arrival_s: float) -> None:
        """A media packet, decrypted."""

    def on_rtcp(self, packet: bytes, arrival_s: float) -> None:
        """A control packet, decrypted."""

    def on_text(self, text: str) -> None: ...

    def on_binary(self, data: bytes) -> None: ...


class Certificate:
    """Our DTLS certificate; one for a whole worker, since nothing is hidden by changing it."""

    def __init__(self) -> None:
        self.native = RTCCertificate.generateCertificate()
        prints = {item.algorithm: item.value for item in self.native.getFingerprints()}
        self.fingerprint = prints["sha-256"]


class Peer:
    """One call's transport; for the event loop. `close` it in every case."""

    def __init__(
        self, offer: Offer, network: Network, certificate: Certificate, listener: PeerListener
    ) -> None:
        self._offer = offer
        self._network = network
        self._listener = listener
        self.is_dtls_client = offer.setup in ("actpass", "passive")
        self._path = IcePath(is_controlling=offer.is_lite)
        self._dtls = RTCDtlsTransport(self._path, [certificate.native])  # type: ignore[arg-type]
        # As answerers we may choose; the client's first flight saves a round trip (RFC 8842 5.3).
        self._dtls._set_role("client" if self.is_dtls_client else "server")
        self._dtls.on("statechange", self._on_dtls)
        self._sctp: RTCSctpTransport | None = None
        self._channel: RTCDataChannel | None = None
        self._unsent: deque[str] = deque(maxlen=_UNSENT_LIMIT)
        self._sessions: list[IceSession] = []  # the newest last; the chosen one among them
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_begun_dtls = False
        self._is_closed = False
        self.heard_at_s = time.monotonic()
        """When the last packet of any kind came."""
        self.dropped_messages = 0

    @property
    def is_connected(self) -> bool:
        """Whether packets can be sent and read."""
        ice = self._path.ice
        return self._dtls.state == "connected" and ice is not None and ice.is_nominated

    @property
    def has_channel(self) -> bool:
        return self._channel is not None and self._channel.readyState == "open"

    # Negotiation -----------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Gather our candidates for the offer. Raises `EndpointError` if there are none."""
        await self._gather(self._offer.credentials)
        for candidate in self._offer.candidates:
            self._add(self._sessions[-1], candidate)
        if self._offer.is_complete:
            self._spawn(self._sessions[-1].end_candidates(), "end of candidates")

    @property
    def credentials(self) -> Credentials:
        """Ours, of the newest ICE session."""
        return self._sessions[-1].credentials

    @property
    def candidates(self) -> list[str]:
        """Ours, of the newest ICE session, as written after `a=candidate:`."""
        return [candidate.to_sdp() for candidate in self._sessions[-1].local_candidates]

    def remote_ufrag(self) -> str:
        """The far end's, of the newest ICE session; empty while there is none."""
        return (self._sessions[-1].remote_username or "") if self._sessions else ""

    def start(self) -> None:
        """Connect the newest ICE session; what comes of it is told to the listener."""
        self._spawn(self._connect(self._sessions[-1]), "ice")

    def add_candidates(self, candidates: Sequence[RemoteCandidate], *, is_complete: bool) -> None:
        """Take more of the far end's candidates for the newest ICE session."""
        if not self._sessions:
            return
        for candidate in candidates:
            self._add(self._sessions[-1], candidate)
        if is_complete:
            self._spawn(self._sessions[-1].end_candidates(), "end of candidates")

    async def restart(self, credentials: Credentials) -> None:
        """Open another ICE session; the present one serves until the new one is connected.

        Call `start` when our side of it was told. Raises `EndpointError`; the present one then stays.
        """
        for ice in self._sessions:
            if ice is not self._path.ice:
                self._spawn(ice.close(), "close a restart that was overtaken")
        self._sessions = [ice for ice in self._sessions if ice is self._path.ice]
        await self._gather(credentials)

    async def _gather(self, remote: Credentials) -> None:
        ice = IceSession(
            self._network,
            self._on_datagram,
            self._on_check,
            self._on_expired,
            is_controlling=self._offer.is_lite,
        )
        self._sessions.append(ice)
        ice.set_remote(remote, is_lite=self._offer.is_lite)
        await ice.gather_candidates()
        if self._is_closed or ice not in self._sessions:
            # Sockets that were bound after it was closed are closed now.
            await ice.close()
            raise EndpointError("another restart, or the end, came first")
        if not ice.local_candidates:
            self._sessions.remove(ice)
            await ice.close()
            needed = "no TURN relay" if self._network.relay_only else "no address"
            raise EndpointError(f"{needed} for media")

    def _add(self, ice: IceSession, candidate: RemoteCandidate) -> None:
        # A task: a name ending in .local is asked for on the network first.
        self._spawn(ice.add(candidate), "candidate")

    async def _connect(self, ice: IceSession) -> None:
        try:
            await ice.connect()
        except ConnectionError as error:
            if ice in self._sessions[-1:] and not self._is_closed:
                self._listener.on_lost(str(error))
            return
        if ice not in self._sessions:
            return  # a restart came first, and has closed it
        before, self._path.ice = self._path.ice, ice
        self.heard_at_s = time.monotonic()
        if before is not None and before is not ice:
            self._sessions.remove(before)
            await before.close()
        if self._has_begun_dtls:
            if self._dtls.state == "connected":
                self._listener.on_connected()
            return
        self._has_begun_dtls = True
        fingerprints = [RTCDtlsFingerprint(*item) for item in self._offer.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=fingerprints))
        if self._dtls.state == "connected":
            await self._open_channel()

    async def _open_channel(self) -> None:
        if self._offer.data is None:
            return
        self._sctp = RTCSctpTransport(self._dtls, port=self._offer.sctp_port)
        self._sctp.on("datachannel", self._on_channel)
        capabilities = RTCSctpCapabilities(maxMessageSize=self._offer.message_bytes)
        await self._sctp.start(capabilities, self._offer.sctp_port)

    # Sending ---------------------------------------------------------------------------------------

    def send_rtp(self, packet: bytes) -> bool:
        """Encrypt and send a media packet; False while that is not possible."""
        srtp = self._dtls._tx_srtp
        if srtp is None or not self.is_connected:
            return False
        self._path.send_now(srtp.protect(packet))
        return True

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send control packets; dropped while that is not possible."""
        srtp = self._dtls._tx_srtp
        if srtp is not None and self.is_connected:
            self._path.send_now(srtp.protect_rtcp(packet))

    def send_text(self, text: str) -> bool:
        """Send a message over the data channel, once it is open; False if it was dropped."""
        channel = self._channel
        if channel is None:
            self._unsent.append(text)
            return True
        if channel.readyState != "open" or channel.bufferedAmount > _CHANNEL_LIMIT_BYTES:
            self.dropped_messages += 1
            return False
        channel.send(text)
        return True

    # What arrives ----------------------------------------------------------------------------------

    def _on_datagram(self, data: bytes) -> None:
        """Tell apart what came (RFC 7983 section 7)."""
        first = data[0]
        if 127 < first < 192:
            self._on_srtp(data)
        elif 19 < first < 64:
            self.heard_at_s = time.monotonic()
            self._path.feed(data)

    def _on_srtp(self, data: bytes) -> None:
        srtp = self._dtls._rx_srtp
        if srtp is None or not 12 <= len(data) <= _DATAGRAM_BYTES or self._is_closed:
            return
        is_control = 64 <= data[1] & 0x7F < 96
        try:
            plain = srtp.unprotect_rtcp(data) if is_control else srtp.unprotect(data)
        except pylibsrtp.Error as error:
            log.debug("a packet was not encrypted for us", extra={"reason": str(error)})
            return
        self.heard_at_s = arrival_s = time.monotonic()
        if is_control:
            self._listener.on_rtcp(plain, arrival_s)
        else:
            self._listener.on_rtp(plain, arrival_s)

    def _on_check(self, ice: IceSession) -> None:
        if ice is self._path.ice:
            self.heard_at_s = time.monotonic()

    def _on_expired(self, ice: IceSession) -> None:
        if ice is self._path.ice and not self._is_closed:
            self._listener.on_lost("the browser does not answer checks")

    def _on_dtls(self) -> None:
        if self._is_closed:
            return
        match self._dtls.state:
            case "connected":
                self._listener.on_connected()
            case "closed":
                self._listener.on_closed("the browser closed the connection")
            case "failed":
                self._listener.on_closed("the DTLS handshake failed")

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_message)
        while self._unsent:
            self.send_text(self._unsent.popleft())

    def _on_message(self, data: str | bytes) -> None:
        if self._is_closed:
            return
        if isinstance(data, str):
            self._listener.on_text(data)
        else:
            self._listener.on_binary(data)

    # The end ---------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Release everything; what was sent last still has a moment to arrive. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            async with asyncio.timeout(_CLOSE_BOUND_S):
                await self._flush()
                await self._close_all()
        except TimeoutError:
            log.warning("a transport took too long to close")
        finally:
            for task in self._tasks:
                task.cancel()

    async def _flush(self) -> None:
        sctp = self._sctp
        if sctp is None or not self.has_channel or not self.is_connected:
            return
        deadline_s = time.monotonic() + _FLUSH_BOUND_S
        await asyncio.sleep(0.02)
        # aiortc tells nobody when all is acknowledged.
        while time.monotonic() < deadline_s and (  # noqa: ASYNC110
            sctp._outbound_queue or sctp._sent_queue
        ):
            await asyncio.sleep(0.02)

    async def _close_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sctp is not None:
            await self._sctp.stop()
        pump = self._dtls._task
        await self._dtls.stop()
        if pump is not None:
            await asyncio.gather(pump, return_exceptions=True)
        self._dtls.remove_all_listeners()
        for ice in self._sessions:
            await ice.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        if self._is_closed:
            work.close()
            return
        task = asyncio.create_task(self._guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception as error:
            log.exception("transport failed", extra={"part": name})
            if not self._is_closed:
                self._listener.on_closed(f"{name}: {error}")
