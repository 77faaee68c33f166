"""One browser call in the worker: joins the leg with its transport, its audio and its data channel."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.errors import EndpointError, OfferRefused
from gateway.link.leg_reports import Quality
from gateway.link.messages import Negotiated, NegotiationRefused, Refusal
from gateway.log import for_call
from gateway.model import commands, events
from gateway.model.frame import SILENCE
from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText
from webrtc import channel_messages, sdp_answer, sdp_fragment
from webrtc.early_audio import EarlyAudio
from webrtc.ice import Network
from webrtc.leg import Bounds, Leg, LegState
from webrtc.media import Media
from webrtc.peer import Certificate, Peer
from webrtc.sdp_offer import Offer

_log = logging.getLogger(__name__)

_BACK_WITHIN_S = 1.0
"""A lost transport from which a packet came so lately is back by itself."""
_MESSAGES_PER_S = 50
"""Texts of the page over that are dropped: nobody types or presses so fast."""


class Call:
    """Implements the leg's `Transport` and the peer's `PeerListener`; on the event loop."""

    def __init__(
        self,
        number: int,
        offered: events.Offered,
        command: commands.Negotiate,
        offer: Offer,
        *,
        network: Network,
        certificate: Certificate,
        bounds: Bounds,
        emit: Callable[[int, events.Event], None],
        told: Callable[[Negotiated | NegotiationRefused], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self.call_id = offered.call_id
        self._log = for_call(_log, offered.call_id)
        self._offer = offer
        self._certificate = certificate
        self._told = told
        self._spawn = spawn
        self._media = Media(offer)
        self._early = EarlyAudio(is_announced=command.early_audio and offer.data is not None)
        self._peer = Peer(offer, network, certificate, self)
        self.leg = Leg(number, offered, self, bounds, emit)
        self._etag = 1
        self._is_closed = False
        self._messages_s = (0, 0)  # the second, and texts received in it
        self._prepared = spawn(self._peer.prepare())

    # The leg's transport ---------------------------------------------------------------------------

    def answer(self) -> None:
        self._spawn(self._answer())

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._prepared.cancel()
            self._media.close()
            self._spawn(self._peer.close())

    def quality(self) -> Quality:
        return self._media.quality()

    def tell_quality(self, quality: Quality) -> None:
        if self._peer.has_channel:
            self._peer.send_text(
                channel_messages.quality(
                    jitter_ms=quality.jitter_in_ms,
                    lost=quality.packets_lost_in,
                    round_trip_ms=quality.round_trip_ms,
                )
            )

    @property
    def heard_at_s(self) -> float:
        return self._peer.heard_at_s

    @property
    def codec(self) -> str:
        codec = self._offer.codec
        return f"{codec.name}/{codec.clock_hz}"

    async def _answer(self) -> None:
        try:
            await self._prepared
        except EndpointError as error:
            self._told(_refused(self.call_id, Refusal.FAILED, str(error)))
            self.leg.end(HangupCause.INTERNAL_ERROR, str(error), time.monotonic())
            return
        if self._is_closed:
            return
        sdp = sdp_answer.write(
            self._offer,
            sdp_answer.Ours(
                credentials=self._peer.credentials,
                candidates=self._peer.candidates,
                fingerprint=self._certificate.fingerprint,
                is_dtls_client=self._peer.is_dtls_client,
                session_id=self._media.ssrc,
                ssrc=self._media.ssrc,
            ),
        )
        self._told(Negotiated(call_id=self.call_id, sdp=LongText(sdp), etag=str(self._etag)))
        self._peer.start()

    # Signalling ------------------------------------------------------------------------------------

    def add_candidates(self, fragment: str) -> None:
        """Take more candidates of the browser."""
        try:
            said = sdp_fragment.read(fragment)
        except OfferRefused as error:
            self._told(_refused(self.call_id, Refusal.BAD_SDP, str(error)))
            return
        self._spawn(self._add(said))

    async def _add(self, said: sdp_fragment.Fragment) -> None:
        if not await self._is_prepared():
            return
        if said.credentials.ufrag != self._peer.remote_ufrag():
            self._told(_refused(self.call_id, Refusal.STALE, "candidates of another ICE session"))
            return
        self._peer.add_candidates(said.candidates, is_complete=said.is_complete)

    def restart_ice(self, fragment: str, etag: str) -> None:
        """Begin another ICE session with the browser."""
        try:
            said = sdp_fragment.read(fragment)
        except OfferRefused as error:
            self._told(_refused(self.call_id, Refusal.BAD_SDP, str(error)))
            return
        if etag not in ("*", str(self._etag)) or self.leg.state is LegState.OFFERED:
            self._told(_refused(self.call_id, Refusal.STALE, f"the ICE session is {self._etag}"))
            return
        self._etag += 1
        self._spawn(self._restart(said, self._etag))

    async def _restart(self, said: sdp_fragment.Fragment, number: int) -> None:
        try:
            if not await self._is_prepared():
                return
            await self._peer.restart(said.credentials)
        except EndpointError as error:
            if number == self._etag:
                # Whoever asked goes on with the session that there was, and may ask again.
                self._etag -= 1
            self._told(_refused(self.call_id, Refusal.FAILED, str(error)))
            return
        if self._is_closed or number != self._etag:
            self._told(_refused(self.call_id, Refusal.STALE, "overtaken"))
            return
        text = sdp_fragment.write(
            self._peer.credentials,
            self._peer.candidates,
            section=sdp_answer.section_line(self._offer),
            mid=self._offer.sections[self._offer.audio].mid,
        )
        self._told(Negotiated(call_id=self.call_id, sdp=LongText(text), etag=str(number)))
        self._peer.start()
        self._peer.add_candidates(said.candidates, is_complete=said.is_complete)
        self._log.info("ICE restarts", extra={"session": number})

    async def _is_prepared(self) -> bool:
        await asyncio.wait({self._prepared})
        return not self._is_closed and not self._prepared.cancelled()

    # The peer's listener ---------------------------------------------------------------------------

    def on_connected(self) -> None:
        now_s = time.monotonic()
        self._early.connected(now_s)
        self.leg.connected(now_s)

    def on_lost(self, reason: str) -> None:
        self.leg.lost(reason, time.monotonic())

    def on_closed(self, reason: str) -> None:
        now_s = time.monotonic()
        if self.leg.state is LegState.CONNECTING:
            self.leg.end(HangupCause.NO_MEDIA, reason, now_s)
        else:
            self.leg.caller_left(reason, now_s)

    def on_rtp(self, packet: bytes, arrival_s: float) -> None:
        if (pressed := self._media.incoming(packet, arrival_s)) is not None:
            self.leg.key(*pressed, now_s=arrival_s)

    def on_rtcp(self, packet: bytes, arrival_s: float) -> None:
        self._media.take_report(packet, arrival_s)

    def on_text(self, text: str) -> None:
        now_s = time.monotonic()
        if not self._admits_message(now_s):
            return
        match channel_messages.read(text):
            case channel_messages.Key(digit):
                self.leg.key(digit, 0, now_s)
            case channel_messages.HangUp():
                self.leg.caller_left("hung up on the page", now_s)
            case channel_messages.EarlyEnd():
                self._early.end()
            case channel_messages.Other(other):
                self.leg.message(other, now_s)
            case None:
                self._log.debug("a message of the page was passed over")

    def on_binary(self, data: bytes) -> None:
        if not self._early.message(data):
            self._log.debug("early audio was passed over")

    def _admits_message(self, now_s: float) -> bool:
        second, count = self._messages_s
        if int(now_s) != second:
            second, count = int(now_s), 0
        self._messages_s = (second, count + 1)
        return count < _MESSAGES_PER_S

    # Commands --------------------------------------------------------------------------------------

    def press(self, digits: str) -> None:
        """Tell the page which keys the agent pressed: a browser hears no telephone events."""
        for digit in digits:
            self._peer.send_text(channel_messages.key(digit))

    def send_message(self, text: str) -> None:
        if self.leg.state is not LegState.ENDED:
            self._peer.send_text(text)

    # The clock -------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> list[bytes]:
        """Send the next frame and return the caller's: none before the transport is up, a few when
        early audio catches up."""
        state = self.leg.state
        if state is LegState.LOST:
            self._media.skip()
            if self._peer.is_connected and now_s - self._peer.heard_at_s < _BACK_WITHIN_S:
                self.leg.connected(now_s)
            return self._early.tick(SILENCE, now_s)
        if state is not LegState.UP:
            return []
        pcm, reached = self.leg.playout.next_frame()
        if reached:
            self.leg.marks(reached, now_s)
        self._peer.send_rtp(self._media.outgoing(pcm))
        if (report := self._media.report(now_s)) is not None:
            self._peer.send_rtcp(report)
        return self._early.tick(self._media.heard(), now_s)


def _refused(call_id: str, refusal: Refusal, detail: str) -> NegotiationRefused:
    return NegotiationRefused(call_id=call_id, refusal=refusal, detail=detail)
