"""Makes what fetches the files that people send: with which credentials, from which hosts."""

import time
from urllib.parse import urlsplit

from gateway.app.transports import read_secret, telegram_token
from gateway.channels.http_client import basic_authorization
from gateway.channels.media_fetch import MediaFetcher
from gateway.channels.media_folder import MediaFolder
from gateway.channels.media_intake import MediaIntake, Resolve
from gateway.channels.telegram_files import TelegramFiles
from gateway.config import Config
from gateway.config.channels import TelegramSection
from gateway.config.twilio import TwilioSection
from gateway.store.transactor import Transactor

MIB = 1024 * 1024


def build_media_intake(config: Config, database: Transactor, folder: MediaFolder) -> MediaIntake:
    """Return it, not running. Raises `ConfigError`."""
    section = config.rooms.media
    trusted = set(section.trusted_hosts)
    authorizations: dict[str, str] = {}
    resolvers: dict[str, Resolve] = {}
    if config.twilio.is_on:
        public = TwilioSection().api_url
        token = read_secret(config.twilio.auth_token_file, "twilio.auth_token_file")
        # Files of an account in a region may be named by either host.
        for url in (config.twilio.api_url, public):
            host = urlsplit(url).netloc.lower()
            authorizations[host] = basic_authorization(config.twilio.account_sid, token)
        trusted |= _own(config.twilio.api_url, public)
    telegram = config.channels.telegram
    if telegram.bot_token_file is not None:
        trusted |= _own(telegram.api_url, TelegramSection().api_url)
        resolvers["telegram"] = TelegramFiles(telegram, bot_token=telegram_token(config)).resolve
    return MediaIntake(
        database,
        folder,
        MediaFetcher(
            authorizations,
            size_most=section.size_mb * MIB,
            is_trusted=lambda authority: authority.lower() in trusted,
        ),
        clock=time.time,
        resolvers=resolvers,
        tries_most=section.tries,
        total_most=section.total_mb * MIB,
        size_most=section.size_mb * MIB,
    )


def _own(api_url: str, public_url: str) -> set[str]:
    """Return the host that an operator put in a provider's place, which may be private; not the provider itself."""
    return set() if api_url == public_url else {urlsplit(api_url).netloc.lower()}
