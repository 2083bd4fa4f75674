# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer that is poison for a database loses neither its own outcome nor those of its neighbors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

Bulk = Callable[..., dict[str, Any]]

POISON = "Engine\x00 gone\x1b[2J\ud800\u202e\r\nForged: line " + "x" * 5000
CODES = {"no code of 32 bits": 2**31, "no code of 64 bits": -(2**63) - 1, "a common one": 404}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_one_poisoned_answer_among_others(
    bulk: Bulk, run_task: RunTask, sandbox: Sandbox, ledger: str, code: int, tmp_path: Any
) -> None:
    sandbox.fault(request="action_participant", kind="code", code=code, message=POISON, nth=7)
    result = bulk("applied")
    counts = result["change"]["counts"]
    assert counts["done"] == 43
    assert counts["refused"] + counts["failed"] == 1
    dest = tmp_path / "rows.csv"
    told = run_task(yateota_bulk_info, sandbox, change_id="CHG1", ledger=ledger, report_dest=str(dest))
    text = dest.read_text(encoding="utf-8")
    for shown in (text, json.dumps([result, told], ensure_ascii=False)):
        shown.encode()
        assert "Engine\ufffd gone\ufffd[2J\ufffd\ufffd Forged: line xxx" in shown
        assert "\x1b" not in shown
    assert str(code) in text
