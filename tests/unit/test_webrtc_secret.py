"""Tests of gateway/webrtc_secret.py."""

import stat

import pytest

from gateway import webrtc_secret
from gateway.config import Config, GatewaySection
from gateway.config.webrtc import WebrtcSection
from gateway.errors import ConfigError


@pytest.fixture
def config(tmp_path):
    return Config(gateway=GatewaySection(data_dir=tmp_path / "data"))


def test_a_secret_is_made_once_for_the_owner_only(config):
    secret = webrtc_secret.of(config).ensure()

    path = config.gateway.data_dir / webrtc_secret.SECRET_FILE
    assert len(secret) >= webrtc_secret.SHORTEST
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert webrtc_secret.of(config).ensure() == secret


def test_a_configured_file_goes_first(config, tmp_path):
    path = tmp_path / "shared"
    given = config.model_copy(update={"webrtc": WebrtcSection(token_secret_file=path)})

    with pytest.raises(ConfigError, match=r"webrtc\.token_secret_file .* does not exist; create"):
        webrtc_secret.of(given).ensure()
    path.write_text("k" * 40 + "\n")

    assert webrtc_secret.of(given).ensure() == "k" * 40
    assert not config.gateway.data_dir.exists()


@pytest.mark.parametrize("content", [b"short", b"", b"\xff" * 40, b"a\tb" * 20])
def test_a_secret_that_protects_nothing_is_refused_without_being_shown(config, content):
    config.gateway.data_dir.mkdir()
    (config.gateway.data_dir / webrtc_secret.SECRET_FILE).write_bytes(content)

    with pytest.raises(ConfigError, match=r"webrtc-secret") as refused:
        webrtc_secret.of(config).ensure()

    assert "short" not in str(refused.value).replace("--", "")


def test_a_folder_that_may_not_be_written_is_told(config, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(ConfigError, match=r"cannot"):
        webrtc_secret.of(config).ensure()
