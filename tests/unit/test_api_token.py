"""Tests of gateway/api_token.py."""

import stat

import pytest

from gateway import api_token
from gateway.config import Config, GatewaySection, HttpSection
from gateway.errors import ConfigError


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.delenv(api_token.TOKEN_VARIABLE, raising=False)
    return Config(gateway=GatewaySection(data_dir=tmp_path / "data"))


def test_a_token_is_made_once_for_the_owner_only(config):
    with pytest.raises(FileNotFoundError):
        api_token.read(config)

    token = api_token.ensure(config)

    path = config.gateway.data_dir / api_token.TOKEN_FILE
    assert len(token) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert api_token.ensure(config) == api_token.read(config) == token


def test_the_variable_goes_before_every_file(config, monkeypatch):
    api_token.ensure(config)
    monkeypatch.setenv(api_token.TOKEN_VARIABLE, "v" * 20 + "\n")

    assert api_token.read(config) == "v" * 20


def test_a_configured_file_is_used_and_never_made(config, tmp_path):
    given = config.model_copy(update={"http": HttpSection(api_token_file=tmp_path / "token")})

    with pytest.raises(ConfigError, match=r"http\.api_token_file .* does not exist; create it"):
        api_token.ensure(given)

    (tmp_path / "token").write_text("t" * 20 + "\n")
    assert api_token.ensure(given) == "t" * 20
    assert not config.gateway.data_dir.exists()


@pytest.mark.parametrize(
    "bad", ["", "short", "with a space in the middle of it", "x" * 20 + "\ty", "€" * 20]
)
def test_a_token_that_protects_nothing_is_refused_without_being_shown(config, monkeypatch, bad):
    monkeypatch.setenv(api_token.TOKEN_VARIABLE, bad or " ")
    (config.gateway.data_dir).mkdir()
    (config.gateway.data_dir / api_token.TOKEN_FILE).write_text("")

    with pytest.raises(ConfigError, match="openssl rand") as caught:
        api_token.read(config)

    assert not bad or bad not in str(caught.value)


def test_a_directory_that_cannot_be_made_is_told_with_the_remedy(config, tmp_path):
    (tmp_path / "data").write_text("a file in the way")

    with pytest.raises(ConfigError, match=r"data_dir|user of the gateway"):
        api_token.ensure(config)
