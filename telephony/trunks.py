"""The trunks of one SIP worker: their accounts, which calls use them, and their registrations."""

import ipaddress
import logging
import random
from collections.abc import Mapping
from pathlib import Path

from gateway.config import SipSection
from gateway.config.trunks import TrunkSection
from telephony.account import OnInvite, TrunkAccount, trunk_config
from telephony.registration import Pauses, Registration, RegistrationState

log = logging.getLogger(__name__)

WITHDRAW_BOUND_S = 2.0
"""How long the end of the worker waits for a trunk to take its registration back."""
POLL_S = 0.05
_RESOLVER_FILE = Path("/etc/resolv.conf")
_NAMESERVERS_MOST = 3


class Trunks:
    """All methods on the pj thread."""

    def __init__(self, sections: Mapping[str, TrunkSection], on_invite: OnInvite) -> None:
        self._sections = sections
        self._on_invite = on_invite
        self._accounts: dict[str, TrunkAccount] = {}
        self._polled_s = 0.0
        self._is_withdrawn = False

    def start(self, sip: SipSection, host: str, port: int) -> None:
        """Make the accounts; registering begins with `poll`. Raises `EndpointError`, or the stack's own."""
        for name, section in self._sections.items():
            pauses = Pauses(section.register_retry_s, section.register_retry_most_s)
            registration = Registration(pauses, random.Random()) if section.registers else None
            account = TrunkAccount(
                name, self._on_invite, registration, section.domain or section.host
            )
            account.create(trunk_config(name, section, sip, host, port), False)
            self._accounts[name] = account

    def account(self, name: str) -> TrunkAccount | None:
        """Return a trunk's account; None if there is none of this name."""
        return self._accounts.get(name)

    def poll(self, now_s: float) -> None:
        """Register where that is due."""
        if now_s - self._polled_s < POLL_S:
            return
        self._polled_s = now_s
        for account in self._accounts.values():
            account.poll(now_s)

    def withdraw(self, now_s: float) -> None:
        """Take all registrations back, for good: the trunks send no more calls here. May be called twice."""
        if not self._is_withdrawn:
            self._is_withdrawn = True
            log.info("registrations are withdrawn", extra={"trunks": len(self._registrations())})
        for account in self._accounts.values():
            account.withdraw(now_s, WITHDRAW_BOUND_S)

    @property
    def is_settled(self) -> bool:
        """Whether the trunks know all that they are to be told; after `withdraw`."""
        return all(one.is_settled for one in self._registrations().values())

    def counters(self) -> dict[str, float]:
        """Return 1 or 0 for each trunk that registers: whether it has us."""
        return {
            f"trunk_registered.{name}": float(one.state is RegistrationState.REGISTERED)
            for name, one in self._registrations().items()
        }

    def close(self) -> None:
        """Destroy the accounts; their calls have been destroyed before."""
        while self._accounts:
            _, account = self._accounts.popitem()
            account.destroy()

    def _registrations(self) -> dict[str, Registration]:
        return {
            name: account.registration
            for name, account in self._accounts.items()
            if account.registration is not None
        }


def nameservers(sections: Mapping[str, TrunkSection]) -> list[str]:
    """Return the machine's name servers if a trunk is known by name, else none.

    With them PJSIP resolves without blocking; without them a slow answer would stop all calls.
    """
    if all(_is_address(section.host) for section in sections.values()):
        return []
    try:
        lines = _RESOLVER_FILE.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("name servers are not known", extra={"reason": str(error)})
        return []
    words = [line.split() for line in lines]
    found = [row[1] for row in words if len(row) > 1 and row[0] == "nameserver"]
    return [server for server in found if _is_address(server)][:_NAMESERVERS_MOST]


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
