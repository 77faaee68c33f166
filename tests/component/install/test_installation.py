"""Install, upgrade, roll back and uninstall in a staging root, with versions that are quick to build."""

import errno
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.errors import ConfigError
from gateway.install import version
from gateway.install.layout import Layout
from gateway.install.perform import KEPT_VERSIONS, Installation
from gateway.install.steps import InstallFailed, Runner, Step, Text

CHECKOUT = Path(__file__).parents[3]


class Host:
    """Stands for the programs of the host: builds pretended versions, and knows which units come up."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.findings: dict[str, list[tuple[str, str]]] = {}
        """Part of a version's folder → subject and level of what its check finds."""
        self.findings_after_restart: dict[str, list[tuple[str, str]]] = {}
        self.environments: list[tuple[str, Mapping[str, str]]] = []
        """Each command that ran, with what it was given."""
        self.remedy = ""
        self.failing_program = ""
        self.on_run: Callable[[str], None] = lambda _command: None
        self.interrupted = ""
        """At a command with this somebody presses Ctrl-C."""
        self.gone = ""
        """Programs in folders with this in their path are not there."""
        self.state = "offline"
        self.units: list[str] = []
        self.broken: set[str] = set()
        """Units that do not come up."""

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        command = self._begin(argv, environment)
        if self.failing_program and self.failing_program in command:
            return 1
        if argv[1:3] == ["-m", "venv"] or argv[1:3] == ("-m", "venv"):
            (Path(argv[3]) / "bin").mkdir(parents=True)
            (Path(argv[3]) / "bin" / "offhook").write_text(f"#!{argv[3]}/bin/python\n")
            (Path(argv[3]) / "pyvenv.cfg").write_text(f"command = python -m venv {argv[3]}\n")
        if argv[:2] == ("systemctl", "restart"):
            self.findings |= self.findings_after_restart
        return 1 if argv[:2] == ("systemctl", "restart") and argv[2] in self.broken else 0

    def read(self, argv: Sequence[str], environment: Mapping[str, str]) -> str:
        self._begin(argv, environment, is_counted=False)
        if argv[1:4] == ("-m", "gateway", "check"):
            rows = next((r for part, r in self.findings.items() if part in argv[0]), [])
            found = [{"subject": s, "level": v, "message": "wrong"} for s, v in rows]
            return json.dumps({"findings": [{**row, "remedy": self.remedy} for row in found]})
        if argv[:2] == ("systemctl", "is-system-running"):
            return self.state
        return "".join(f"{unit} loaded active running Offhook\n" for unit in self.units)

    def _begin(
        self, argv: Sequence[str], environment: Mapping[str, str], *, is_counted: bool = True
    ) -> str:
        command = " ".join(argv)
        self.environments.append((command, environment))
        if self.gone and self.gone in argv[0]:
            raise FileNotFoundError(2, "No such file or directory", argv[0])
        if self.interrupted and self.interrupted in command:
            raise KeyboardInterrupt
        if is_counted:
            self.ran.append(command)
            self.on_run(command)
        return command


class Bench:
    def __init__(self, root: Path, *, layout: Layout | None = None) -> None:
        self.layout = layout or Layout(root=root)
        self.host = Host()
        self.told: list[str] = []
        self.now = 1_790_000_000.0

    def installation(self, *, is_dry: bool = False) -> Installation:
        self.now += 60
        return Installation(
            self.layout, self.host, tell=self.told.append, is_dry=is_dry, clock=lambda: self.now
        )

    def install(self, name: str = "1.0", *, is_dry: bool = False) -> None:
        self.told.clear()
        self.installation(is_dry=is_dry).install(CHECKOUT, name, "python3", is_published=False)

    def upgrade(self, name: str, *, restarts: bool = False) -> None:
        self.told.clear()
        self.installation().upgrade(
            CHECKOUT, name, "python3", is_published=False, restarts=restarts, drain_s=60
        )

    def rollback(self) -> None:
        self.installation().rollback(restarts=False, drain_s=60)

    @property
    def current(self) -> str:
        return self.layout.current.readlink().name.partition("-")[0]

    def versions(self) -> list[str]:
        return sorted(path.name.partition("-")[0] for path in self.layout.versions.iterdir())


def on_this_host(tmp_path: Path) -> Bench:
    """A bench whose host runs systemd, with all paths in the test's folder."""

    class Inside(Layout):
        """Nothing is staged, as far as the pretended host goes."""

        @property
        def is_staged(self) -> bool:
            return False

    bench = Bench(tmp_path, layout=Inside(root=tmp_path))
    bench.host.state = "running"
    bench.host.units = ["offhook.service"]
    return bench


@pytest.fixture(autouse=True)
def _hang_ups() -> Iterator[None]:
    """The command ignores SIGHUP for the rest of its process, which is ours here."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "root")


def files(root: Path) -> dict[str, str]:
    """Return everything below a folder: path → text, or target."""
    return {
        str(path.relative_to(root)): (
            f"→ {path.readlink()}" if path.is_symlink() else path.read_text(errors="replace")
        )
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_everything_is_put_in_place_and_names_no_staging_root(bench: Bench) -> None:
    bench.install()
    root = bench.layout.root
    found = files(root)
    for wanted in (
        "etc/offhook/offhook.toml",
        "etc/systemd/system/offhook.service",
        "etc/systemd/system/offhook@.service",
        "etc/sysusers.d/offhook.conf",
        "etc/tmpfiles.d/offhook.conf",
    ):
        assert wanted in found
    assert found["usr/local/bin/offhook"] == "→ /opt/offhook/current/bin/offhook"
    assert bench.current == "1.0"
    assert not [path for path, text in found.items() if str(root) in text]
    assert (root / "etc/offhook/offhook.toml").stat().st_mode & 0o777 == 0o640
    # Nobody's system is touched by a staging run.
    assert not [command for command in bench.host.ran if command.startswith("system")]


def test_a_second_time_nothing_changes_and_the_operators_file_stays(bench: Bench) -> None:
    bench.install()
    bench.layout.config_file.write_text("# mine\n")
    before = files(bench.layout.root)
    bench.install("2.0")
    assert files(bench.layout.root) == before
    assert bench.told == []
    # What was damaged is mended.
    (bench.layout.root / "etc/systemd/system/offhook.service").unlink()
    bench.install()
    assert files(bench.layout.root) == before


def test_a_dry_run_tells_and_does_nothing(bench: Bench) -> None:
    bench.install(is_dry=True)
    assert any("offhook.service" in line for line in bench.told)
    assert not bench.layout.root.exists()
    assert bench.host.ran == []


def test_fail2ban_is_served_where_it_is_installed(bench: Bench) -> None:
    (bench.layout.root / "etc/fail2ban").mkdir(parents=True)
    bench.install()
    assert "etc/fail2ban/filter.d/offhook.conf" in files(bench.layout.root)
    assert "etc/fail2ban/jail.d/offhook.conf" in files(bench.layout.root)


def test_an_upgrade_and_the_way_back(bench: Bench) -> None:
    bench.install("1.0")
    bench.upgrade("2.0")
    assert bench.current == "2.0"
    bench.rollback()
    assert bench.current == "1.0"
    bench.rollback()
    assert bench.current == "2.0"


def test_old_versions_are_removed_but_never_the_way_back(bench: Bench) -> None:
    bench.install("1.0")
    for name in ("2.0", "3.0", "4.0", "5.0"):
        bench.upgrade(name)
    assert len(bench.versions()) == KEPT_VERSIONS
    bench.rollback()
    assert bench.current == "4.0"


def test_a_version_that_cannot_run_here_is_not_taken(bench: Bench) -> None:
    bench.install("1.0")
    bench.host.findings = {
        "/1.0-": [("ports", "fail")],
        "/2.0-": [("ports", "fail"), ("x", "warn")],
    }
    bench.upgrade("2.0")  # what the running one fails on, too, is no reason
    assert bench.current == "2.0"
    bench.host.findings["/3.0-"] = [("ports", "fail"), ("sip engine", "fail")]
    before = files(bench.layout.root)
    with pytest.raises(InstallFailed, match=r"sip engine: wrong; 2\.0-\d{8}T\d{6} stays"):
        bench.upgrade("3.0")
    assert files(bench.layout.root) == before


@pytest.mark.parametrize("failing", ["venv", "pip", "telephony.build", "agents.local.assets"])
def test_a_build_that_fails_leaves_nothing(bench: Bench, failing: str) -> None:
    bench.install("1.0")
    before = files(bench.layout.root)
    bench.host.failing_program = failing
    with pytest.raises(InstallFailed):
        bench.upgrade("2.0")
    assert files(bench.layout.root) == before
    assert bench.versions() == ["1.0"]
    bench.host.failing_program = ""
    # A build that was killed is removed by the next one.
    (bench.layout.versions / "1.5-killed" / "bin").mkdir(parents=True)
    bench.upgrade("2.0")
    assert bench.versions() == ["1.0", "2.0"]


def test_an_engine_that_cannot_be_built_is_told_with_the_way_out(bench: Bench) -> None:
    bench.host.failing_program = "telephony.build"

    with pytest.raises(InstallFailed, match="make install PUBLISHED=1"):
        bench.install("1.0")


def test_a_version_that_does_not_come_up_gives_way_to_the_old_one(tmp_path: Path) -> None:
    bench = on_this_host(tmp_path)
    host = bench.host
    host.units = ["offhook.service", "offhook@sales.service"]
    bench.install("1.0")
    host.ran.clear()
    host.broken = {"offhook.service"}
    with pytest.raises(InstallFailed, match=r"offhook\.service did not start with 2\.0"):
        bench.upgrade("2.0", restarts=True)
    assert bench.current == "1.0"
    drains = [command for command in host.ran if " drain --wait " in command]
    restarts = [command for command in host.ran if command.startswith("systemctl restart")]
    assert drains
    assert host.ran.index(drains[0]) < host.ran.index(restarts[0])
    assert drains[0].endswith("etc/offhook/offhook.toml --deadline 60")

    host.broken = set()
    host.ran.clear()
    bench.upgrade("3.0", restarts=True)
    assert bench.current == "3.0"
    assert [c for c in host.ran if c.startswith("systemctl restart")] == [
        "systemctl restart offhook.service",
        "systemctl restart offhook@sales.service",
    ]
    # One instance after the other: only one of them is without calls at a time.
    drained = [c for c in host.ran if " drain --wait " in c]
    assert drained[1].endswith("etc/offhook/sales.toml --deadline 60")
    assert host.ran.index(drained[1]) > host.ran.index("systemctl restart offhook.service")


def test_uninstalled_the_operators_things_stay_unless_purged(bench: Bench) -> None:
    bench.install()
    root = bench.layout.root
    (root / "var/lib/offhook").mkdir(parents=True)
    (root / "var/lib/offhook/calls.db").write_text("calls")
    (root / "var/lib/offhookless").mkdir()
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    for name in ("offhook.service", "offhook@sales.service"):
        (wants / name).symlink_to(f"/etc/systemd/system/{name}")
    bench.installation().uninstall(purges=False)
    assert set(files(root)) == {"etc/offhook/offhook.toml", "var/lib/offhook/calls.db"}
    bench.installation().uninstall(purges=False)
    bench.installation().uninstall(purges=True)
    assert files(root) == {}
    assert (root / "var/lib/offhookless").is_dir()


def test_after_an_upgrade_that_failed_rollback_does_not_lead_to_the_broken_version(
    tmp_path: Path,
) -> None:
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    bench.upgrade("2.0")
    bench.host.broken = {"offhook.service"}
    with pytest.raises(InstallFailed, match=r"did not start with 3\.0"):
        bench.upgrade("3.0", restarts=True)
    assert bench.current == "2.0"
    assert bench.layout.previous.readlink().name.partition("-")[0] == "1.0"

    bench.layout.previous.unlink()
    with pytest.raises(InstallFailed, match=r"did not start with 4\.0"):
        bench.upgrade("4.0", restarts=True)
    with pytest.raises(InstallFailed, match="no version before"):
        bench.rollback()


def test_a_way_back_that_cannot_be_gone_is_told_before_calls_are_turned_away(
    tmp_path: Path,
) -> None:
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    bench.upgrade("2.0")
    bench.host.findings = {"/1.0-": [("database", "fail")]}
    bench.host.remedy = "put the copy back"
    bench.host.ran.clear()
    with pytest.raises(InstallFailed, match="database: wrong, put the copy back; 2"):
        bench.installation().rollback(restarts=True, drain_s=60)
    assert bench.current == "2.0"
    assert not [command for command in bench.host.ran if " drain " in command]


def test_broken_off_while_calls_end_it_tells_how_things_stand(tmp_path: Path) -> None:
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    bench.host.interrupted = " drain "
    with pytest.raises(
        InstallFailed, match=r"takes no calls until `systemctl restart offhook\.service"
    ):
        bench.upgrade("2.0", restarts=True)


def test_a_terminal_that_goes_does_not_end_an_upgrade(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[object] = []

    def rollback(installation: Installation, **_options: object) -> None:
        found.append(signal.getsignal(signal.SIGHUP))
        monkeypatch.setattr("builtins.print", gone)
        installation._tell("run systemctl restart offhook.service")

    def gone(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Installation, "rollback", rollback)
    assert main(["systemd", "rollback", "--root", "/tmp/nowhere", "--dry-run"]) == 0
    assert found == [signal.SIG_IGN]


def test_two_at_a_time_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    told: list[str] = []

    def meanwhile(command: str) -> None:
        if " drain " in command:
            for other in (bench.rollback, lambda: bench.installation().uninstall(purges=True)):
                with pytest.raises(InstallFailed, match="another `offhook systemd` is at work"):
                    other()
                told.append(command)

    bench.host.on_run = meanwhile
    bench.upgrade("2.0", restarts=True)
    assert len(told) == 2
    assert bench.current == "2.0"
    bench.rollback()  # it is over


def test_when_neither_version_comes_up_the_reason_is_told(tmp_path: Path) -> None:
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    bench.host.broken = {"offhook.service"}
    # The new one has changed the database before it failed.
    bench.host.findings_after_restart = {"/1.0-": [("database", "fail")]}
    with pytest.raises(InstallFailed, match="did not come up either; database: wrong"):
        bench.upgrade("2.0", restarts=True)


@pytest.mark.parametrize("failing", ["systemd-sysusers", "systemd-tmpfiles", "daemon-reload"])
def test_a_switch_that_fails_halfway_is_undone(tmp_path: Path, failing: str) -> None:
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    bench.upgrade("2.0")
    bench.host.failing_program = failing
    with pytest.raises(InstallFailed, match=failing):
        bench.upgrade("3.0", restarts=True)
    assert bench.current == "2.0"
    assert bench.layout.previous.readlink().name.partition("-")[0] == "1.0"


def test_a_full_disk_halfway_leaves_the_units_of_the_version_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    unit = bench.layout.at("/etc/systemd/system/offhook.service")
    before = unit.read_text()
    changed = bench.layout.current / "share/offhook/systemd/offhook.service"
    write = Text.do

    def full(step: Text, runner: Runner) -> None:
        if step.path.name == "tmpfiles.conf" or step.path.name == "offhook@.service":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(step, runner)

    # The units of the new version are others.
    built = version.steps

    def steps(*arguments: Any, **options: Any) -> list[Step]:
        folder = arguments[2] / "share/offhook/systemd"
        return [
            *built(*arguments, **options),
            Text(folder / "offhook.service", "[Unit]\n"),
        ]

    monkeypatch.setattr(version, "steps", steps)
    monkeypatch.setattr(Text, "do", full)
    monkeypatch.setattr(Text, "needed", lambda _step: True)
    with pytest.raises(InstallFailed, match="No space left"):
        bench.upgrade("2.0")
    assert changed.is_file()
    assert bench.current == "1.0"
    assert unit.read_text() == before


def test_a_version_whose_interpreter_is_gone_can_be_upgraded(tmp_path: Path) -> None:
    # The system's Python was replaced by a newer one: the old environment's programs do not run any more.
    bench = on_this_host(tmp_path)
    bench.install("1.0")
    bench.host.gone = "/1.0-"
    bench.upgrade("2.0", restarts=True)
    assert bench.current == "2.0"
    assert "systemctl restart offhook.service" in bench.host.ran


def test_commands_for_a_unit_find_its_data_and_its_credentials(tmp_path: Path) -> None:
    bench = on_this_host(tmp_path)
    bench.host.units = ["offhook.service", "offhook@sales.service"]
    bench.install("1.0")
    (bench.layout.config_dir / "sales.toml").write_text("")
    given = bench.layout.at("/run/credentials/offhook@sales.service")
    given.mkdir(parents=True)
    bench.upgrade("2.0", restarts=True)
    drains = [e for command, e in bench.host.environments if " drain " in command]
    assert drains[0]["STATE_DIRECTORY"] == str(bench.layout.at("/var/lib/offhook"))
    assert "CREDENTIALS_DIRECTORY" not in drains[0]
    assert drains[1]["STATE_DIRECTORY"] == str(bench.layout.at("/var/lib/offhook-sales"))
    assert drains[1]["CACHE_DIRECTORY"] == str(bench.layout.at("/var/cache/offhook-sales"))
    assert drains[1]["CREDENTIALS_DIRECTORY"] == str(given)
    checks = {c.rpartition("/")[2]: e for c, e in bench.host.environments if " check " in c}
    assert checks["sales.toml"]["STATE_DIRECTORY"] == drains[1]["STATE_DIRECTORY"]


def test_whatever_the_installers_umask_the_services_user_can_read_the_program(
    bench: Bench,
) -> None:
    before = os.umask(0o077)
    try:
        bench.install()
    finally:
        os.umask(before)
    root = bench.layout.root
    closed = [
        str(path.relative_to(root))
        for path in [root / "opt", *(root / "opt").rglob("*")]
        if not path.is_symlink() and not path.stat().st_mode & 0o004
    ]
    assert closed == []
    assert (root / "etc/offhook").stat().st_mode & 0o777 == 0o750


def test_uninstalled_from_a_shared_prefix_what_others_put_there_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path, layout=Layout(root=tmp_path, prefix=Path("/usr/local")))
    for name in ("usr/local/bin/other", "usr/local/share/man/page", "usr/local/lib/library"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("another's")
    bench.install()
    (tmp_path / "usr/local/share/models").mkdir(parents=True)
    (tmp_path / "usr/local/share/models/voice").write_text("ours")
    bench.installation().uninstall(purges=True)
    assert set(files(tmp_path)) == {
        "usr/local/bin/other",
        "usr/local/share/man/page",
        "usr/local/lib/library",
    }


def test_what_cannot_be_done_is_told(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="nothing is installed"):
        bench.upgrade("2.0")
    with pytest.raises(InstallFailed, match="no version before"):
        bench.rollback()
    with pytest.raises(ConfigError, match="is no checkout"):
        bench.installation().install(tmp_path, "1", "python3", is_published=False)
    bench.layout.command.parent.mkdir(parents=True)
    bench.layout.command.write_text("somebody else's program")
    with pytest.raises(InstallFailed, match="is no link of ours"):
        bench.install()


@pytest.mark.parametrize(
    "prefix",
    [
        *("relative", "/", "/opt", "/opt/with space", "/opt/100%", "/opt/../etc"),
        *("/home/me/offhook", "/root/offhook", "/run/user/offhook"),
    ],
)
def test_a_prefix_that_would_be_dangerous_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="--prefix"):
        Layout(prefix=Path(prefix))


@pytest.mark.parametrize("user", ["", "Root", "a b", "x" * 40, "-n"])
def test_a_user_that_is_none_is_refused(user: str) -> None:
    with pytest.raises(ConfigError, match="--user"):
        Layout(user=user)


def test_what_is_not_asked_for_is_as_it_was_installed(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, layout=Layout(root=tmp_path, prefix=Path("/srv/voice/offhook"), user="voice")
    )
    assert Layout.found(tmp_path, prefix=None, user=None) == Layout(root=tmp_path)
    bench.install()
    assert Layout.found(tmp_path, prefix=None, user=None) == bench.layout
    other = Layout.found(tmp_path, prefix=Path("/opt/other"), user="other")
    assert (other.prefix, other.user) == (Path("/opt/other"), "other")

    # By the command line, without a word of either.
    assert main(["systemd", "uninstall", "--root", str(tmp_path)]) == 0
    assert not (tmp_path / "srv/voice/offhook").exists()
