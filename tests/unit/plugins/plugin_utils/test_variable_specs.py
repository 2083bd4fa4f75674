# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The specs of variables are whole, and let through what is left empty."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_specs import (
    COLLECTION,
    all_names,
    playbook_names,
    private_names,
    role_names,
    role_scope,
)


def own_specs(role: str) -> dict[str, Any]:
    """What Ansible itself checks."""
    path = COLLECTION / "roles" / role / "meta/argument_specs.yml"
    options: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    return options


def test_every_playbook_has_its_variables() -> None:
    assert playbook_names() == sorted(path.stem for path in (COLLECTION / "playbooks").glob("*.yml"))


@pytest.mark.parametrize("playbook", playbook_names())
def test_a_playbook_names_itself(playbook: str) -> None:
    (play,) = yaml.safe_load((COLLECTION / f"playbooks/{playbook}.yml").read_text(encoding="utf-8"))
    assert play["vars"]["__yateota_playbook"] == playbook
    assert play["tasks"][0]["ansible.builtin.import_tasks"] == "tasks/require.yml"


@pytest.mark.parametrize("role", role_names())
def test_a_role_begins_with_its_variables(role: str) -> None:
    tasks = yaml.safe_load((COLLECTION / "roles" / role / "tasks/main.yml").read_text(encoding="utf-8"))
    assert tasks[0]["ansible.builtin.import_tasks"] == "variables.yml"


@pytest.mark.parametrize("role", role_names())
@pytest.mark.parametrize("empty", [None, "", " "], ids=repr)
def test_ansibles_own_check_lets_pass_what_is_left_empty(role: str, empty: Any) -> None:
    optional = {name: spec for name, spec in own_specs(role).items() if not spec.get("required")}
    checked = ArgumentSpecValidator(optional).validate(dict.fromkeys(optional, empty), validate_role_argument_spec=True)
    assert checked.error_messages == []


def texts() -> dict[Path, str]:
    """The playbooks' and their tasks' text."""
    return {path: path.read_text(encoding="utf-8") for path in (COLLECTION / "playbooks").rglob("*.yml")}


def test_what_tasks_pass_on_is_not_to_be_given() -> None:
    """A variable of the command line would take its place."""
    passed = set()
    for path, text in texts().items():
        if path.parent.name == "vars":
            continue
        for play_or_task in yaml.safe_load(text):
            tasks = play_or_task.get("tasks", [play_or_task])
            for each in [play_or_task, *tasks]:
                role = "ansible.builtin.include_role" in each
                passed |= set() if role else set(each.get("vars", {}))
                passed |= {each["register"]} if "register" in each else set()
    assert {name for name in passed if not name.startswith("__")} == set(private_names())


def test_playbooks_read_what_was_checked() -> None:
    """Never the variable as it came, which may be empty, or a number given as text."""
    elsewhere = {"state", "format"}  # of a loop, and a filter
    names = "|".join(name for name in all_names() - elsewhere if not name.startswith("yateota_"))
    for path, text in texts().items():
        for expression in re.findall(r"\{\{.*?\}\}", text, re.DOTALL):
            bare = re.sub(r"'[^']*'", "", expression)
            assert not re.findall(rf"(?<![\w.])(?:{names})\b(?!=)", bare), (path.name, expression)


@pytest.mark.parametrize("role", role_names())
def test_a_role_reads_what_was_checked(role: str) -> None:
    """Never the variable as it came, which may be empty, or a number given as text."""
    names = "|".join(role_scope(role).own)
    for path in [*(COLLECTION / "roles" / role / "tasks").glob("*.yml"), COLLECTION / "roles" / role / "vars/main.yml"]:
        for expression in re.findall(r"\{\{.*?\}\}", path.read_text(encoding="utf-8"), re.DOTALL):
            bare = re.sub(r"'[^']*'", "", expression)
            assert not re.findall(rf"(?<![\w.])(?:{names})\b", bare), (path.name, expression)
