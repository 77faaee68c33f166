"""systemd's own judgement of the units: they are right, and their sandbox is tight."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[3] / "systemd"
EXPOSURE_MOST = 2.0

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def analyze(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("name", ["offhook.service", "offhook@.service"])
def test_exposure(name: str) -> None:
    told = analyze("security", "--offline=yes", str(SYSTEMD / name))
    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert match is not None, told
    assert float(match[1]) <= EXPOSURE_MOST, told


@pytest.mark.parametrize("name", ["offhook.service", "offhook@.service"])
def test_the_unit_is_understood(name: str, tmp_path: Path) -> None:
    text = (SYSTEMD / name).read_text()
    # The program is not installed here.
    unit = tmp_path / name.replace("@.", "@sales.")
    unit.write_text(text.replace("/opt/offhook/current/bin/offhook", shutil.which("true") or ""))
    told = [line for line in analyze("verify", str(unit)).splitlines() if unit.name in line]
    assert told == []


def test_users_and_rights_are_understood(tmp_path: Path) -> None:
    for program, name in (
        ("systemd-sysusers", "sysusers.conf"),
        ("systemd-tmpfiles", "tmpfiles.conf"),
    ):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        root = tmp_path / name
        (root / "etc").mkdir(parents=True)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\naudio:x:29:\noffhook:x:990:\n")
        action = ("--create",) if program == "systemd-tmpfiles" else ()
        if program == "systemd-tmpfiles":
            (root / "etc/passwd").write_text(
                "root:x:0:0:root:/root:/bin/sh\noffhook:x:990:990::/:/usr/sbin/nologin\n"
            )
        done = subprocess.run(
            [program, *action, f"--root={root}", str(SYSTEMD / name)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        if program == "systemd-tmpfiles":
            assert (root / "etc/offhook/credentials").stat().st_mode & 0o777 == 0o700
        else:
            assert "offhook:" in (root / "etc/passwd").read_text()
            assert "audio:x:29:offhook" in (root / "etc/group").read_text()
