"""Which Debian packages are missing, and what is said where we may not install them."""

import subprocess
import sys
from pathlib import Path

import pytest

from telephony.build import packages
from telephony.build.running import BuildFailed


@pytest.fixture
def dpkg(monkeypatch):
    """Have dpkg-query answer with these states; the headers are there."""

    def answer(states: dict[str, str]):
        text = "".join(f"{state} {name}\n" for name, state in states.items())
        done = subprocess.CompletedProcess([], 1, stdout=text)
        monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: done)
        monkeypatch.setattr(packages, "_python_headers", list)

    return answer


def installed(*without: str) -> dict[str, str]:
    return {name: "installed" for name in packages.BUILD_PACKAGES if name not in without}


def test_nothing_is_missing_where_all_is_installed(dpkg):
    dpkg(installed())
    assert packages.missing() == []


def test_a_package_of_a_named_architecture_counts(dpkg):
    dpkg({**installed("swig"), "swig:amd64": "installed"})
    assert packages.missing() == []


@pytest.mark.parametrize("state", ["config-files", "not-installed", "half-configured"])
def test_a_package_that_is_not_quite_there_is_missing(dpkg, state):
    dpkg({**installed(), "swig": state})
    assert packages.missing() == ["swig"]


def test_another_than_root_is_told_what_to_install(dpkg, monkeypatch, tmp_path):
    dpkg(installed("swig", "uuid-dev"))
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    with pytest.raises(BuildFailed, match="as root: apt-get install swig uuid-dev"):
        packages.install(runner=None, cwd=tmp_path)


def test_a_machine_without_dpkg_cannot_build(monkeypatch):
    def no_program(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(packages.subprocess, "run", no_program)
    with pytest.raises(BuildFailed, match="no dpkg"):
        packages.missing()


@pytest.fixture
def no_headers(monkeypatch, tmp_path):
    monkeypatch.setattr(packages.sysconfig, "get_path", lambda _: str(tmp_path))
    return tmp_path


def test_debians_own_python_gets_its_headers_from_debian(no_headers, monkeypatch):
    monkeypatch.setattr(packages.sys, "base_prefix", "/usr")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert packages._python_headers() == [f"libpython{version}-dev"]


def test_another_python_must_bring_its_own(no_headers, monkeypatch):
    monkeypatch.setattr(packages.sys, "base_prefix", "/opt/python")
    with pytest.raises(BuildFailed, match=r"/opt/python has no Python\.h"):
        packages._python_headers()


def test_headers_that_are_there_need_no_package(no_headers: Path):
    (no_headers / "Python.h").write_text("")
    assert packages._python_headers() == []
