"""Install, upgrade, roll back and uninstall in a staging root, with versions that are quick to build."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.install.layout import Layout
from gateway.install.perform import KEPT_VERSIONS, Installation
from gateway.install.steps import InstallFailed

CHECKOUT = Path(__file__).parents[3]


class Host:
    """Stands for the programs of the host: builds pretended versions, and knows which units come up."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.findings: dict[str, list[tuple[str, str]]] = {}
        """Part of a version's folder → subject and level of what its check finds."""
        self.failing_program = ""
        self.state = "offline"
        self.units: list[str] = []
        self.broken: set[str] = set()
        """Units that do not come up."""

    def run(self, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        command = " ".join(argv)
        self.ran.append(command)
        if self.failing_program and self.failing_program in command:
            return 1
        if argv[1:3] == ["-m", "venv"] or argv[1:3] == ("-m", "venv"):
            (Path(argv[3]) / "bin").mkdir(parents=True)
            (Path(argv[3]) / "bin" / "offhook").write_text(f"#!{argv[3]}/bin/python\n")
            (Path(argv[3]) / "pyvenv.cfg").write_text(f"command = python -m venv {argv[3]}\n")
        return 1 if argv[:2] == ("systemctl", "restart") and argv[2] in self.broken else 0

    def read(self, argv: Sequence[str], environment: Mapping[str, str]) -> str:
        if argv[1:4] == ("-m", "gateway", "check"):
            rows = next((r for part, r in self.findings.items() if part in argv[0]), [])
            return json.dumps(
                {"findings": [{"subject": s, "level": v, "message": "wrong"} for s, v in rows]}
            )
        if argv[:2] == ("systemctl", "is-system-running"):
            return self.state
        return "".join(f"{unit} loaded active running Offhook\n" for unit in self.units)


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


def test_a_version_that_does_not_come_up_gives_way_to_the_old_one(tmp_path: Path) -> None:
    # An installation on the host itself, as far as the pretended host goes.
    bench = Bench(Path("/"), layout=Layout(prefix=tmp_path / "opt" / "offhook"))
    host = bench.host
    layout = bench.layout

    class Inside(Layout):
        """All paths in the test's folder, though nothing is staged."""

        @property
        def is_staged(self) -> bool:
            return False

    bench.layout = Inside(root=tmp_path / "root", prefix=layout.prefix)
    host.state = "running"
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


@pytest.mark.parametrize("prefix", ["relative", "/", "/opt", "/opt/with space"])
def test_a_prefix_that_would_be_dangerous_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="--prefix"):
        Layout(prefix=Path(prefix))


@pytest.mark.parametrize("user", ["", "Root", "a b", "x" * 40, "-n"])
def test_a_user_that_is_none_is_refused(user: str) -> None:
    with pytest.raises(ConfigError, match="--user"):
        Layout(user=user)
