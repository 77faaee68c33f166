"""Mail as it comes over the wire: what was said, what it answers, and what a machine wrote."""

import contextlib
import time
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.channels.mail_intake import is_authentic
from gateway.channels.mail_parse import parse_mail
from gateway.channels.mail_reply import new_text

OURS = "<m_abc123@example.org>"


def mail(text="Hello", *, kind="plain", **headers):
    made = EmailMessage()
    made["From"] = headers.pop("sender", "Ann Öz <Ann@Example.com>")
    made["To"] = "desk@example.org"
    made["Subject"] = "Opening hours"
    made["Message-ID"] = "<1@example.com>"
    for name, value in headers.items():
        del made[name.replace("_", "-")]
        made[name.replace("_", "-")] = value
    made.set_content(text, subtype=kind)
    return made


def parsed(*arguments, **headers):
    return parse_mail(mail(*arguments, **headers).as_bytes())


def test_a_plain_mail():
    found = parsed("Are you open? 👋", Cc="x@y.zz")
    assert (found.sender, found.sender_name) == ("ann@example.com", "Ann Öz")
    assert found.recipients == ("desk@example.org", "x@y.zz")
    assert (found.subject, found.text, found.is_new) == ("Opening hours", "Are you open? 👋", True)
    assert found.message_id == "<1@example.com>"
    assert not found.is_automatic
    assert found.reply_to == ""


def test_an_answer_names_our_message_and_loses_what_it_quotes():
    text = "Yes, Tuesday.\n\nOn Mon, 3 Nov 2026, Desk\n<desk@example.org> wrote:\n> Which day?\n"
    found = parsed(
        text, In_Reply_To=OURS, References=f"<room-x@example.org> {OURS}", Subject="Re: Hours"
    )
    assert (found.text, found.reply_to, found.is_new) == ("Yes, Tuesday.", "m_abc123", False)
    assert found.subject == "Hours"


@pytest.mark.parametrize(
    "quotation",
    [
        "> Which day?\n> Desk",
        "Am Mo., 3. Nov. 2026 um 10:00 Uhr schrieb Desk <d@e.org>:\n> Welcher Tag?",
        "Le lun. 3 nov. 2026 à 10:00, Desk <d@e.org> a écrit :\n> Quel jour ?",
        "El lun, 3 nov 2026 a las 10:00, Desk (<d@e.org>) escribió:\n> ¿Qué día?",
        "-----Original Message-----\nFrom: Desk\nWhich day?",
        "From: Desk <d@e.org>\nSent: Monday\nTo: Ann\nSubject: Re: Hours\n\nWhich day?",
        "Von: Desk\nGesendet: Montag\nAn: Ann\nBetreff: Zeiten\n\nWelcher Tag?",
        "________________________________\nFrom: Desk",
        "-- \nAnn Example\nExample Ltd",
        "Sent from my iPhone",
    ],
)
def test_what_only_repeats_is_cut(quotation):
    assert new_text(f"Yes, Tuesday.\n\n{quotation}\n") == "Yes, Tuesday."


@pytest.mark.parametrize(
    "text",
    [
        "On Tuesday I can come.",
        "On second thoughts: no.",
        "From: where does the bus go?",
        "I wrote:\nnothing",
        "a -- b",
        "> only a quotation",
    ],
)
def test_what_only_looks_like_a_quotation_stays(text):
    assert new_text(text) == text


def test_an_answer_between_the_lines_is_kept():
    assert new_text("> Which day?\nTuesday.\n> What time?\nTen.") == "Tuesday.\nTen."


def test_html_is_read_if_there_is_nothing_else():
    page = (
        "<html><head><title>x</title><style>p{}</style></head><body><p>Hi &amp; hello</p>"
        "<div>1 < 2<br>ok</div><script>alert(1)</script><blockquote><p>old</p></blockquote></body>"
    )
    assert parsed(page, kind="html").text == "Hi & hello\n\n1 < 2\nok"


def test_files_come_along():
    made = mail("see file")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png")
    made.add_attachment("<b>x</b>", subtype="html", filename="a.html")
    found = parse_mail(made.as_bytes())
    assert found.text == "see file"
    assert [(file.content_type, file.data) for file in found.files] == [
        ("application/pdf", b"%PDF"),
        ("image/png", b"\x89PNG"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; owner=x"},
        {"Precedence": "bulk"},
        {"List_Id": "<news.example.org>"},
        {"Return_Path": "<>"},
        {"X_Autoreply": "yes"},
        {"sender": "MAILER-DAEMON@example.com"},
        {"sender": "no-reply@example.com"},
    ],
    ids=str,
)
def test_a_machines_mail_is_known(headers):
    assert parsed(**headers).is_automatic


def test_a_person_who_says_so_is_no_machine():
    assert not parsed(Auto_Submitted="no").is_automatic


def report(action="failed", status="5.1.1", ours=OURS):
    return (
        "From: MAILER-DAEMON@mx.example.com\r\nTo: desk@example.org\r\nSubject: failed\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        f"Final-Recipient: rfc822; a@b.cc\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {ours}\r\nTo: a@b.cc\r\n\r\n"
        "--b--\r\n"
    ).encode()


def test_a_report_of_delivery_names_our_message():
    found = parse_mail(report())
    assert found.is_automatic
    assert found.bounce is not None
    assert (found.bounce.message_id, found.bounce.status) == ("m_abc123", "5.1.1")
    assert found.bounce.is_final
    assert not parse_mail(report("delayed", "4.4.1")).bounce.is_final
    assert parse_mail(report("delivered", "2.0.0")).bounce is None
    assert parse_mail(report(ours="<x@y>")).bounce is None


@pytest.mark.parametrize(
    ("results", "passes"),
    [
        ("mx.example.org; spf=pass smtp.mailfrom=a; dmarc=pass header.from=b", True),
        ("mx.example.org 1; dmarc=pass", True),
        ("mx.example.org; dmarc=fail header.from=b", False),
        ("mx.example.org; spf=pass", False),
        ("evil.example; dmarc=pass", False),
        ("", False),
        ("mx.example.org; dmarc=fail\nmx.example.org; dmarc=pass", False),
        ("evil.example; x\nmx.example.org; dmarc=pass", True),
    ],
)
def test_only_our_own_servers_word_counts(results, passes):
    assert is_authentic(results, "mx.example.org") == passes


def test_without_a_message_id_the_same_mail_has_the_same_id():
    raw = b"From: a@b.de\r\nSubject: x\r\n\r\nhi"
    assert (
        parse_mail(raw).message_id
        == parse_mail(raw).message_id
        != parse_mail(raw + b"!").message_id
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 100,
        b"Subject: nobody wrote this\r\n\r\nhi",
        b"From: \r\n\r\n",
        b"x: " + b"y" * 200_000,
    ],
)
def test_what_is_no_mail_is_refused(raw):
    with pytest.raises(ValueError, match="mail"):
        parse_mail(raw)


@settings(max_examples=150)
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"Content-Type: multipart/mixed; boundary=b\r\n"]),
)
def test_anything_at_all_is_read_or_refused(body, header):
    for raw in (b"From: a@b.de\r\n" + header + b"\r\n" + body, b"From: a@b.de\r\n" + body):
        try:
            parse_mail(raw)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "hard",
    [
        b"Content-Type: text/html\r\n\r\n" + b"<a " * 60_000,
        b"Content-Type: text/html\r\n\r\n" + b"<!--" * 50_000,
        b"\r\n" + b"On " * 60_000,
        b"\r\n" + b"\n" * 200_000,
        b"To: " + b"(" * 100_000 + b"\r\n\r\nhi",
        b"Subject: " + b"re: " * 25_000 + b"\r\n\r\nhi",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n\r\n" * 50_000,
    ],
    ids=lambda hard: repr(hard[:30]),
)
def test_nothing_takes_long(hard):
    began = time.process_time()
    with contextlib.suppress(ValueError):
        parse_mail(b"From: a@b.de\r\n" + hard)
    # What is quadratic takes minutes; what is not, a fraction of a second.
    assert time.process_time() - began < 15
