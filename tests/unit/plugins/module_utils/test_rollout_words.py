# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bulk modules tell people: which ledger, which window, which reasons, and what check mode can foresee."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox


def test_check_mode_names_the_ledger_that_is_meant(bulk: Bulk, ledger: str) -> None:
    """It works on a copy of its own, which is nobody's to look for."""
    shown = sa.make_url(ledger).render_as_string() if "://" in ledger else ledger
    assert f"is not in the ledger '{shown}'" in bulk("verified", check_mode=True)["msg"]


def test_a_ledger_that_is_not_there_yet_is_told_from_one_that_cannot_be_read(
    run_task: RunTask, tmp_path: Path, sandbox: Sandbox
) -> None:
    (tmp_path / "other").write_text("no ledger")
    for name, found in (("none", False), ("other", True)):
        told = run_task(yateota_bulk_info, sandbox, ledger=str(tmp_path / name))
        assert told["failed"]
        assert told.get("ledger_found", True) is found
