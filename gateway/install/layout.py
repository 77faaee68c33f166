"""Where everything of an installation is; pure."""

import re
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError

DEFAULT_PREFIX = Path("/opt/offhook")
DEFAULT_USER = "offhook"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_STARTED = re.compile(r"^ExecStart=(/\S+)/current/bin/offhook ", re.MULTILINE)
_OWNER = re.compile(r"^User=(\S+)$", re.MULTILINE)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*){2,}")
_HIDDEN = ("/home", "/root", "/run")
"""The units' sandbox hides these from the service, and so would the program be."""
UNITS = ("offhook.service", "offhook@.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One installation. Paths are those of this machine: inside `root` when something is staged."""

    root: Path = Path("/")
    prefix: Path = DEFAULT_PREFIX
    user: str = DEFAULT_USER

    def __post_init__(self) -> None:
        """Raises `ConfigError`."""
        if not _PREFIX.fullmatch(str(self.prefix)):
            raise ConfigError(
                f"--prefix {self.prefix}: must be an absolute path below a top folder, of letters, "
                f"digits and ._+- only, such as {DEFAULT_PREFIX}"
            )
        if str(self.prefix).startswith(tuple(f"{folder}/" for folder in _HIDDEN)):
            raise ConfigError(
                f"--prefix {self.prefix}: the service sees nothing in {', '.join(_HIDDEN)}; "
                f"choose another, such as {DEFAULT_PREFIX}"
            )
        if not _USER.fullmatch(self.user):
            raise ConfigError(
                f"--user {self.user!r}: is not a user name; use letters, digits, - and _"
            )

    @classmethod
    def found(cls, root: Path, *, prefix: Path | None, user: str | None) -> "Layout":
        """Return the layout asked for; what is not asked for is as it was installed. Raises `ConfigError`.

        Else an upgrade would make the service another user's, and an uninstallation leave the program.
        """
        try:
            unit = (root / "etc/systemd/system" / UNITS[0]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            unit = ""
        started, owner = _STARTED.search(unit), _OWNER.search(unit)
        return cls(
            root=root,
            prefix=prefix or (Path(started[1]) if started else DEFAULT_PREFIX),
            user=user or (owner[1] if owner else DEFAULT_USER),
        )

    @property
    def is_staged(self) -> bool:
        """Whether this is for another machine, or for looking at."""
        return self.root != Path("/")

    def at(self, path: str | Path) -> Path:
        """Return where a path of the installed system is now."""
        return self.root / Path(path).relative_to("/")

    @property
    def versions(self) -> Path:
        return self.at(self.prefix / "versions")

    @property
    def current(self) -> Path:
        """A link to the version that runs, or will at the next start."""
        return self.at(self.prefix / "current")

    @property
    def previous(self) -> Path:
        """A link to the version before it: what `rollback` goes back to."""
        return self.at(self.prefix / "previous")

    @property
    def share(self) -> Path:
        """Models, for all versions."""
        return self.at(self.prefix / "share")

    def own(self) -> tuple[Path, ...]:
        """Return what in the prefix is ours alone."""
        return (self.current, self.previous, self.versions, self.share / "models")

    @property
    def command(self) -> Path:
        return self.at("/usr/local/bin/offhook")

    @property
    def config_dir(self) -> Path:
        return self.at("/etc/offhook")

    @property
    def config_file(self) -> Path:
        return self.config_dir / "offhook.toml"

    def system_files(self) -> dict[str, Path]:
        """Return name in the source's `systemd` folder → where it is put."""
        units = {unit: self.at(f"/etc/systemd/system/{unit}") for unit in UNITS}
        return {
            **units,
            "sysusers.conf": self.at("/etc/sysusers.d/offhook.conf"),
            "tmpfiles.conf": self.at("/etc/tmpfiles.d/offhook.conf"),
            "fail2ban/filter.conf": self.at("/etc/fail2ban/filter.d/offhook.conf"),
            "fail2ban/jail.conf": self.at("/etc/fail2ban/jail.d/offhook.conf"),
        }

    def fit(self, text: str) -> str:
        """Return a system file's text for this prefix and user; as delivered it fits the defaults."""
        text = text.replace(str(DEFAULT_PREFIX), str(self.prefix))
        if self.user == DEFAULT_USER:
            return text
        for before, after in (
            ("User=offhook", f"User={self.user}"),
            ("Group=offhook", f"Group={self.user}"),
            ("u offhook -", f"u {self.user} -"),
            ("m offhook ", f"m {self.user} "),
            (" root offhook -", f" root {self.user} -"),
            (" offhook offhook ", f" {self.user} {self.user} "),
        ):
            text = text.replace(before, after)
        return text
