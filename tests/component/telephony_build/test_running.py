"""Programs of the build: their output is in the log, and the end of it in the message of a failure."""

import subprocess
import sys
from pathlib import Path

import pytest

from telephony.build import source
from telephony.build.running import BuildFailed, Runner

ROOT = Path(__file__).parents[3]


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path / "log", steps=2)


def test_output_and_errors_go_to_the_log_after_the_command(runner, tmp_path):
    runner.run(
        "sh", "-c", "echo out; echo bad >&2; echo $COLOUR", cwd=tmp_path, env={"COLOUR": "red"}
    )
    assert (tmp_path / "log").read_text().split("\n")[2:5] == ["out", "bad", "red"]


def test_a_failure_shows_the_end_of_its_own_output(runner, tmp_path):
    runner.run("sh", "-c", "echo earlier", cwd=tmp_path)
    with pytest.raises(BuildFailed) as caught:
        runner.run("sh", "-c", "seq 40; exit 7", cwd=tmp_path)
    message = str(caught.value)
    assert "status 7" in message
    assert "\n  26\n" in message
    assert "\n  25\n" not in message
    assert "earlier" not in message
    assert str(tmp_path / "log") in message


def test_a_program_that_is_not_there_is_a_failed_build(runner, tmp_path):
    with pytest.raises(BuildFailed, match="no-such-program cannot be started"):
        runner.run("no-such-program", cwd=tmp_path)


def test_steps_are_numbered(runner, capsys):
    runner.tell("source")
    runner.tell("compile")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["[1/2]", "[2/2]"]


def test_what_is_no_source_of_pjsip_is_refused(tmp_path):
    (tmp_path / "readme").write_text("")
    other = tmp_path / "other.tar.gz"
    subprocess.run(["tar", "-czf", other, "-C", tmp_path.parent, tmp_path.name], check=False)
    with pytest.raises(BuildFailed, match="no aconfigure"):
        source.unpack(other, tmp_path / "tree")
    (tmp_path / "broken.tar.gz").write_bytes(b"nothing")
    with pytest.raises(BuildFailed, match="cannot be unpacked"):
        source.unpack(tmp_path / "broken.tar.gz", tmp_path / "tree")


def test_the_build_needs_nothing_that_has_to_be_installed():
    # Isolated, without site-packages: only the standard library and the checkout.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import telephony.build.__main__"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
