# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of one person, however they are written."""

from __future__ import annotations

import pytest
from ansible_collections.simops.yateota.plugins.test import same_name as plugin

same_name = plugin.TestModule().tests()["same_name"]


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("alice", "alice", True),
        ("Alice", "alice", True),
        (" Alice  Miller", "alice miller ", True),
        ("Ren\u00e9", "RENE\u0301", True),
        (4711, "4711", True),
        ("alice", "bob", False),
        ("alice", "", False),
    ],
)
def test_names(name: object, other: object, expected: bool) -> None:
    assert same_name(name, other) is expected
    assert same_name(other, name) is expected
