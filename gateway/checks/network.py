"""Whether the addresses to listen on are there and free, and whether they are as open or closed as is meant."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config, SipSection, SipTransport

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def check_network(config: Config, *, is_running: bool) -> list[Finding]:
    """Return what is to be said of ports; `is_running` if a gateway with this data directory runs."""
    findings = list(_openness(config))
    if is_running:
        return [ok("ports", "not tried: a gateway with this data_dir is running"), *findings]
    http = config.http
    findings += _free("http", http.host, http.port, socket.SOCK_STREAM)
    if config.sip.enabled:
        for transport in config.sip.transports:
            kind = socket.SOCK_DGRAM if transport is SipTransport.UDP else socket.SOCK_STREAM
            findings += _free("sip", config.sip.host, config.sip.port, kind)
        findings += _media_ports(config.sip)
    return findings


def _free(section: str, host: str, port: int, kind: socket.SocketKind) -> Iterator[Finding]:
    protocol = "udp" if kind is socket.SOCK_DGRAM else "tcp"
    place = f"{protocol} {host}:{port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=kind, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                # As the servers do: a connection in TIME_WAIT does not count.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        yield fail("ports", f"{section}.host = {host!r}: {error.strerror}", "give an IP address")
    except OSError as error:
        yield fail("ports", f"cannot listen on {place}: {error.strerror}", _remedy(error, section))
    else:
        yield ok("ports", f"{place} is free")


def _remedy(error: OSError, section: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"stop what uses it (`ss -lnp`), or set {section}.port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"set {section}.host to an address of this machine (`ip address`), or 0.0.0.0"
    if error.errno == errno.EACCES:
        return f"ports below 1024 need CAP_NET_BIND_SERVICE; grant it or set {section}.port"
    return f"set {section}.host and {section}.port to what this machine has"


def ephemeral_ports() -> tuple[int, int] | None:
    """Return the first and last port that this machine gives to outgoing connections, if it tells."""
    try:
        low, high = (int(part) for part in _EPHEMERAL.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return low, high


def _media_ports(section: SipSection) -> Iterator[Finding]:
    ephemeral = ephemeral_ports()
    if ephemeral is None:
        return
    low, high = ephemeral
    if section.rtp_port_min <= high and low <= section.rtp_port_max:
        yield warn(
            "ports",
            f"sip.rtp_port_min..rtp_port_max ({section.rtp_port_min}..{section.rtp_port_max}) overlaps "
            f"the ports this machine gives to outgoing connections ({low}..{high})",
            f"keep rtp_port_max below {low}, or change net.ipv4.ip_local_port_range",
        )


def _openness(config: Config) -> Iterator[Finding]:
    if not _is_loopback(config.http.host):
        yield warn(
            "exposure",
            f"http.host = {config.http.host!r}: the API and its token cross the network unencrypted",
            "keep 127.0.0.1 and put a reverse proxy with TLS before it",
        )
    sip = config.sip
    if not sip.enabled:
        return
    networks = [ipaddress.ip_network(item) for item in sip.allow]
    outside = [network for network in networks if not network.is_loopback]
    wide = [str(network) for network in outside if network.prefixlen < 8]
    if wide and not _is_loopback(sip.host):
        yield warn(
            "exposure",
            f"sip.allow has {', '.join(wide)}: much of the internet may call and use your providers",
            "name only the networks of your trunk and your telephones",
        )
    if outside and _is_loopback(sip.host):
        yield warn(
            "exposure",
            f"sip.allow names networks outside, but sip.host = {sip.host!r} is reached from here only",
            "set sip.host to an address that they reach",
        )
    if not outside and not _is_loopback(sip.host):
        yield warn(
            "exposure",
            f"sip.host = {sip.host!r}, but sip.allow lets only this machine call",
            "add the networks of your trunk and your telephones to sip.allow",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
