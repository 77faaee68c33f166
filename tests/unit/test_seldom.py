"""Lines that others could have written thousands of times are written once a minute, and lost ones are counted."""

import logging

from gateway.seldom import EVERY_S, Seldom

log = logging.getLogger(__name__)


def test_one_line_in_a_while_and_the_rest_is_counted(caplog):
    now = [100.0]
    seldom = Seldom(clock=lambda: now[0])
    for number in range(1000):
        seldom.log(log, logging.WARNING, "a webhook is refused", {"number": number})
    assert [record.number for record in caplog.records] == [0]
    assert not hasattr(caplog.records[0], "left_out")

    now[0] += EVERY_S
    seldom.log(log, logging.WARNING, "a webhook is refused", {"number": 1000})
    assert [record.number for record in caplog.records] == [0, 1000]
    assert caplog.records[1].left_out == 999
    # The place that had something to say, and not this helper.
    assert caplog.records[1].funcName == "test_one_line_in_a_while_and_the_rest_is_counted"

    now[0] += 10 * EVERY_S
    seldom.log(log, logging.WARNING, "a webhook is refused", {"number": 1001})
    assert not hasattr(caplog.records[2], "left_out")
