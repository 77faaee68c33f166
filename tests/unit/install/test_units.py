"""The units fit the program, and one another."""

import configparser
import re
import shlex
from collections import defaultdict
from pathlib import Path

import pytest

from gateway.app.manager import AFTER_DEADLINE_S
from gateway.cli import build_parser
from gateway.commands.exits import Exit
from gateway.config import GatewaySection, SipSection
from gateway.config.file import parse
from gateway.install.layout import UNITS, Layout
from gateway.install.skeleton import config_text
from gateway.link.supervisor import BACKOFF_MOST_S, PINGS_UNANSWERED
from gateway.service.watchdog import STILL_PART

SYSTEMD = Path(__file__).parents[3] / "systemd"


def read(name: str) -> dict[str, list[str]]:
    """Return key → values of a unit's file, all sections together."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in (SYSTEMD / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


@pytest.mark.parametrize("name", UNITS)
def test_the_commands_are_commands_of_ours(name: str) -> None:
    unit = read(name)
    for key in ("ExecStart", "ExecReload"):
        program, *arguments = shlex.split(unit[key][0])
        assert program == "/opt/offhook/current/bin/offhook"
        build_parser().parse_args(arguments)


@pytest.mark.parametrize("name", UNITS)
def test_a_drain_fits_into_the_time_to_stop(name: str) -> None:
    (timeout_s,) = read(name)["TimeoutStopSec"]
    assert GatewaySection().drain_s + AFTER_DEADLINE_S <= float(timeout_s)


@pytest.mark.parametrize("name", UNITS)
def test_a_worker_that_is_started_again_does_not_trip_the_watchdog(name: str) -> None:
    (watchdog_s,) = read(name)["WatchdogSec"]
    still_s = float(watchdog_s) * STILL_PART
    assert still_s > PINGS_UNANSWERED + 5  # silence is noticed, and a new worker comes
    assert still_s > BACKOFF_MOST_S + 2


@pytest.mark.parametrize("name", UNITS)
def test_life(name: str) -> None:
    unit = read(name)
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    # Workers are ended by the gateway, after their calls.
    assert unit["KillMode"] == ["mixed"]
    assert unit["RestartPreventExitStatus"] == [str(int(Exit.USAGE))]
    assert int(unit["LimitNOFILE"][0]) > 8 * (SipSection.model_fields["max_calls"].default)


def test_both_units_are_one_but_for_their_places() -> None:
    single, template = ((SYSTEMD / name).read_text() for name in UNITS)

    def plain(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return [re.sub(r"offhook\.toml|%i\.toml", "CONFIG", line) for line in lines]

    differing = [
        (one, other)
        for one, other in zip(plain(single), plain(template), strict=True)
        if one != other.replace("offhook-%i", "offhook")
    ]
    assert [one.partition("=")[0] for one, _ in differing] == ["Description"]


def test_prefix_and_user_of_an_installation() -> None:
    layout = Layout(prefix=Path("/srv/voice/offhook"), user="voice")
    text = layout.fit((SYSTEMD / "offhook.service").read_text())
    assert "ExecStart=/srv/voice/offhook/current/bin/offhook serve" in text
    assert "\nUser=voice\nGroup=voice\n" in text
    assert "/opt/offhook" not in text
    users = layout.fit((SYSTEMD / "sysusers.conf").read_text())
    assert re.search(r"^u voice - ", users, re.MULTILINE)
    assert re.search(r"^m voice audio$", users, re.MULTILINE)
    rights = layout.fit((SYSTEMD / "tmpfiles.conf").read_text())
    assert "d /etc/offhook 0750 root voice -" in rights


def test_the_configuration_to_begin_with_is_right(tmp_path: Path) -> None:
    config = parse(config_text(), tmp_path / "offhook.toml")
    assert config.gateway.data_dir == Path("/var/lib/offhook")
    assert config.sip.allow == ("127.0.0.0/8",)


def test_the_jail_reads_what_the_filter_reads() -> None:
    jail, filter_ = (
        configparser.ConfigParser(interpolation=None),
        configparser.ConfigParser(interpolation=None),
    )
    jail.read(SYSTEMD / "fail2ban" / "jail.conf")
    filter_.read(SYSTEMD / "fail2ban" / "filter.conf")
    assert jail["offhook"]["filter"] == "offhook"
    assert jail["offhook"]["journalmatch"] == filter_["Definition"]["journalmatch"]
