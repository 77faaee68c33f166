"""Prints figures as they come, and at the end what was promised and what was reached."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One target and what became of it."""

    what: str
    wanted: str
    measured: str
    met: bool | None
    """None: not measured."""


class Report:
    """Everything one run prints."""

    def __init__(self) -> None:
        self._promises: list[Promise] = []

    def title(self, text: str) -> None:
        print(f"\n== {text}", flush=True)

    def say(self, text: str) -> None:
        print(f"   {text}", flush=True)

    def table(self, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        """Print columns, the first to the left, the others to the right."""
        widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
        for row in [head, *rows]:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            self.say("  ".join(cells))

    def promise(self, what: str, wanted: str, measured: str, met: bool | None) -> None:
        """Note a target beside what was measured."""
        self._promises.append(Promise(what, wanted, measured, met))
        word = {True: "met", False: "NOT MET", None: "not measured"}[met]
        self.say(f"[{word}] {what}: {measured} (wanted: {wanted})")

    def summary(self) -> int:
        """Print all promises once more; returns how many were not met."""
        self.title("promises")
        words = {True: "met", False: "NOT MET", None: "-"}
        self.table(
            ("what", "wanted", "measured", ""),
            [(p.what, p.wanted, p.measured, words[p.met]) for p in self._promises],
        )
        return sum(promise.met is False for promise in self._promises)


def ms(value: float) -> str:
    """Milliseconds for people; `-` for a value that is not there."""
    return "-" if math.isnan(value) else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"
