# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No two changes share a report file."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter import report_name as plugin

report_name = plugin.FilterModule().filters()["report_name"]


@pytest.mark.parametrize("change_id", ["CHG0012345", "a", "sweep-ota.example-144-1", "2026-06-01", "x" * 200])
def test_a_plain_one_stays_as_it_is(change_id: str) -> None:
    assert report_name(change_id) == change_id


def test_all_others_differ() -> None:
    ids = ["CHG/1", "CHG 1", "CHG_1", "CHG:1", "ÄÖ-1", "ÜÜ-1", "__-1", "..", ".", ".hidden", "-e", "../../etc/passwd"]
    ids += ["CHG\\1", "CHG\n1", "a" * 201, "a" * 202, "ü" * 200, "ü" * 199 + "ö", "\ud800", "CHG_1~"]
    ids += [report_name("CHG/1"), report_name("..")]
    names = [report_name(each) for each in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199}", name)
    assert not [pair for pair in itertools.combinations(names, 2) if pair[0].lower() == pair[1].lower()]
    assert report_name("CHG/1").startswith("CHG_1~")


@pytest.mark.parametrize("change_id", ["", None, 5349, ["CHG1"]])
def test_what_is_no_text(change_id: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"change_id .* is not valid: give text"):
        report_name(change_id)
