# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read CSV files and the sheets of workbooks as rows with their lines."""

from __future__ import annotations

import csv
import datetime
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .._core.errors import InvalidInputError
from .._core.identifiers import masked
from .source_cells import Number, is_blank
from .source_columns import Columns, listed, plain_name

_HEAD = 40
"""The number of rows among which the header is searched for."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SEPARATOR = re.compile(r'\s*"?sep=([^"\r\n])"?[,;\t|]*\s*', re.IGNORECASE)
_LONG = 14  # digits: an IMSI has as many, and an order number fewer


class Row(NamedTuple):
    """A row: its first line, and its cells, or the reason why it cannot be read.

    Lines are counted as an editor counts them.
    """

    line: int
    cells: Sequence[Any] | InvalidInputError


class HeaderError(InvalidInputError):
    """An unclear header: it is not certain which line of a file is its header."""


class Header(NamedTuple):
    """The header of a table: its place among the first rows, line and columns."""

    place: int
    line: int
    columns: Columns


def find_header(rows: Sequence[Row]) -> Header | None:
    """Return the header among a table's first rows, or None.

    Titles may stand above it. It is not the only word of a title.

    Raises:
        HeaderError: it has an entry, or an entry and not a title stands above it.
    """
    found: Header | None = None
    for place, row in enumerate(rows):
        if isinstance(row.cells, InvalidInputError) or all(map(is_blank, row.cells)):
            continue
        columns = _columns(row)
        if columns.identifies() and (not found or len(columns.mapping) > len(found.columns.mapping)):
            found = Header(place, row.line, columns)
        elif found and _is_entry(row):  # otherwise it may be a title of one word, such as "SIM"
            break
    if found:
        if _is_entry(rows[found.place]):
            raise HeaderError(
                f"line {found.line} is the header and has an entry: give each entry a line of its own below the header."
            )
        for row in rows[: found.place]:
            if _is_entry(row):
                raise HeaderError(
                    f"line {row.line} looks like an entry, and stands above the header in line {found.line}: "
                    "put the header into the first line."
                )
    return found


def _is_entry(row: Row) -> bool:
    """Return whether a row has a long number as a cell, or only numbers."""
    cells = [] if isinstance(row.cells, InvalidInputError) else row.cells
    words = [re.sub(r"\W", "", str(cell)) for cell in cells if not is_blank(cell)]
    numbers = [word for word in words if word.isdecimal()]
    return bool(numbers) and (len(numbers) == len(words) or max(map(len, numbers)) >= _LONG)


def no_header(rows: Sequence[Row], how: str) -> str:
    """Describe what was found in a table instead of a header."""
    readable = [
        row for row in rows if not isinstance(row.cells, InvalidInputError) and not all(map(is_blank, row.cells))
    ]
    if not readable:
        return f"it is empty ({how})"
    nearest = max(readable, key=lambda row: len(_columns(row).resembling))
    resembling = "".join(f"; '{name}' looks like {field}" for name, field in _columns(nearest).resembling.items())
    return f"line {nearest.line} has {masked(listed(_columns(nearest).names))} ({how}){masked(resembling)}"


def _columns(row: Row) -> Columns:
    return Columns([] if isinstance(row.cells, InvalidInputError) else row.cells)


class CsvTable:
    """A CSV file, whose separator and header are found in its first lines.

    Args:
        lines: its lines with their ends.
        encoding: how they were encoded, for messages.

    Attributes:
        header: the header, or None.
        found: what was found instead, if there is no header.

    Raises:
        HeaderError: as ``find_header``.
    """

    def __init__(self, lines: Iterable[str], encoding: str) -> None:
        lines = iter(lines)
        head = list(itertools.islice(lines, _HEAD))
        first = next((place for place, line in enumerate(head) if not is_blank(line)), 0)
        named = _SEPARATOR.fullmatch(head[first]) if head else None
        skipped = first + 1 if named else 0
        self._rows: dict[str, list[Row]] = {
            separator: list(_csv_rows(head[skipped:], separator, skipped, strict=False))
            for separator in ([named[1]] if named else _DELIMITERS)
        }
        headers = {separator: find_header(rows) for separator, rows in self._rows.items()}
        self._separator = max(headers, key=lambda separator: self._merit(separator, headers[separator]))
        self.header = headers[self._separator]
        how = f"separated by {_DELIMITERS.get(self._separator, repr(self._separator))}, {encoding}"
        self.found = "" if self.header else no_header(self._rows[self._separator], how)
        above = self.header.line - 1 if self.header else len(head)
        self._lines = itertools.chain(head[above:], lines if self.header else ())

    def _merit(self, separator: str, header: Header | None) -> tuple[int, int, int]:
        """Rate how well a separator fits: by the known columns, then by all columns."""
        if header:
            return len(header.columns.mapping), 0, 0
        columns = [_columns(row) for row in self._rows[separator]]
        resembling = max((len(each.resembling) for each in columns), default=0)
        return 0, resembling, max((len(each.names) for each in columns), default=0)

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header."""
        if self.header:
            for row in _csv_rows(self._lines, self._separator, self.header.line - 1, True, self._swallowed):
                if row.line != self.header.line or isinstance(row.cells, InvalidInputError):
                    yield row

    def _swallowed(self, row: Row) -> Row:
        """Return a row of several lines, or why it is refused: one of them looks like an entry of its own.

        A mark for inches at the beginning of a cell opens a quoted cell, which the next such mark ends.
        """
        if not self.header or row.line == self.header.line or isinstance(row.cells, InvalidInputError):
            return row
        columns, lines, around = self.header.columns, [[]], ""  # type: ignore[var-annotated]
        for place, cell in enumerate(row.cells):
            first, *others = [cell] if columns.is_read(place) else re.split("\r\n|\r|\n", cell)
            if others and self._separator in cell:
                around = around or (columns.names[place] if place < len(columns.names) else "")
                lines[-1] += first.split(self._separator)
                lines += [other.split(self._separator) for other in others]
            else:
                lines[-1].append(first)
                lines += [[] for _other in others]
        found = [place for place, cells in enumerate(lines) if len(cells) > 1 and columns.looks_like_entry(cells)]
        if len(found) < 2:
            return row
        return Row(
            row.line,
            InvalidInputError(
                f"its quotes around '{plain_name(around)}' contain line {row.line + found[1]}, which looks like an "
                "entry of its own: double the quotes inside a cell, or take the line's end out of the cell."
            ),
        )


def _csv_rows(
    lines: Iterable[str],
    separator: str,
    before: int,
    strict: bool,
    judge_several_lines: Callable[[Row], Row] = lambda row: row,
) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=separator, strict=strict)
    while True:
        line = before + reader.line_num + 1  # a row may continue over several lines
        try:
            cells = next(reader, None)
        except csv.Error as error:  # what follows may be part of this row, or rows of its own
            yield Row(
                line, InvalidInputError(f"it is not valid CSV ({error}): close its quotes, and double those inside.")
            )
            return
        if cells is None:
            return
        row = Row(line, cells)
        yield row if before + reader.line_num == line else judge_several_lines(row)


class Workbook:
    """The sheet of a workbook that has a known header.

    Args:
        book: as ``openpyxl`` has loaded it, for reading.

    Attributes:
        header: the header, or None.
        found: what was found instead, if there is no header.

    Raises:
        HeaderError: more than one sheet has such a header; or as ``find_header``.
    """

    def __init__(self, book: Any) -> None:
        self._sheets = {sheet.title: sheet for sheet in book.worksheets if sheet.sheet_state == "visible"}
        heads = {title: list(itertools.islice(self._all_rows(title), _HEAD)) for title in self._sheets}
        headers = {title: header for title, rows in heads.items() if (header := find_header(rows))}
        if len(headers) > 1:
            raise HeaderError(f"the sheets {listed(headers)} each have a header: leave one of them in the file.")
        self._title = next(iter(headers), "")
        self.header = headers.get(self._title)
        self.found = "; ".join(no_header(rows, f"sheet '{title}'") for title, rows in heads.items())

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header."""
        if self.header:
            yield from itertools.islice(self._all_rows(self._title), self.header.place + 1, None)

    def _all_rows(self, title: str) -> Iterator[Row]:
        sheet = self._sheets[title]
        sheet.reset_dimensions()  # some programs write wrong ones, and rows outside them would be left out
        for line, cells in enumerate(sheet.iter_rows(), start=1):
            yield Row(line, [_cell_text(cell) for cell in cells])


def _cell_text(cell: Any) -> str:
    """Return a workbook's cell as text, or a number as a ``Number``.

    A ``Number`` has the leading zeros that its format shows.
    """
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        shown = str(cell.number_format)
        return Number(str(value).zfill(len(shown) if shown.strip("0") == "" else 0))
    if isinstance(value, float):
        return Number(repr(value))
    if hasattr(value, "text"):  # a formula of an array
        return str(value.text)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)
