"""The native accounts: one for whoever calls the listening address, and one for each trunk."""

import logging
import time
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from gateway.config import SipSection
from gateway.config.trunks import TrunkSection
from gateway.errors import EndpointError
from telephony.registration import Ask, Registration

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


class TrunkAccount(InboundAccount):
    """A trunk: shows our account there to its challenges, and registers if it is to."""

    def __init__(
        self, name: str, on_invite: OnInvite, registration: Registration | None, host: str
    ) -> None:
        super().__init__(on_invite)
        self.name = name
        self.host = host
        """Host part of our addresses there."""
        self.registration = registration
        self.status = 0
        """The trunk's last answer to a registration; 0: none yet."""

    def poll(self, now_s: float) -> None:
        """Register when that is due."""
        if self.registration is not None:
            self._send(self.registration.poll(now_s), now_s)

    def withdraw(self, now_s: float, bound_s: float) -> None:
        """Have the trunk send no more calls here."""
        if self.registration is not None:
            self._send(self.registration.withdraw(now_s, bound_s), now_s)

    def destroy(self) -> None:
        """Destroy the native object; its calls have been destroyed before."""
        self.shutdown()
        self.thisown = False
        pj.Account.__swig_destroy__(self)

    def onRegState(self, prm: Any) -> None:
        if self.registration is None:
            return
        try:
            was, self.status = self.registration.state, int(prm.code)
            is_active = int(prm.expiration) > 0 and int(prm.status) == 0
            self.registration.answered(self.status, is_active, time.monotonic())
            if self.registration.state is not was:
                facts = {"trunk": self.name, "status": self.status, "reason": str(prm.reason)}
                level = logging.WARNING if self.status >= 300 else logging.INFO
                log.log(level, "trunk is %s", self.registration.state.value, extra=facts)
        except Exception:
            log.exception("answer of a trunk was not understood", extra={"trunk": self.name})

    def _send(self, ask: Ask | None, now_s: float) -> None:
        if ask is None or self.registration is None:
            return
        try:
            self.setRegistration(ask is Ask.REGISTER)
        except pj.Error as error:
            log.warning(
                "cannot ask a trunk", extra={"trunk": self.name, "reason": str(error.reason)}
            )
            self.registration.could_not_ask(now_s)


def trunk_config(name: str, trunk: TrunkSection, sip: SipSection, host: str, port: int) -> Any:
    """Return the native configuration of a trunk's account. Raises `EndpointError` (its password)."""
    config = account_config(sip, host, port)
    config.priority = 1  # a call that a trunk sends to our address there is the trunk's
    config.idUri = f"sip:{trunk.user}@{trunk.domain or trunk.host}"
    if trunk.password_file is not None:
        try:
            password = trunk.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise EndpointError(
                f"trunks.{name}.password_file cannot be read: {error}; give the user of the "
                "gateway read access"
            ) from error
        credentials = pj.AuthCredInfo("digest", trunk.realm, trunk.username, 0, password)
        config.sipConfig.authCreds.append(credentials)
    if trunk.registers:
        registration = config.regConfig
        registration.registrarUri = f"sip:{trunk.host}:{trunk.port};transport={trunk.transport}"
        registration.timeoutSec = trunk.register_expiry_s
        registration.registerOnAdd = False
        # When to try again is decided in registration.py.
        registration.retryIntervalSec = 0
        registration.firstRetryIntervalSec = 0
        registration.dropCallsOnFail = False
        if not sip.public_address:
            # Behind a NAT the trunk sees another address than we do: believe it.
            config.natConfig.contactRewriteUse = 1
    return config


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
