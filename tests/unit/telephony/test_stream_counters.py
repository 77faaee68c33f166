"""Counters over several streams of one call."""

from telephony.stream_counters import StreamCounters
from tests.unit.telephony.fakes import quality


def test_streams_add_up() -> None:
    counters = StreamCounters()
    assert counters.total is None
    counters.sample(quality(packets_in=10, packets_out=20))
    counters.sample(quality(packets_in=15, packets_out=25))
    counters.end_stream()
    assert counters.total == quality(packets_in=15, packets_out=25)
    counters.sample(quality(packets_in=1, packets_out=2))
    total = counters.total
    assert total is not None
    assert (total.packets_in, total.packets_out, total.packets_lost_in) == (16, 27, 2)
    assert total.jitter_in_ms == 3.0
