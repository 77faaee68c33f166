"""What root finds out for the user who runs the gateway, with real files and rights."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.checks import service_user as service_user_module
from gateway.checks.secret_files import check_secrets
from gateway.checks.service_user import may_read, service_user
from gateway.config import file as config_file

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may look into (pytest's own is closed), with data of another user's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        data = place / "data"
        data.mkdir()
        os.chown(data, NOBODY.pw_uid, NOBODY.pw_gid)
        yield place


def a_file(path: Path, mode: int, text: str = "x" * 32) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def findings(place: Path, mode: int, secret: Path) -> list[str]:
    text = f'[gateway]\ndata_dir = "{place}/data"\n[http]\napi_token_file = "{secret}"\n'
    source = a_file(place / "offhook.toml", mode, text)
    config, _ = config_file.load(source)
    found = check_secrets(config, source)
    return [item.message for item in found if item.level == "fail"]


def test_a_file_that_root_reads_and_the_service_cannot_is_a_failure(place: Path) -> None:
    secret = a_file(place / "token", 0o600)
    (told,) = findings(place, 0o644, secret)
    assert "http.api_token_file" in told
    assert "cannot be read by nobody" in told

    os.chown(secret, 0, NOBODY.pw_gid)
    secret.chmod(0o640)
    assert findings(place, 0o644, secret) == []
    (told,) = findings(place, 0o600, secret)
    assert told.startswith("the configuration ")


def test_what_systemd_loads_is_for_root_alone(place: Path) -> None:
    a_file(place / "credentials" / "token", 0o600)
    assert findings(place, 0o644, Path("token")) == []


def test_before_the_first_start_the_service_has_the_user_of_its_installation(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = a_file(place / "offhook.toml", 0o644, f'[gateway]\ndata_dir = "{place}/none"\n')
    config, _ = config_file.load(source)
    assert service_user(config, source) is None
    monkeypatch.setattr(service_user_module, "CONFIG_FOLDER", place)
    monkeypatch.setattr(service_user_module, "DEFAULT_USER", "nobody")
    assert service_user(config, source) == NOBODY
    monkeypatch.setattr(service_user_module, "DEFAULT_USER", "nobody-at-all")
    assert service_user(config, source) is None
    assert service_user(config, None) is None


def test_a_closed_folder_counts(place: Path) -> None:
    inside = a_file(place / "closed" / "file", 0o644)
    assert may_read(inside, NOBODY)
    inside.parent.chmod(0o700)
    assert not may_read(inside, NOBODY)
