"""The mirror for PJSIP's source is the machine's own, and only Debian's archive is taken for one."""

import pytest

from telephony.build.mirror import DEFAULT_MIRROR, mirrors

NEIGHBOUR = "http://mirror.example.net/debian"


@pytest.fixture
def apt(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def deb822(**fields: str) -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def test_without_any_lists_the_default_is_used(apt):
    assert mirrors(apt) == [DEFAULT_MIRROR]


@pytest.mark.parametrize(
    "line",
    [
        f"deb {NEIGHBOUR} bookworm main",
        f"deb {NEIGHBOUR}/ bookworm main contrib non-free-firmware",
        f"deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] {NEIGHBOUR} bookworm main",
        f"deb-src {NEIGHBOUR} bookworm main # comment",
    ],
)
def test_the_machines_mirror_comes_first_in_one_line_style(apt, line):
    (apt / "sources.list").write_text(f"# first\n{line}\n")
    assert mirrors(apt) == [NEIGHBOUR, DEFAULT_MIRROR]


def test_the_machines_mirror_comes_first_in_deb822_style(apt):
    debian = deb822(Types="deb", URIs=NEIGHBOUR, Suites="bookworm", Components="main contrib")
    (apt / "sources.list.d/debian.sources").write_text(debian)
    assert mirrors(apt) == [NEIGHBOUR, DEFAULT_MIRROR]


def test_fields_may_go_on_over_lines_with_comments_between(apt):
    text = f"Types: deb\nURIs:\n {NEIGHBOUR}\n# a comment\nSuites: a\n b\nComponents:\n main\n"
    (apt / "sources.list.d/debian.sources").write_text(text)
    assert mirrors(apt) == [NEIGHBOUR, DEFAULT_MIRROR]


def test_the_default_is_not_tried_twice(apt):
    (apt / "sources.list").write_text(f"deb {DEFAULT_MIRROR} bookworm main\n" * 2)
    assert mirrors(apt) == [DEFAULT_MIRROR]


@pytest.mark.parametrize(
    "line",
    [
        # Archives of others, whose path ends the same.
        "deb https://download.example.com/linux/debian bookworm stable",
        "deb http://deb.debian.org/debian-security bookworm-security main",
        # A snapshot of one day knows no newer source.
        "deb http://snapshot.debian.org/archive/debian/20250520T000000Z bookworm main",
        "deb cdrom:[Debian 12]/ bookworm main",
        f"# deb {NEIGHBOUR} bookworm main",
        f"deb {NEIGHBOUR}",
    ],
)
def test_what_cannot_have_the_source_is_left_out(apt, line):
    (apt / "sources.list").write_text(line + "\n")
    assert mirrors(apt) == [DEFAULT_MIRROR]


def test_what_apt_does_not_read_is_left_out(apt):
    off = deb822(Types="deb", URIs=NEIGHBOUR, Suites="sid", Components="main", Enabled="no")
    (apt / "sources.list.d/off.sources").write_text(off)
    (apt / "sources.list.d/old.list.save").write_text(f"deb {NEIGHBOUR} sid main\n")
    (apt / "sources.list.d/nothing.sources").write_text("\n\n")
    assert mirrors(apt) == [DEFAULT_MIRROR]
