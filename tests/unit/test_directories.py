"""Where things are kept, as a service and otherwise."""

import sys
from pathlib import Path

import pytest

from gateway import directories
from gateway.errors import ConfigError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run from a version of an installation."""
    monkeypatch.delenv("OFFHOOK_CACHE", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "opt" / "versions" / "1.0-x"))
    return tmp_path / "opt"


def test_models_of_an_installed_service_are_beside_its_versions(installed: Path) -> None:
    (installed / "share" / "models").mkdir(parents=True)
    assert directories.models() == installed / "share" / "models"


def test_without_them_they_are_in_the_cache(installed: Path) -> None:
    assert directories.models() == directories.built() / "models"


def test_a_cache_that_is_named_goes_before(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (installed / "share" / "models").mkdir(parents=True)
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path / "named"))
    assert directories.models() == tmp_path / "named" / "models"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "OFFHOOK_CACHE", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)

    for place in (directories.state, directories.built):
        with pytest.raises(ConfigError, match="no home directory; set HOME, or gateway"):
            place()
