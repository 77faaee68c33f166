"""From cache, by building, or the published wheel instead: what is done when, with what status."""

import fcntl
from pathlib import Path

import pytest

from telephony.build import __main__ as program
from telephony.build import cache, installing, packages, recipe
from telephony.build.running import BuildFailed


class Machine:
    """Stands for pip, the compiler and the interpreter: counts what is asked of each."""

    def __init__(self, monkeypatch, folder: Path) -> None:
        self.done: list[str] = []
        self.installed = ""
        self.faults: list[str] = []
        """Why an import fails, one for each try; then it works."""
        self.build_error: Exception | None = None
        monkeypatch.setenv("OFFHOOK_CACHE", str(folder))
        monkeypatch.setattr(recipe, "make_wheel", self.make_wheel)
        monkeypatch.setattr(installing, "install_wheel", self.install_wheel)
        monkeypatch.setattr(installing, "install_published", self.install_published)
        monkeypatch.setattr(installing, "is_installed", lambda label: self.installed == label)
        monkeypatch.setattr(installing, "why_broken", self.why_broken)
        monkeypatch.setattr(packages, "install", lambda *_, **__: self.done.append("packages"))

    def make_wheel(self, runner, scratch: Path, tarball: Path | None) -> Path:
        self.done.append("build")
        if self.build_error is not None:
            raise self.build_error
        wheel = scratch / f"pjsua2-2.17+offhook.{recipe.label(tarball)}-cp311-cp311-any.whl"
        wheel.write_bytes(b"wheel")
        return wheel

    def install_wheel(self, wheel: Path) -> None:
        assert wheel.read_bytes() == b"wheel"
        self.done.append("install")
        self.installed = recipe.label(None)

    def install_published(self) -> None:
        self.done.append("published")

    def why_broken(self) -> str:
        return self.faults.pop(0) if self.faults else ""


@pytest.fixture
def machine(monkeypatch, tmp_path):
    return Machine(monkeypatch, tmp_path / "cache")


def wheels(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache/wheels").glob("*.whl*"))


def test_the_first_run_builds_and_keeps_the_wheel(machine, tmp_path):
    assert program.main([]) == program.OK
    assert machine.done == ["build", "install"]
    (kept,) = wheels(tmp_path)
    assert recipe.label(None) in kept


def test_the_second_run_does_nothing(machine):
    program.main([])
    program.main([])
    assert machine.done == ["build", "install"]


def test_a_new_environment_takes_the_wheel_from_the_cache(machine):
    program.main([])
    machine.installed = ""
    program.main([])
    assert machine.done == ["build", "install", "install"]


@pytest.mark.parametrize("error", [BuildFailed("no compiler"), OSError(28, "No space left")])
def test_the_published_wheel_stands_in_and_says_its_limits(machine, capsys, tmp_path, error):
    machine.build_error = error
    assert program.main([]) == program.PUBLISHED_INSTEAD
    assert machine.done == ["build", "published"]
    said = capsys.readouterr().err
    assert str(error) in said
    assert "at most 4 calls" in said
    assert wheels(tmp_path) == []


def test_after_a_failure_the_next_run_builds_again(machine):
    machine.build_error = BuildFailed("no network")
    program.main([])
    machine.build_error = None
    assert program.main([]) == program.OK
    assert machine.done == ["build", "published", "build", "install"]


def test_libraries_that_a_cached_wheel_needs_are_installed(machine):
    machine.faults = ["libopus.so.0: cannot open shared object file"]
    assert program.main([]) == program.OK
    assert machine.done == ["build", "install", "packages"]


def test_a_wheel_that_never_works_is_thrown_away(machine, tmp_path, capsys):
    machine.faults = ["undefined symbol: EVP_x"] * 2
    assert program.main([]) == program.PUBLISHED_INSTEAD
    assert "undefined symbol: EVP_x" in capsys.readouterr().err
    assert wheels(tmp_path) == []


def test_the_published_wheel_can_be_asked_for(machine):
    assert program.main(["--published"]) == program.OK
    assert machine.done == ["published"]


def test_a_published_wheel_that_does_not_work_is_a_failure(machine):
    machine.faults = ["not for this machine"]
    assert program.main(["--published"]) == program.FAILED


def test_only_building_installs_nothing_and_prints_where_the_wheel_is(machine, capsys, tmp_path):
    assert program.main(["--no-install"]) == program.OK
    assert machine.done == ["build"]
    last = capsys.readouterr().out.splitlines()[-1]
    assert Path(last) == tmp_path / "cache/wheels" / wheels(tmp_path)[0]


def test_only_building_does_not_fall_back(machine):
    machine.build_error = BuildFailed("no compiler")
    assert program.main(["--no-install"]) == program.FAILED
    assert machine.done == ["build"]


def test_a_tarball_that_is_not_there_is_wrong_usage(machine, capsys):
    assert program.main(["--tarball", "/nowhere/pjproject.tar.gz"]) == program.USAGE
    assert "/nowhere/pjproject.tar.gz: no such file" in capsys.readouterr().err
    assert machine.done == []


def test_a_cache_that_cannot_be_written_is_a_failed_build(machine, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path / "file"))
    assert program.main([]) == program.PUBLISHED_INSTEAD


def test_the_lock_is_held_while_building_and_free_after(machine, monkeypatch, tmp_path):
    def locked() -> bool:
        with (tmp_path / "cache/wheels/lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    seen = []
    make = machine.make_wheel
    monkeypatch.setattr(
        recipe, "make_wheel", lambda *given: (seen.append(locked()), make(*given))[1]
    )
    cache.wheel(None)
    assert seen == [True]
    assert not locked()
