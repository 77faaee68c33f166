"""Makes the transports of messages that the configuration names, with their secrets."""

import time
from collections.abc import Sequence
from pathlib import Path

from gateway.channels.email import EmailTransport
from gateway.channels.teams import TeamsTransport
from gateway.channels.telegram import TelegramTransport
from gateway.channels.twilio.transport import TwilioTransport
from gateway.channels.webhook import WebhookTransport
from gateway.channels.webhook_signature import key_of
from gateway.channels.websocket import WebSocketHub
from gateway.config import Config
from gateway.errors import ConfigError
from gateway.model.messages import Channel, InboundMessage, ShowsTyping, Transport
from gateway.store import reply_routes
from gateway.store.transactor import Transactor

SECRET_MOST = 16 * 1024


def read_secret(path: Path | None, key: str) -> str:
    """Return what a file of the configuration holds, without white space around it.

    Raises `ConfigError` that names the key; never the secret.
    """
    if path is None:
        return ""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"{key} {path} cannot be read: {reason}; give the user of the gateway read access"
        ) from error
    if not secret or len(secret) > SECRET_MOST or not secret.isprintable():
        raise ConfigError(f"{key} {path} holds no usable secret; put it alone on one line there")
    return secret


def build_transports(config: Config, database: Transactor | None = None) -> list[Transport]:
    """Return one transport for each provider that is configured. Raises `ConfigError`.

    Some look into the database for where an address is reached.
    """
    found: list[Transport] = []
    twilio, channels = config.twilio, config.channels
    if twilio.is_on:
        found.append(
            TwilioTransport(
                twilio,
                auth_token=read_secret(twilio.auth_token_file, "twilio.auth_token_file"),
                api_key_secret=read_secret(
                    twilio.api_key_secret_file, "twilio.api_key_secret_file"
                ),
            )
        )
    if channels.webhook.url:
        found.append(WebhookTransport(channels.webhook, key=program_key(config)))
    if channels.email.host:
        password = read_secret(channels.email.password_file, "channels.email.password_file")
        found.append(EmailTransport(channels.email, password=password))
    if channels.telegram.bot_token_file is not None:
        found.append(TelegramTransport(channels.telegram, bot_token=telegram_token(config)))
    if channels.teams.app_id:
        password = read_secret(channels.teams.app_password_file, "channels.teams.app_password_file")
        found.append(
            TeamsTransport(
                channels.teams,
                app_password=password,
                service_url_of=None if database is None else ReplyRoutes(database).teams,
            )
        )
    if channels.websocket.enabled and database is not None:
        found.append(WebSocketHub(database))
    return found


def program_key(config: Config) -> bytes:
    """Return the key that signs what the operator's own program sends and gets. Raises `ConfigError`."""
    section = config.channels.webhook
    try:
        return key_of(read_secret(section.secret_file, "channels.webhook.secret_file"))
    except ValueError as error:
        raise ConfigError(f"channels.webhook.secret_file: {error}") from error


def telegram_token(config: Config) -> str:
    """Return the bot's token. Raises `ConfigError`."""
    section = config.channels.telegram
    return read_secret(section.bot_token_file, "channels.telegram.bot_token_file")


class TypingSigns:
    """Shows by whichever transport can that an answer is being written."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._transports = tuple(one for one in transports if isinstance(one, ShowsTyping))

    async def __call__(self, message: InboundMessage) -> None:
        for transport in self._transports:
            found = transport.capabilities(message.channel)
            if found is not None and found.typing:
                await transport.show_typing(message)
                return


class ReplyRoutes:
    """Where single addresses are reached, as the store knows it."""

    def __init__(self, database: Transactor) -> None:
        self._database = database

    async def teams(self, conversation: str) -> str:
        """Return the service URL of a conversation; empty if none is known. Raises `StoreError`."""
        return await self._database.read(
            lambda connection: reply_routes.of(connection, Channel.TEAMS, conversation)
        )

    async def remember_teams(self, conversation: str, service_url: str) -> None:
        """Keep the service URL of a conversation. Raises `StoreError`."""
        at = time.time()
        await self._database.transact(
            lambda connection: reply_routes.remember(
                connection, Channel.TEAMS, conversation, service_url, at=at
            )
        )
