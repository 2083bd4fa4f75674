"""Every playbook of the collection: in check mode, for real, again, and without what it needs."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible

PARTICIPANT = ("participant_id", "iccid", "imsi", "msisdn")


@dataclass(frozen=True)
class Case:
    """A playbook, what it is given on the small scenario, and what then has to come of it.

    Attributes:
        name: the playbook.
        variables: its `-e` variables; `{tmp}` stands for the test's own folder.
        needs: what it cannot do without: a variable, or several of which one is enough.
        sends: how many actions of each kind the server receives.
        changed: how many tasks are changed, in check mode as for real.
        again: how many are changed when the same is run again.
        says: a part of what it prints.
    """

    name: str
    variables: dict[str, str]
    needs: tuple[tuple[str, ...], ...]
    says: str
    sends: dict[str, int] = field(default_factory=dict)
    changed: int = 0
    again: int = 0

    def __str__(self) -> str:
        return self.name


CAMPAIGN = (("campaign_id",),)
NAMED_CAMPAIGN = (("campaign_id", "campaign_name"),)
CASES = [
    Case("campaign_pause", {"campaign_id": "144"}, NAMED_CAMPAIGN, "(Applet 3.2 install): pause", {"pause": 1}, 1),
    Case("campaign_stop", {"campaign_id": "144"}, NAMED_CAMPAIGN, "(Applet 3.2 install): stop", {"stop": 1}, 1),
    Case(
        "campaign_restart",
        {"campaign_id": "147"},
        NAMED_CAMPAIGN,
        "(Applet 3.1 removal): restart",
        {"restart": 1},
        1,
        1,
    ),
    Case(
        "campaigns_report",
        {"dest": "{tmp}/report.txt", "metrics_dest": "{tmp}/campaigns.prom"},
        (),
        "Roaming list by range",
        changed=2,
    ),
    Case("campaigns_report", {"campaign_id": "167"}, (), "Campaign 167: of 74 that have ended, 44 failed."),
    Case(
        "participants_export",
        {"campaign_id": "167", "dest": "{tmp}/participants.csv"},
        (("campaign_id",), ("dest",)),
        "80 participants of campaign 167",
        changed=1,
    ),
    Case("participants_retry_failed", {"campaign_id": "167"}, CAMPAIGN, "44 acted", {"retry": 44}, 1),
    Case(
        "participant_cancel",
        {"campaign_id": "142", "participant_id": "161"},
        (("campaign_id",), PARTICIPANT),
        "waiting_por -> canceled",
        {"cancel": 1},
        1,
    ),
    Case(
        "participant_hurry",
        {"campaign_id": "144", "participant_id": "266"},
        (("campaign_id",), PARTICIPANT),
        "pending_send -> waiting_por",
        {"hurry": 1},
        1,
    ),
    Case(
        "participants_retry_build",
        {"sims": "8931010000000000873,001010000000091", "campaign_id": "176"},
        (("sims", "campaign_id"),),
        "2 acted",
        {"retry_build": 2},
        1,
    ),
    Case(
        "participant_trace",
        {"campaign_id": "142", "participant_id": "161"},
        (("campaign_id",), ("participant_id", "msisdn", "imsi")),
        "001010000000001 882990000001 send waiting_por",
    ),
    Case("node_stats", {}, (), "The node is operational: Full service."),
]
# One of those that need variables stands for all of them: what they need is checked by the same tasks.
NAMELESS = [case for case in CASES if not case.needs or case.name == "campaign_pause"]
# Their tasks are those of another playbook that is run.
ALIKE = ("campaign_stop", "participant_hurry", "participants_retry_build")
# Each playbook's first need; the further ones of a playbook are checked by the same sentence.
MISSING = [
    pytest.param(case, needed, marks=[pytest.mark.slow] * bool(number))
    for case in CASES
    for number, needed in enumerate(case.needs)
]


def given(case: Case, folder: Path, without: tuple[str, ...] = ()) -> list[str]:
    """The command line's variables, as an operator types them."""
    return [
        word
        for name, value in case.variables.items()
        if name not in without
        for word in ("-e", f"{name}={value.format(tmp=folder)}")
    ]


def sent(sandbox: Any) -> Counter[str]:
    """How many actions of each kind the sandbox received."""
    return Counter(entry["params"]["action"] for entry in sandbox.writes())


def test_every_playbook_is_tested() -> None:
    """All but those of changes and those that run the role of their name, which have tests of their own."""
    playbooks = {path.stem for path in COLLECTION.glob("playbooks/*.yml")}
    roles = {path.name for path in COLLECTION.glob("roles/*")}
    assert {case.name for case in CASES} == {name for name in playbooks - roles if not name.startswith("bulk_")}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * (case.name in ALIKE)) for case in CASES], ids=str
)
def test_check_then_real_then_again(case: Case, ansible_playbook: Ansible, sandbox: Any, tmp_path: Path) -> None:
    files = set(tmp_path.iterdir())
    checked = ansible_playbook(case.name, None, *given(case, tmp_path), "--check", "--diff")
    assert checked.ok, checked.output
    assert (checked.changed, checked.warnings) == (case.changed, [])
    assert sent(sandbox) == {}
    assert {path for path in tmp_path.iterdir() if path.is_file()} == files
    assert ("--- before" in checked.output) == (case.changed > 0 and case.name != "participants_export")

    real = ansible_playbook(case.name, None, *given(case, tmp_path))
    assert real.ok, real.output
    assert (real.changed, real.warnings) == (case.changed, [])
    assert case.says in real.words
    assert sent(sandbox) == case.sends
    assert all(entry["carried_out"] for entry in sandbox.writes())

    sandbox.clear_journal()
    again = ansible_playbook(case.name, None, *given(case, tmp_path))
    assert again.ok, again.output
    assert again.changed == case.again
    assert sent(sandbox).total() == case.again


@pytest.mark.parametrize(
    ("case", "needed"), MISSING, ids=lambda value: " or ".join(value) if value is tuple else str(value)
)
def test_what_is_missing_is_named_before_anything_is_sent(
    case: Case, needed: tuple[str, ...], ansible_playbook: Ansible, sandbox: Any, tmp_path: Path
) -> None:
    run = ansible_playbook(case.name, None, *given(case, tmp_path, without=needed))
    assert not run.ok
    assert f"{' or '.join(needed)} is missing: give " in run.words
    assert f"for example -e {needed[0]}=" in run.words
    assert sandbox.journal() == []


@pytest.mark.parametrize("case", NAMELESS, ids=str)
def test_without_a_server_the_variable_is_named(case: Case, ansible_playbook: Ansible, tmp_path: Path) -> None:
    run = ansible_playbook(case.name, None, *given(case, tmp_path), environ={"YATEOTA_API_URL": None})
    assert not run.ok
    assert "The server is not known: set its URL, for example export YATEOTA_API_URL=https://" in run.words


@pytest.mark.parametrize(
    ("name", "variables", "sentence"),
    [
        ("campaign_pause", {"campaign_id": "spring"}, "campaign_id 'spring' is not valid: expected a whole number"),
        ("campaign_pause", {"campaign_id": 0}, "campaign_id 0 is not valid"),
        ("campaign_pause", {"campaign_id": ""}, "campaign_id or campaign_name is missing: give the campaign's id"),
        ("campaign_pause", {"campaign_id": None}, "campaign_id or campaign_name is missing: give the campaign's id"),
        (
            "participant_cancel",
            {"campaign_id": 142, "imsi": "00101x"},
            "imsi '00101x' is not valid: expected 14 or 15 digits",
        ),
        (
            "participant_cancel",
            {"campaign_id": 142, "imsi": 1010000000001},
            "imsi was read as the number 1010000000001",
        ),
        (
            "participants_retry_build",
            {"sims": ["8931010000000000873", "12"]},
            "sims: imsi '12' is not valid",
        ),
        (
            "participants_retry_build",
            {"sims": [8931010000000000873]},
            "sims was read as the number 8931010000000000873",
        ),
        (
            "participants_export",
            {"campaign_id": 167, "dest": "failed.csv"},
            "dest 'failed.csv' is not valid: give the whole",
        ),
    ],
)
def test_what_cannot_be_right_is_named_before_anything_is_sent(
    name: str, variables: dict[str, Any], sentence: str, ansible_playbook: Ansible, sandbox: Any
) -> None:
    run = ansible_playbook(name, variables)
    assert not run.ok
    assert sentence in run.words
    assert sandbox.journal() == []


def test_unallocated_participants_of_a_campaign_are_built(ansible_playbook: Ansible, sandbox: Any) -> None:
    participants = [sandbox.participant(number) for number in range(331, 371)]
    unallocated = {each["iccid"] for each in participants if each["state"] == "unallocated"}
    run = ansible_playbook("participants_retry_build", {"campaign_id": 176})
    assert run.ok, run.output
    assert {entry["params"]["iccid"] for entry in sandbox.writes()} == unallocated
    assert sent(sandbox) == {"retry_build": 16}


def test_export_holds_every_participant_once(ansible_playbook: Ansible, tmp_path: Path) -> None:
    dest = tmp_path / "failed.csv"
    run = ansible_playbook("participants_export", {"campaign_id": 167, "dest": str(dest), "state": "failed"})
    assert run.ok, run.output
    rows = list(csv.DictReader(dest.read_text().splitlines()))
    assert len({row["participant_id"] for row in rows}) == len(rows) == 44
    assert {row["state"] for row in rows} == {"failed"}


def test_servers_of_an_inventory(
    ansible_playbook: Ansible, sandbox: Any, start_sandbox: Callable[..., Any], tmp_path: Path
) -> None:
    other = start_sandbox(secret="staple")
    (tmp_path / "inventory.yml").write_text(
        f"""
ota:
  hosts:
    one: {{yateota_connection: {{api_url: "{sandbox.url}", api_secret: correct-horse}}}}
    two: {{yateota_connection: {{api_url: "{other.url}", api_secret: staple}}}}
  vars: {{ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
"""
    )
    unset = {"YATEOTA_API_URL": None, "YATEOTA_API_SECRET": None}
    run = ansible_playbook(
        "campaign_pause", {"campaign_id": 144, "yateota_hosts": "ota"}, "-i", "inventory.yml", environ=unset
    )
    assert run.ok, run.output
    assert sent(sandbox) == sent(other) == {"pause": 1}


@pytest.mark.parametrize(
    ("name", "variables", "sentence"),
    [
        ("participants_retry_failed", {"campaign_id": 999}, "campaign 999"),
        ("participant_hurry", {"campaign_id": 167, "participant_id": 195}, "participant 195 of campaign 167"),
    ],
)
def test_what_stops_it_is_said_once_and_not_dumped(
    name: str, variables: dict[str, Any], sentence: str, ansible_playbook: Ansible, sandbox: Any
) -> None:
    run = ansible_playbook(name, variables)
    assert not run.ok
    (said,) = re.findall(r"fatal: .*", run.output)
    assert sentence in run.words
    assert '"results"' not in run.output
    assert "censored" not in said
    assert sandbox.writes() == []
