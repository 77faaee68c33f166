"""Which clocks must move for the gateway to be alive: the SIP thread's and each media clock's."""

from collections.abc import Mapping

from gateway.endpoints.browser import BrowserEndpoint
from gateway.endpoints.worker import WorkerEndpoint

_UNKNOWN = -1.0


def clocks_of(sip: WorkerEndpoint | None, browser: BrowserEndpoint | None) -> Mapping[str, float]:
    """Return every worker's counters of its clocks, from its last pong; of a lost one the last known."""
    found: dict[str, float] = {}
    if sip is not None:
        # The pong itself comes from a third thread of the worker, which tells nothing of these two.
        found["sip thread"] = sip.counters.get("turns", _UNKNOWN)
        found["sip media clock"] = sip.counters.get("ticks", _UNKNOWN)
    if browser is not None:
        for number, worker in enumerate(browser.workers):
            found[f"browser media clock {number}"] = worker.counters.get("ticks", _UNKNOWN)
    return found
