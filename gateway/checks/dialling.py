"""Whether calls can be placed, only where that is meant, and whether links in messages lead to the call page."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.checks.addresses import resolve
from gateway.checks.asking import Unreachable
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config
from gateway.config.trunks import TrunkSection
from gateway.model.messages import Channel
from gateway.sessions.routing import route

SUBJECT = "dialling"
LINKS = "call links"


def check_dialling(config: Config) -> list[Finding]:
    """Return what is to be said of trunks, of what may be dialled, and of links."""
    found = [*_trunks(config), *_rules(config), *_fallback(config)]
    if config.trunks and not found:
        found = [ok(SUBJECT, f"calls go through {', '.join(config.trunks)}")]
    return [*found, *_links(config)]


def _trunks(config: Config) -> Iterator[Finding]:
    if config.trunks and not config.sip.enabled:
        yield fail(SUBJECT, "there are trunks, but sip.enabled is false", "set sip.enabled = true")
    for name, trunk in config.trunks.items():
        yield from _reach(name, trunk)
        if not trunk.caller_id:
            yield warn(
                SUBJECT,
                f"trunks.{name} has no caller_id: whoever is called cannot call or write back to it",
                f"set trunks.{name}.caller_id to a number of yours",
            )
        for number in trunk.numbers:
            if route(config.numbers, number) is None:
                yield warn(
                    SUBJECT,
                    f"trunks.{name}: no agent answers {number}, which calls through it show",
                    "add it to [[numbers]]",
                )


def _reach(name: str, trunk: TrunkSection) -> Iterator[Finding]:
    try:
        addresses = resolve(trunk.host)
    except Unreachable as error:
        yield fail(
            SUBJECT,
            f"trunks.{name}.host {trunk.host} does not resolve: {error}",
            "correct the name, or mend the DNS",
        )
        return
    networks = [ipaddress.ip_network(item) for item in trunk.allowed_networks]
    for address in addresses:
        known = ipaddress.ip_address(address)
        if known.version == 4 and not any(known in network for network in networks):
            yield fail(
                SUBJECT,
                f"trunks.{name}: {trunk.host} is {address}, whose packets are not let in",
                f"add it to trunks.{name}.networks",
            )


def _rules(config: Config) -> Iterator[Finding]:
    rules = config.dialling
    if config.trunks and not rules.allow:
        yield warn(
            SUBJECT,
            "dialling.allow is empty: no call is placed",
            'name what may be dialled, like allow = ["+49"]',
        )
    if {"*", "+", "00"} & set(rules.allow):
        yield warn(
            SUBJECT,
            "dialling.allow lets every number in the world be dialled, the dearest too",
            "name the countries that you call",
        )
    for denied in rules.deny:
        if denied.startswith("0") and not denied.startswith(("00", "011")) and not rules.country:
            yield warn(
                SUBJECT,
                f"dialling.deny: {denied} does not deny the same number with its country code",
                "write it with the country code, like +49900, or set dialling.country",
            )
    if rules.allow and not config.trunks:
        yield warn(
            SUBJECT,
            "numbers may be dialled, but there is no trunk",
            "configure one as [trunks.NAME]",
        )


def _fallback(config: Config) -> Iterator[Finding]:
    orders = [config.fallback.order, *(one.order or () for one in config.fallback.numbers.values())]
    if not config.trunks and any(Channel.VOICE in order for order in orders):
        yield warn(
            SUBJECT,
            "the fallback is to call back, but there is no trunk: voice is passed over",
            "configure one as [trunks.NAME], or take voice out of fallback.order",
        )


def _links(config: Config) -> Iterator[Finding]:
    url = config.http.public_url
    if not url:
        return
    if not config.webrtc.enabled:
        yield warn(
            LINKS,
            "http.public_url is set but webrtc.enabled is false: messages carry no links",
            "set webrtc.enabled = true",
        )
    elif urlsplit(url).scheme != "https":
        yield fail(
            LINKS,
            f"http.public_url {url}: browsers give no microphone to a page without TLS",
            "put a reverse proxy with TLS before the gateway and name its https address",
        )
    else:
        yield ok(LINKS, f"messages can carry links to {url}")
