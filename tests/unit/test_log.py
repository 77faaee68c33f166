"""Tests of gateway/log.py."""

import io
import json
import logging
import threading

import pytest

from gateway import log
from gateway.config import GatewaySection


@pytest.fixture
def logged():
    """Set logging up as asked and return what it prints; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()

    def set_up(log_format: str = "json", **settings) -> io.StringIO:
        section = GatewaySection.model_validate({"log_format": log_format, **settings})
        log.set_up(section, stream=stream)
        return stream

    yield set_up
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+49 30 1234567", "***67"),
        ("sip:+4930123456@192.0.2.1", "***56"),
        ("123", "***"),
        ("5", "***"),
        (4930123456, "***56"),
        ("My name is Ann", "<14 characters>"),
        ("alice@example.org", "<17 characters>"),
        ("", ""),
    ],
)
def test_private_values_are_masked(value, shown):
    assert log.mask(value) == shown


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_private_facts_never_reach_the_output(logged, log_format):
    stream = logged(log_format)

    logging.getLogger("gateway.x").info(
        "call offered", extra={"pii_caller": "+4930123456", "pii_words": "secret words"}
    )

    assert "30123456" not in stream.getvalue()
    assert "secret" not in stream.getvalue()
    assert "pii.caller" in stream.getvalue()
    assert "***56" in stream.getvalue()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("550 <ann.lee+x@mail.example.org>: unknown", "550 <<26 characters>>: unknown"),
        ("The 'To' number +49 (30) 123-4567 is not valid", "The 'To' number ***67 is not valid"),
        ("sip:+4930123456@192.0.2.1 is busy", "sip:***56 is busy"),
        ("cannot read http://me:s3cret@llm.example/v1", "cannot read http://***@llm.example/v1"),
        ("took +12 ms, c_01J9ZQ at 192.0.2.1:5060", "took +12 ms, c_01J9ZQ at 192.0.2.1:5060"),
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_others_say_is_printed_without_numbers_addresses_and_passwords(
    logged, log_format, words, shown
):
    stream = logged(log_format)
    logger = logging.getLogger("gateway.x")

    logger.warning("a message failed", extra={"reason": words})
    try:
        raise ValueError(words)
    except ValueError:
        logger.exception("it failed")

    said, failed = stream.getvalue().splitlines()
    if log_format == "json":
        assert json.loads(said)["reason"] == shown
        failed = json.loads(failed)["traceback"]
    assert f"ValueError: {shown}" in failed
    if words != shown:
        for private in ("mail.example", "123-4567", "+4930", "s3cret"):
            assert private not in stream.getvalue()


def test_passwords_of_urls_are_masked_though_numbers_are_not(logged):
    stream = logged(mask_pii=False)

    logging.getLogger("gateway.x").info("x", extra={"url": "http://a:b@c/?n=+4930123456"})

    assert lines(stream)[0]["url"] == "http://***@c/?n=+4930123456"


def test_private_facts_are_shown_when_the_configuration_says_so(logged):
    stream = logged(mask_pii=False)

    logging.getLogger("gateway.x").info("call offered", extra={"pii_caller": "+4930123456"})

    assert lines(stream)[0]["pii.caller"] == "+4930123456"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_one_record_is_one_line_whatever_is_in_it(logged, log_format):
    stream = logged(log_format)
    evil = 'a\nb\r\x1b[31m\x00\u2028c\u202ed "quoted"'

    try:
        raise ValueError(evil)
    except ValueError:
        logging.getLogger("gateway.x").exception(
            "bad %s", evil, extra={"fact": evil, "more": [evil]}
        )

    (line,) = stream.getvalue().splitlines()
    assert all(character.isprintable() for character in line)
    assert "ValueError" in line
    if log_format == "json":
        assert "Traceback" in json.loads(line)["traceback"]


def test_a_call_is_named_by_context_and_by_adapter_in_one_field(logged):
    stream = logged()
    logger = logging.getLogger("gateway.x")

    token = log.CALL_ID.set("c_context")
    logger.info("one")
    log.CALL_ID.reset(token)
    thread = threading.Thread(
        target=log.for_call(logger, "c_thread", "r_1").info,
        args=("two",),
        kwargs={"extra": {"a": 1}},
    )
    thread.start()
    thread.join()
    logger.info("three")

    first, second, third = lines(stream)
    assert first["call_id"] == "c_context"
    assert (second["call_id"], second["room_id"], second["a"]) == ("c_thread", "r_1", 1)
    assert "call_id" not in third


def test_a_fact_does_not_replace_what_the_record_says(logged):
    stream = logged()

    logging.getLogger("gateway.x").info("truth", extra={"level": "lie", "at": "never"})

    (line,) = lines(stream)
    assert (line["level"], line["level_"], line["at_"]) == ("info", "lie", "never")


def test_the_console_format_reads_like_a_sentence(logged):
    stream = logged("console")

    logging.getLogger("gateway.x").warning("store slow", extra={"after_s": 1.23456, "why": "a b"})

    assert stream.getvalue().endswith('WARNING gateway.x: store slow after_s=1.235 why="a b"\n')


def test_setting_up_again_does_not_print_twice(logged):
    logged()
    stream = logged(log_level="warning")

    logging.getLogger("gateway.x").info("not this")
    logging.getLogger("gateway.x").warning("this")

    assert [line["message"] for line in lines(stream)] == ["this"]


def test_a_worker_is_named(logged):
    logged()
    stream = io.StringIO()
    log.set_up(GatewaySection(log_format=log.LogFormat.JSON), process="telephony", stream=stream)

    logging.getLogger("telephony.ua").info("up")

    assert lines(stream)[0]["process"] == "telephony"
