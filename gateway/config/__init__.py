"""The configuration: one TOML file, one frozen tree of models, read once; unknown keys are refused.

Everything has a default that works on a bare machine: SIP on loopback, the receptionist agent, embedded
speech. `gateway/config/file.py` finds and reads the file and turns mistakes into `ConfigError`s that
name the file, the key, the value and the remedy.
"""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway import directories
from gateway.config.agents import AgentBase as AgentBase
from gateway.config.agents import AgentSection as AgentSection
from gateway.config.agents import EarlySpeech as EarlySpeech
from gateway.config.agents import EchoAgent as EchoAgent
from gateway.config.agents import FaqEntry as FaqEntry
from gateway.config.agents import LlmAgent as LlmAgent
from gateway.config.agents import ReceptionistAgent as ReceptionistAgent
from gateway.config.agents import default_agents
from gateway.config.channels import ChannelsSection
from gateway.config.console import ConsoleSection
from gateway.config.event_webhooks import EventWebhookSection
from gateway.config.fallback import FallbackSection
from gateway.config.outbox import OutboxSection
from gateway.config.overload import OverloadSection
from gateway.config.recording import RecordingMode, RecordingSection
from gateway.config.rooms import RoomsSection
from gateway.config.section import Section, network_of, web_address
from gateway.config.tracing import TracingSection
from gateway.config.trunks import DiallingSection, TrunkSection
from gateway.config.twilio import TwilioSection
from gateway.config.webrtc import WebrtcSection


class LogFormat(StrEnum):
    """How log records are written; `auto` is console on a terminal, the journal under systemd, JSON elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"
    JOURNAL = "journal"


class GatewaySection(Section):
    """The process itself."""

    data_dir: Path = Field(default_factory=directories.state)
    """Where the database and the API token are kept."""
    cache_dir: Path = Field(default_factory=directories.cache)
    """Where rendered speech is kept; may be deleted at any time."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: LogFormat = LogFormat.AUTO
    mask_pii: bool = True
    """Print phone numbers, digits and words masked in logs."""
    max_call_s: int = Field(default=3600, ge=10, le=86_400)
    """Longest call; then a spoken goodbye and the end."""
    drain_s: float = Field(default=120, ge=0, le=86_400)
    """How long running calls may go on after SIGTERM or `offhook drain`; then a goodbye and the end."""


class HttpSection(Section):
    """The HTTP server: health, metrics, API."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    api_token_file: Path | None = None
    """File with the bearer token of the API; by default one is made in the data directory."""
    public_url: str = ""
    """Where people reach this server from outside, for links in messages to the call page; empty: no links."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of reverse proxies (CIDR) whose `X-Forwarded-For` and `X-Forwarded-Host` are believed."""
    max_connections: int = Field(default=512, ge=8, le=65_536)
    """Further ones are answered 503 and closed."""
    max_connections_per_address: int = Field(default=64, ge=2, le=65_536)
    """Of one address; not for this machine itself and trusted proxies, which speak for many."""
    metrics_need_token: bool = False
    """Whether `/metrics` needs a token with the scope `metrics`."""

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        return web_address(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            network_of(item)
        return value


class Codec(StrEnum):
    """Audio codecs of SIP calls, by their RTP names."""

    PCMU = "PCMU"
    PCMA = "PCMA"
    G722 = "G722"
    OPUS = "opus"


class SipTransport(StrEnum):
    """Transports of SIP."""

    UDP = "udp"
    TCP = "tcp"


class SipSection(Section):
    """The SIP endpoint."""

    enabled: bool = True
    host: str = "127.0.0.1"
    """Address to listen on, for signalling and media."""
    port: int = Field(default=5060, ge=0, le=65_535)
    transports: tuple[SipTransport, ...] = (SipTransport.UDP, SipTransport.TCP)
    public_address: str = ""
    """Address to put into SIP and SDP when it differs from `host` (1:1 NAT)."""
    allow: tuple[str, ...] = ("127.0.0.0/8",)
    """Networks that may call (CIDR, IPv4). Packets from anywhere else get no answer at all."""
    max_calls: int = Field(default=100, ge=1, le=480)
    """Admission limit; more calls are refused with 503 and Retry-After."""
    retry_after_s: int = Field(default=5, ge=1, le=3600)
    codecs: tuple[Codec, ...] = (Codec.OPUS, Codec.G722, Codec.PCMU, Codec.PCMA)
    """Allowed codecs, best first."""
    rtp_port_min: int = Field(default=10_000, ge=1024, le=65_000)
    rtp_port_max: int = Field(default=20_000, ge=1026, le=65_535)
    media_up_bound_ms: int = Field(default=200, ge=0, le=5_000)
    """How long after the answer is acknowledged we wait for the caller's first packet."""
    answer_deadline_s: int = Field(default=20, ge=1, le=180)
    """A call nobody decided about by then is refused with 480."""
    media_timeout_s: int = Field(default=60, ge=0, le=3600)
    """End a call when no media packet came for so long (0: never)."""
    jitter_min_ms: int = Field(default=20, ge=0, le=200)
    jitter_max_ms: int = Field(default=240, ge=40, le=1000)

    @field_validator("allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if network_of(item).version != 4:
                raise ValueError(f"{item!r}: only IPv4 networks are supported")
        return value

    @field_validator("transports", "codecs")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("must name at least one")
        if len(set(value)) != len(value):
            raise ValueError("names one twice")
        return value

    @model_validator(mode="after")
    def _ranges(self) -> "SipSection":
        if self.rtp_port_max - self.rtp_port_min < 2 * self.max_calls:
            raise ValueError(
                f"rtp_port_min..rtp_port_max holds {(self.rtp_port_max - self.rtp_port_min) // 2} "
                f"calls but max_calls is {self.max_calls}; widen the range or lower max_calls"
            )
        if self.jitter_max_ms <= self.jitter_min_ms:
            raise ValueError("jitter_max_ms must be above jitter_min_ms")
        return self


class SpeechSection(Section):
    """Local speech models."""

    workers: int = Field(default=2, ge=1, le=16)
    """Speech worker processes; each loads the models once (about 600 MB)."""
    niceness: int = Field(default=10, ge=0, le=19)
    """Scheduling niceness of the speech workers, so that media never waits for them."""
    queue_limit: int = Field(default=64, ge=4, le=1024)
    """Most jobs that may wait; when full the least urgent is refused."""
    voice: Literal["joe", "espeak"] = "joe"
    second_voice: Literal["joe", "espeak", "none"] = "espeak"
    """Speaks when the first voice fails (`espeak` needs the espeak-ng program)."""
    job_timeout_s: float = Field(default=10.0, ge=1, le=60)


class GreetingSection(Section):
    """Greeting and gate, for all agents."""

    ring_bound_ms: int = Field(default=3_000, ge=0, le=20_000)
    """How long the phone keeps ringing for a greeting that is not rendered yet."""
    echo_tail_ms: int = Field(default=120, ge=0, le=2_000)
    """After the greeting was played: time for its echo to die before the agent listens."""
    gate_deadline_s: float = Field(default=60.0, ge=1, le=300)
    """The gate opens at the latest so long after the answer, whatever happened."""
    hold_limit_s: float = Field(default=12.0, ge=1, le=25)
    """Most speech kept while the gate is closed; when full the oldest is forgotten."""


class TurnsSection(Section):
    """Turn taking, for all agents that converse by voice."""

    silence_ms: tuple[int, ...] = (200, 500, 1200)
    """Lengths of silence at which the end-of-turn model is asked (again)."""
    thresholds: tuple[float, ...] = (0.5, 0.35, 0.2)
    """Probability of a finished turn that suffices at each of them."""
    max_silence_ms: int = Field(default=2_500, ge=300, le=10_000)
    """The turn is over after so much silence, whatever the model says."""
    pause_after_ms: int = Field(default=200, ge=60, le=2_000)
    """Speech over the agent's for so long pauses the playout."""
    interrupt_after_ms: int = Field(default=500, ge=100, le=5_000)
    """Speech for so long is a real interruption."""
    resume_after_ms: int = Field(default=1_000, ge=200, le=10_000)
    """A pause without a real interruption ends so long after the caller fell silent."""
    filler_after_ms: int = Field(default=1_500, ge=300, le=20_000)
    reprompt_after_s: float = Field(default=9.0, ge=2, le=120)
    reprompts: int = Field(default=2, ge=0, le=10)
    """Reprompts on silence before the goodbye."""

    @model_validator(mode="after")
    def _aligned(self) -> "TurnsSection":
        if len(self.silence_ms) != len(self.thresholds) or not self.silence_ms:
            raise ValueError("silence_ms and thresholds must have the same length, at least one")
        if list(self.silence_ms) != sorted(set(self.silence_ms)):
            raise ValueError("silence_ms must rise")
        if self.max_silence_ms <= self.silence_ms[-1]:
            raise ValueError("max_silence_ms must be above the last of silence_ms")
        if self.interrupt_after_ms < self.pause_after_ms:
            raise ValueError("interrupt_after_ms must not be below pause_after_ms")
        return self


class NumberSection(Section):
    """Which agent answers a dialled number."""

    number: str = Field(min_length=1)
    """The dialled number or user part; a trailing `*` matches any ending, `*` alone everything."""
    agent: str
    recording: RecordingMode = RecordingMode.OFF


class Config(Section):
    """The whole file."""

    gateway: GatewaySection = Field(default_factory=GatewaySection)
    http: HttpSection = Field(default_factory=HttpSection)
    sip: SipSection = Field(default_factory=SipSection)
    webrtc: WebrtcSection = Field(default_factory=WebrtcSection)
    speech: SpeechSection = Field(default_factory=SpeechSection)
    greeting: GreetingSection = Field(default_factory=GreetingSection)
    turns: TurnsSection = Field(default_factory=TurnsSection)
    twilio: TwilioSection = Field(default_factory=TwilioSection)
    channels: ChannelsSection = Field(default_factory=ChannelsSection)
    outbox: OutboxSection = Field(default_factory=OutboxSection)
    fallback: FallbackSection = Field(default_factory=FallbackSection)
    rooms: RoomsSection = Field(default_factory=RoomsSection)
    overload: OverloadSection = Field(default_factory=OverloadSection)
    trunks: dict[str, TrunkSection] = Field(default_factory=dict)
    dialling: DiallingSection = Field(default_factory=DiallingSection)
    console: ConsoleSection = Field(default_factory=ConsoleSection)
    agents: dict[str, AgentSection] = Field(default_factory=default_agents)
    numbers: tuple[NumberSection, ...] = (
        NumberSection(number="echo", agent="echo"),
        NumberSection(number="*", agent="receptionist"),
    )
    """First match wins; a number that matches none is refused with 404."""
    recording: RecordingSection = Field(default_factory=RecordingSection)
    event_webhooks: dict[str, EventWebhookSection] = Field(default_factory=dict)
    """Programs that are told of calls and messages, by a name for each."""
    tracing: TracingSection = Field(default_factory=TracingSection)

    @model_validator(mode="after")
    def _routes(self) -> "Config":
        for row in self.numbers:
            if row.agent not in self.agents:
                known = ", ".join(sorted(self.agents)) or "none"
                raise ValueError(
                    f"numbers: {row.number!r} goes to agent {row.agent!r}, which does not exist; "
                    f"agents are: {known}"
                )
        for name, trunk in self.trunks.items():
            if trunk.transport.value not in {item.value for item in self.sip.transports}:
                raise ValueError(
                    f"trunks.{name}.transport: {trunk.transport.value!r} is not in sip.transports; "
                    "add it there or choose another"
                )
        for name in self.webrtc.anonymous_agents:
            if name not in self.agents:
                raise ValueError(
                    f"webrtc.anonymous_agents: there is no agent {name!r}; "
                    f"agents are: {', '.join(sorted(self.agents)) or 'none'}"
                )
        return self
