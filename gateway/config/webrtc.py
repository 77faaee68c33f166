"""The configuration of calls from browsers: `[webrtc]`."""

import ipaddress
import re
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from gateway.config.section import Section


class Anonymous(StrEnum):
    """Who may call from a browser without a token."""

    LOOPBACK = "loopback"
    """Browsers on this machine, on a page that this machine serves."""
    YES = "yes"
    """Everybody who reaches the HTTP server."""
    NO = "no"


class IceServer(Section):
    """A STUN or TURN server that browsers and we may use."""

    urls: tuple[str, ...] = Field(min_length=1)
    """As in RFC 7064 and RFC 7065: `stun:host:port`, `turn:host:port?transport=udp`, `turns:…`."""
    username: str = ""
    credential_file: Path | None = None
    """File with the password that belongs to `username`."""

    @field_validator("urls")
    @classmethod
    def _schemes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            if not re.fullmatch(r"(stuns?|turns?):[^\s/?\"<>]+(\?transport=(udp|tcp))?", url):
                raise ValueError(
                    f"{url!r} is not the address of an ICE server; "
                    "write it like stun:stun.example.com:3478 or turn:turn.example.com:3478"
                )
        return value

    @model_validator(mode="after")
    def _pair(self) -> "IceServer":
        if bool(self.username) != (self.credential_file is not None):
            raise ValueError("username and credential_file go together; set both or none")
        return self

    @property
    def is_turn(self) -> bool:
        """Whether any of the addresses is a TURN server's, which wants credentials."""
        return any(url.startswith("turn") for url in self.urls)


class WebrtcSection(Section):
    """Calls from browsers."""

    enabled: bool = True
    workers: int = Field(default=1, ge=1, le=16)
    """Worker processes; each call is placed on the least loaded."""
    max_calls: int = Field(default=100, ge=1, le=480)
    """Admission limit over all workers; more calls are refused with 503 and Retry-After."""
    hosts: tuple[str, ...] = ()
    """Addresses of this machine for media; none: all it has."""
    public_address: str = ""
    """Address to offer as a candidate where the world sees another one (1:1 NAT)."""
    port_min: int = Field(default=20_002, ge=1024, le=65_000)
    port_max: int = Field(default=30_000, ge=1026, le=65_535)
    """UDP ports of media; one for each call and address."""
    anonymous: Anonymous = Anonymous.LOOPBACK
    """Who may call without a token."""
    anonymous_agents: tuple[str, ...] = ()
    """Agents that may be called without a token; none named: all."""
    origins: tuple[str, ...] = ()
    """Origins of other people's pages that may call; our own page always may."""
    token_secret_file: Path | None = None
    """File with the secret that signs tokens; by default one is made in the data directory."""
    token_ttl_s: int = Field(default=300, ge=5, le=86_400)
    """How long a token is good for, unless whoever asks for it says otherwise."""
    link_ttl_s: int = Field(default=86_400, ge=60, le=86_400)
    """How long a link in a message is good for; each is good for one call."""
    calls_per_minute: int = Field(default=60, ge=1, le=10_000)
    """Most offers of one address in a minute."""
    connect_bound_s: float = Field(default=20.0, ge=2, le=35)
    """A call whose transport is not up so long after the answer is ended."""
    grace_s: float = Field(default=20.0, ge=0, le=120)
    """How long a call whose transport broke waits for the browser to come back."""
    early_audio: bool = True
    """Whether pages may send what was said between the click and the connection."""
    relay_only: bool = False
    """Use TURN relays only, on both sides: neither learns the other's address."""
    ice_servers: tuple[IceServer, ...] = Field(default_factory=tuple)
    turn_secret_file: Path | None = None
    """File with coturn's `static-auth-secret`: TURN servers without a `username` get passwords made of it."""
    turn_ttl_s: int = Field(default=7_200, ge=60, le=604_800)
    """How long such a password is good for; longer than a call may take."""

    @field_validator("hosts")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            try:
                ipaddress.ip_address(item)
            except ValueError as error:
                raise ValueError(f"{item!r} is not an IP address; correct or remove it") from error
        return value

    @field_validator("public_address")
    @classmethod
    def _address(cls, value: str) -> str:
        return cls._addresses((value,))[0] if value else value

    @field_validator("origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if not re.fullmatch(r"https?://[a-z0-9.\[\]:-]+", item):
                raise ValueError(
                    f"{item!r} is not an origin; write it in lower case and without a path, "
                    "like https://www.example.com"
                )
        return value

    @model_validator(mode="after")
    def _fits(self) -> "WebrtcSection":
        if self.port_max - self.port_min < self.max_calls:
            raise ValueError(
                f"port_min..port_max holds {self.port_max - self.port_min} calls but max_calls is "
                f"{self.max_calls}; widen the range or lower max_calls"
            )
        open_turn = [s for s in self.ice_servers if s.is_turn and not s.username]
        if open_turn and self.turn_secret_file is None:
            raise ValueError(
                f"ice_servers: {open_turn[0].urls[0]} wants credentials; set username and "
                "credential_file there, or turn_secret_file for coturn's shared secret"
            )
        if self.relay_only and not any(server.is_turn for server in self.ice_servers):
            raise ValueError("relay_only needs a TURN server; add one to ice_servers")
        return self
