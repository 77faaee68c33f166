"""The configuration of calls we place: trunks (`[trunks.NAME]`) and what may be dialled (`[dialling]`)."""

import ipaddress
import re
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from gateway.config.section import Section, network_of

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/-]{1,128}")
"""User part of a SIP URI without escapes (RFC 3261 section 25.1)."""
_PREFIX = re.compile(r"\+?[0-9]+|\+|\*|[A-Za-z][A-Za-z0-9_.-]*\*?")


class TrunkTransport(StrEnum):
    """How a trunk is spoken to."""

    UDP = "udp"
    TCP = "tcp"


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


class TrunkSection(Section):
    """One SIP trunk: a provider's, or a telephone exchange of your own."""

    host: str = Field(min_length=1)
    """Address or name of its SIP server."""
    port: int = Field(default=5060, ge=1, le=65_535)
    transport: TrunkTransport = TrunkTransport.UDP
    username: str = ""
    """For digest authentication (RFC 3261 section 22); empty: the trunk knows us by our address."""
    password_file: Path | None = None
    realm: str = "*"
    """Realm for which the password is good; `*`: whichever the trunk names."""
    domain: str = ""
    """Host part of our addresses there; empty: `host`."""
    registers: bool = False
    """Register there, so that its calls come to us wherever we are."""
    register_expiry_s: int = Field(default=300, ge=60, le=86_400)
    register_retry_s: float = Field(default=5.0, ge=0.1, le=600)
    """First pause after a registration failed; it doubles up to `register_retry_most_s`."""
    register_retry_most_s: float = Field(default=300.0, ge=1, le=3_600)
    caller_id: str = ""
    """The number that is shown, and the number of ours to which calls through this trunk belong."""
    caller_ids: tuple[str, ...] = ()
    """Further numbers that a call may show."""
    prefixes: tuple[str, ...] = ("*",)
    """Numbers that go this way; the trunk with the longest that fits is taken. `*` fits all."""
    strip: str = ""
    """Taken from the beginning of a number before it is dialled, such as `+`."""
    prepend: str = ""
    """Put before it instead, such as `00`."""
    networks: tuple[str, ...] = ()
    """Networks (CIDR, IPv4) of its servers besides `host`: their packets are let in."""

    @field_validator("host", "domain")
    @classmethod
    def _host_name(cls, value: str) -> str:
        if value and not _HOST.fullmatch(value):
            raise ValueError(f"{value!r} is not a host; write it like sip.example.com or 192.0.2.5")
        return value

    @field_validator("networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if network_of(item).version != 4:
                raise ValueError(f"{item!r}: only IPv4 networks are supported")
        return value

    @field_validator("prefixes")
    @classmethod
    def _prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_prefixes(value)

    @field_validator("strip", "prepend")
    @classmethod
    def _digits(cls, value: str) -> str:
        if not re.fullmatch(r"[+0-9*#]*", value):
            raise ValueError(f"{value!r} is no part of a number; use digits, +, * and #")
        return value

    @field_validator("username", "caller_id")
    @classmethod
    def _user_part(cls, value: str) -> str:
        if value and not _USER.fullmatch(value):
            raise ValueError(f"{value!r} cannot stand in a SIP address; use letters and digits")
        return value

    @field_validator("realm")
    @classmethod
    def _realm_name(cls, value: str) -> str:
        if not value or not value.isprintable() or '"' in value:
            raise ValueError('must be a name without quotes; "*" fits every realm')
        return value

    @model_validator(mode="after")
    def _complete(self) -> "TrunkSection":
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file go together; set both or none")
        if self.registers and not self.username:
            raise ValueError("registers needs an account; set username and password_file")
        if not _is_address(self.host) and not self.networks:
            raise ValueError(
                f"networks is missing; {self.host} is a name, and its answers are let in only from "
                "networks that are named, like 203.0.113.0/24"
            )
        if self.register_retry_most_s < self.register_retry_s:
            raise ValueError("register_retry_most_s must not be below register_retry_s")
        return self

    @property
    def allowed_networks(self) -> tuple[str, ...]:
        """Networks whose packets are this trunk's."""
        own = (f"{self.host}/32",) if _is_address(self.host) else ()
        return (*own, *self.networks)

    @property
    def user(self) -> str:
        """Who we are there."""
        return self.username or self.caller_id or "offhook"

    @property
    def numbers(self) -> tuple[str, ...]:
        """Numbers that a call through this trunk may show, the one shown by default first."""
        return tuple(
            dict.fromkeys(number for number in (self.caller_id, *self.caller_ids) if number)
        )


class DiallingSection(Section):
    """What may be dialled, by whomever: the API, an agent, the fallback. It guards against toll fraud."""

    allow: tuple[str, ...] = ()
    """Beginnings of numbers that may be dialled, like `+49`; `*` is everything. None: nothing may."""
    deny: tuple[str, ...] = ()
    """Beginnings that may not, like `+49900`; the longest that fits decides."""
    country: str = ""
    """Two letters: where numbers without a country code are from."""
    calls_at_once: int = Field(default=2, ge=0, le=480)
    max_call_s: int = Field(default=900, ge=10, le=86_400)
    """Longest call of ours."""
    calls_per_day: int = Field(default=100, ge=0, le=1_000_000)
    """Most calls within 24 hours, also over a restart."""
    minutes_per_day: int = Field(default=300, ge=0, le=1_000_000)
    """Most minutes of talk within 24 hours, also over a restart."""
    calls_per_number: int = Field(default=3, ge=1, le=1_000)
    """Most calls to one number within an hour."""
    ring_s: int = Field(default=45, ge=5, le=180)
    """How long it may ring before we give up."""

    @field_validator("allow", "deny")
    @classmethod
    def _prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_prefixes(value)

    @field_validator("country")
    @classmethod
    def _letters(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Z]{2}", value):
            raise ValueError(f"{value!r} is no country; write two capital letters, like DE")
        return value


def checked_prefixes(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the beginnings of numbers as they are; raises `ValueError` for one that is none."""
    for item in value:
        if not _PREFIX.fullmatch(item):
            raise ValueError(
                f"{item!r} is not the beginning of a number; write it like +49, 1, * or reception"
            )
    return value
