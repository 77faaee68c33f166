"""Reads a mail as it came over the wire: who wrote what, in answer to what, and whether a machine did.

RFC 5322 and MIME by the standard library; RFC 3834 for automatic mail; RFC 3464 for reports of delivery.
Everything is bounded: mail comes from anybody.
"""

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses, parseaddr

from gateway.channels.mail_reply import new_text

TEXT_MOST = 20_000
HTML_MOST = 200_000
SUBJECT_MOST = 200
PARTS_MOST = 100
FILES_MOST = 10
LINES_MOST = 600_000
NESTED_MOST = 100
ADDRESSES_MOST = 50
ID_MOST = 255
HEADER_MOST = 4_096
HEAD_MOST = 128 * 1024

_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")
_OURS = re.compile(r"<(m_[A-Za-z0-9_=-]{1,80})@[^<>\s]{1,255}>")
_RE = re.compile(
    r"^\s*(?:(?:re|aw|sv|antw|rif|odp|fwd?|wg|tr)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE
)
_MACHINES = re.compile(
    r"^(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file in a mail."""

    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A mail of ours that did not arrive."""

    message_id: str
    """Ours."""
    mail_id: str
    """Its `Message-ID`, as the outbox knows it."""
    status: str
    """RFC 3463, such as `5.1.1`."""
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """A mail, checked and cut to what counts."""

    message_id: str
    """`Message-ID`, or a digest of the mail if it has none."""
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    """Addresses that it was delivered and written to, best first."""
    subject: str
    text: str
    """What the writer added, without what only repeats earlier mail."""
    is_new: bool
    """It begins a conversation."""
    reply_to: str
    """Our id of the message that it answers; empty if it answers none of ours."""
    is_automatic: bool
    """A machine wrote it: it is never answered."""
    files: tuple[MailFile, ...]
    bounce: Bounce | None
    authentication: str
    """`Authentication-Results` (RFC 8601), topmost first, one a line."""


def parse_mail(raw: bytes) -> ParsedMail:
    """Read a mail; raises `ValueError` for what cannot be one (no sender)."""
    try:
        if raw.count(b"\n") > LINES_MOST or raw.lower().count(b"boundary") > NESTED_MOST:
            raise ValueError("the mail has too many lines or parts")
        head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        if len(head) > HEAD_MOST:
            raise ValueError("the mail's head is too long")
        # The newer policy takes structured headers apart when they are read, which can take very long.
        mail = BytesParser(policy=policy.compat32).parsebytes(raw)
        return _parsed(mail, raw)
    except (MessageError, LookupError, IndexError, AttributeError, TypeError, RecursionError) as e:
        # The standard library's parser of headers fails in many ways on what is none.
        raise ValueError(f"the mail cannot be read: {type(e).__name__}") from e


def _parsed(mail: Message, raw: bytes) -> ParsedMail:
    name, sender = parseaddr(_header(mail, "From"))
    bounce = _bounce(mail)
    if not _ADDRESS.fullmatch(sender):
        raise ValueError("the mail has no sender")
    references = f"{_header(mail, 'In-Reply-To')} {_header(mail, 'References')}"
    ours = _OURS.findall(references)
    subject = " ".join(_header(mail, "Subject").split())[:SUBJECT_MOST]
    text, files = _content(mail)
    return ParsedMail(
        message_id=_message_id(mail, raw),
        sender=sender.lower(),
        sender_name=" ".join(name.split())[:ID_MOST],
        recipients=_recipients(mail),
        subject=_RE.sub("", subject),
        text=new_text(text)[:TEXT_MOST],
        is_new=not ours and not _RE.match(subject),
        reply_to=_plain_token(ours[0]) if ours else "",
        is_automatic=bounce is not None or _is_automatic(mail, sender),
        files=files,
        bounce=bounce,
        authentication="\n".join(
            str(value)[:HEADER_MOST] for value in mail.get_all("Authentication-Results") or []
        ),
    )


def _header(mail: Message, name: str) -> str:
    """Return a header, decoded (RFC 2047) and bounded."""
    return _decoded(mail.get(name) or "")


def _decoded(value: object) -> str:
    text = str(value)[:HEADER_MOST]
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError, MessageError):
        return text


def _message_id(mail: Message, raw: bytes) -> str:
    found = _header(mail, "Message-ID").strip()
    if found and len(found) <= ID_MOST:
        return found
    return hashlib.sha256(found.encode("utf-8", "surrogatepass") or raw).hexdigest()


def _plain_token(token: str) -> str:
    """Undo what `EmailTransport` does to an id."""
    return re.sub(r"=([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), token)


def _recipients(mail: Message) -> tuple[str, ...]:
    headers = [
        _decoded(value)
        for name in ("Delivered-To", "X-Original-To", "To", "Cc")
        for value in mail.get_all(name) or []
    ]
    found = [address.lower() for _, address in getaddresses(headers)[:ADDRESSES_MOST]]
    return tuple(dict.fromkeys(one for one in found if _ADDRESS.fullmatch(one)))


# Machines ---------------------------------------------------------------------------------------------


def _is_automatic(mail: Message, sender: str) -> bool:
    """Whether answering could begin a loop, or annoy a list: RFC 3834 section 2, and what mailers do besides."""
    submitted = _header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    precedence = _header(mail, "Precedence").strip().lower()
    return (
        submitted not in ("", "no")
        or precedence in ("bulk", "junk", "list", "auto_reply")
        or any(mail.get(name) for name in ("List-Id", "List-Unsubscribe", "X-Autoreply"))
        or any(mail.get(name) for name in ("X-Autorespond", "X-Autogenerated", "Feedback-ID"))
        or _header(mail, "Return-Path").strip() == "<>"
        or mail.get_content_type() == "multipart/report"
        or bool(_MACHINES.match(sender))
    )


def _bounce(mail: Message) -> Bounce | None:
    """Return what a report of delivery says of a mail of ours (RFC 3464, RFC 6522)."""
    if mail.get_content_type() != "multipart/report":
        return None
    status, action, ours, mail_id = "", "", "", ""
    for part in _parts(mail):
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for block in list(part.walk())[1:PARTS_MOST]:
                status = _header(block, "Status").strip()[:20] or status
                action = _header(block, "Action").strip().lower() or action
        elif kind in ("text/rfc822-headers", "message/rfc822"):
            found = _OURS.search(_whole(part)[:200_000])
            ours, mail_id = (_plain_token(found[1]), found[0]) if found else (ours, mail_id)
    if not ours or action not in ("failed", "delayed", "expired"):
        return None
    return Bounce(
        message_id=ours,
        mail_id=mail_id,
        status=status or "5.0.0",
        is_final=action != "delayed",
    )


def _whole(part: Message) -> str:
    try:
        return part.as_string(policy=policy.compat32)
    except (UnicodeError, LookupError, MessageError):
        return ""


# Content ----------------------------------------------------------------------------------------------


def _parts(mail: Message) -> Iterator[Message]:
    for number, part in enumerate(mail.walk()):
        if number >= PARTS_MOST:
            return
        yield part


def _content(mail: Message) -> tuple[str, tuple[MailFile, ...]]:
    """Return the text and the files; plain text is preferred, HTML is read if there is nothing else."""
    plain, rich, files = "", "", list[MailFile]()
    for part in _parts(mail):
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        is_file = part.get_content_disposition() == "attachment" or bool(part.get_filename())
        if kind == "text/plain" and not is_file and not plain:
            plain = _text(part)
        elif kind == "text/html" and not is_file and not rich:
            rich = _text(part)
        elif not kind.startswith(("text/html", "message/")) and len(files) < FILES_MOST:
            data = part.get_payload(decode=True)
            if isinstance(data, bytes) and data and (is_file or not kind.startswith("text/")):
                files.append(MailFile(kind, data))
    text = plain if plain.strip() else _from_html(rich)
    return text[: 10 * TEXT_MOST], tuple(files)


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = part.get_content_charset("utf-8")
    try:
        return data[:HTML_MOST].decode(charset, "replace")
    except LookupError:
        return data[:HTML_MOST].decode("utf-8", "replace")


_HIDDEN = frozenset({"style", "script", "head", "title", "blockquote"})
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol"})
_TAG_LONGEST = 2_000
_NAME = re.compile(r"/?\s*([a-zA-Z][a-zA-Z0-9]*)")


def _from_html(rich: str) -> str:
    """Return what a mail in HTML shows.

    In one pass: the standard library's parser takes minutes for some texts that anybody can send.
    """
    first, *rest = rich[:HTML_MOST].split("<")
    words, hidden = [first], ""
    for piece in rest:
        tag, end, text = piece[:_TAG_LONGEST].partition(">")
        named = _NAME.match(tag)
        if not end or (named is None and not tag.startswith("!")):
            # No tag: the sign means "less than".
            text, tag, named = f"<{piece}", "", None
        else:
            text += piece[_TAG_LONGEST:]
        name = named[1].lower() if named else ""
        if hidden:
            hidden = "" if tag.startswith("/") and name == hidden else hidden
            words.append(text if not hidden else "")
            continue
        if name in _HIDDEN and not tag.startswith("/"):
            hidden = name
            continue
        words.append(("\n" if name in _BLOCKS else "") + re.sub(r"\s+", " ", text))
    lines = (line.strip() for line in html.unescape("".join(words)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
