"""Tests of gateway/app/transports.py: what is configured is made, and a bad secret is named, never shown."""

import pytest

from gateway.app.transports import build_transports, program_key, read_secret
from gateway.config import Config
from gateway.config.channels import (
    ChannelsSection,
    EmailSection,
    TeamsSection,
    TelegramSection,
    WebhookSection,
)
from gateway.config.twilio import TwilioSection
from gateway.errors import ConfigError
from gateway.model.messages import Channel


def file(tmp_path, text):
    path = tmp_path / "secret"
    path.write_text(text)
    return path


async def test_nothing_is_configured_by_default():
    assert build_transports(Config()) == []


async def test_every_provider_that_is_configured_serves_its_channels(tmp_path):
    secret = file(tmp_path, "whsec_" + "A" * 40)
    config = Config(
        twilio=TwilioSection(account_sid="AC" + "0" * 32, auth_token_file=secret),
        channels=ChannelsSection(
            webhook=WebhookSection(url="http://127.0.0.1:1", secret_file=secret),
            email=EmailSection(host="mail", from_address="desk@example.org"),
            telegram=TelegramSection(bot_token_file=secret),
            teams=TeamsSection(app_id="app", app_password_file=secret),
        ),
    )

    transports = build_transports(config)

    served = {channel for channel in Channel for one in transports if one.capabilities(channel)}
    assert served == set(Channel) - {Channel.VOICE, Channel.WEBSOCKET}
    for transport in transports:
        await transport.close()


@pytest.mark.parametrize("text", ["", "  \n", "two\nlines", "x" * 20_000, "bell\x07"])
def test_an_unusable_secret_is_refused_by_its_key_and_not_shown(tmp_path, text):
    with pytest.raises(ConfigError, match=r"twilio\.auth_token_file") as refused:
        read_secret(file(tmp_path, text), "twilio.auth_token_file")

    assert "two" not in str(refused.value)


def test_white_space_around_a_secret_is_not_part_of_it(tmp_path):
    assert read_secret(file(tmp_path, " abc \n"), "key") == "abc"


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"key .*none.* cannot be read: No such file"):
        read_secret(tmp_path / "none", "key")


def test_a_webhook_secret_that_is_no_key_says_what_to_do(tmp_path):
    section = WebhookSection(url="http://127.0.0.1:1", secret_file=file(tmp_path, "short"))
    config = Config(channels=ChannelsSection(webhook=section))

    with pytest.raises(ConfigError, match=r"channels\.webhook\.secret_file: ."):
        program_key(config)
