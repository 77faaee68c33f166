"""Installs, upgrades, goes back and uninstalls: decides the steps, and does them or only tells them."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

from gateway.install import system, version
from gateway.install.layout import Layout
from gateway.install.skeleton import config_text
from gateway.install.steps import (
    Folder,
    Gone,
    GoneIfEmpty,
    InstallFailed,
    Link,
    Run,
    Runner,
    Step,
    Text,
)

KEPT_VERSIONS = 3
"""The current one, the one before, and one more."""


Rest = ParamSpec("Rest")


def _alone(
    work: "Callable[Concatenate[Installation, Rest], None]",
) -> "Callable[Concatenate[Installation, Rest], None]":
    """Have a method run only while no other process works on the same installation. Raises `InstallFailed`."""

    @wraps(work)
    def guarded(self: "Installation", /, *rest: Rest.args, **named: Rest.kwargs) -> None:
        with self.lock():
            work(self, *rest, **named)

    return guarded


class Installation:
    """One installation on this machine or in a staging root. Everything raises `GatewayError`."""

    def __init__(
        self,
        layout: Layout,
        runner: Runner,
        *,
        tell: Callable[[str], None],
        is_dry: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`is_dry`: tell what would be done, and do nothing."""
        self._layout = layout
        self._runner = runner
        self._tell = tell
        self._is_dry = is_dry
        self._clock = clock

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the installation, if there is one yet. Raises `InstallFailed` if another process does."""
        folder = self._layout.versions
        if self._is_dry or not folder.is_dir():
            yield
            return
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise InstallFailed(
                f"another `offhook systemd` is at work in {folder.parent}; wait until it is over"
            ) from error
        try:
            yield
        finally:
            os.close(fd)

    @_alone
    def install(self, source: Path, name: str, python: str, *, is_published: bool) -> None:
        """Install, or mend what is there; the version that is current stays if there is one."""
        version.check_source(source)
        layout = self._layout
        current = self._version_of(layout.current)
        folder = current or self._build(source, name, python, is_published=is_published)
        self._do(
            [
                Folder(layout.config_dir, 0o750),
                Folder(layout.config_dir / "credentials", 0o700),
                Text(layout.config_file, config_text(), 0o640, keep=True),
                *system.file_steps(layout, self._system_folder(folder, source)),
                Link(layout.current, f"versions/{folder.name}"),
                Link(layout.command, str(layout.prefix / "current" / "bin" / "offhook")),
                *system.make_known(layout, self._runner),
            ]
        )
        if current is None and not self._is_dry:
            for finding in sorted(self._failures(folder, layout.config_file).values()):
                self._tell(f"to be put right before the start: {finding}")

    @_alone
    def upgrade(
        self,
        source: Path,
        name: str,
        python: str,
        *,
        is_published: bool,
        restarts: bool,
        drain_s: float,
    ) -> None:
        """Build a version beside the running one, check it, make it current, restart into it.

        Whatever fails, the version that ran is current again.
        """
        version.check_source(source)
        layout = self._layout
        old = self._version_of(layout.current)
        if old is None:
            raise InstallFailed(
                f"nothing is installed in {layout.at(layout.prefix)}; run `offhook systemd install` first"
            )
        folder = self._build(source, name, python, is_published=is_published)
        try:
            self._check(old, folder)
        except InstallFailed:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        before = self._switch(folder, old, source)
        if restarts:
            self._restart(folder, old, before, drain_s)
        self._do([Gone(path) for path in self._surplus()])

    @_alone
    def rollback(self, *, restarts: bool, drain_s: float) -> None:
        """Make the version before the current one current again, and the other way round."""
        layout = self._layout
        current, previous = self._version_of(layout.current), self._version_of(layout.previous)
        if current is None or previous is None:
            raise InstallFailed(f"there is no version before the current one in {layout.versions}")
        # Before calls are turned away: it may know less than the configuration and the database of today ask for.
        self._check(current, previous)
        before = self._switch(previous, current)
        if restarts:
            self._restart(previous, current, before, drain_s)

    @_alone
    def uninstall(self, *, purges: bool) -> None:
        """Stop and remove the program; configuration, calls and messages stay unless `purges`."""
        layout = self._layout
        steps: list[Step] = []
        if not layout.is_staged and system.is_running(self._runner):
            for unit in system.active_units(self._runner):
                steps.append(Run(("systemctl", "stop", unit), may_fail=True))
        # What `systemctl enable` made, of every instance.
        wanted = layout.at("/etc/systemd/system").glob("*.wants/offhook*.service")
        steps += [Gone(path) for path in sorted(wanted) if _is_ours(path.stem.replace("@", "-"))]
        steps += [Gone(path) for path in layout.system_files().values()]
        steps += [Gone(path) for path in (layout.command, *layout.own())]
        # The prefix may be one that others use, too, such as /usr/local.
        steps += [GoneIfEmpty(path) for path in (layout.share, layout.at(layout.prefix))]
        if purges:
            folders = [layout.at(f"/var/{kind}") for kind in ("lib", "cache")]
            found = [p for folder in folders for p in folder.glob("offhook*") if _is_ours(p.name)]
            steps += [Gone(path) for path in (layout.config_dir, *sorted(found))]
        if not layout.is_staged and system.is_running(self._runner):
            steps.append(Run(("systemctl", "daemon-reload")))
        self._do(steps)

    # Inside -----------------------------------------------------------------------------------------

    def _do(self, steps: Sequence[Step]) -> None:
        # Root's own may be 077, and then the service's user could not read the program.
        umask = os.umask(0o022)
        try:
            for step in steps:
                if not step.needed():
                    continue
                self._tell(step.told())
                if not self._is_dry:
                    step.do(self._runner)
        except OSError as error:
            raise InstallFailed(f"cannot {step.told()}: {error}") from error
        finally:
            os.umask(umask)

    def _version_of(self, link: Path) -> Path | None:
        """Return the complete version that a link names."""
        if not link.is_symlink():
            return None
        folder = self._layout.versions / Path(os.readlink(link)).name
        return folder if version.is_complete(folder) else None

    def _build(self, source: Path, name: str, python: str, *, is_published: bool) -> Path:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(self._clock()))
        folder = self._layout.versions / f"{name}-{stamp}"
        leftovers = [
            path
            for path in sorted(self._layout.versions.glob("*"))
            if path.is_dir() and not version.is_complete(path)
        ]
        self._do([Gone(path) for path in leftovers])
        self._do([Folder(self._layout.versions), Folder(self._layout.share)])
        try:
            self._do(version.steps(self._layout, source, folder, python, is_published=is_published))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _check(self, old: Path, folder: Path) -> None:
        """Refuse a version that finds faults which the running one does not. Raises `InstallFailed`."""
        if self._is_dry:
            return
        for config in sorted(self._layout.config_dir.glob("*.toml")):
            known, found = self._failures(old, config), self._failures(folder, config)
            # By subject: the messages hold figures that change from one moment to the next.
            worse = [told for subject, told in sorted(found.items()) if subject not in known]
            if worse:
                raise InstallFailed(
                    f"{folder.name} cannot run with {config}: {'; '.join(worse)}; {old.name} stays"
                )

    def _failures(self, folder: Path, config: Path) -> dict[str, str]:
        """Return subject → words of what `offhook check` of a version fails on.

        That it cannot check counts, too.
        """
        given = system.given_to_service(self._layout, config)
        environment = {**given, "OFFHOOK_CACHE": str(self._layout.share)}
        command = (str(folder / "bin" / "python"), "-m", "gateway", "check", "--json")
        try:
            told = self._runner.read((*command, "--config", str(config)), environment)
            rows = json.loads(told)["findings"]
            return {
                str(row["subject"]): ", ".join(
                    filter(None, (f"{row['subject']}: {row['message']}", row.get("remedy")))
                )
                for row in rows
                if row["level"] == "fail"
            }
        except (OSError, ValueError, KeyError, TypeError):
            return {"check": "`offhook check` itself fails"}

    def _system_folder(self, folder: Path, source: Path | None) -> Path:
        kept = version.system_folder(folder)
        # In a dry run the version was not built.
        return kept if kept.is_dir() or source is None else source / "systemd"

    def _switch(self, folder: Path, old: Path, source: Path | None = None) -> str:
        """Make a version current; returns what `previous` named before, empty for nothing.

        Whatever fails, everything is as it was.
        """
        layout = self._layout
        before = os.readlink(layout.previous) if layout.previous.is_symlink() else ""
        try:
            self._do(
                [
                    Link(layout.previous, f"versions/{old.name}"),
                    *system.file_steps(layout, self._system_folder(folder, source)),
                    Link(layout.current, f"versions/{folder.name}"),
                    *system.make_known(layout, self._runner),
                ]
            )
        except BaseException:
            try:
                self._put_back(old, before)
            except (InstallFailed, OSError) as error:
                self._tell(f"going back to {old.name} failed, too: {error}")
            raise
        return before

    def _put_back(self, old: Path, before: str) -> None:
        """Undo a switch: a version that failed must not be what `rollback` leads to, either."""
        layout = self._layout
        self._do(
            [
                Link(layout.current, f"versions/{old.name}"),
                Link(layout.previous, before) if before else Gone(layout.previous),
                *system.file_steps(layout, self._system_folder(old, None)),
                *system.make_known(layout, self._runner),
            ]
        )

    def _restart(self, folder: Path, old: Path, before: str, drain_s: float) -> None:
        """Let the running calls end, start the new version; go back if it does not come up."""
        if self._layout.is_staged or not system.is_running(self._runner):
            return
        units = system.active_units(self._runner)
        for unit in units:
            config = system.config_of(self._layout, unit)
            drain = (str(old / "bin" / "offhook"), "drain", "--wait", "--config", str(config))
            given = system.given_to_service(self._layout, config)
            try:
                # One that does not answer has no calls to wait for.
                self._do([Run((*drain, "--deadline", str(drain_s)), given, may_fail=True)])
            except KeyboardInterrupt as error:
                raise InstallFailed(
                    f"broken off while {unit} was emptied: it takes no calls until `systemctl restart "
                    f"{unit}`, which starts {folder.name}; `offhook systemd rollback` goes back"
                ) from error
            self._tell(f"run systemctl restart {unit}")
            if self._is_dry or not system.restart([unit], self._runner):
                continue
            self._tell(f"{unit} did not come up; going back to {old.name}")
            self._put_back(old, before)
            still = system.restart(units, self._runner)
            state = "it runs again"
            if still:
                why = sorted(self._failures(old, config).values())
                state = "; ".join((f"{', '.join(still)} did not come up either", *why))
            raise InstallFailed(f"{unit} did not start with {folder.name}; {old.name}: {state}")

    def _surplus(self) -> list[Path]:
        """The oldest complete versions beyond those kept; never the current one or the one before."""
        layout = self._layout
        used = {self._version_of(layout.current), self._version_of(layout.previous)}
        found = [path for path in layout.versions.glob("*") if version.is_complete(path)]
        found.sort(key=lambda path: path.name.rpartition("-")[2])
        idle = [path for path in found if path not in used]
        return idle[: max(0, len(found) - KEPT_VERSIONS)]


def _is_ours(name: str) -> bool:
    return name == "offhook" or name.startswith("offhook-")
