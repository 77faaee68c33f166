"""One rehearsal from plan to report: render the lines, phone, judge."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from gateway.config import Codec, Config
from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import ConfigError
from gateway.media.hearing import Hearing
from gateway.model.endpoint import OfferListener
from gateway.model.speech import Urgency, Voice
from gateway.rehearsal.conduct import Conductor
from gateway.rehearsal.judge import Transcribe, judge
from gateway.rehearsal.phone import Observed, Phone, needs_voice
from gateway.rehearsal.report import Report
from gateway.rehearsal.script import Script

_RTP_PORTS = (30_000, 30_400)
"""Away from the gateway's own range, which may be on the same machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to rehearse, and over which network."""

    host: str
    """IPv4 address of the gateway."""
    port: int
    number: str
    script: Script
    codec: Codec
    tcp: bool = False
    page_url: str = ""
    """Call over WebRTC through the gateway's HTTP server at this URL; empty: call over SIP."""
    agent: str = ""
    """Who is called over WebRTC; empty: the gateway's first agent."""
    token: str = ""
    """What lets us call over WebRTC; empty: call without."""
    caller: str = "rehearsal"
    """Who we are; over WebRTC by the token's subject."""
    patience_s: float = 1.3
    """Silence of the agent after which the caller speaks."""
    bound_s: float = 300.0
    """Longest rehearsal."""
    progress: Callable[[str], None] = field(default=lambda _text: None)
    """Told in a few words what is being done."""

    @property
    def is_webrtc(self) -> bool:
        return bool(self.page_url)

    @property
    def target(self) -> str:
        """The SIP URI or the URL that is called."""
        if self.is_webrtc:
            query = f"?agent={quote(self.agent)}" if self.agent else ""
            return f"{self.page_url.rstrip('/')}/webrtc/calls{query}"
        suffix = ";transport=tcp" if self.tcp else ""
        return f"sip:{self.number}@{self.host}:{self.port}{suffix}"

    @property
    def dialled(self) -> str:
        """The target as the caller's worker is told it; the token is a secret of these two."""
        return f"{self.target}#{self.token}" if self.token else self.target


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of it."""

    report: Report
    observed: Observed


def caller_config(config: Config, plan: Plan, scratch: Path) -> Config:
    """Return the configuration of the caller's own worker. Raises `ConfigError`."""
    gateway = config.gateway.model_copy(update={"data_dir": scratch, "log_level": "warning"})
    if plan.is_webrtc:
        return config.model_copy(update={"gateway": gateway})
    try:
        ipaddress.IPv4Address(plan.host)
    except ValueError as error:
        raise ConfigError(
            f"{plan.host!r} is not an IPv4 address; name the gateway by its address"
        ) from error
    sip = config.sip.model_copy(
        update={
            "host": _own_address(plan.host, plan.port),
            "port": 0,
            "public_address": "",
            "allow": (f"{plan.host}/32",),
            "max_calls": 1,
            "codecs": (plan.codec,),
            "rtp_port_min": _RTP_PORTS[0],
            "rtp_port_max": _RTP_PORTS[1],
        }
    )
    return config.model_copy(update={"sip": sip, "gateway": gateway})


def _own_address(host: str, port: int) -> str:
    """Return the address of ours from which the gateway is reached; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, port))
        except OSError as error:
            raise ConfigError(f"{host} cannot be reached: {error.strerror}") from error
        address: str = probe.getsockname()[0]
        return address


async def perform(
    plan: Plan,
    *,
    endpoint: Callable[[OfferListener], WorkerEndpoint],
    hearing: Hearing,
    voice: Voice,
    transcribe: Transcribe,
) -> Rehearsed:
    """Rehearse. Raises `GatewayError` when the caller itself cannot work."""
    texts = needs_voice(plan.script)
    plan.progress(f"rendering {sum(1 for text in texts if text)} lines")
    # Before the call, so that the models do not compete with the gateway for the processor.
    lines = [
        (await voice.speak(text, Urgency.FIRST_SENTENCE)).pcm if text else b"" for text in texts
    ]
    phone = Phone(plan.script, lines, Conductor(plan.script, patience_s=plan.patience_s))
    worker = endpoint(phone)
    await worker.start()
    try:
        plan.progress(f"calling {plan.target}")
        observed = await phone.call(
            worker, hearing, plan.dialled, caller=plan.caller, bound_s=plan.bound_s
        )
        # Its BYE, or its DELETE, is answered before the worker goes.
        await asyncio.sleep(0.3)
    finally:
        await worker.stop()
    plan.progress("listening to what was said")
    report = await judge(plan.target, plan.script, observed, transcribe)
    return Rehearsed(report, observed)
