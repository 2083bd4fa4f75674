# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would stop a task later, found out before anything is sent, and in check mode too. Nothing is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._core.errors import InvalidInputError
from .._report.rows import Export


def check_ledger(where: str) -> None:
    """Refuse the path of a ledger that could not be made or written; a URL passes.

    Raises:
        InvalidInputError: names the ledger, the reason and what to do.
    """
    if "://" in where:
        return
    folder = os.path.dirname(os.path.abspath(where))
    if not os.path.isdir(folder):
        why = f"the folder {folder} is not there"
    elif not os.access(folder, os.W_OK | os.X_OK):
        why = f"the folder {folder} cannot be written"
    elif os.path.exists(where) and not os.access(where, os.R_OK | os.W_OK):
        why = "Permission denied"
    else:
        return
    raise InvalidInputError(
        f"ledger '{where}' cannot be opened ({why}): give a file in a folder that this user may write."
    )


def check_report(params: Mapping[str, Any], check_mode: bool, page: str) -> None:
    """Refuse a report that could not be written: for its form's library, its folder or its file.

    Args:
        params: the options, ``report_dest`` and ``format`` among them.
        check_mode: the folder is only looked at.
        page: the form that needs libraries.

    Raises:
        InvalidInputError: names the option, the reason and what to do.
    """
    if params["format"] == page:
        from .._report.page import check_libraries  # loads the libraries

        check_libraries()
    Export(params["report_dest"], check_mode, "report_dest").discard()


def nearest(path: str) -> str:
    """The path of a file as it would be in the nearest folder that is there: those between could be made in it."""
    folder, name = os.path.split(os.path.realpath(path))
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return os.path.join(folder, name)
