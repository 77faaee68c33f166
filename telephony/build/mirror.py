"""Finds the Debian mirrors that this machine already uses, in apt's own lists of sources."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

DEFAULT_MIRROR = "http://deb.debian.org/debian"
APT = Path("/etc/apt")


def mirrors(apt: Path = APT) -> list[str]:
    """Return the addresses of Debian's archive, the machine's own first, the default last."""
    found: list[str] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if not path.is_file() or path.suffix not in (".list", ".sources"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        read = _stanzas if path.suffix == ".sources" else _lines
        for uris, components in read(text):
            # Archives of others end in /debian too; only Debian calls a component `main` there.
            if "main" in components:
                found += [uri.rstrip("/") for uri in uris if _is_archive(uri)]
    return list(dict.fromkeys([*found, DEFAULT_MIRROR]))


def _is_archive(uri: str) -> bool:
    """Whether suite sid can be there: not security, not a snapshot of one day."""
    return bool(re.fullmatch(r"https?://[^\s\[\]]+/debian/?", uri))


def _lines(text: str) -> Iterator[tuple[Iterable[str], Iterable[str]]]:
    """Yield URI and components of each line (sources.list(5), one-line style)."""
    for line in text.splitlines():
        words = re.sub(r"\[[^\]]*\]", " ", line.partition("#")[0]).split()
        if len(words) >= 4 and words[0] in ("deb", "deb-src"):
            yield words[1:2], words[3:]


def _stanzas(text: str) -> Iterator[tuple[Iterable[str], Iterable[str]]]:
    """Yield URIs and components of each stanza (sources.list(5), deb822 style)."""
    for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1].isspace():  # goes on with the field above
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
                continue
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() not in ("no", "false", "off", "0"):
            yield fields.get("uris", "").split(), fields.get("components", "").split()
