# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masking goes by values: no identifier is in a result, a warning or a file, and nothing else is masked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.masking import Masking, mask_row
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk

from yateota_sandbox import Options, Sandbox

ICCID, IMSI, MSISDN = "8931010000000000113", "001010000000013", "+882990000013"
SIM = {"iccid": ICCID, "imsi": IMSI, "msisdn": MSISDN}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"iccid {ICCID} is gone", "iccid ***************0113 is gone"),
        (f"SIM {ICCID}F is gone", "SIM ****************113F is gone"),
        # As the card has it, half bytes swapped.
        ("SIM 981310000000000011F3 is gone", "SIM ****************11F3 is gone"),
        (f"SIM {ICCID[:-1]} is gone", "SIM **************0011 is gone"),
        ("SIM 8931 0100 0000 0000 113 is gone", "SIM ***************0113 is gone"),
        ("SIM 8931-0100-0000-0000-113 is gone", "SIM ***************0113 is gone"),
        (f"sim_{ICCID}.csv", "sim_***************0113.csv"),
        (f"imsi '{IMSI}' and {MSISDN}, {MSISDN[1:]}", "imsi '***********0013' and +********0013, ********0013"),
        ("Change CHG0012345 of campaign 1234567", "Change CHG0012345 of campaign 1234567"),
        ("http://127.0.0.1:8829900/api.php?x=20261126", "http://127.0.0.1:8829900/api.php?x=20261126"),
    ],
)
def test_known_values_are_masked_in_any_spelling(text: str, shown: str) -> None:
    masking = Masking({"selection": {"participants": [SIM]}})
    assert masking.sentence(text) == shown
    assert masking.result({"msg": text, "deep": [{text: None}]}) == {"msg": shown, "deep": [{shown: None}]}


def test_a_short_one_is_masked_where_it_is_named_alone() -> None:
    """It may be a count, an id or a port elsewhere."""
    shown = Masking({}).result(
        {
            "failures": [{"msisdn": "295", "participant_id": 295, "message": "295 is locked, not 2951"}],
            "msg": "295 of 295 done. The first: msisdn 295 of campaign 295",
            "change_id": "295",
            "counts": {"done": 295},
        }
    )
    assert shown == {
        "failures": [{"msisdn": "***", "participant_id": 295, "message": "*** is locked, not 2951"}],
        "msg": "295 of 295 done. The first: msisdn *** of campaign 295",
        "change_id": "295",
        "counts": {"done": 295},
    }


def test_what_the_server_said_is_masked_within_a_sentence() -> None:
    masking = Masking({"participants": [{"msisdn": "29512"}]})
    text = "295 sent: the server said '29512 is locked, as 8931019999999999999 is'."
    said = "29512 is locked, as 8931019999999999999 is"
    assert masking.sentence(text, said) == "295 sent: the server said '***** is locked, as ***************9999 is'."


@pytest.mark.parametrize("given", [ICCID, [ICCID], [{"iccid": int(ICCID)}], f"[{{'iccid': '{ICCID}'}}]"])
def test_options_that_do_not_fit_are_masked_too(given: Any) -> None:
    """So that the sentence which refuses them does not quote them."""
    options = {"participants": given, "selection": {"participants": given}}
    masking = Masking(options)
    assert ICCID not in json.dumps(masking.result(options))
    assert ICCID not in masking.sentence(f"unable to convert {given!r} to a list")


def test_a_row_is_masked_by_its_own_identifiers() -> None:
    row = {**SIM, "participant_id": 113, "message": None, "earlier_sends": []}
    shown = {"iccid": "***************0113", "imsi": "***********0013", "msisdn": "+********0013"}
    assert mask_row(row) == {**row, **shown}
    row |= {"earlier_sends": [{"message": f"{ICCID} twice"}], "msisdn": "13", "message": "13 is locked"}
    assert mask_row(row) == {
        **row,
        **shown,
        "msisdn": "**",
        "message": "** is locked",
        "earlier_sends": [{"message": "***************0113 twice"}],
    }


def test_who_is_named_is_found_in_the_ledger(bulk: Bulk, sandbox: Sandbox, tmp_path: Path) -> None:
    """In a failure of the whole run, whose participant is in no part of the result, and in every file."""
    sim = sandbox.participant(265 - 1)
    said = f"node of {sim['msisdn']} refuses, {sim['iccid']}"
    bulk("planned")
    sandbox.fault(request="action_participant", kind="code", code=402, message=said, times=99)
    told = ""
    for form in ("csv", "jsonl"):
        dest = tmp_path / f"report.{form}"
        result = bulk("applied", mask_identifiers=True, report_dest=str(dest), format=form, resume_aborted=True)
        told += json.dumps(result) + dest.read_text()
        assert result["failed"]
    assert not [value for value in (sim["msisdn"], sim["iccid"], sim["imsi"]) if value.lstrip("+") in told]


def test_short_numbers_of_a_whole_campaign(bulk: Bulk, tmp_path: Path) -> None:
    """Machines have numbers of a few digits; counts and ids that are alike stay."""
    scenario = tmp_path / "short.yml"
    sims = {"count": 3, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "295"}
    campaign = {"campaign_id": 9, "name": "295", "type": "RFM", "state": "started", "first_participant": 295}
    scenario.write_text(json.dumps({"sims": [sims], "campaigns": [campaign | {"initial": {"failed": 3}}]}))
    with Sandbox(Options(scenario=str(scenario), secret="correct-horse", speed=0)) as box:
        box.fault(request="action_participant", kind="code", code=404, message="295 has gone")
        result = bulk(
            "applied",
            box,
            selection={"campaign_id": 9, "state": "failed"},
            mask_identifiers=True,
            change_id="295",
            rollout={"concurrency": 1},  # the refusal is the first participant's
        )
    (failure,) = result["failures"]
    assert (failure["msisdn"], failure["participant_id"], failure["message"]) == ("***", 295, "*** has gone")
    assert result["failure"]["message"] == "*** has gone"
    assert "Change 295 has ended with 2 done, 1 refused. The first: participant 295" in result["msg"]
    assert "msisdn *** of campaign 9: *** has gone." in result["msg"]
    assert result["change"]["change_id"] == "295"
