# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a file that lists SIMs as a stream of entries with their lines.

Any program may have written it.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import struct
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from .._core.errors import InvalidInputError
from .._core.libraries import guarded, missing
from .._core.problems import Places
from .source_cells import is_blank, lost_digits
from .source_columns import Columns
from .source_json import Pairs, Value, json_lines, json_values
from .source_table import CsvTable, HeaderError, Workbook

Entry = tuple[int, Any]
"""The line that an entry begins in, and a dict with any of ``COLUMNS``, or an InvalidInputError."""

_HEAD_BYTES = 65536
_LONGEST_LINE = 1 << 20  # characters
_LARGEST_WORKBOOK = 1 << 31  # bytes, unpacked
_GZIP, _ZIP, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_MARKS = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8"),
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF32_BE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
_ACCEPTED = "give a CSV file with a header line, a workbook (.xlsx), a JSON array or JSON lines"
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile)
_BAD_WORKBOOK = (
    *_UNREADABLE,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    SyntaxError,
    RuntimeError,
    struct.error,
)
_Table = TypeVar("_Table", CsvTable, Workbook)
_KEY_SETS = 256
_MOST_NAMES = 200  # characters
_GRAIN = 3.0  # seconds, more than any file system's moments are apart


@dataclass(frozen=True)
class Stamp:
    """The record of a file's content in its file system, at a moment.

    Attributes:
        facts: the file's device and number, its size, and when its content and its record were last written.
        settled: the content was written long enough before, so that a later write shows in the facts.
    """

    facts: tuple[int, ...]
    settled: bool

    def may_have_changed(self, later: Stamp) -> bool:
        """Return whether the file may have been written between two stamps.

        ``later`` is the later stamp.
        """
        return not self.settled or self.facts != later.facts


class Source:
    """A list of SIMs in a file, open for reading; a context manager.

    Args:
        path: the file.

    Attributes:
        columns: for each of ``COLUMNS`` that was found so far, its names in the file.
        numeric: names of columns of a workbook under which numbers were taken for identifiers.

    Raises:
        InvalidInputError: it cannot be opened, or is not a regular file.
    """

    def __init__(self, path: Any) -> None:
        self._path = path
        self._stack = contextlib.ExitStack()
        self.columns: dict[str, str] = {}
        self.numeric: set[str] = set()
        try:  # without waiting for a writer, if it is a pipe
            self._raw = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
        except OSError as error:
            raise self._refused(f"cannot be read ({error.strerror})") from None
        self._stack.callback(self._raw.close)
        if not stat.S_ISREG(os.fstat(self._raw.fileno()).st_mode):
            self._stack.close()
            raise self._refused("is not a regular file")

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def digest(self) -> str:
        """Return the SHA-256 of its bytes, as hexadecimal digits."""
        self._raw.seek(0)
        return hashlib.file_digest(self._raw, "sha256").hexdigest()

    def stamp(self) -> Stamp:
        """Return what shows that the file is written while it is read.

        The file is not read again for it. File systems note a moment with a grain of up to 2 seconds.
        """
        found = os.fstat(self._raw.fileno())
        facts = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        return Stamp(facts, max(found.st_mtime, found.st_ctime) < time.time() - _GRAIN)

    def entries(self) -> Iterator[Entry]:
        """Yield all entries but blank lines.

        An unreadable entry is among them, as an error with its line.

        Raises:
            InvalidInputError: it cannot be read at all.
        """
        self._raw.seek(0)
        try:
            binary: IO[bytes] = self._raw
            if self._raw.peek(2).startswith(_GZIP):
                packed = gzip.GzipFile(fileobj=self._raw)
                self._stack.callback(packed.close)
                binary = packed  # type: ignore[assignment]
            head = binary.read(_HEAD_BYTES)
            binary.seek(0)
            if head.startswith(_ZIP):
                yield from self._workbook(binary)
            else:
                yield from self._text(binary, head)
        except _UNREADABLE as error:
            raise self._refused(
                f"cannot be read ({error.strerror if isinstance(error, OSError) and error.strerror else error})"
            ) from None

    # --- The forms -------------------------------------------------------------------------------------------------

    def _text(self, binary: IO[bytes], head: bytes) -> Iterator[Entry]:
        mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
        codec, encoding = _MARKS.get(mark, ("utf-8", "UTF-8"))
        errors = _ERRORS if encoding == "UTF-8" else "replace"
        start = codecs.getincrementaldecoder(codec)(errors).decode(head)
        self._check_is_text(head, start)
        begin = start.lstrip()
        is_json = begin.startswith(("[", "{"))
        text = io.TextIOWrapper(binary, codec, errors, newline=None if is_json else "")
        self._stack.callback(text.detach)
        if not is_json:
            return self._table(self._opened(CsvTable, self._lines(text), encoding))
        values = json_lines(self._lines(text)) if _is_one_line(begin) else json_values(text.read)
        return self._objects(values)

    def _check_is_text(self, head: bytes, start: str) -> None:
        if head.startswith(_OLE):
            raise self._refused(
                "is a workbook of an old form, or one with a password: save it as .xlsx without one", ""
            )
        if not start.strip():
            raise self._refused("is empty")
        if any(sign < " " and sign not in "\t\r\n\f\v\x1a" for sign in start):
            raise self._refused("is a binary file, or text in an encoding without a mark: save it as UTF-8", "")

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        number = 0
        while line := text.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise self._refused(f"has a line of more than {_LONGEST_LINE} characters (line {number})")
            if "\0" in line:
                raise self._refused(f"has a NUL byte in line {number}")
            yield line

    def _workbook(self, binary: IO[bytes]) -> Iterator[Entry]:
        if missing(["openpyxl"]):
            raise InvalidInputError(
                f"source '{self._path}' is a workbook, and openpyxl, which reads it, is not installed: "
                "install openpyxl, or save the workbook as CSV."
            )
        try:
            if binary is not self._raw:  # a workbook is read from its end, which takes long in a packed file
                unpacked: IO[bytes] = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
                shutil.copyfileobj(binary, unpacked)
                binary = unpacked
            with zipfile.ZipFile(binary) as parts:
                if sum(part.file_size for part in parts.infolist()) > _LARGEST_WORKBOOK:
                    raise self._refused("is a workbook that is too large: save it as CSV", "")
            self._stack.enter_context(warnings.catch_warnings())  # about parts that it does not read, such as colors
            warnings.simplefilter("ignore")
            book = guarded("openpyxl").load_workbook(binary, read_only=True)
            self._stack.callback(book.close)
            yield from self._table(self._opened(Workbook, book))
        except _BAD_WORKBOOK as error:
            raise self._refused(f"is not a workbook that can be read ({error})") from None

    # --- The entries -----------------------------------------------------------------------------------------------

    def _opened(self, kind: Callable[..., _Table], *arguments: Any) -> _Table:
        try:
            return kind(*arguments)
        except HeaderError as error:
            raise InvalidInputError(f"source '{self._path}': {error}") from None

    def _table(self, table: CsvTable | Workbook) -> Iterator[Entry]:
        if not table.header:
            raise InvalidInputError(
                f"source '{self._path}' has no column that identifies a participant: {table.found}. Give a header "
                "line with participant_id, iccid, imsi or msisdn, or a usual name of one, such as SIM number or Phone "
                "number."
            )
        columns = table.header.columns
        if columns.resembling:
            raise InvalidInputError(f"source '{self._path}', line {table.header.line}: {_entry_of(columns, ())}")
        self.columns, self.numeric = columns.mapping, columns.numeric
        zeros, count = Places(), 0
        for line, cells in table.rows():
            if isinstance(cells, InvalidInputError):
                yield line, cells
            elif not all(map(is_blank, cells)) and not columns.repeats(cells):
                entry = _entry_of(columns, cells)
                count += 1
                if isinstance(entry, dict) and lost_digits(entry.get("iccid", "")):
                    zeros.add(line)
                yield line, entry
        # One SIM in thousands has such a number; if more have it, a spreadsheet rounded them.
        if zeros.count * 100 > count:
            raise self._refused(
                f"has ICCIDs with zeros from the 16th digit on ({zeros.words('line')}), as when a spreadsheet took "
                "them for numbers. Put them in again from their source; where they are right, give JSON lines",
                hint="",
            )

    def _objects(self, values: Iterator[Value]) -> Iterator[Entry]:
        known: dict[tuple[str, ...], Columns] = {}
        for line, value in values:
            if isinstance(value, InvalidInputError):
                yield line, value
                continue
            if not isinstance(value, Pairs):
                yield line, InvalidInputError("it is not a JSON object: give one for each participant.")
                continue
            if any(name == "participants" and isinstance(each, list) for name, each in value):
                yield (
                    line,
                    InvalidInputError("it is an object around a list: give the list of 'participants' alone."),
                )
                continue
            names = tuple(name for name, _each in value)
            columns = known.get(names)
            if columns is None:
                columns = Columns(names, table=False)
                self._learn(columns)
                if len(known) < _KEY_SETS:
                    known[names] = columns
            yield line, _entry_of(columns, [each for _name, each in value])

    def _learn(self, columns: Columns) -> None:
        for field, names in columns.mapping.items():
            known = self.columns.setdefault(field, names)
            if names not in known.split(", ") and len(known) < _MOST_NAMES:
                self.columns[field] = f"{known}, {names}"

    def _refused(self, why: str, hint: str = f": {_ACCEPTED}") -> InvalidInputError:
        return InvalidInputError(f"source '{self._path}' {why}{hint}.")


def _entry_of(columns: Columns, cells: Any) -> Any:
    try:
        columns.check()
        return columns.entry(cells)
    except InvalidInputError as error:
        return error


def _is_one_line(text: str) -> bool:
    """Return whether a JSON text is JSON lines.

    It is if its first line is a whole value, or a broken one.
    """
    line = text.split("\n", 1)[0].rstrip()
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return not text.startswith("[") and error.pos < len(line)
    except (ValueError, RecursionError):
        return True
    return not text.startswith("[")


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Return bytes that are not UTF-8 as Windows-1252, for ``codecs``.

    Old Western programs write it. It does no harm in columns that are not read.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start, end = error.start, error.end
    return error.object[start:end].decode("cp1252", "replace"), end


_ERRORS = "yateota-windows-1252"
codecs.register_error(_ERRORS, _as_windows_1252)
