# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a ledger that ends with the container of a job of AWX.

Without it, the same change would act on the same SIMs again in the next job.
"""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Iterator, Mapping
from typing import Any

LEDGER = "bulk_change_ledger"
JOBS = ("awx_job_id", "tower_job_id")
"""The variables that AWX gives to each job."""

_OF_THE_JOB = ("/runner", "/run", "/dev")
"""Folders that are mounted for one job and end with it: AWX's own for the job, and those of the container engine."""


def ledger_problems(values: Mapping[str, Any], variables: Mapping[str, Any], root: str | None) -> Iterator[str]:
    """Yield what is wrong with the ledger of a job of AWX: a sentence, or nothing.

    Args:
        values: the given variables as their types; without a ledger among them, the environment's counts.
        variables: all variables of the host.
        root: the folder ``yateota_files_root``, which is mounted into the containers; None if it is not set.
    """
    if not any(variables.get(job) for job in JOBS):
        return
    name = LEDGER if values.get(LEDGER) else "YATEOTA_LEDGER"
    ledger = str(values.get(LEDGER) or os.environ.get(name, ""))
    if ledger and "://" not in ledger and not (root and _is_inside(ledger, root)) and not _outlives_job(ledger):
        yield (
            f"{name} '{ledger}' is a file, which ends with the container of this job of AWX: give the URL of a "
            "PostgreSQL database, or keep the file in a folder that is mounted into the containers."
        )


def _outlives_job(path: str) -> bool:
    """Return whether a file is on a mount that does not end with the job's container.

    A folder for temporary files, where nobody may remove another's (the sticky bit), does not count.
    """
    folders = (str(folder) for folder in pathlib.Path(os.path.realpath(path)).parents)
    mount = next((folder for folder in folders if os.path.ismount(folder)), "/")
    if mount == "/" or any(_is_inside(mount, folder) for folder in _OF_THE_JOB):
        return False
    return not os.stat(mount).st_mode & stat.S_ISVTX


def _is_inside(path: str, root: str) -> bool:
    folder = os.path.realpath(root)
    return os.path.commonpath([folder, os.path.realpath(path)]) == folder
