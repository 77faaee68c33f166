"""The verdict of a rehearsal."""

import json

from gateway.rehearsal.report import LineResult, Report, Utterance, as_text, missing_from
from gateway.rehearsal.script import parse


def report(**changes: object) -> Report:
    given: dict[str, object] = {
        "target": "sip:100@127.0.0.1",
        "answered": True,
        "ended": "script finished",
        "greeting_ms": 60.0,
        "lines": (LineResult("When?", "nine to five", 400.0),),
        "transcript": (Utterance("gateway", 0.0, 900.0, "Hello."),),
    }
    return Report(**{**given, **changes})  # type: ignore[arg-type]


def test_words_count_as_present_when_recognition_nearly_got_them() -> None:
    assert missing_from("We are open from 9 to 5.", ["nine to five"]) == ()
    assert missing_from("our adress is", ["address"]) == ()
    assert missing_from("Thank you. Good bye.", ["goodbye"]) == ()
    assert missing_from("we are closed", ["nine to five"]) == ("nine to five",)


def test_a_rehearsal_without_problems_passes() -> None:
    assert report().passed


def test_each_problem_is_named() -> None:
    bad = report(
        greeting_ms=None,
        lines=(LineResult("When?", "", None, missing=("nine",)),),
    )

    assert bad.problems == (
        "no greeting was heard",
        "line 1 ('When?') got no answer",
        "the answer to line 1 lacks 'nine'",
    )


def test_where_nobody_answers_the_remedy_is_told() -> None:
    (problem,) = report(answered=False, ended="trunk_failed (408 Request Timeout)").problems

    assert "offhook serve" in problem
    assert "sip.allow" in problem


def test_an_unanswered_call_has_that_one_problem() -> None:
    assert report(answered=False, ended="busy").problems == ("the call was not answered (busy)",)


def test_the_report_is_plain_json_and_readable_text() -> None:
    data = json.loads(json.dumps(report().as_json()))
    text = as_text(report(), parse("When?"))

    assert data["passed"] is True
    assert data["lines"][0]["response_ms"] == 400.0
    assert "verdict: pass" in text
    assert "400 ms" in text
