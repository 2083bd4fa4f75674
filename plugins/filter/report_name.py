# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the name of a change's report files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: report_name
short_description: Make the name of a change's report files
version_added: 1.1.0
description:
  - Makes a file name, without an extension, from a C(change_id).
  - A C(change_id) of letters and digits with C(.), C(_) and C(-) between them stays as it is. In any other, C(_)
    replaces other characters, and C(~) and a short digest are added, so that no two changes share a file.
author:
  - The simops.yateota contributors (@simops)
options:
  _input:
    description: The C(change_id).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show where the report is
  ansible.builtin.debug:
    msg: "/var/lib/yateota/changes/{{ 'CHG 0012345' | simops.yateota.report_name }}.csv"
"""

RETURN = r"""
_value:
  description: The name.
  type: str
"""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_LONGEST = 200
"""Characters of a name; a file system allows 255 bytes, with the extension and the temporary name."""


def report_name(change_id: Any) -> str:
    """Return the name of a change's report files, a different one for each change.

    Raises:
        AnsibleFilterError: it is not text.
    """
    if not isinstance(change_id, str) or not change_id:
        raise AnsibleFilterError(f"report_name: change_id {change_id!r} is not valid: give text.")
    if _PLAIN.fullmatch(change_id) and len(change_id) <= _LONGEST:
        return str(change_id)
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", change_id).lstrip(".")[: _LONGEST // 2]
    digest = hashlib.sha256(change_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    # No plain change_id has a ~, so that none can have this name.
    return f"{readable}~{digest}"


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"report_name": report_name}
