# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a result to a file: streamed, under a temporary name, and moved into place only when it is whole."""

from __future__ import annotations

import csv
import filecmp
import json
import os
import re
import tempfile
from collections.abc import Iterable
from typing import Any, TextIO

from .._core.errors import InvalidInputError
from .._core.files import make_private, target_of

FORMATS = ("csv", "jsonl")


class Export:
    """A file under way. As a context manager it is moved to ``dest`` when the block ends well, and left out otherwise.

    Args:
        dest: where the file goes. Its folder must exist. Its owner alone may read it, since it holds subscribers'
            identifiers, also where it exists and others could before.
        check_mode: only find out whether the file would change.
        option: which of the task's options names the file.

    Attributes:
        file: where to write text.
        changed: after the block, whether the file's content is new.

    Raises:
        InvalidInputError: the file cannot be written; names the option, the reason and the mend.
    """

    def __init__(self, dest: str, check_mode: bool, option: str = "dest") -> None:
        self._name = f"{option} '{dest}'"
        self._dest = target_of(dest, self._name)
        self._check_mode = check_mode
        self.changed = False
        folder = os.path.dirname(self._dest)
        if os.path.exists(self._dest) and not os.path.isfile(self._dest):
            raise self._unwritable("it is there, and no regular file")
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
        """Leave nothing of it: for finding out whether it can be made."""
        self.file.close()
        os.unlink(self._path)

    def _unwritable(self, why: str | None) -> InvalidInputError:
        return InvalidInputError(
            f"{self._name} cannot be written ({why}): name a file in a folder that can be, with room for it."
        )

    def _settle(self) -> None:
        exists = os.path.exists(self._dest)
        self.changed = not (exists and filecmp.cmp(self._path, self._dest, shallow=False))
        if self._check_mode:
            return
        if self.changed:
            os.replace(self._path, self._dest)
        else:
            make_private(self._dest, self._name)


class RowWriter:
    """Writes rows, dicts with the same keys, as CSV with a header or as JSON lines."""

    def __init__(self, file: TextIO, form: str, columns: Iterable[str]) -> None:
        self._file = file
        self._is_csv = form == "csv"
        names = list(columns)
        self._plain = csv.DictWriter(file, names, lineterminator="\n")
        self._quoted = csv.DictWriter(file, names, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if self._is_csv:
            self._plain.writeheader()

    def write(self, row: dict[str, Any]) -> None:
        """Write one row. In CSV a nested value is JSON, an empty one and None are an empty field.

        No spreadsheet takes a cell of CSV for a formula: an apostrophe stands before what would begin one, the + of a
        phone number included, which a spreadsheet would drop. The reader of lists takes it away.
        """
        if not self._is_csv:
            self._file.write(json.dumps(row) + "\n")
            return
        cells = {name: _cell(value) for name, value in row.items()}
        # Of a carriage return alone the csv module does not know that it ends a line for others.
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells.values())
        (self._quoted if has_return else self._plain).writerow(cells)


_FORMULA = re.compile("'*[=+@\t\r\n\uff1d\uff0b\uff0d\uff20-]")
"""How a cell begins that a spreadsheet may run, and one that bears the apostrophe already, so that it can be undone."""


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value) if value else ""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
