"""A person at Debian's Chromium who calls the real gateway: what is said is a sound file, what is heard is kept."""

import base64
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from gateway.media.wav import write_wav
from gateway.model.frame import RATE_HZ
from tests.browser.support.chromium import ALWAYS, GRANTING, chromium_program
from tests.interop.gateway.matching import find, loud_part

Samples = npt.NDArray[np.float64]
EAR = Path(__file__).parent.parent / "support" / "ear.js"
_DENY = "--use-fake-ui-for-media-stream=deny"
PAGE_BOUND_MS = 15_000
HEARD_WELL, HEARD_AT_ALL = 0.75, 0.45
"""Correlation of a piece after Opus and the browser's resampling, and where its jitter buffer worked on it."""
WELL_SHARE = 0.75
PIECE_S = 0.15
PIECE_LEVEL = 300
"""Root mean square below which a piece is a pause between words, which is found everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a browser is started."""

    microphone: Path | None = None
    """WAV that is spoken once, from the moment the microphone is opened; None: Chromium's beeps."""
    is_refused: bool = False
    """The person says no to the microphone."""
    netns: str = ""
    """Network namespace the browser lives in."""
    secure_origins: Sequence[str] = ()
    """Origins that may use a microphone without TLS; loopback always may."""
    arguments: Sequence[str] = ()
    window: tuple[int, int] = (1280, 800)
    is_dark: bool = False


class CallingBrowser:
    """One browser with one page; use as a context manager."""

    def __init__(self, playwright: Playwright, directory: Path, settings: Settings) -> None:
        self._playwright = playwright
        self._directory = directory
        self._settings = settings
        self._browser: Browser | None = None
        self._context: BrowserContext | None = None
        self.console: list[str] = []
        """What the page wrote to the console, and errors nobody caught."""

    def __enter__(self) -> Self:
        settings = self._settings
        self._browser = self._playwright.chromium.launch(
            executable_path=self._program(), args=list(self._arguments()), headless=True
        )
        width, height = settings.window
        self._context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if settings.is_dark else "light",
            permissions=[] if settings.is_refused else ["microphone"],
        )
        self._context.set_default_timeout(PAGE_BOUND_MS)
        self._context.add_init_script(path=EAR)
        return self

    def __exit__(self, *_: object) -> None:
        if self._browser is not None:
            self._browser.close()

    def open(self, url: str) -> Page:
        """Open a page in a tab of its own."""
        assert self._context is not None
        page = self._context.new_page()
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.goto(url)
        return page

    def troubles(self) -> list[str]:
        """Return what the console holds that no good page writes."""
        # The browser itself notes requests that fail; tests in which they do look at what is shown.
        return [
            line
            for line in self.console
            if line.startswith("error") and "Failed to load resource" not in line
        ]

    def _arguments(self) -> list[str]:
        settings = self._settings
        arguments = [*ALWAYS, _DENY if settings.is_refused else GRANTING, *settings.arguments]
        if settings.microphone is not None:
            arguments.append(f"--use-file-for-fake-audio-capture={settings.microphone}%noloop")
        if settings.secure_origins:
            origins = ",".join(settings.secure_origins)
            arguments.append(f"--unsafely-treat-insecure-origin-as-secure={origins}")
        return arguments

    def _program(self) -> str:
        if not self._settings.netns:
            return chromium_program()
        # Playwright speaks to it through pipes, which know no namespaces.
        wrapper = self._directory / "chromium-in-namespace"
        wrapper.write_text(
            f'#!/bin/sh\nexec ip netns exec {self._settings.netns} {chromium_program()} "$@"\n'
        )
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        return str(wrapper)


def heard(page: Page) -> Samples:
    """Return everything the page was sent so far, 16 kHz."""
    data = base64.b64decode(page.evaluate("window.offhookHeard()"))
    return np.frombuffer(data, dtype="<i2").astype(np.float64)


_STATISTICS = """async () => {
  const found = [];
  for (const peer of window.offhookPeers) {
    for (const line of (await peer.getStats()).values()) found.push(line);
  }
  return found;
}"""


def statistics(page: Page, kind: str) -> list[dict[str, Any]]:
    """Return the entries of one type of the page's WebRTC statistics."""
    return [line for line in page.evaluate(_STATISTICS) if line["type"] == kind]


def candidate_types(page: Page) -> set[tuple[str, str]]:
    """Return (our type, their type) of every pair that carried data, like ("relay", "relay")."""
    by_id = {line["id"]: line for line in page.evaluate(_STATISTICS)}
    return {
        (
            by_id[line["localCandidateId"]]["candidateType"],
            by_id[line["remoteCandidateId"]]["candidateType"],
        )
        for line in by_id.values()
        if line["type"] == "candidate-pair" and line.get("bytesReceived", 0) > 0
    }


def speak_into(path: Path, *parts: bytes | float) -> Path:
    """Write a microphone's WAV of sounds (PCM16 16 kHz) and pauses (seconds); returns its path."""
    pcm = b"".join(
        part if isinstance(part, bytes) else bytes(2 * round(part * RATE_HZ)) for part in parts
    )
    write_wav(path, pcm)
    return path


@dataclass(frozen=True, slots=True)
class Pieces:
    """How well each piece of a sound was found in what was heard, in the sound's order."""

    correlations: list[float]
    starts_s: list[float]

    def __str__(self) -> str:
        return " ".join(
            f"{correlation:.2f}@{start_s:.2f}"
            for correlation, start_s in zip(self.correlations, self.starts_s, strict=True)
        )


def find_pieces(reference: Samples, sound: Samples, piece_s: float = PIECE_S) -> Pieces:
    """Look for a sound piece by piece.

    A browser's jitter buffer stretches and shrinks what it plays, by less than can be heard, but over a
    whole sentence by more than a correlation bears.
    """
    loud = loud_part(reference)
    size = round(piece_s * RATE_HZ)
    pieces = [
        piece
        for start in range(0, len(loud) - size + 1, size)
        if np.sqrt(np.mean((piece := loud[start : start + size]) ** 2)) > PIECE_LEVEL
    ]
    found = [find(piece, sound) for piece in pieces]
    # `find` counts in the line's samples, of which there are half as many a second.
    starts_s = [match.start_s / 2 for match in found]
    correlations = []
    for index, match in enumerate(found):
        whole = match.correlation
        if whole <= HEARD_WELL:
            # It may have been stretched in its middle: then its halves are there, where it should be.
            near_s = starts_s[index - 1] + piece_s if index else starts_s[index]
            whole = max(whole, _in_halves(pieces[index], sound, near_s, piece_s))
        correlations.append(whole)
    return Pieces(correlations, starts_s)


def _in_halves(piece: Samples, sound: Samples, near_s: float, piece_s: float) -> float:
    """Return how well the worse half of a piece is found about where it should be, in its order."""
    around = sound[
        max(0, round((near_s - piece_s) * RATE_HZ)) : round((near_s + 2 * piece_s) * RATE_HZ)
    ]
    middle = len(piece) // 2
    first, second = find(piece[:middle], around), find(piece[middle:], around)
    return min(first.correlation, second.correlation) if first.start_s < second.start_s else 0.0


def was_heard(reference: Samples, sound: Samples, well_share: float = WELL_SHARE) -> Pieces:
    """Assert that all of a sound was heard, in its order; returns where."""
    found = find_pieces(reference, sound)
    good = [correlation > HEARD_WELL for correlation in found.correlations]
    assert min(found.correlations) > HEARD_AT_ALL, str(found)
    assert sum(good) >= well_share * len(good), str(found)
    starts_s = [start_s for start_s, is_good in zip(found.starts_s, good, strict=True) if is_good]
    assert starts_s == sorted(starts_s), str(found)
    assert good[-1], f"the end: {found}"
    return found
