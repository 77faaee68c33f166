"""Whether the public URL is one that providers can use: its shape, its name, its certificate, who answers there."""

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.checks.addresses import resolve
from gateway.checks.asking import Unreachable, ask, within
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config

SUBJECT = "public url"
CONNECT_BOUND_S = 5.0
EXPIRES_SOON_DAYS = 14
"""Automatic renewal (ACME) happens 30 days before the end; so near it has failed."""

_PROXY = "look at the reverse proxy that ends TLS before this gateway"


def check_public_url(config: Config, *, live: bool) -> list[Finding]:
    """Return what is to be said of `twilio.public_url`; `live` also asks who answers there."""
    url = config.twilio.public_url
    if not url:
        return list(_missing(config))
    key = f"twilio.public_url {url}"
    parts = urlsplit(url)
    host = parts.hostname or ""
    shape = list(_shape(key, parts.scheme, host))
    if any(finding.level == "fail" for finding in shape):
        return shape
    try:
        addresses = [host] if _is_address(host) else resolve(host)
    except Unreachable as error:
        return [*shape, fail(SUBJECT, f"{key}: the name does not resolve: {error}", "mend the DNS")]
    found = [*shape, *_reach(key, addresses)]
    if parts.scheme == "https":
        found += _certificate(key, host, _port(parts.port))
    if live:
        found += _answers(key, url)
    return found or [ok(SUBJECT, f"{key}: {', '.join(addresses)}")]


def _missing(config: Config) -> Iterator[Finding]:
    if config.twilio.is_on:
        yield warn(
            SUBJECT,
            "twilio.public_url is not set: no receipts of messages come back, and nobody's answers",
            "set it to the address under which Twilio reaches this gateway",
        )


def _shape(key: str, scheme: str, host: str) -> Iterator[Finding]:
    if host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback):
        yield fail(SUBJECT, f"{key} is this machine only", "give the name that the internet sees")
    elif scheme != "https":
        yield warn(
            SUBJECT,
            f"{key}: without TLS, messages cross the internet for everybody to read",
            "put a reverse proxy with TLS before the gateway and write https://",
        )


def _reach(key: str, addresses: list[str]) -> Iterator[Finding]:
    hidden = [text for text in addresses if not ipaddress.ip_address(text).is_global]
    if hidden and len(hidden) == len(addresses):
        yield warn(
            SUBJECT,
            f"{key} is at {', '.join(hidden)}: not an address of the internet",
            "let the name point to the address that the internet sees (in split DNS this is as it should be)",
        )


def _certificate(key: str, host: str, port: int) -> Iterator[Finding]:
    try:
        ends = within(CONNECT_BOUND_S + 1, lambda: _expiry(host, port))
    except ssl.SSLCertVerificationError as error:
        yield fail(SUBJECT, f"{key}: the certificate is refused: {error.verify_message}", _PROXY)
    except Unreachable as error:
        yield fail(SUBJECT, f"{key}: nobody answers: {error}", _PROXY)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        yield fail(SUBJECT, f"{key}: no TLS connection: {words}", _PROXY)
    else:
        yield judge_expiry(key, ends, datetime.datetime.now(datetime.UTC))


def judge_expiry(key: str, ends: datetime.datetime, now: datetime.datetime) -> Finding:
    """Tell what the end of a certificate's life means."""
    days = (ends - now).days
    told = f"{key}: the certificate is good until {ends:%Y-%m-%d}"
    if days < 0:
        return fail(SUBJECT, f"{key}: the certificate ended on {ends:%Y-%m-%d}", "renew it")
    if days < EXPIRES_SOON_DAYS:
        return warn(SUBJECT, f"{told}, {days} days from now", "see why it was not renewed in time")
    return ok(SUBJECT, told)


def _expiry(host: str, port: int) -> datetime.datetime:
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=CONNECT_BOUND_S) as raw,
        context.wrap_socket(raw, server_hostname=host) as wrapped,
    ):
        certificate = wrapped.getpeercert() or {}
    seconds = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _answers(key: str, url: str) -> Iterator[Finding]:
    try:
        answer = ask(f"{url}/healthz")
    except Unreachable as error:
        yield fail(SUBJECT, f"{key}/healthz: {error}", _PROXY)
        return
    if answer.status == 200 and answer.body.get("status") == "alive":
        yield ok(SUBJECT, f"{key}: a gateway answers there")
    else:
        yield warn(
            SUBJECT,
            f"{key}/healthz answers {answer.status}: not this gateway, or it does not run",
            f"start it; {_PROXY}",
        )


def _port(port: int | None) -> int:
    return 443 if port is None else port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
