# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play's ignore_errors excuses how a role ends, and does not get past what keeps it from acting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.plugins.module_utils._core.states import Action
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, Run

BULK = {
    "bulk_change_id": "CHG1",
    "bulk_change_action": Action.RETRY.value,
    "bulk_change_campaign_id": 167,
    "bulk_change_state": "failed",
    "bulk_change_require_approval": False,
    "bulk_change_verify": False,
}
REFUSE = [{"name": "Ask", "ansible.builtin.fail": {"msg": "ticket not approved"}}]
SHOW = [{"name": "Show", "ansible.builtin.debug": {"msg": "complete: {{ bulk_change_progress.is_complete }}"}}]


def play(ansible: Ansible, role: str, variables: dict[str, Any], *files: tuple[str, Any]) -> Run:
    """Run a role in a play that ignores errors, and show that the play continues after it."""
    folder = ansible.folder
    for name, tasks in files:
        (folder / name).write_text(yaml.safe_dump(tasks))
    tasks = [
        {"name": "Run the role", "ansible.builtin.include_role": {"name": f"simops.yateota.{role}"}},
        {"name": "Continue", "ansible.builtin.debug": {"msg": "the play continued"}},
    ]
    given = {name: value for name, value in variables.items() if value is not None}
    book = folder / "ignoring.yml"
    head = {"name": "Ignore errors", "hosts": "localhost", "gather_facts": False, "ignore_errors": True}
    book.write_text(yaml.safe_dump([{**head, "vars": given, "tasks": tasks}]))
    environ = {"YATEOTA_LEDGER": str(folder / "ledger.sqlite")}
    return ansible(book, environ=environ)


IMPOSSIBLE = [{"campaign_id": number, "state": "paused"} for number in (176, 999)]
OTHER_SIM = {
    "esim_reprofile_change_id": "CHG1",
    "esim_reprofile_sims": "999990000000011",
    "bulk_change_require_approval": False,
}


@pytest.mark.parametrize(
    ("role", "variables", "words"),
    [
        ("bulk_change", {**BULK, "bulk_change_stat": "failed"}, "bulk_change_stat"),
        ("bulk_change", {**BULK, "bulk_change_require_approval": True}, "waits for approval"),
        ("campaigns", {"campaigns_desired": IMPOSSIBLE}, "Nothing was sent."),
        ("esim_reprofile", OTHER_SIM, "Nothing was sent."),
        ("retry_build_sweep", {"retry_build_sweep_campaigns": "999"}, "Nothing was sent."),
    ],
    ids=["misspelled", "approval", "campaigns", "sims", "sweep"],
)
def test_what_keeps_a_role_from_acting_is_not_ignored(
    ansible_playbook: Ansible, sandbox: Any, role: str, variables: dict[str, Any], words: str
) -> None:
    done = play(ansible_playbook, role, variables)
    assert not done.ok
    assert words in done.words
    assert "the play continued" not in done.output
    assert not sandbox.writes()


def test_a_gate_that_refuses_is_not_ignored(ansible_playbook: Ansible, sandbox: Any) -> None:
    gate = ansible_playbook.folder / "gate.yml"
    done = play(ansible_playbook, "bulk_change", {**BULK, "bulk_change_gate_tasks": str(gate)}, ("gate.yml", REFUSE))
    assert "ticket not approved" in done.words
    assert not sandbox.writes()
    status = ansible_playbook(
        "bulk_status",
        {"change_id": "CHG1"},
        environ={"YATEOTA_LEDGER": str(ansible_playbook.folder / "ledger.sqlite")},
    )
    assert "held" in status.words


def test_how_a_change_ends_may_be_ignored_and_its_finish_tasks_know_it(ansible_playbook: Ansible, sandbox: Any) -> None:
    sandbox.fault(request="action_participant", kind="code", code=404, message="Participant not found", nth=4, times=1)
    finish = ansible_playbook.folder / "finish.yml"
    given = {**BULK, "bulk_change_finish_tasks": str(finish)}
    done = play(ansible_playbook, "bulk_change", given, ("finish.yml", SHOW))
    assert done.ok
    assert "43 done, 1 refused" in done.words
    assert "complete: False" in done.words
    assert "the play continued" in done.output


def test_finish_tasks_that_fail_are_reported_though_errors_are_ignored(ansible_playbook: Ansible) -> None:
    finish = ansible_playbook.folder / "finish.yml"
    given = {**BULK, "bulk_change_finish_tasks": str(finish)}
    done = play(ansible_playbook, "bulk_change", given, ("finish.yml", REFUSE))
    assert "The finish tasks failed: ticket not approved" in done.words


def test_a_start_at_a_later_task_does_not_get_past_the_variables(ansible_playbook: Ansible, sandbox: Any) -> None:
    given = {"campaign_id": 167, "iccid": "89", "dry_run": True}
    start = ("--start-at-task", "Set the variables")
    done = ansible_playbook("participants_retry_failed", given, *start)
    assert not done.ok
    assert not sandbox.writes()


def guards() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each assert of a role that is not its last word, with its file."""
    for path in sorted((COLLECTION / "roles").glob("*/tasks/variables.yml")):
        for task in yaml.safe_load(path.read_text(encoding="utf-8")):
            yield path.parts[-3], task


@pytest.mark.parametrize(("role", "task"), list(guards()), ids=lambda each: each if isinstance(each, str) else "")
def test_no_role_lets_its_variables_be_ignored(role: str, task: dict[str, Any]) -> None:
    assert task["ignore_errors"] is False


def test_a_relative_ledger_is_refused_before_anything_is_sent(ansible_playbook: Ansible, sandbox: Any) -> None:
    given = {"change_id": "CHG1", "campaign_id": 167, "bulk_change_state": "failed", "bulk_change_approved_by": "j.doe"}
    for path, *arguments in (
        ("ledger.sqlite",),
        ("ledger.sqlite", "--check"),
        ("~/ledger.sqlite", "-e", "yateota_in_process=false"),
    ):
        done = ansible_playbook("bulk_retry", given, *arguments, environ={"YATEOTA_LEDGER": path})
        assert not done.ok
        assert "must be the whole path of a file" in done.words
    assert not sandbox.writes()
    assert not list(Path(ansible_playbook.folder).rglob("ledger.sqlite"))
