# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provide the test ``same_name``: whether two names are those of one person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._core.change_id import same_name as is_same

DOCUMENTATION = r"""
name: same_name
short_description: Test whether two names are those of one person
version_added: 1.1.0
description:
  - Tests whether two names of people differ by no more than case, blanks or Unicode form.
  - M(simops.yateota.yateota_bulk) compares who approves a plan with who made it in the same way.
author:
  - The simops.yateota contributors (@simops)
positional: other
options:
  _input:
    description: The name.
    type: str
    required: true
  other:
    description: The other name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say who has approved it beside the requester
  ansible.builtin.debug:
    msg: "{{ ['alice', 'bob'] | reject('simops.yateota.same_name', 'Alice') | join(', ') }}"
"""

RETURN = r"""
_value:
  description: Whether they are those of one person.
  type: bool
"""


def same_name(name: Any, other: Any) -> bool:
    """Return whether two names differ by no more than case, blanks or Unicode form."""
    return is_same(str(name), str(other))


class TestModule:
    """The tests of this file, by their names."""

    def tests(self) -> dict[str, Callable[..., bool]]:
        """Return the tests by their names."""
        return {"same_name": same_name}
