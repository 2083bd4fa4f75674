# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of a ledger's changes: how far each has come, and whether a run has it."""

from __future__ import annotations

from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.lease import Lease
from ansible_collections.simops.yateota.plugins.module_utils._ledger.listing import changes_of
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk

LEASE_SECONDS = 600


def test_changes_are_listed_with_their_counts(bulk: Bulk, ledger: str) -> None:
    bulk("planned", change_id="CHG2", selection={"campaign_id": 142, "state": "failed"})
    bulk("applied", rollout={"wave_size": 20}, max_waves=1)
    opened = open_ledger(ledger, None)
    planned, applied = changes_of(opened)
    assert (planned["change_id"], planned["counts"]["planned"], planned["selected"]) == ("CHG2", 4, 4)
    assert (applied["counts"]["done"], applied["counts"]["planned"], applied["selected"]) == (20, 24, 44)
    assert {each["held_by"] for each in (planned, applied)} == {None}
    assert {each["rate"] for each in (planned, applied)} == {None}

    change = find_change(opened, "CHG1")
    assert change
    with Lease(opened, change.number, "CHG1", "lena on north", LEASE_SECONDS):
        _planned, running = changes_of(opened)
        assert running["held_by"] == "lena on north"
        assert running["rate"] > 0
        assert running["seconds_remaining"] > 0
    opened.close()
