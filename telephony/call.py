"""The native call: turns PJSIP's callbacks into reports to a leg, and a leg's wishes into PJSIP's.

All callbacks run on the pj thread (`threadCnt` 0, `mainThreadOnly`). Each is guarded: the binding would
print an exception and go on, and the caller would hang between two states.

A part of a native structure (`info.media`) is a bare pointer into it: the whole must be held in a variable
for as long as a part is used. `self.getInfo().media` reads freed memory.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pjsua2 as pj

from gateway.link.leg_reports import Quality
from telephony.leg import Leg
from telephony.media_port import LegPort, PortPool
from telephony.native_call import NativeError
from telephony.stream_counters import StreamCounters

log = logging.getLogger(__name__)

_DTMF_UPDATE = 1
"""PJMEDIA_STREAM_DTMF_IS_UPDATE: not the first packet of a key press."""
_DIRECTION_DECODING = 2
"""PJMEDIA_DIR_DECODING: the far end may send."""


class CallOwner(Protocol):
    """Looks after native calls."""

    @property
    def ports(self) -> PortPool: ...

    def connected(self, leg: Leg) -> None: ...

    def dead(self, call: "SipCall") -> None:
        """The call is disconnected: destroy it on the next turn of the pj thread."""


@contextmanager
def native(doing: str) -> Iterator[None]:
    """Turn PJSIP's error object, which must not be stored, into an exception of ours."""
    try:
        yield
    except pj.Error as error:
        raise NativeError(f"{doing}: {error.reason} ({error.status})") from None


class SipCall(pj.Call):  # type: ignore[misc]
    """One call slot of PJSIP, from INVITE to the end.

    Kept in the registry from the moment it is made: an object that only a local variable holds is
    destroyed at return, and its destructor hangs up.
    """

    def __init__(self, account: Any, slot: int, owner: CallOwner) -> None:
        super().__init__(account, slot)
        self.slot = slot
        self.leg: Leg | None = None
        self._owner = owner
        self._port: LegPort | None = None
        self._media_index = -1
        self._connected_slot = -1
        self._is_dead = False
        self._is_closed = False
        self._counters = StreamCounters()
        self._codec = ""

    @property
    def is_dead(self) -> bool:
        """PJSIP has reported the end."""
        return self._is_dead

    # What a leg asks for (NativeCall) ----------------------------------------------------------

    def ring(self) -> None:
        """Send 180. Raises `NativeError`."""
        self._respond(pj.PJSIP_SC_RINGING)

    def dial(self, target: str, caller: str) -> str:
        """Send INVITE to a SIP URI, showing `caller` (a SIP URI); returns the SIP Call-ID.

        Raises `NativeError`.
        """
        if not target.isascii() or not target.isprintable() or " " in target:
            # PJSIP's parser stops at a line end, and takes what stands before it.
            raise NativeError("the target is not a SIP URI")
        prm = _audio_only()
        prm.txOption.localUri = caller
        with native(f"call to {target}"):
            self.makeCall(target, prm)
            self.slot = int(self.getId())
            info = self.getInfo()
            return str(info.callIdString)

    def answer(self) -> None:
        """Send 200. Raises `NativeError`."""
        self._respond(pj.PJSIP_SC_OK)

    def refuse(self, status: int, retry_after_s: int) -> None:
        """Send a final response. Raises `NativeError`."""
        prm = pj.CallOpParam()
        prm.statusCode = status
        if retry_after_s > 0:
            header = pj.SipHeader()
            header.hName = "Retry-After"
            header.hValue = str(retry_after_s)
            prm.txOption.headers.push_back(header)
        self._check()
        with native(f"response {status}"):
            # Not `hangup`: within onIncomingCall that puts the response off, and forgets the header.
            pj.Call.answer(self, prm)

    def hang_up(self) -> None:
        """Send BYE; PJSIP keeps it back until an outstanding ACK has come. Raises `NativeError`."""
        self._hang_up(pj.CallOpParam())

    def press(self, digits: str) -> None:
        """Send RFC 4733 events. Raises `NativeError`."""
        self._check()
        with native("keys"):
            self.dialDtmf(digits)

    def packets_in(self) -> int:
        if self._is_dead or self._media_index < 0:
            return 0
        try:
            statistics = self.getStreamStat(self._media_index)
            return int(statistics.rtcp.rxStat.pkt)
        except pj.Error:
            return 0  # between two offers and answers there is no stream

    def quality(self) -> Quality | None:
        if not self._is_dead and self._media_index >= 0:
            try:
                statistics = self.getStreamStat(self._media_index)
                self._counters.sample(_quality(statistics.rtcp))
            except pj.Error:
                return self._counters.total  # between two offers and answers there is no stream
        return self._counters.total

    def codec(self) -> str:
        return self._codec

    def close(self) -> None:
        """Destroy the native object, on the pj thread; may be called twice.

        Only once PJSIP has reported the end (or the process is ending): the destructor hangs up the
        call in its slot, which by then may be somebody else's. The Python object outlives the native
        one, so nothing depends on when, and on which thread, the garbage collector runs.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._is_dead = True
        self._drop_port()
        self.leg = None
        self.thisown = False
        pj.Call.__swig_destroy__(self)

    def abandon(self) -> None:
        """Give up the native object without running its destructor: its slot is in use again."""
        self._is_closed = True
        self._is_dead = True
        self._drop_port()
        self.leg = None
        self.thisown = False

    # What PJSIP reports ------------------------------------------------------------------------

    def onCallState(self, _prm: Any) -> None:
        self._guard(self._on_state)

    def onCallMediaState(self, _prm: Any) -> None:
        self._guard(self._on_media)

    def onStreamDestroyed(self, prm: Any) -> None:
        # With the end of the call or the next offer and answer; its counters can still be read.
        if int(prm.streamIdx) == self._media_index:
            self.quality()
            self._counters.end_stream()
            self._media_index = -1

    def onDtmfEvent(self, prm: Any) -> None:
        # One event a press: at its first packet (RFC 4733), or the one SIP INFO.
        if prm.flags & _DTMF_UPDATE or self.leg is None:
            return
        digit = str(prm.digit).upper()
        if digit in "0123456789*#ABCD" and len(digit) == 1:
            info = prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO
            duration_ms = int(prm.duration) if info else 0
            self.leg.key(digit, duration_ms, time.monotonic())

    def onCallTransferRequest(self, prm: Any) -> None:
        # A caller must not make us place calls (RFC 3515 leaves it to local policy).
        prm.statusCode = pj.PJSIP_SC_FORBIDDEN

    def onCallRedirected(self, _prm: Any) -> int:
        # Elsewhere is past all rules of what may be dialled. Refused one by one: to stop altogether would end
        # the call as if we had cancelled it, and hide the answer.
        return int(pj.PJSIP_REDIRECT_REJECT)

    def onCallReplaceRequest(self, prm: Any) -> None:
        prm.statusCode = pj.PJSIP_SC_FORBIDDEN

    def _on_state(self) -> None:
        info = self.getInfo()
        now_s = time.monotonic()
        if info.state == pj.PJSIP_INV_STATE_EARLY and self.leg is not None:
            self.leg.alerted(now_s)
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED and self.leg is not None:
            self.leg.acknowledged(now_s)
            self._owner.connected(self.leg)
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            # The last moment at which the native call may be asked anything.
            status, reason = int(info.lastStatusCode), str(info.lastReason)
            self._is_dead = True
            self._drop_port()
            try:
                if self.leg is not None:
                    self.leg.disconnected(status, reason, now_s)
            finally:
                self._owner.dead(self)

    def _on_media(self) -> None:
        leg = self.leg
        if leg is None or self._is_dead:
            return
        info = self.getInfo()
        for media in info.media:
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status == pj.PJSUA_CALL_MEDIA_ACTIVE and media.audioConfSlot >= 0:
                self._wire(leg, media)
                return
        self._hold(leg)

    def _wire(self, leg: Leg, media: Any) -> None:
        """Join the call's stream to its port; after each re-INVITE again, as its slot may be new."""
        if self._port is None:
            self._port = self._owner.ports.lend(leg.number, leg.playout)
        self._media_index = int(media.index)
        stream = self.getAudioMedia(self._media_index)
        self._port.startTransmit(stream)
        stream.startTransmit(self._port)
        self._port.flow(plays=True, listens=True)
        facts = self.getStreamInfo(self._media_index)
        self._codec = f"{facts.codecName}/{facts.codecClockRate}"
        leg.media_active(bool(media.dir & _DIRECTION_DECODING), time.monotonic())

    def _hold(self, leg: Leg) -> None:
        if self._port is not None:
            self._port.flow(plays=False, listens=False)
        leg.media_held()

    # Inside ------------------------------------------------------------------------------------

    def _respond(self, status: int) -> None:
        self._check()
        prm = _audio_only()
        prm.statusCode = status
        with native(f"response {status}"):
            pj.Call.answer(self, prm)

    def _hang_up(self, prm: Any) -> None:
        self._check()
        with native("end"):
            self.hangup(prm)

    def _check(self) -> None:
        if self._is_dead:
            raise NativeError("the call is over")

    def _drop_port(self) -> None:
        if self._port is not None:
            self._owner.ports.give_back(self._port)
            self._port = None

    def _guard(self, handle: Callable[[], None]) -> None:
        try:
            handle()
        except Exception:
            log.exception("report of the sip stack failed", extra={"slot": self.slot})
            self._give_up()

    def _give_up(self) -> None:
        """End a call that we can no longer follow; the caller must get a final response or BYE."""
        if self._is_dead:
            return
        prm = pj.CallOpParam()
        prm.statusCode = pj.PJSIP_SC_INTERNAL_SERVER_ERROR
        try:
            self.hangup(prm)
        except pj.Error as error:
            log.warning("cannot end call", extra={"slot": self.slot, "reason": error.reason})


def _audio_only() -> Any:
    """Return settings that offer, and take, one audio stream and nothing else."""
    prm = pj.CallOpParam(True)
    prm.opt.audioCount = 1
    prm.opt.videoCount = 0
    if hasattr(prm.opt, "textCount"):  # real-time text (RFC 4103), from 2.16 on
        prm.opt.textCount = 0
    return prm


def _quality(rtcp: Any) -> Quality:
    received, sent = rtcp.rxStat, rtcp.txStat
    return Quality(
        packets_in=int(received.pkt),
        packets_out=int(sent.pkt),
        packets_lost_in=int(received.loss),
        packets_lost_out=int(sent.loss),
        jitter_in_ms=received.jitterUsec.mean / 1000,
        jitter_out_ms=sent.jitterUsec.mean / 1000,
        round_trip_ms=rtcp.rttUsec.mean / 1000,
    )
