# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define the result of a task, and the error beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import YateotaError


@dataclass(frozen=True)
class TaskResult:
    """The end of a task: its result, and its error if it failed.

    Attributes:
        result: the keys of the module's result. If the task failed, those that are known.
        error: the error that the task failed with, or None.
        identifiers: identifiers of SIMs that the error or a warning may name, to be masked if the user asks for it.
    """

    result: dict[str, Any]
    error: YateotaError | None = None
    identifiers: frozenset[str] = frozenset()
