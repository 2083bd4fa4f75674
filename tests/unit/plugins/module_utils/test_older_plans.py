# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that release 1.0.0 planned: it recorded a rerun by participant, a SIM as often as it was named."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import changes, participants, sa

from yateota_sandbox import Sandbox

from .conftest import Bulk

FINISHED = [
    {"iccid": "8931010000000000022", "imsi": "001010000000002"},
    {"iccid": "8931010000000000030", "imsi": "001010000000003"},
]


def age(ledger: str, rows: list[dict[str, Any]]) -> None:
    """Have change CHG1's plan be as release 1.0.0 would have recorded these entries."""
    with contextlib.closing(open_ledger(ledger, None)) as there, there.write() as connection:
        selection = connection.execute(sa.select(changes.c.selection)).scalar_one()
        del selection["unit"]
        connection.execute(changes.update().values(selection=selection))
        for seq, row in enumerate(rows):
            blank = dict.fromkeys(("participant_id", "iccid", "imsi", "msisdn"))
            values = blank | row | {"name": "".join(f"/{kind}/{value}" for kind, value in row.items())}
            connection.execute(participants.update().where(participants.c.seq == seq).values(values))


def half_done(bulk: Bulk, sandbox: Sandbox, ledger: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Send for the first of the entries, then have all be an older plan, and continue with it."""
    unlike = [{"iccid": f"89310100000000{place:05}"} for place in (14, 147, 196)][: len(rows) - 1]
    entries = [FINISHED[0], *unlike]
    options = {"action": "rerun", "selection": {"participants": entries}}
    first = bulk("applied", rollout={"canary": 1}, max_waves=1, **options)
    assert first["change"]["counts"]["done"] == 1, first
    age(ledger, rows)
    sandbox.clear_journal()
    return bulk("applied", action="rerun", selection=None)


A, B = FINISHED


@pytest.mark.parametrize("rows", [[A, A, B, B], [A, {"imsi": A["imsi"]}, B, {"iccid": B["iccid"]}]], ids=["as", "less"])
def test_a_sim_that_was_rerun_is_not_rerun_under_another_entry(
    bulk: Bulk, sandbox: Sandbox, ledger: str, rows: list[dict[str, Any]]
) -> None:
    result = half_done(bulk, sandbox, ledger, [row | {"msisdn": str(place)} for place, row in enumerate(rows, start=1)])
    counts = {state: count for state, count in result["change"]["counts"].items() if count}
    assert counts == {"done": 2, "skipped": 2}, result
    assert [entry["params"] for entry in sandbox.writes()] == [{"iccid": B["iccid"], "action": "rerun"}]
    assert bulk("applied", action="rerun", selection=None)["change"]["sent"] == 0


@pytest.mark.parametrize("known", [{"participant_id": 186}, {"iccid": A["iccid"]}], ids=["by id", "by iccid"])
def test_nothing_is_sent_where_nothing_tells_who_was_rerun(
    bulk: Bulk, sandbox: Sandbox, ledger: str, known: dict[str, Any]
) -> None:
    result = half_done(bulk, sandbox, ledger, [known, {"imsi": B["imsi"]}])
    assert result["msg"].startswith("Change CHG1 was planned by an older release, by participant instead of by SIM")
    assert "Plan those that its report does not show as done under another change_id." in result["msg"]
    assert result["change"]["counts"]["planned"] == 1
    assert not sandbox.writes()
