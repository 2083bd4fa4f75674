# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a role that would act in spite of ``--check``, and say that it did not.

The messages and conditions of roles know only whether the run has ``--check``, not that a play sets ``check_mode``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ._variable_specs import COLLECTION

ACTS_IN_CHECK_MODE = (
    "check_mode is false for this role, and Ansible runs with --check: remove one of them, so that the role does what "
    "it says. Nothing was sent."
)

_ROLES = os.path.realpath(COLLECTION / "roles")


def acts_in_check_mode(task: Any, variables: Mapping[str, Any]) -> bool:
    """Return whether a task of one of the collection's roles would act, although the run has ``--check``.

    A user's own task, also in the tasks file of a gate, acts as it says.
    """
    if not variables.get("ansible_check_mode") or getattr(task, "check_mode", True):
        return False
    file = os.path.realpath(str(task.get_path()).rpartition(":")[0])
    return os.path.commonpath([_ROLES, file]) == _ROLES
