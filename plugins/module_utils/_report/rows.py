# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stream a result to a temporary file, and move it into place when complete."""

from __future__ import annotations

import csv
import filecmp
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TextIO

from .._core.errors import InvalidInputError
from .._core.files import make_private, target_of

FORMATS = ("csv", "jsonl")

_BLOCK = 1000

_READABLE = 0o644


class Export:
    """A file that is being written.

    As a context manager it is moved to ``dest`` if the block ends without an error, and discarded otherwise.

    Args:
        dest: the path of the file. Its folder must exist. Only its owner may read it, because it contains subscribers'
            identifiers, even if others could read an existing file before.
        check_mode: only find out whether the file would change.
        option: the task's option that names the file.
        private: false for a file without identifiers that other programs read: every user may read it, and it is
            replaced even if its content is the same, so that its time shows when it was written last.

    Attributes:
        file: where to write text.
        changed: after the block, whether the file's content is new.

    Raises:
        InvalidInputError: the file cannot be written; names the option, the reason and the fix.
    """

    def __init__(self, dest: str, check_mode: bool, option: str = "dest", *, private: bool = True) -> None:
        self._name = f"{option} '{dest}'"
        self._dest = target_of(dest, self._name)
        self._check_mode = check_mode
        self._private = private
        self.changed = False
        folder = os.path.dirname(self._dest)
        if os.path.exists(self._dest) and not os.path.isfile(self._dest):
            raise self._unwritable("it exists, and is not a regular file")
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
            raise self._unwritable(f"the folder {folder} is missing or cannot be written")
        try:
            handle, self._path = tempfile.mkstemp(dir=None if check_mode else folder, prefix=".yateota-")
        except OSError as error:
            raise self._unwritable(error.strerror) from None
        self.file: TextIO = os.fdopen(handle, "w", encoding="utf-8", newline="")

    def __enter__(self) -> Export:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self.file.close()
            if kind is None:
                self._settle()
        except OSError as failure:
            raise self._unwritable(failure.strerror) from None
        finally:
            if os.path.exists(self._path):
                os.unlink(self._path)
        if isinstance(error, OSError):
            raise self._unwritable(error.strerror) from None

    def discard(self) -> None:
        """Remove the temporary file, after a check that it can be written."""
        self.file.close()
        os.unlink(self._path)

    def _unwritable(self, why: str | None) -> InvalidInputError:
        return InvalidInputError(
            f"{self._name} cannot be written ({why}): name a file in a writable folder with enough space."
        )

    def _settle(self) -> None:
        exists = os.path.exists(self._dest)
        self.changed = not (exists and filecmp.cmp(self._path, self._dest, shallow=False))
        if self._check_mode:
            return
        if not self._private:
            os.chmod(self._path, _READABLE)
        if self.changed or not self._private:
            os.replace(self._path, self._dest)
        else:
            make_private(self._dest, self._name)


class RowWriter:
    """A writer of rows as CSV with a header, or as JSON lines.

    Args:
        file: where to.
        form: one of ``FORMATS``.
        columns: the names of a row's values.
    """

    def __init__(self, file: TextIO, form: str, columns: Iterable[str]) -> None:
        self._file = file
        self._is_csv = form == "csv"
        self._names = list(columns)
        self._plain = csv.writer(file, lineterminator="\n")
        self._quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if self._is_csv:
            self._plain.writerow(self._names)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows that come as mappings, as ``write_block`` does, in blocks."""
        values = ([row[name] for name in self._names] for row in rows)
        while block := list(islice(values, _BLOCK)):
            self.write_block(block)

    def write_block(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows, each with the values of all columns.

        In CSV a nested value is JSON, an empty one and None are an empty field.

        Spreadsheets must not run a cell of CSV as a formula: an apostrophe is put before text that would begin one, and
        before the + of a phone number, which a spreadsheet would drop. The same is done in a cell behind a character
        that separates cells in some spreadsheets, such as the semicolon in German and French ones: quotes in the middle
        of a cell do not hold it together. The reader of lists removes the apostrophe of an identifier.
        """
        if not self._is_csv:
            self._file.writelines(f"{json.dumps(dict(zip(self._names, row, strict=True)))}\n" for row in rows)
            return
        columns = [_Column(values) for values in zip(*rows, strict=True)]
        shown = zip(*(column.cells for column in columns), strict=True)
        if not any(column.has_return for column in columns):
            self._plain.writerows(shown)
            return
        for cells in shown:
            # The csv module does not quote a single carriage return, which is a line end for other programs.
            has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells)
            (self._quoted if has_return else self._plain).writerow(cells)


class _Column:
    """One column of a block of rows, judged at once: most have no cell that must be shown in another way.

    Attributes:
        cells: the values as they are shown.
        has_return: whether a cell may have a carriage return.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        kinds = set(map(type, values))
        text = "\0".join(["", *filter(None, values)]) if kinds <= _TEXT else ""
        is_shown_so = (kinds <= _TEXT or kinds <= _NUMBERS) and not _FORMULA_IN_COLUMN.search(text)
        self.cells = values if is_shown_so else [_cell(value) for value in values]
        if not is_shown_so:
            text = "".join(cell for cell in self.cells if isinstance(cell, str))
        self.has_return = "\r" in text


_TEXT, _NUMBERS = {str, type(None)}, {int, float, bool, type(None)}
_FORMULA_BEGINS = "'*[=+@\t\r\n\uff1d\uff0b\uff0d\uff20-]"
_FORMULA = re.compile(_FORMULA_BEGINS)
"""The start of a cell that a spreadsheet may run, or that already has the apostrophe, so that it can be removed."""
_WITHIN = "[;|\t\r\n](?=[\"']*[=+@\uff1d\uff0b\uff0d\uff20-])"
_FORMULA_WITHIN = re.compile(f"({_WITHIN})")
"""A separator in a cell, and behind it what begins one for a program that separates by it, whatever quotes it is in."""
_FORMULA_IN_COLUMN = re.compile(f"\0{_FORMULA_BEGINS}|{_WITHIN}")
"""Either in the values of a column, each with the character 0 in front."""


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        value = json.dumps(value) if value else ""
    if not isinstance(value, str):
        return value
    shown = _FORMULA_WITHIN.sub(r"\1'", value)
    return f"'{shown}" if _FORMULA.match(shown) else shown
