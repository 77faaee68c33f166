"""Call detail records as CSV, page by page, so that a year of calls needs no more memory than a day."""

from collections.abc import AsyncIterator
from dataclasses import replace

from aiohttp import web

from gateway.cdr import csv_lines, record_of
from gateway.http.ports import Archive
from gateway.store.call_filter import CallFilter

PAGE = 200
"""Rows written at a time: some four milliseconds, in which nothing else goes on."""
MOST = 1_000_000
"""Rows of one answer; ask for a time span to get the rest."""


def wants_csv(request: web.Request) -> bool:
    """Whether the client asked for CSV rather than JSON, by `Accept` or by the path."""
    if request.path.endswith(".csv"):
        return True
    accepted = [
        part.partition(";")[0].strip() for part in request.headers.get("Accept", "").split(",")
    ]
    return "text/csv" in accepted and "application/json" not in accepted


async def csv_of(archive: Archive, wanted: CallFilter, limit: int) -> web.Response:
    """Return the answer; its rows are read while it is sent. Raises `StoreError`."""
    # The first page is read before the answer begins, so that a store that fails is an error and not half a file.
    first = await archive.calls(min(PAGE, limit), wanted=wanted)

    async def rows() -> AsyncIterator[bytes]:
        records, left, is_first = first, limit, True
        while True:
            yield csv_lines(map(record_of, records), header=is_first).encode()
            left -= len(records)
            if len(records) < PAGE or left <= 0:
                return
            last, is_first = records[-1], False
            further = replace(wanted, after=(last.offered_at, last.call_id))
            records = await archive.calls(min(PAGE, left), wanted=further)

    return web.Response(
        body=rows(),
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": 'attachment; filename="calls.csv"',
        },
    )
