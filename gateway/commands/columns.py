"""Tables for people who read a terminal."""

from collections.abc import Iterable, Sequence

from gateway.log import one_line

_WIDEST = 28


def in_columns(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows under their header; a cell that is empty becomes a dash, one that is too wide is cut."""
    cells = [tuple(header), *(tuple(_cell(value) for value in row) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def date_and_time(at: object) -> str:
    """Return the API's time without its fraction, for a cell."""
    return str(at or "").partition(".")[0].replace("T", " ")


def _cell(value: object) -> str:
    cell = one_line(str(value or "-"))
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…"
