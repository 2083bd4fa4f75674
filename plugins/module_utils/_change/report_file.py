# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and write the file that ``report_dest`` names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._ledger.change import Change
from .._ledger.fleet import change_of_all_shards
from .._ledger.progress import progress_of
from .._ledger.queries import REPORT_COLUMNS
from .._report.rows import Export, RowWriter
from .fleet import report_on

PAGE = "html"
"""The form of a report that is a page, and not one row for each participant."""


def check_report(options: Mapping[str, Any], check_mode: bool) -> None:
    """Refuse a report that could not be written.

    The reason may be the library of its format, its folder or its file.

    Args:
        options: the module's options, ``report_dest`` and ``format`` among them.
        check_mode: the folder is only looked at.

    Raises:
        InvalidInputError: names the option, the reason and the fix.
    """
    if options["format"] == PAGE:
        from .._report.page import check_libraries  # loads the libraries

        check_libraries()
    _export(options, check_mode).discard()


def nearest(path: str) -> str:
    """Return the path of a file in the nearest folder that exists.

    The folders between could be created in it.
    """
    folder, name = os.path.split(os.path.realpath(path))
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return os.path.join(folder, name)


def write_rows(change: Change, options: Mapping[str, Any], check_mode: bool, is_whole: bool = False) -> bool:
    """Write one row for each participant; return whether the content is new.

    In check mode the content is only compared. The rows of all shards of a change can be written.

    Raises:
        InvalidInputError: it cannot be written.
    """
    report = report_on(change, options["mask_identifiers"], is_whole)
    with _export(options, check_mode) as export:
        writer = RowWriter(export.file, options["format"], REPORT_COLUMNS)
        writer.write(report.rows())
    return export.changed


def write_page(
    change: Change,
    options: Mapping[str, Any],
    check_mode: bool,
    shown: Mapping[str, Any],
    cohorts: Mapping[str, Any],
    is_whole: bool = False,
) -> bool:
    """Write the page; return whether the content is new.

    In check mode the content is only compared.

    Args:
        change: the change.
        options: the module's options.
        check_mode: nothing is written.
        shown: the change's facts as they may be shown, with all its waves and runs.
        cohorts: the analysis of its failures, which has no identifier.
        is_whole: whether the page is about all shards of the change.

    Raises:
        InvalidInputError: it cannot be written.
    """
    from .._report.page import Details, page  # loads the charts' library, which no other task needs

    report = report_on(change, options["mask_identifiers"], is_whole)
    progress = progress_of(change_of_all_shards(change) if is_whole else change)
    details = Details(report.failures(), report.reasons(), report.exhausted(), cohorts, progress)
    with _export(options, check_mode) as export:
        export.file.write(page(shown, details))
    return export.changed


def _export(options: Mapping[str, Any], check_mode: bool) -> Export:
    return Export(options["report_dest"], check_mode, "report_dest")
