# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode fails where the real run would, for what it can see; and nothing is sent before that is looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._report import page
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

BOTH = pytest.mark.parametrize("check_mode", [True, False])


def in_folder(path: Path) -> dict[str, Any]:
    return {"ledger": str(path / "ledger.sqlite")}


@BOTH
@pytest.mark.parametrize("state", ["planned", "applied"])
def test_a_ledger_that_cannot_be_made(bulk: Bulk, tmp_path: Path, state: str, check_mode: bool) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "nowhere", tmp_path / "file"):
        result = bulk(state, **in_folder(folder), check_mode=check_mode)
        assert result["msg"].startswith(f"ledger '{folder}/ledger.sqlite' cannot be opened (")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_ledger_that_cannot_be_written(bulk: Bulk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user who is not root."""
    bulk("planned", **in_folder(tmp_path))
    for what in (str(tmp_path), str(tmp_path / "ledger.sqlite")):
        monkeypatch.setattr(os, "access", lambda path, _mode, what=what: path != what)
        assert "cannot be opened (" in bulk("planned", **in_folder(tmp_path), check_mode=True)["msg"]


@BOTH
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"report_dest": "/nowhere/report.csv"}, "report_dest '/nowhere/report.csv' cannot be written"),
        ({"selection": {"source": "/nowhere/sims.csv"}}, "source '/nowhere/sims.csv' cannot be read"),
        ({"lease_seconds": 0.5}, "lease_seconds 0.5 is not valid"),
        ({"verify_timeout": -1}, "verify_timeout -1 is not valid"),
        ({"timeout": -1}, "timeout -1 is not valid"),
        ({"api_url": "https://127.0.0.1/", "ca_path": "/nowhere"}, "ca_path '/nowhere' cannot be used"),
        ({"ledger": "postgresql://user@127.0.0.1:9/none", "ledger_timeout": 0}, "cannot be reached"),
    ],
)
def test_options_that_a_real_run_could_not_use(
    bulk: Bulk, sandbox: Sandbox, options: dict[str, Any], words: str, check_mode: bool
) -> None:
    """Before the change is planned, and after."""
    server = options.get("api_url", sandbox)
    for _time in range(2):
        assert words in bulk("applied", server, **{**options, "api_url": None}, check_mode=check_mode)["msg"]
        assert not sandbox.writes()
        bulk("planned", server)


@BOTH
def test_a_status_that_does_not_allow_it(bulk: Bulk, sandbox: Sandbox, check_mode: bool) -> None:
    """One that is aborted, that has ended badly, that has not ended, and one that is purged."""
    sandbox.fault(request="action_participant", kind="code", code=404, message="gone", times=5)
    bulk("applied", rollout={"canary": 5}, abort={"minimum_executed": 5})
    aborted = bulk("applied", check_mode=check_mode)
    assert aborted["msg"].startswith("Change CHG1 is aborted. The most frequent reasons: 5 refused")
    assert aborted["change"]["counts"]["refused"] == 5
    sandbox.clear_journal()
    bulk("applied", resume_aborted=True)
    assert "Change CHG1 has ended with 39 done, 5 refused." in bulk("applied", check_mode=check_mode)["msg"]
    bulk("purged")
    assert "is purged: its participants cannot be read" in bulk("verified", check_mode=check_mode)["msg"]
    bulk("planned", change_id="CHG2")
    assert "has not ended" in bulk("purged", change_id="CHG2", check_mode=check_mode)["msg"]


@pytest.fixture
def info(run_task: RunTask, tmp_path: Path) -> Any:
    """Run the module that reads, on a ledger that is not there."""

    def run(dest: Path, form: str, **options: Any) -> dict[str, Any]:
        given = {"change_id": "CHG1", **in_folder(tmp_path / "nowhere"), "report_dest": str(dest), "format": form}
        return run_task(yateota_bulk_info, "http://127.0.0.1:9/", **given, **options)

    return run


def test_a_report_is_checked_before_there_is_anything_to_report(
    info: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "one/two/report.csv"
    for form in ("csv", "jsonl"):
        assert info(deep, form, report_check=True) == {"changed": False, "warnings": []}
    assert not list(tmp_path.iterdir())
    (tmp_path / "one").write_text("")
    assert "cannot be written" in info(deep, "csv", report_check=True)["msg"]
    monkeypatch.setattr(page, "_LIBRARIES", ("library_that_is_not_there",))
    assert (
        "format 'html' needs library_that_is_not_there" in info(tmp_path / "report", "html", report_check=True)["msg"]
    )
    assert "format 'html' needs library_that_is_not_there" in info(tmp_path / "report", "html")["msg"]
