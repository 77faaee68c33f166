"""Callers come and go for a long time, in every way; memory, descriptors and threads are looked at all the while."""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.load import browser_calls, chaos, sounds
from tests.load.gateway_process import DESK, GatewayProcess
from tests.load.printing import Report
from tests.load.processes import Usage

ROUND_CALLS = 160
"""Telephone calls of one round; with the wait for lost ACKs it takes most of a minute."""
BROWSER_CALLS, BROWSER_HOLD_S = 8, 4.0
SAMPLE_S = 5.0
ASK_S = 0.5
"""Between two questions by HTTP."""
WARM_UP = 1 / 3
"""Share of the time that does not count: pools fill, models and caches are touched for the first time."""
ROWS = 16
"""Of the table that is printed."""

GROWTH_MOST, GROWTH_FLOOR_MB = 0.05, 8.0
"""Memory is flat if it grew by less than this share, or so little, from the middle third to the last."""
DESCRIPTORS_MOST, THREADS_MOST = 4, 2
"""More than the calls of the moment explain: typical values of a third are compared, not single looks."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at all processes."""

    at_s: float
    """Since the beginning."""
    calls: int
    usage: Mapping[str, Usage]


@dataclass(frozen=True, slots=True)
class Growth:
    """What one kind of process had more in the last third of the time than in the middle one."""

    before_mb: float
    mb: float
    descriptors: float
    threads: float

    @property
    def is_memory_flat(self) -> bool:
        return self.mb < max(GROWTH_FLOOR_MB, self.before_mb * GROWTH_MOST)

    @property
    def are_handles_flat(self) -> bool:
        return self.descriptors <= DESCRIPTORS_MOST and self.threads <= THREADS_MOST


def growth(samples: Sequence[Sample], name: str) -> Growth | None:
    """Compare the middle third of the time with the last; None without enough looks at each."""
    end_s = max((sample.at_s for sample in samples), default=0.0)
    first = end_s * WARM_UP
    second = first + (end_s - first) / 2
    parts = (
        [s.usage[name] for s in samples if first <= s.at_s < second and name in s.usage],
        [s.usage[name] for s in samples if s.at_s >= second and name in s.usage],
    )
    if min(len(part) for part in parts) < 3:
        return None
    before, after = parts

    def more(value: str) -> float:
        middle, last = ([float(getattr(u, value)) for u in part] for part in (before, after))
        return statistics.median(last) - statistics.median(middle)

    return Growth(
        statistics.median(u.rss_mb for u in before),
        more("rss_mb"),
        more("descriptors"),
        more("threads"),
    )


def run(
    report: Report, gateway: GatewayProcess, directory: Path, sound: bytes, *, minutes: float
) -> None:
    """Let callers come and go for `minutes`, print what was held meanwhile, and judge it."""
    report.title(f"soak: {minutes:g} minutes of callers who come and go")
    voice = directory / "voice.pcm"
    voice.write_bytes(sounds.clip() + sounds.silence(0.7))
    pids = gateway.processes()
    samples: list[Sample] = []
    began_s = time.monotonic()
    rounds = 0
    with _sampling(gateway, samples, began_s), _asking(gateway):
        while time.monotonic() - began_s < minutes * 60:
            _round(gateway, directory / f"round-{rounds}", sound, voice)
            rounds += 1
    report.say(
        f"{rounds} rounds of {ROUND_CALLS} telephone calls and {BROWSER_CALLS} browser calls"
    )
    _tell(report, samples)
    for name in sorted({name for sample in samples for name in sample.usage}):
        _judge(report, name, growth(samples, name))
    is_same = pids == gateway.processes()
    report.promise("soak: the same processes", "all", "all" if is_same else "some", is_same)
    gone = gateway.wait_for_calls(0, bound_s=60)
    report.promise("soak: calls left over", "0", str(gateway.active_calls()), gone)
    shed = gateway.page().total("offhook_calls_shed_total")
    report.say(f"calls refused for overload: {shed:.0f}")


def _round(gateway: GatewayProcess, directory: Path, sound: bytes, voice: Path) -> None:
    directory.mkdir()
    browsers = browser_calls.place(
        gateway.web_url(DESK),
        directory / "browsers.json",
        voice,
        BROWSER_CALLS,
        every=2.0,
        hold=BROWSER_HOLD_S,
        is_each=True,
    )
    try:
        chaos.storm(gateway, directory / "storm", sound, ROUND_CALLS)
        browsers.wait(60)
    finally:
        browsers.stop()


def _judge(report: Report, name: str, found: Growth | None) -> None:
    if found is None:
        report.promise(f"soak: {name} flat", "flat", "too few looks", None)
        return
    report.promise(
        f"soak: {name}: memory flat",
        f"< {GROWTH_MOST:.0%} or {GROWTH_FLOOR_MB:.0f} MB",
        f"{found.mb:+.1f} MB of {found.before_mb:.0f} MB",
        found.is_memory_flat,
    )
    report.promise(
        f"soak: {name}: descriptors and threads flat",
        f"at most {DESCRIPTORS_MOST:+}/{THREADS_MOST:+}",
        f"{found.descriptors:+.0f}/{found.threads:+.0f}",
        found.are_handles_flat,
    )


def _tell(report: Report, samples: Sequence[Sample]) -> None:
    names = sorted({name for sample in samples for name in sample.usage})
    step = max(1, len(samples) // ROWS)
    report.say("memory MB / descriptors / threads:")
    report.table(
        ("minute", "calls", *names),
        [
            (f"{sample.at_s / 60:.1f}", str(sample.calls), *(_cell(sample, name) for name in names))
            for sample in samples[::step]
        ],
    )


def _cell(sample: Sample, name: str) -> str:
    found = sample.usage.get(name)
    return f"{found.rss_mb:.0f}/{found.descriptors}/{found.threads}" if found else "-"


@contextlib.contextmanager
def _repeating(every_s: float, look: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(every_s):
            # A gateway that is too busy to answer once is asked again; one that is gone is told at the end.
            with contextlib.suppress(OSError):
                look()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _sampling(
    gateway: GatewayProcess, samples: list[Sample], began_s: float
) -> contextlib.AbstractContextManager[None]:
    def look() -> None:
        calls = gateway.active_calls()
        samples.append(Sample(time.monotonic() - began_s, calls, gateway.usage()))

    return _repeating(SAMPLE_S, look)


def _asking(gateway: GatewayProcess) -> contextlib.AbstractContextManager[None]:
    """Somebody looks at the API, the page and health all the time, as a console does."""
    paths = ("/api/v1/calls?limit=100", "/", "/readyz", "/api/v1/outbox", "/metrics", "/nothing")
    turn = iter(range(1 << 60))
    return _repeating(ASK_S, lambda: gateway.ask(paths[next(turn) % len(paths)]))
