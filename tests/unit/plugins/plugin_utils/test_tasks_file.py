# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks files of the user's own are found from the playbook's folder on, and read before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.plugin_utils._tasks_file import check_tasks_file
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_specs import playbook_scope, role_scope
from ansible_collections.simops.yateota.plugins.plugin_utils._variables import Given, examined

TASKS = "- name: Ask\n  ansible.builtin.debug:\n"
NEEDED = {"bulk_change_id": "CHG1", "bulk_change_action": "retry", "change_id": "CHG1", "campaign_id": 167}


def problems(folder: Path, path: str, playbook: str | None = None, **more: Any) -> tuple[list[str], Any]:
    """What is said of the gate's tasks file, and the path that is taken."""
    variables = {"playbook_dir": str(folder), "bulk_change_gate_tasks": path, **more}
    needed = {name: NEEDED[name] for name in ("change_id", "campaign_id")} if playbook else dict(NEEDED)
    given = Given({**needed, **variables}, frozenset(), lambda value: value)
    found, values = examined(given, playbook_scope(playbook) if playbook else role_scope("bulk_change"))
    return found, values.get("bulk_change_gate_tasks")


def test_a_relative_path_counts_from_the_playbook(tmp_path: Path) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/gate.yml").write_text(TASKS)
    whole = str(tmp_path / "hooks/gate.yml")
    assert problems(tmp_path, "hooks/gate.yml") == ([], whole)
    assert problems(tmp_path / "hooks", "../hooks/gate.yml") == ([], f"{tmp_path}/hooks/../hooks/gate.yml")
    assert problems(Path("/"), whole) == ([], whole)


def test_in_a_playbook_of_the_collection_the_path_is_whole(tmp_path: Path) -> None:
    (tmp_path / "gate.yml").write_text(TASKS)
    refused, _path = problems(tmp_path, "gate.yml", "bulk_retry")
    assert refused == ["bulk_change_gate_tasks 'gate.yml' is not valid: give the whole path of a tasks file."]
    assert problems(tmp_path, f"{tmp_path}/gate.yml", "bulk_retry") == ([], f"{tmp_path}/gate.yml")


def test_a_home_folder_is_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "gate.yml").write_text(TASKS)
    assert problems(tmp_path / "elsewhere", "~/gate.yml") == ([], str(tmp_path / "gate.yml"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory): give the path of a tasks file."),
        (b"- name: [\n", "is not valid YAML: correct the tasks file."),
        (b"\xff\xfe\x00", "is not valid YAML: correct the tasks file."),
        (b"", "is not a list of tasks: write it as the tasks of a role are written."),
        (b"---\n[]\n", "is not a list of tasks: write it as the tasks of a role are written."),
        (b"tasks: []\n", "is not a list of tasks: write it as the tasks of a role are written."),
        (b"- include\n", "is not a list of tasks: write it as the tasks of a role are written."),
    ],
)
def test_what_is_no_tasks_file_is_refused(content: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "gate.yml"
    if content is not None:
        file.write_bytes(content)
    assert problems(tmp_path, "gate.yml") == ([f"bulk_change_gate_tasks '{file}' {said}"], None)


@pytest.mark.parametrize("end", ["end_host", "end_play", "end_batch", "end_role"])
@pytest.mark.parametrize(
    "task",
    [
        "- meta: {}\n",
        "- name: End\n  ansible.builtin.meta: {}\n  when: false\n",
        "- ansible.legacy.meta: {}\n",
        "- action: meta {}\n",
        "- local_action: {{module: meta {}}}\n",
        "- block:\n    - block:\n        - ansible.builtin.meta: {}\n",
        "- block: []\n  rescue:\n    - meta: {}\n",
        "- block: []\n  always:\n    - meta: '{} '\n",
    ],
)
def test_what_ends_the_run_as_a_success_is_refused(task: str, end: str, tmp_path: Path) -> None:
    file = tmp_path / "gate.yml"
    file.write_text(TASKS + task.format(end))
    ((refused,), _path) = problems(tmp_path, "gate.yml")
    assert refused.startswith(f"bulk_change_gate_tasks '{file}' has the task meta: {end}, which would end the run")
    ((refused,), _path) = problems(tmp_path, "", bulk_change_finish_tasks="gate.yml")
    assert refused.startswith(f"bulk_change_finish_tasks '{file}' has the task meta: {end}, which would end the run")


@pytest.mark.parametrize(
    "task", ["- meta: noop\n", "- meta: flush_handlers\n", "- command: meta end_host\n", "- meta:\n"]
)
def test_what_does_not_end_the_run_is_taken(task: str, tmp_path: Path) -> None:
    (tmp_path / "gate.yml").write_text(TASKS + task)
    assert problems(tmp_path, "gate.yml") == ([], str(tmp_path / "gate.yml"))


def test_a_folder_is_no_tasks_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be read \(Is a directory\)"):
        check_tasks_file("bulk_change_gate_tasks", str(tmp_path))


def test_an_encrypted_one_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "gate.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n3030\n")
    check_tasks_file("bulk_change_gate_tasks", str(tmp_path / "gate.yml"))


def test_tags_of_ansible_are_read(tmp_path: Path) -> None:
    (tmp_path / "gate.yml").write_text("- name: Ask\n  ansible.builtin.debug:\n    msg: !unsafe '{{ x }}'\n")
    check_tasks_file("bulk_change_gate_tasks", str(tmp_path / "gate.yml"))


def test_none_is_where_jobs_write_files(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/gate.yml").write_text(TASKS)
    (tmp_path / "gate.yml").write_text(TASKS)
    (tmp_path / "link.yml").symlink_to(tmp_path / "files/gate.yml")
    root = str(tmp_path / "files")
    for path in (f"{root}/gate.yml", "link.yml"):
        (refused,), _path = problems(tmp_path, path, yateota_files_root=root)
        assert "is in yateota_files_root, where jobs write files: keep it with the playbook." in refused
    assert problems(tmp_path, "gate.yml", yateota_files_root=root) == ([], str(tmp_path / "gate.yml"))
