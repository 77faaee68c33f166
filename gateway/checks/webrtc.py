"""Whether calls from browsers can work as configured, and whether they are as open or closed as is meant."""

import importlib.util
import socket
from collections.abc import Iterator

from gateway import webrtc_secret
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.checks.network import ephemeral_ports
from gateway.config import Config
from gateway.config.webrtc import Anonymous
from gateway.errors import AssetError, ConfigError
from gateway.http.peer import is_loopback
from gateway.http.webrtc import page
from gateway.http.webrtc.ice_servers import IceServers

SUBJECT = "browser calls"
LIBRARIES = ("aiortc", "av", "jwt")
_INSTALL = "run `make setup`, or set webrtc.enabled = false"


def check_webrtc(config: Config) -> list[Finding]:
    """Return what is to be said of browser calls."""
    if not config.webrtc.enabled:
        return [ok(SUBJECT, "not looked at: webrtc.enabled is false")]
    found = [
        *_libraries(),
        *_page(),
        *_secrets(config),
        *_hosts(config),
        *_ports(config),
        *_openness(config),
        *_turn(config),
    ]
    return found or [ok(SUBJECT, "libraries, page, secrets and addresses are in order")]


def _libraries() -> Iterator[Finding]:
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        yield fail(SUBJECT, f"{', '.join(missing)} are not installed", _INSTALL)


def _page() -> Iterator[Finding]:
    try:
        page.read_files(page.folder())
    except AssetError as error:
        wrong, _, remedy = str(error).partition("; ")
        yield fail(SUBJECT, wrong, remedy or _INSTALL)


def _secrets(config: Config) -> Iterator[Finding]:
    for look in (lambda: webrtc_secret.of(config).read(), lambda: IceServers(config.webrtc)):
        try:
            look()
        except FileNotFoundError:
            continue  # made at the first start
        except ConfigError as error:
            wrong, _, remedy = str(error).partition("; ")
            yield fail(SUBJECT, wrong, remedy)


def _hosts(config: Config) -> Iterator[Finding]:
    for host in config.webrtc.hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((host, 0))
        except OSError as error:
            yield fail(
                SUBJECT,
                f"webrtc.hosts has {host}: {error.strerror}",
                "name addresses of this machine (`ip address`), or none for all of them",
            )


def _ports(config: Config) -> Iterator[Finding]:
    section, sip = config.webrtc, config.sip
    low, high = section.port_min, section.port_max
    if sip.enabled and low <= sip.rtp_port_max and sip.rtp_port_min <= high:
        yield warn(
            SUBJECT,
            f"webrtc.port_min..port_max ({low}..{high}) overlaps sip.rtp_port_min..rtp_port_max",
            "keep the two ranges apart",
        )
    ephemeral = ephemeral_ports()
    if ephemeral is not None and low <= ephemeral[1] and ephemeral[0] <= high:
        yield warn(
            SUBJECT,
            f"webrtc.port_min..port_max ({low}..{high}) overlaps the ports this machine gives to "
            f"outgoing connections ({ephemeral[0]}..{ephemeral[1]})",
            f"keep port_max below {ephemeral[0]}, or change net.ipv4.ip_local_port_range",
        )


def _openness(config: Config) -> Iterator[Finding]:
    section = config.webrtc
    if section.anonymous is Anonymous.YES:
        yield warn(
            SUBJECT,
            'webrtc.anonymous = "yes": whoever reaches the page may call and use your providers',
            'set anonymous = "loopback" or "no", or name the agents in anonymous_agents',
        )
    if not is_loopback(config.http.host) and not config.http.trusted_proxies:
        yield warn(
            SUBJECT,
            f"http.host = {config.http.host!r}: browsers give no microphone to a page without TLS",
            "put a reverse proxy with TLS before it and name it in http.trusted_proxies",
        )
    plain = [origin for origin in section.origins if _is_plain(origin)]
    if plain:
        yield warn(
            SUBJECT,
            f"webrtc.origins has {plain[0]}: browsers give no microphone to a page without TLS",
            "serve that page over https and name it so",
        )


def _is_plain(origin: str) -> bool:
    host = origin.removeprefix("http://").rpartition(":")[0] or origin.removeprefix("http://")
    return origin.startswith("http://") and not is_loopback(host)


def _turn(config: Config) -> Iterator[Finding]:
    section = config.webrtc
    longest_s = config.gateway.max_call_s
    if section.turn_secret_file is not None and section.turn_ttl_s < longest_s:
        yield warn(
            SUBJECT,
            f"webrtc.turn_ttl_s = {section.turn_ttl_s} is less than gateway.max_call_s = {longest_s}: "
            "a TURN server may cut long calls off",
            f"set turn_ttl_s to {longest_s} or more",
        )
