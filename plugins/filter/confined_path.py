# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a path inside a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: confined_path
short_description: Keep a path inside a folder
version_added: 1.1.0
description:
  - Takes a path that another person may choose, for example in a survey, and returns the whole path inside a folder.
  - A path that leads out of the folder is refused, whether it is absolute, or by C(..) or a symbolic link. So is a path
    with an environment variable, which modules would replace.
author:
  - The simops.yateota contributors (@simops)
positional: root
options:
  _input:
    description: The path. A relative path starts at O(root).
    type: str
    required: true
  root:
    description: The folder. If it is empty, the path is returned as it is.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Show where a file would be written
  ansible.builtin.debug:
    msg: "{{ 'reports/CHG1.csv' | simops.yateota.confined_path('/var/lib/yateota') }}"
"""

RETURN = r"""
_value:
  description: The whole path.
  type: str
  sample: /var/lib/yateota/reports/CHG1.csv
"""


_FILLED_IN = re.compile(r"\$[A-Za-z_{]|[\x00-\x1f\x7f]")
"""Environment variables, which modules would replace and may be secrets, and characters that no path should have."""


def confined_path(path: Any, root: Any) -> str:
    """Return the whole path inside ``root``.

    Raises:
        AnsibleFilterError: the path leads out of ``root``, or has a variable of the environment or a control character.
    """
    given, folder = str(path or ""), str(root or "")
    if not given or not folder:
        return given
    if _FILLED_IN.search(given):
        raise AnsibleFilterError(
            f"{given!a} has a variable of the environment or a control character: name a file or folder by plain text."
        )
    whole = os.path.normpath(os.path.join(folder, given))
    real_folder, real_path = os.path.realpath(folder), os.path.realpath(whole)
    if os.path.commonpath([real_folder, real_path]) != real_folder:
        raise AnsibleFilterError(f"'{given}' leads out of the folder {folder}: name a file or folder inside it.")
    return whole


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"confined_path": confined_path}
