# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which SIMs may be rerun: those that are one SIM, named once, and certainly the one that their number is on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter import esim_sims as plugin

esim_sims = plugin.FilterModule().filters()["esim_sims"]

OLD = {"imsi": "001010000000009", "iccid": "8931010000000000097", "msisdn": "882990000009"}
ESIM = {"imsi": "001010000005001", "iccid": "8931010000000050010", "msisdn": "+882990000009"}
PLAIN = {"imsi": "001010000000111", "iccid": "8931010000000001111", "msisdn": "882990000111"}
PADDED = {"imsi": "001010000000113", "iccid": "89310100000000011130F", "msisdn": "882990000113"}
UNNUMBERED = {"imsi": "001010000000112", "iccid": None, "msisdn": None}
ON_TWO = "has a number that is reported on 2 SIMs (001010000000009, 001010000005001), and the API does not show which"


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Two campaigns: one of the SIMs before the move, one after it."""
    campaigns = [[OLD, PLAIN], [ESIM, PLAIN, UNNUMBERED, PADDED]]
    for number, participants in enumerate(campaigns):
        (tmp_path / str(number)).write_text("".join(f"{json.dumps({**each, 'state': 'x'})}\n" for each in participants))
    return [str(tmp_path / str(number)) for number in range(len(campaigns))]


@pytest.mark.parametrize(
    ("given", "sims"),
    [
        ("001010000000111\n\n 001010000000112 \n", [PLAIN, {"imsi": UNNUMBERED["imsi"]}]),
        (["8931010000000001111f, +882990000111"], [PLAIN]),
        ([{"msisdn": "+882990000009", "imsi": ESIM["imsi"]}], [{**ESIM, "msisdn": OLD["msisdn"]}]),
        ("001010000000113", [PADDED]),
        ("+882990000111", [{"msisdn": PLAIN["msisdn"]}]),
    ],
)
def test_sims_that_fit_have_no_problem(given: Any, sims: list[dict[str, str]], paths: list[str]) -> None:
    assert esim_sims(given, paths) == {"sims": sims, "problems": []}


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ("", ["No SIM is named"]),
        ("00101x", ["imsi '00101x' is not valid: expected 14 or 15 digits"]),
        ("001010000000111 001010000000112", ["'001010000000111 001010000000112' names more than one SIM"]),
        ([1010000000111], ["1010000000111 is not a SIM: give a line of text in quotes"]),
        ([{"imsi": 1010000000111}], ["imsi was read as the number 1010000000111, expected text"]),
        ([{"number": "1"}], ["{'number': '1'} is not a SIM"]),
        ("001010000009999", ["imsi 001010000009999 is in none of the campaigns read"]),
        ("001010000000111 +882990000009", ["is not one SIM: the server returned iccid 8931010000000000097 imsi 00101"]),
        ("001010000000009", [f"imsi 001010000000009 {ON_TWO} it is on now: give the MSISDN, with its +, too."]),
        ("+882990000009", [f"msisdn 882990000009 {ON_TWO} it is on now: give the IMSI or ICCID of the right one too."]),
        ("001010000000111\n+882990000111", ["msisdn 882990000111 and imsi 001010000000111 are one SIM: name it once."]),
        ("001010000009998\n00101x", ["imsi '00101x' is not valid"]),
        ("001010000009998\n001010000000111\n001010000009999", ["imsi 001010000009998", "imsi 001010000009999"]),
    ],
)
def test_what_must_not_be_rerun_is_said_in_a_sentence(given: Any, problems: list[str], paths: list[str]) -> None:
    found = esim_sims(given, paths)["problems"]
    assert len(found) == len(problems)
    assert all(part in sentence for part, sentence in zip(problems, found, strict=True)), found


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match=r"'/nowhere' cannot be read \(No such file or directory\)"):
        esim_sims("001010000000111", ["/nowhere"])
