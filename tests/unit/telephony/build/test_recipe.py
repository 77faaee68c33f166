"""What names a wheel, and which sources are taken."""

import re

import pytest

from telephony.build import recipe, source
from telephony.build.running import BuildFailed


@pytest.fixture
def tree(tmp_path):
    def make(*numbers: str):
        names = ("MAJOR", "MINOR", "REV")
        lines = [
            f"export PJ_VERSION_{name} := {number}"
            for name, number in zip(names, numbers, strict=False)
        ]
        (tmp_path / "version.mak").write_text("\n".join([*lines, "export PJ_VERSION_SUFFIX :=\n"]))
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (("2", "17"), "2.17"),
        (("2", "17", ""), "2.17"),
        (("2", "16", "1"), "2.16.1"),
        (("3", "0"), "3.0"),
    ],
)
def test_the_version_is_read_from_the_source(tree, numbers, expected):
    assert source.version(tree(*numbers)) == expected


def test_a_source_without_fast_audio_is_refused(tree):
    with pytest.raises(BuildFailed, match=r"2\.15\.1 is too old: 2\.16"):
        source.version(tree("2", "15", "1"))


def test_a_source_without_version_is_refused(tree):
    with pytest.raises(BuildFailed, match=r"version\.mak"):
        source.version(tree("2"))


def test_the_label_survives_as_part_of_a_version():
    # Digits alone would be normalised as a number (PEP 440, local version segments).
    assert re.fullmatch(r"b[0-9a-f]{10}", recipe.label(None))


def test_the_label_changes_with_the_limits(tmp_path, monkeypatch):
    before = recipe.label(None)
    changed = tmp_path / "config_site.h"
    changed.write_bytes(recipe.SITE.read_bytes() + b"#define PJSUA_MAX_ACC 65\n")
    monkeypatch.setattr(recipe, "SITE", changed)
    assert recipe.label(None) != before


def test_the_label_changes_with_the_tarball_and_with_the_interpreter(tmp_path, monkeypatch):
    tarball = tmp_path / "pjproject.tar.gz"
    tarball.write_bytes(b"source")
    labels = {recipe.label(None), recipe.label(tarball)}
    monkeypatch.setattr(recipe.sysconfig, "get_config_var", lambda name: f"other {name}")
    assert len(labels | {recipe.label(None)}) == 3


def test_the_limits_leave_room_above_admission():
    limits = dict(re.findall(r"#define (\w+) (\d+)", recipe.SITE.read_text()))
    calls = int(limits["PJSUA_MAX_CALLS"])
    assert calls >= 512
    # A port of the stream and one of ours for each call, and what the library itself has.
    assert int(limits["PJSUA_MAX_CONF_PORTS"]) > 2 * calls
    # RTP and RTCP of each call, and the transports.
    assert int(limits["PJ_IOQUEUE_MAX_HANDLES"]) > 2 * calls
    assert limits["PJ_ENABLE_EXTRA_CHECK"] == "1"
