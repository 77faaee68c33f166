"""Files that people sent: what is expected, what was fetched and what could not be, in the caller's transaction.

Written down together with the message they came with, so that none is forgotten by a crash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from gateway.model.messages import InboundMessage
from gateway.rooms import text_lines
from gateway.rooms.timeline import Entry, Kind
from gateway.store import room_lines
from gateway.store.clean import clean
from gateway.store.schema_rooms import media_files

URL_LONGEST = 4_096


class MediaStatus(StrEnum):
    """How far a file has come."""

    WAITING = "waiting"
    """To be fetched, or to be tried again."""
    FETCHED = "fetched"
    REFUSED = "refused"
    """Its kind, size or host may not be, or its server does not give it."""
    FAILED = "failed"
    """Given up after the last try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """One file as the store knows it; times are seconds since 1970."""

    media_id: str
    room_id: str
    provider: str
    provider_id: str
    number: int
    url: str
    content_type: str
    status: MediaStatus
    size_bytes: int | None
    sha256: str
    tries: int
    next_try_at: float
    error: str
    created_at: float
    changed_at: float


def media_id(message: InboundMessage, number: int) -> str:
    """Return the id of the n-th file of a message: the same however often it comes."""
    return f"f_{text_lines.digest('media', message.provider, message.provider_id, str(number))}"


def expect(connection: Connection, room_id: str, message: InboundMessage, *, at: float) -> int:
    """Write down the files of a message, once; returns how many are new."""
    new = 0
    for number, item in enumerate(message.media):
        file_id = media_id(message, number)
        known = select(media_files.c.media_id).where(media_files.c.media_id == file_id)
        if connection.execute(known).first() is not None:
            continue
        new += 1
        connection.execute(
            insert(media_files).values(
                media_id=file_id,
                room_id=room_id,
                provider=message.provider,
                provider_id=message.provider_id,
                number=number,
                url=clean(item.url)[:URL_LONGEST],
                content_type=clean(item.content_type)[:255],
                status=MediaStatus.WAITING.value,
                next_try_at=at,
                created_at=at,
                changed_at=at,
            )
        )
    return new


def waiting(connection: Connection, *, limit: int, but: Sequence[str] = ()) -> list[MediaFile]:
    """Return files to be fetched, soonest first, without those named."""
    query = (
        select(media_files)
        .where(media_files.c.status == MediaStatus.WAITING.value)
        .order_by(media_files.c.next_try_at, media_files.c.created_at)
        .limit(limit)
    )
    if but:
        query = query.where(media_files.c.media_id.not_in(but))
    return [_file(row) for row in connection.execute(query)]


def fetched(
    connection: Connection,
    file: MediaFile,
    *,
    content_type: str,
    size_bytes: int,
    sha256: str,
    at: float,
) -> None:
    """The file is on the disk: say so in the room, once."""
    _change(
        connection,
        file,
        status=MediaStatus.FETCHED.value,
        content_type=content_type,
        size_bytes=size_bytes,
        sha256=sha256,
        tries=file.tries + 1,
        error="",
        changed_at=at,
    )
    facts = {"content_type": content_type, "size_bytes": size_bytes, "sha256": sha256}
    _tell(connection, file, Kind.FILE_RECEIVED, facts, at)


def postponed(
    connection: Connection, file: MediaFile, error: str, *, at: float, next_try_at: float
) -> None:
    """It did not come; try again then."""
    _change(
        connection,
        file,
        tries=file.tries + 1,
        error=clean(error)[:300],
        next_try_at=next_try_at,
        changed_at=at,
    )


def given_up(
    connection: Connection, file: MediaFile, status: MediaStatus, error: str, *, at: float
) -> None:
    """It will not come: say so in the room, once."""
    words = clean(error)[:300]
    _change(connection, file, status=status.value, tries=file.tries + 1, error=words, changed_at=at)
    facts = {"content_type": file.content_type, "status": status.value, "error": words}
    _tell(connection, file, Kind.FILE_FAILED, facts, at)


def get(connection: Connection, file_id: str) -> MediaFile | None:
    """Return one file; None if there is none of this id."""
    row = connection.execute(select(media_files).where(media_files.c.media_id == file_id)).first()
    return None if row is None else _file(row)


def of_room(connection: Connection, room_id: str, *, limit: int) -> list[MediaFile]:
    """Return a room's files, newest first."""
    query = (
        select(media_files)
        .where(media_files.c.room_id == room_id)
        .order_by(media_files.c.created_at.desc(), media_files.c.number.desc())
        .limit(limit)
    )
    return [_file(row) for row in connection.execute(query)]


def total_bytes(connection: Connection) -> int:
    """Return how much all fetched files take."""
    return int(connection.execute(select(func.sum(media_files.c.size_bytes))).scalar() or 0)


def forget_before(connection: Connection, before: float, *, limit: int) -> list[str]:
    """Delete the rows of files from before that time; returns the ids, whose files are to be removed."""
    found = list(
        connection.execute(
            select(media_files.c.media_id).where(media_files.c.created_at < before).limit(limit)
        ).scalars()
    )
    if found:
        connection.execute(delete(media_files).where(media_files.c.media_id.in_(found)))
    return found


def _change(connection: Connection, file: MediaFile, **values: Any) -> None:
    connection.execute(
        update(media_files).where(media_files.c.media_id == file.media_id).values(**values)
    )


def _tell(
    connection: Connection, file: MediaFile, kind: Kind, facts: dict[str, Any], at: float
) -> None:
    entry = Entry(
        room_id=file.room_id,
        call_id="",
        kind=kind,
        offset_ms=0.0,
        facts={"at": at, "media_id": file.media_id, **facts},
    )
    room_lines.append_line(connection, entry, entry_id=f"l_{file.media_id}"[:40])


def _file(row: Row[Any]) -> MediaFile:
    return MediaFile(**{**row._mapping, "status": MediaStatus(row.status)})
