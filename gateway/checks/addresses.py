"""Whether names resolve, and whether the addresses that callers are told are ones that they reach (NAT)."""

import ipaddress
import socket
from collections.abc import Iterator

from gateway.checks.asking import Unreachable, within
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config

SUBJECT = "addresses"
RESOLVE_BOUND_S = 5.0
_ANY = ("0.0.0.0", "::", "")
_PROBE = ("192.0.2.1", 9)
"""Documentation network (RFC 5737): a connected UDP socket sends nothing, it only asks for the route."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_addresses(config: Config) -> list[Finding]:
    """Return what is to be said of names and NAT."""
    found = [*_sip(config), *_webrtc(config), *_trunks(config)]
    return found or [ok(SUBJECT, "what callers are told is where they reach us")]


def resolve(host: str) -> list[str]:
    """Return the addresses of a name, bounded in time. Raises `Unreachable`."""
    try:
        found = within(RESOLVE_BOUND_S, lambda: socket.getaddrinfo(host, None))
    except socket.gaierror as error:
        raise Unreachable(str(error.strerror).lower()) from None
    except UnicodeError:
        raise Unreachable("it is no host name") from None
    return sorted({str(item[4][0]) for item in found})


def outgoing_address() -> str:
    """Return the address from which this machine reaches the internet; empty if it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_PROBE)
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _sip(config: Config) -> Iterator[Finding]:
    sip = config.sip
    if not sip.enabled:
        return
    listening = outgoing_address() if sip.host in _ANY else sip.host
    networks = [ipaddress.ip_network(item) for item in sip.allow]
    yield from _told(
        "sip",
        listening,
        sip.public_address,
        # `is_global` of a network tells of both its ends only; 0.0.0.0/0 has both outside.
        is_for_internet=any(network.is_global or network.prefixlen == 0 for network in networks),
    )


def _webrtc(config: Config) -> Iterator[Finding]:
    section = config.webrtc
    if section.enabled and section.public_address:
        listening = section.hosts[0] if section.hosts else outgoing_address()
        yield from _told("webrtc", listening, section.public_address, is_for_internet=True)


def _trunks(config: Config) -> Iterator[Finding]:
    if not config.sip.enabled:
        return
    local = _address(config.sip.host)
    for name, trunk in config.trunks.items():
        key = f"trunks.{name}.host = {trunk.host!r}"
        try:
            addresses = [trunk.host] if _address(trunk.host) else resolve(trunk.host)
        except Unreachable as error:
            yield fail(SUBJECT, f"{key} does not resolve: {error}", "correct the name, or the DNS")
            continue
        found = [address for text in addresses if (address := _address(text)) is not None]
        networks = [ipaddress.ip_network(item) for item in trunk.allowed_networks]
        strangers = [ip for ip in found if not any(ip in network for network in networks)]
        if found and len(strangers) == len(found):
            yield warn(
                SUBJECT,
                f"{key} is at {', '.join(map(str, found))}, which trunks.{name}.networks does not "
                "hold: what comes from there is dropped",
                f"add the networks of the provider to trunks.{name}.networks (it lists them)",
            )
        if local is not None and local.is_loopback and not all(ip.is_loopback for ip in found):
            yield fail(
                SUBJECT,
                f"{key} is outside, but sip.host = {config.sip.host!r} is reached from here only",
                "set sip.host to the address of this machine, or 0.0.0.0",
            )


def _told(section: str, listening: str, public: str, *, is_for_internet: bool) -> Iterator[Finding]:
    """Judge the address that goes into SIP and SDP, or into ICE candidates."""
    local = _address(listening)
    if not public:
        if is_for_internet and local is not None and local.is_private and not local.is_loopback:
            yield warn(
                SUBJECT,
                f"{section}.allow has networks of the internet, but callers are told {listening}, "
                "which is a private address: they will not hear us, nor we them",
                f"set {section}.public_address to the address that they reach (1:1 NAT)",
            )
        return
    told = _address(public)
    if told is None:
        try:
            resolved = resolve(public)
        except Unreachable as error:
            yield fail(
                SUBJECT,
                f"{section}.public_address {public!r} does not resolve: {error}",
                "give an IP address, or mend the name",
            )
            return
        told = _address(resolved[0])
        if told is None:
            return
    if told.is_loopback or told.is_unspecified or told.is_link_local or told.is_multicast:
        yield fail(
            SUBJECT,
            f"{section}.public_address {public} is no address that a caller could reach",
            "give the address that the internet sees (ask your provider, or your router)",
        )
    elif told.is_private and is_for_internet:
        yield warn(
            SUBJECT,
            f"{section}.public_address {public} is a private address; callers from the internet do not "
            "reach it",
            "give the address that the internet sees, unless all callers are in your own network",
        )
    elif local is not None and local == told:
        yield ok(SUBJECT, f"{section}.public_address {public} is this machine's own")
    else:
        yield ok(SUBJECT, f"{section}: callers are told {public}, this machine has {listening}")


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
