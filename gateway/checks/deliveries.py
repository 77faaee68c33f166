"""Whether what agents are to send can be sent: a provider serves the channel, and there is an address of ours."""

from collections.abc import Iterator

from gateway.checks.finding import Finding, fail, ok, warn
from gateway.config import Config, LlmAgent, ReceptionistAgent
from gateway.model.addresses import parse_address
from gateway.model.messages import Channel

SUBJECT = "deliveries"
_TWILIO = (Channel.SMS, Channel.WHATSAPP, Channel.RCS, Channel.MESSENGER)
_HOW = {
    Channel.EMAIL: "set channels.email.host and from_address",
    Channel.TELEGRAM: "set channels.telegram.bot_token_file",
    Channel.TEAMS: "set channels.teams.app_id and app_password_file",
    Channel.WEBHOOK: "set channels.webhook.url and secret_file",
} | dict.fromkeys(_TWILIO, "set twilio.account_sid and auth_token_file")


def check_deliveries(config: Config) -> list[Finding]:
    """Return what is to be said of the messages that agents take, and of their texts to callers."""
    return list(_taken(config)) + list(_texts(config))


def served(config: Config) -> frozenset[Channel]:
    """Return the channels that a configured provider serves."""
    channels = config.channels
    found = {
        Channel.EMAIL: bool(channels.email.host),
        Channel.TELEGRAM: channels.telegram.bot_token_file is not None,
        Channel.TEAMS: bool(channels.teams.app_id),
        Channel.WEBHOOK: bool(channels.webhook.url),
    } | dict.fromkeys(_TWILIO, config.twilio.is_on)
    return frozenset(channel for channel, is_served in found.items() if is_served)


def _taken(config: Config) -> Iterator[Finding]:
    is_served = served(config)
    for name, section in config.agents.items():
        if not isinstance(section, ReceptionistAgent):
            continue
        for address in section.deliver_to:
            key = f"agents.{name}.deliver_to {address}"
            channel, _ = parse_address(address)
            if channel not in is_served:
                yield fail(
                    SUBJECT,
                    f"{key}: no provider serves {channel.value}, so messages for it are not sent",
                    _HOW.get(channel, "name an address of another channel"),
                )
            elif channel in _TWILIO and not _has_sender(config, channel):
                yield warn(
                    SUBJECT,
                    f"{key}: it is sent from the number that was called, if Twilio knows that",
                    f"set fallback.senders.{channel.value}, or twilio.messaging_service_sid",
                )
            else:
                yield ok(SUBJECT, f"{key}: by {channel.value}")


def _has_sender(config: Config, channel: Channel) -> bool:
    return bool(config.fallback.senders.get(channel) or config.twilio.messaging_service_sid)


def _texts(config: Config) -> Iterator[Finding]:
    if served(config):
        return
    for name, section in config.agents.items():
        if isinstance(section, LlmAgent) and "send_message" in section.tools:
            yield warn(
                SUBJECT,
                f"agents.{name}.tools has send_message, but no provider sends messages",
                "configure one (twilio, or channels.…), or take send_message from the tools",
            )
