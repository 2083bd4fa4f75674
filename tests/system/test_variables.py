"""Real runs of roles and playbooks: optional variables left empty, misspelled ones, and numbers where text is meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_specs import (
    playbook_names,
    playbook_scope,
    role_names,
    role_scope,
)
from ansible_collections.simops.yateota.tests.system.harness import Ansible, run

from yateota_sandbox import Sandbox

SIM = "001010000000001"
SCENARIO = {
    "sims": [{"count": 8, "imsi": SIM, "iccid": "893101000000000001", "msisdn": "882990000001"}],
    "campaigns": [
        {
            "campaign_id": 144,
            "name": "Applet: part two",
            "type": "RAM",
            "state": "started",
            "first_participant": 195,
            "initial": {"unallocated": 2, "pending_send": 3, "failed": 3},
        }
    ],
}
NEEDED: dict[str, Any] = {
    "bulk_change_approved_by": "chief",
    "bulk_change_id": "CHG1",
    "bulk_change_action": "retry",
    "bulk_change_campaign_id": 144,
    "bulk_change_report_directory": "{tmp}/reports",
    "campaign_id": 144,
    "campaign_states": "Applet: part two: paused",
    "campaign_watch_campaign_id": 144,
    "campaigns_desired": [{"campaign_id": 144, "state": "paused"}],
    "change_id": "CHG1",
    "dest": "{tmp}/participants.csv",
    "esim_reprofile_change_id": "CHG1",
    "esim_reprofile_sims": SIM,
    "participant_id": 202,
    "reason": "a drill",
    "retry_build_sweep_campaigns": "144",
}
# The playbooks that need a change, which another one plans first.
LEDGER_PLAYBOOKS = [
    "bulk_status",
    "bulk_report",
    "bulk_approve",
    "bulk_hold",
    "bulk_release",
    "bulk_hold_all",
    "bulk_stop",
]


@pytest.fixture
def box(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return start_sandbox(scenario=SCENARIO)


@pytest.fixture
def bulk(ansible_for: Callable[[Sandbox], Ansible], box: Sandbox, tmp_path: Path) -> Ansible:
    """Runs playbooks with a ledger that is not there yet."""
    return Ansible(tmp_path, {**ansible_for(box).server, "YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})


def inventory(folder: Path, *without: str) -> str:
    """An inventory whose localhost has all that is needed, so that the command line can leave the rest empty."""
    given = {name: value for name, value in NEEDED.items() if name not in without}
    text = json.dumps(given).replace("{tmp}", str(folder))
    host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (folder / "inventory.yml").write_text(json.dumps({"all": {"hosts": {"localhost": {**host, **json.loads(text)}}}}))
    return str(folder / "inventory.yml")


def emptied(names: set[str]) -> dict[str, Any]:
    """The variables, by turns null, empty and blank."""
    return {name: (None, "", " ")[place % 3] for place, name in enumerate(sorted(names - NEEDED.keys()))}


def test_every_role_runs_with_all_else_left_empty(bulk: Ansible, box: Sandbox, tmp_path: Path) -> None:
    of_playbooks = {name for name in NEEDED if name in ("campaign_states",)}
    empty = emptied({name for role in role_names() for name in role_scope(role).own})
    tasks = [{"ansible.builtin.include_role": {"name": f"simops.yateota.{role}"}} for role in role_names()]
    play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
    (tmp_path / "roles.yml").write_text(yaml.safe_dump([play]))
    done = bulk(tmp_path / "roles.yml", empty, "--check", "-i", inventory(tmp_path, *of_playbooks))
    assert done.ok, done.output
    assert len(empty) > 60
    assert done.output.count("Set the variables") >= len(role_names())
    assert box.writes() == []


@pytest.mark.slow
def test_every_playbook_runs_with_all_else_left_empty(bulk: Ansible, box: Sandbox, tmp_path: Path) -> None:
    names = [name for name in playbook_names() if name not in LEDGER_PLAYBOOKS]
    empty = emptied({name for playbook in playbook_names() for name in playbook_scope(playbook).known})
    of_roles = {"bulk_change_campaign_id", "campaign_watch_campaign_id"}
    # What a role requires, its playbook sets.
    set_by_playbooks = {"bulk_change_id", "bulk_change_action", "campaigns_desired", "esim_reprofile_change_id"}
    given = ["-i", inventory(tmp_path, *of_roles, *set_by_playbooks), "-e", json.dumps(empty | dict.fromkeys(of_roles))]
    command = ["ansible-playbook", *(f"simops.yateota.{name}" for name in names), *given, "--check"]
    done = run(command, bulk.environ(), tmp_path)
    assert done.ok, done.output
    assert done.output.count("Check the variables") >= len(names)
    assert box.writes() == []

    planned = bulk("bulk_retry", {"bulk_change_only": "plan"}, *given[:2])
    assert planned.ok, planned.output
    command = ["ansible-playbook", *(f"simops.yateota.{name}" for name in LEDGER_PLAYBOOKS), *given]
    told = run(command, bulk.environ(), tmp_path)
    assert told.ok, told.output
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"CHG1.csv", "CHG1.jsonl", "CHG1.html"}


@pytest.mark.parametrize(
    ("playbook", "given", "sentence"),
    [
        (
            "bulk_cancel",
            {"change_id": "C1", "campaign_id": 144, "bulk_change_sate": "pending_send"},
            "bulk_change_sate is not a known variable: bulk_change_state is probably meant.",
        ),
        (
            "bulk_cancel",
            {"change_id": "C1", "campaign_id": 144, "state": "pending_send"},
            "state is not a known variable: bulk_change_state is probably meant.",
        ),
        (
            "bulk_cancel",
            {"change_id": "C1", "campaign_id": 144, "bulk_action": "rerun"},
            "bulk_cancel uses the variable bulk_action itself: leave it out.",
        ),
        (
            "campaign_stop",
            {"campaign_id": 144, "yateota_hosts": "otta"},
            "yateota_hosts 'otta' matches no host of the inventory: give a group or hosts that it has",
        ),
    ],
)
def test_what_nothing_would_read_is_refused_before_anything_is_sent(
    playbook: str, given: dict[str, Any], sentence: str, bulk: Ansible, box: Sandbox, tmp_path: Path
) -> None:
    approved = {"bulk_change_approved_by": "j.doe"} if playbook.startswith("bulk") else {}
    done = bulk(playbook, {**given, **approved})
    assert not done.ok
    assert sentence in done.words
    assert "Traceback" not in done.output
    assert box.journal() == []
    assert not list(tmp_path.glob("ledger*"))


@pytest.mark.parametrize("where", ["inventory", "play"])
def test_a_misspelled_variable_is_refused_wherever_it_is_given(
    where: str, bulk: Ansible, box: Sandbox, tmp_path: Path
) -> None:
    """In a play of the user's, by the role itself, before it reads anything."""
    role = {"ansible.builtin.include_role": {"name": "simops.yateota.bulk_change"}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [role]}
    hosts = {"localhost": {"ansible_connection": "local", "bulk_change_id": "CHG1", "bulk_change_action": "cancel"}}
    (play.setdefault("vars", {}) if where == "play" else hosts["localhost"])["bulk_chnage_state"] = "failed"
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    done = bulk(tmp_path / "play.yml", {"bulk_change_campaign_id": 144}, "-i", str(tmp_path / "hosts.yml"))
    assert not done.ok
    assert "bulk_chnage_state is not a known variable: bulk_change_state is probably meant." in done.words
    assert box.journal() == []


def test_what_awx_writes_and_newer_cores_read_as_numbers(bulk: Ansible, box: Sandbox, tmp_path: Path) -> None:
    """``!unsafe '0012345'`` becomes 5349 on some; on the others it stays as written. Never is it another change."""
    answers = f"change_id: !unsafe '0012345'\nsims: !unsafe '{SIM}'\nbulk_change_only: !unsafe 'plan'\n"
    (tmp_path / "answers.yml").write_text(answers)
    done = bulk("bulk_retry", None, "-e", f"@{tmp_path / 'answers.yml'}")
    if done.ok:
        assert "Change 0012345: retry of 1 participants" in done.words
    else:
        assert "change_id was read as the number 5349, expected text: put it in quotes" in done.words
        assert "On AWX, use an execution environment with ansible-core below 2.19." in done.words
        assert box.journal() == []
    assert "5349:" not in done.words


@pytest.mark.parametrize(
    ("playbook", "sends"), [("campaign_pause", "pause"), ("campaign_stop", "stop"), ("campaign_restart", "restart")]
)
def test_a_campaign_by_its_name(playbook: str, sends: str, bulk: Ansible, box: Sandbox) -> None:
    done = bulk(playbook, {"campaign_name": "Applet: part two"})
    assert done.ok, done.output
    assert "Campaign 144 (Applet: part two): " in done.words
    assert [entry["params"]["action"] for entry in box.writes()] == [sends]


@pytest.mark.slow
def test_reports_of_two_changes_are_two(bulk: Ansible, tmp_path: Path) -> None:
    given = {"campaign_id": 144, "bulk_change_approved_by": "j.doe"}
    given |= {"bulk_change_report_directory": str(tmp_path / "reports"), "bulk_change_report_formats": ["csv"]}
    for change_id, playbook, state in (("CHG/1", "bulk_retry", "failed"), ("CHG 1", "bulk_cancel", "pending_send")):
        done = bulk(playbook, {**given, "change_id": change_id, "bulk_change_state": state})
        assert done.ok, done.output
        assert "The report is in " in done.words
    assert len(list((tmp_path / "reports").glob("CHG_1~*.csv"))) == 2


def test_a_dry_run_misses_the_folder_of_the_textfile_as_the_real_run_does(bulk: Ansible, tmp_path: Path) -> None:
    done = bulk("node_health", {"node_health_textfile": f"{tmp_path}/none/x.prom"}, "--check")
    assert not done.ok
    assert f"node_health_textfile '{tmp_path}/none/x.prom' cannot be written: its folder does not exist" in done.words
