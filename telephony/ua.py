"""The SIP stack: created, configured, polled and destroyed on the one thread that owns pjsua2."""

import gc
import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pjsua2 as pj

from gateway.config import Codec, Config, SipTransport
from gateway.errors import EndpointError
from telephony import engine, source_filter
from telephony.account import InboundAccount, account_config
from telephony.call import SipCall
from telephony.leg import Leg
from telephony.media_port import MarkSink, PortPool, TickPort, destroy_port
from telephony.native_call import NativeError
from telephony.registry import SlotRegistry
from telephony.sip_message import read_invite
from telephony.source_filter import ListeningSocket
from telephony.switchboard import Switchboard
from telephony.tick_batch import TickBatch
from telephony.trunks import Trunks, nameservers

log = logging.getLogger(__name__)

POLL_MS = 5
"""Longest wait for SIP traffic; also how long a command of the gateway may wait."""
_DESTROY_BOUND_S = 3.0
"""libDestroy has been seen to hang; the process then ends without it."""

_CODEC_IDS = {
    Codec.PCMU: "PCMU/8000/1",
    Codec.PCMA: "PCMA/8000/1",
    Codec.G722: "G722/16000/1",
    Codec.OPUS: "opus/48000/2",
}
_RESAMPLER_QUALITY = 4
"""PJSIP's scale: the small filter; the default, 8, takes the large one."""
_OPUS_BITRATE = 20_000
_OPUS_COMPLEXITY = 5
_OPUS_EXPECTED_LOSS_PERCENT = 10
"""Above 0 the encoder adds in-band error correction (RFC 6716 section 2.1.7)."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One SIP transport as it really listens."""

    protocol: str
    host: str
    port: int
    socket: ListeningSocket


class UserAgent:
    """PJSIP with one account, its ports and its calls. All methods on the pj thread."""

    def __init__(
        self, config: Config, switchboard: Switchboard, batch: TickBatch, on_marks: MarkSink
    ) -> None:
        self._config = config
        self._sip = config.sip
        self._trunk_sections = config.trunks
        self._host = config.sip.public_address or config.sip.host
        self._switchboard = switchboard
        self._batch = batch
        self._endpoint = pj.Endpoint()
        self._calls: SlotRegistry[SipCall] = SlotRegistry()
        self._account: InboundAccount | None = None
        self._tick: TickPort | None = None
        self._ports = PortPool(batch, on_marks)
        self.listeners: list[Listener] = []
        self.trunks = Trunks(config.trunks, self._on_invite)

    @property
    def ports(self) -> PortPool:
        return self._ports

    @property
    def native_calls(self) -> int:
        """Call objects that exist, ended ones included."""
        return len(self._calls)

    @property
    def abandoned_calls(self) -> int:
        return self._calls.abandoned

    # Start and end -----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen. Raises `EndpointError`."""
        try:
            engine.quiet()
            self._endpoint.libCreate()
            self._endpoint.libInit(self._endpoint_config())
            self._fit_admission()
            # Server without a sound card: a software clock drives the bridge.
            self._endpoint.audDevManager().setNullDev()
            self._set_codecs()
            self._tick = TickPort(self._batch)
            self._listen()
            self._endpoint.libStart()
            self._account = InboundAccount(self._on_invite)
            self._account.create(
                account_config(self._sip, self._host, self.listeners[0].port), True
            )
            self.trunks.start(self._sip, self._host, self.listeners[0].port)
        except pj.Error as error:
            raise EndpointError(f"cannot start SIP: {error.reason} ({error.title})") from None

    def poll(self) -> None:
        """Handle SIP traffic for at most `POLL_MS`, then bury the dead."""
        self._endpoint.libHandleEvents(POLL_MS)
        self._calls.reap()
        self.trunks.poll(time.monotonic())

    def allow(self, config: Config) -> None:
        """Let only the networks of `config` reach the listeners from now on. Raises `EndpointError`.

        Connections that are there already (TCP) keep the networks of when they came. What fails changes nothing.
        """
        program = source_filter.build_program(_networks(config))
        for listener in self.listeners:
            source_filter.attach(listener.socket, program)

    def maintain(self) -> None:
        """Once in a while: give surplus ports back and collect garbage, on this thread."""
        self._ports.trim()
        gc.collect()

    def stop(self) -> None:
        """Destroy everything, calls first; the process must end afterwards, whatever happened.

        The order matters: the library asserts if it is destroyed before its calls and ports are.
        """
        watchdog = threading.Timer(_DESTROY_BOUND_S, _give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._calls.close_all()
            self._ports.close()
            if self._tick is not None:
                destroy_port(self._tick)
            self.trunks.close()
            if self._account is not None:
                self._account.shutdown()
                self._account.thisown = False
                pj.Account.__swig_destroy__(self._account)
            gc.collect()
            # The calls have ended by now: the second that PJSIP else waits for answers is not needed.
            self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
        except pj.Error as error:
            log.warning("sip stack did not end cleanly", extra={"reason": error.reason})
        watchdog.cancel()

    def dropped_packets(self) -> int:
        """Packets that the kernel dropped before PJSIP (unknown senders, full buffers)."""
        return sum(
            source_filter.dropped_packets(item.socket)
            for item in self.listeners
            if item.protocol == "udp"
        )

    # Calls (CallOwner) -------------------------------------------------------------------------

    def connected(self, leg: Leg) -> None:
        self._switchboard.connected(leg)

    def dead(self, call: SipCall) -> None:
        self._calls.bury(call)

    def place(self, call_id: str, target: str, caller: str, trunk: str, now_s: float) -> None:
        """Place a call to a SIP URI through a trunk (empty: none), showing the number `caller`."""
        assert self._account is not None
        # The slot is PJSIP's choice: none may have a dead object left.
        self._calls.reap()
        account = self.trunks.account(trunk)
        call = SipCall(account or self._account, pj.PJSUA_INVALID_ID, self)
        host = account.host if account else f"{self._host}:{self.listeners[0].port}"
        # The number is data: what would end the user part, or the header, is escaped.
        shown = f"<sip:{quote(caller, safe='+')}@{host}>"

        def dial(leg: Leg) -> str:
            call.leg = leg
            if trunk and account is None:
                raise NativeError(f"there is no trunk {trunk!r}")
            return call.dial(target, shown)

        try:
            self._switchboard.place(
                call, dial, call_id=call_id, target=target, caller=caller, now_s=now_s
            )
        finally:
            if call.slot < 0:
                call.close()
            else:
                self._calls.adopt(call)
                if call.is_dead:  # it ended before it could be adopted
                    self._calls.bury(call)

    def _on_invite(self, slot: int, message: str, source: str) -> None:
        """A call arrived: always ends in 180 or in a final response."""
        assert self._account is not None
        now_s = time.monotonic()
        self._calls.vacate(slot)
        call = SipCall(self._account, slot, self)
        self._calls.adopt(call)
        try:
            leg = self._switchboard.offer(call, read_invite(message), source, now_s)
            if leg is None:
                return
            call.leg = leg
            call.ring()
        except NativeError as error:
            # The caller was quicker, or the stack refused the offer itself; its end is reported.
            log.info("caller was quicker", extra={"reason": str(error)})
        except Exception:
            log.exception("offer failed")
            call.refuse(500, 0)

    # Settings ----------------------------------------------------------------------------------

    def _endpoint_config(self) -> Any:
        sip = self._sip
        config = pj.EpConfig()
        ua = config.uaConfig
        ua.maxCalls = self._switchboard.admission.native_calls
        ua.threadCnt = 0  # this thread polls: SIP callbacks come here and nowhere else
        # Callbacks from media threads (keys) are queued for this thread, too, so that a call object
        # is never destroyed under one. The queue drops when full, so no log writer may share it.
        ua.mainThreadOnly = True
        ua.userAgent = "Offhook"
        for server in nameservers(self._trunk_sections):
            ua.nameserver.append(server)
        ua.natTypeInSdp = 0
        ua.mwiUnsolicitedEnabled = False
        config.logConfig.level = 2
        config.logConfig.consoleLevel = 2
        media = config.medConfig
        media.clockRate = 16_000
        media.sndClockRate = 16_000
        media.channelCount = 1
        media.audioFramePtime = 20
        media.ptime = 20
        media.ecTailLen = 0  # no loudspeaker here: the echo canceller would only cost
        # Silence must be sent, too: NAT bindings and the timing of the far end need it.
        media.noVad = True
        media.quality = _RESAMPLER_QUALITY
        media.sndAutoCloseTime = -1  # closing the clock would stop the bridge's queued operations
        media.hasIoqueue = True
        media.threadCnt = 1
        # A stream and a port of ours for each call.
        media.maxMediaPorts = 2 * self._switchboard.admission.native_calls + 16
        media.jbInit = sip.jitter_min_ms
        media.jbMinPre = sip.jitter_min_ms
        media.jbMaxPre = max(sip.jitter_min_ms, sip.jitter_max_ms // 2)
        media.jbMax = sip.jitter_max_ms
        return config

    def _fit_admission(self) -> None:
        """Lower the admission limit if this build has fewer call slots than we asked for."""
        admission = self._switchboard.admission
        slots = engine.call_slots()
        if 0 < slots <= admission.max_calls:
            admission.max_calls = max(1, slots - 1)
            facts = {"slots": slots, "max_calls": admission.max_calls}
            log.warning("this build of pjsip holds few calls", extra=facts)

    def _set_codecs(self) -> None:
        available = {info.codecId for info in self._endpoint.codecEnum2()}
        for codec_id in available:
            self._endpoint.codecSetPriority(codec_id, 0)
        usable = [codec for codec in self._sip.codecs if _CODEC_IDS[codec] in available]
        for place, codec in enumerate(usable):
            self._endpoint.codecSetPriority(_CODEC_IDS[codec], 255 - place)
        missing = [codec.value for codec in self._sip.codecs if codec not in usable]
        if not usable:
            raise EndpointError(f"this build of PJSIP has none of the codecs {', '.join(missing)}")
        if missing:
            log.warning("this build of pjsip lacks codecs", extra={"codecs": ", ".join(missing)})
        if Codec.OPUS in usable:
            self._set_opus()

    def _set_opus(self) -> None:
        opus = self._endpoint.getCodecOpusConfig()
        for name, value in (
            ("sample_rate", 16_000),
            ("channel_cnt", 1),
            ("frm_ptime", 20),
            ("bit_rate", _OPUS_BITRATE),
            ("packet_loss", _OPUS_EXPECTED_LOSS_PERCENT),
            ("complexity", _OPUS_COMPLEXITY),
        ):
            setattr(opus, name, value)
        self._endpoint.setCodecOpusConfig(opus)

    def _listen(self) -> None:
        """Open the transports, each with its source filter in place before the first poll."""
        kinds = {SipTransport.UDP: pj.PJSIP_TRANSPORT_UDP, SipTransport.TCP: pj.PJSIP_TRANSPORT_TCP}
        program = source_filter.build_program(_networks(self._config))
        port = self._sip.port
        for transport in self._sip.transports:
            settings = pj.TransportConfig()
            settings.port = port
            settings.boundAddress = self._sip.host
            settings.publicAddress = self._sip.public_address
            native_id = self._endpoint.transportCreate(kinds[transport], settings)
            if port == 0:
                info = self._endpoint.transportGetInfo(native_id)
                port = int(str(info.localName).rsplit(":", 1)[1])
            found = source_filter.find_socket(transport.value, self._sip.host, port)
            try:
                source_filter.attach(found, program)
            except source_filter.FilterNotPermitted as error:
                if not self.listeners:
                    raise
                # Better without this transport than open to everybody, or not there at all.
                log.warning("a SIP transport is left out", extra={"reason": str(error)})
                self._endpoint.transportClose(native_id)
                continue
            self.listeners.append(Listener(transport.value, self._sip.host, port, found))


def _networks(config: Config) -> list[str]:
    """Return whose packets are let in: whoever may call, and the trunks."""
    trunks = [network for one in config.trunks.values() for network in one.allowed_networks]
    return [*config.sip.allow, *trunks]


def _give_up() -> None:
    log.error("sip stack does not end", extra={"bound_s": _DESTROY_BOUND_S})
    os._exit(0)
