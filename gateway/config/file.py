"""Finds and reads the configuration file, and turns every mistake in it into a sentence with its remedy.

The first of these is read, and no other: `--config`, the variable OFFHOOK_CONFIG, `./offhook.toml`,
`/etc/offhook/offhook.toml`. Without any of them the built-in defaults run. Paths of secrets (`…_file`) are relative
to systemd's credentials directory if the file is there, else to the configuration file. Commands that root runs
beside the service find a credential where the units take it from: in `credentials` beside the configuration file.
"""

import json
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config import Config
from gateway.config.problems import Problem, explain, locate
from gateway.errors import ConfigError

PLACES = (Path("offhook.toml"), Path("/etc/offhook/offhook.toml"))
LONGEST_FILE = 1 << 20
CREDENTIALS = "credentials"
"""Folder beside the configuration file, for root alone, from which the units load credentials."""


class ConfigProblems(ConfigError):
    """Everything that is wrong with one file."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join(f"{source}{problem}" for problem in problems))


def find(path: Path | None) -> Path | None:
    """Return the file to read, None for the built-in defaults. A named file need not exist."""
    if path is not None:
        return path
    if named := os.environ.get("OFFHOOK_CONFIG"):
        return Path(named)
    return next((place for place in PLACES if place.exists()), None)


def load(path: Path | None = None) -> tuple[Config, Path | None]:
    """Return the configuration and the file it came from (None: the built-in defaults).

    Raises `ConfigProblems` that names every mistake at once, each with file, key, value and remedy.
    """
    source = find(path)
    if source is None:
        return Config(), None
    return parse(_read(source), source), source


def parse(text: str, source: Path) -> Config:
    """Return the configuration that `text` describes; `source` names it and anchors its paths."""
    try:
        data = _tables(text, source)
    except tomllib.TOMLDecodeError as error:
        raise _one(source, "", f"is not valid TOML: {error}", "mend that line") from error
    problems = list(_resolve_paths(data, source.absolute()))
    _route_to_named_agents(data)
    try:
        # As JSON, strictly: TOML has types of its own, so "5060" is not a port and 1 is not true.
        config = Config.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        problems = [*(explain(item, data) for item in error.errors()), *problems]
    if problems:
        raise ConfigProblems(str(source), tuple(locate(item, text) for item in problems))
    return config


def _tables(text: str, source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        wrong = "has a number of too many digits, or too many brackets in each other"
        raise _one(source, "", wrong, "name the configuration file instead") from error


def _read(source: Path) -> str:
    try:
        if source.stat().st_size > LONGEST_FILE:
            raise _one(source, "", "is larger than 1 MiB", "name the configuration file instead")
        return source.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        remedy = "create it (`offhook config example` prints one) or correct the path"
        raise _one(source, "", "does not exist", remedy) from error
    except OSError as error:
        is_closed = isinstance(error, PermissionError)
        remedy = "give the user of the gateway read access" if is_closed else "name a file"
        raise _one(source, "", f"cannot be read: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise _one(source, "", "is not UTF-8 text", "save it as UTF-8") from error


def _one(source: Path, key: str, wrong: str, remedy: str) -> ConfigProblems:
    return ConfigProblems(str(source), (Problem(key=key, wrong=wrong, remedy=remedy),))


def _route_to_named_agents(data: dict[str, Any]) -> None:
    """Let the first agent answer everything in a file that names agents but no numbers.

    The built-in numbers lead to the built-in agents, which such a file has replaced.
    """
    agents = data.get("agents")
    if "numbers" in data or not isinstance(agents, dict) or not agents:
        return
    first = next(iter(agents))
    data["numbers"] = [{"number": "*", "agent": first}]
    if first != "echo" and "echo" in agents:
        data["numbers"].insert(0, {"number": "echo", "agent": "echo"})


# Paths ------------------------------------------------------------------------------------------------


def _resolve_paths(data: dict[str, Any], source: Path) -> Iterator[Problem]:
    """Make every path in the file absolute, and tell which files cannot be read."""
    folder = source.parent
    for key, table, name in _paths(data, ""):
        value = table[name]
        if not isinstance(value, str) or not value:
            continue  # the type is refused with the others
        try:
            path = Path(value).expanduser()
        except RuntimeError:
            yield Problem(
                key=key,
                value=value,
                wrong="names the home directory of a user that is not there",
                remedy="give the path from the root on",
            )
            continue
        if name.endswith("_dir"):
            table[name] = str(folder / path)
            continue
        path = _secret_or_local(path, source)
        table[name] = str(path)
        if wrong := unreadable(path):
            yield Problem(
                key=key,
                value=value,
                wrong=f"{path} {wrong}",
                remedy="correct the path (a relative one is looked for in $CREDENTIALS_DIRECTORY, then "
                "beside the configuration file) or make the file readable for the gateway",
            )


def _secret_or_local(path: Path, source: Path) -> Path:
    """Return the first place where a file is, or where it should be; an absolute path is its own only place."""
    beside = source.parent / path
    places = [beside]
    if credentials := os.environ.get("CREDENTIALS_DIRECTORY"):
        places.insert(0, Path(credentials) / path)
    elif path.name == str(path):
        # As `LoadCredential=` in our units: an instance's files begin with its name.
        folder = source.parent / CREDENTIALS
        places += [folder / f"{source.stem}-{path}", folder / path]
    # Not `Path.exists`, which raises where we may not look.
    return next((place for place in places if os.path.exists(place)), beside)


def _paths(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield from _paths(item, f"{prefix}{name}[{index}].")
        elif name.endswith(("_file", "_dir")):
            yield f"{prefix}{name}", table, name


def unreadable(path: Path) -> str:
    """Return why a file cannot be read, empty if it can."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "does not exist"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "is not a file"
    return "" if os.access(path, os.R_OK) else "may not be read"


def plain(config: Config) -> Mapping[str, Any]:
    """Return the configuration as plain data for showing; it holds paths of secrets, never secrets."""
    data: Mapping[str, Any] = config.model_dump(mode="json")
    return data
