"""The native account: whoever calls the listening address arrives here."""

import logging
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from gateway.config import SipSection

log = logging.getLogger(__name__)

SESSION_EXPIRES_S = 1800
SESSION_MIN_S = 90
"""RFC 4028: our wish, and the least we accept."""

OnInvite = Callable[[int, str, str], None]
"""Takes call slot, raw INVITE and source address."""


class InboundAccount(pj.Account):  # type: ignore[misc]
    """One account without registration, the default for all that arrives."""

    def __init__(self, on_invite: OnInvite) -> None:
        super().__init__()
        self._on_invite = on_invite

    def onIncomingCall(self, prm: Any) -> None:
        slot = int(prm.callId)
        try:
            self._on_invite(slot, str(prm.rdata.wholeMsg), str(prm.rdata.srcAddress))
        except Exception:
            # `on_invite` refuses what it cannot take; if even that failed, PJSIP answers 500 itself
            # as soon as this returns, because the call has no object.
            log.exception("offer failed", extra={"slot": slot})


def account_config(sip: SipSection, host: str, port: int) -> Any:
    """Return the native configuration of the account that listens on `host:port`."""
    config = pj.AccountConfig()
    config.idUri = f"sip:offhook@{host}:{port}"
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.callConfig.timerSessExpiresSec = SESSION_EXPIRES_S
    config.callConfig.timerMinSESec = SESSION_MIN_S
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    # A fixed address is known: neither Contact nor SDP is rewritten to what others see.
    config.natConfig.contactRewriteUse = 0
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.iceEnabled = False
    media = config.mediaConfig
    # Otherwise PJSIP sends a re-INVITE to settle on one codec, which some trunks refuse.
    media.lockCodecEnabled = False
    media.streamKaEnabled = True
    transport = media.transportConfig
    transport.port = sip.rtp_port_min
    transport.portRange = sip.rtp_port_max - sip.rtp_port_min
    # Media still on its way to a port's former call would turn the new one's towards its sender.
    transport.randomizePort = True
    transport.boundAddress = sip.host
    transport.publicAddress = sip.public_address
    return config
