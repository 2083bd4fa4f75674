# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role or playbook was given, by the lookup, with Ansible's own templating and reading of variables."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.simops.yateota.plugins.lookup import variables as plugin
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_specs import (
    playbook_names,
    playbook_scope,
    role_names,
    role_scope,
)

Find = Callable[..., dict[str, Any]]
HOST = {"inventory_hostname": "localhost", "ansible_playbook_python": "/usr/bin/python3"}
NEEDED = {
    "bulk_change_id": "CHG1",
    "bulk_change_action": "retry",
    "campaigns_desired": [],
    "esim_reprofile_change_id": "CHG1",
    "esim_reprofile_sims": "001010000000011",
    "retry_build_sweep_campaigns": "144",
    "campaign_id": 167,
    "change_id": "CHG1",
    "reason": "The SMSC queues",
    "participant_id": 195,
    "sims": "001010000000011",
    "dest": "/var/tmp/x",
    "bulk_change_report_directory": "/var/tmp/changes",
}


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Find:
    """Ask the lookup about variables of the inventory (`given`) and of the command line (`extra`)."""

    # The loader of Ansible's own plugins is not at work here.
    home = "lookup('ansible.builtin.env', 'HOME')"
    written = plugin.defaults
    monkeypatch.setattr(plugin, "defaults", lambda role: json.loads(json.dumps(written(role)).replace(home, "'/root'")))

    def ask(given: dict[str, Any] | None = None, extra: dict[str, Any] | None = None, **which: str) -> dict[str, Any]:
        monkeypatch.setattr(plugin, "load_extra_vars", lambda loader: extra or {})
        variables = {**HOST, **(given or {}), **(extra or {})}
        loader = DataLoader()
        lookup = plugin.LookupModule(loader=loader, templar=Templar(loader=loader, variables=variables))
        (found,) = lookup.run([], variables, **which)
        return dict(found)

    return ask


def as_written(text: str) -> Any:
    """A value as Ansible reads it out of a file of variables."""
    return DataLoader().load(f"value: {text}")["value"]


WHICH = [
    *({"role": name} for name in role_names()),
    *({"playbook": name} for name in playbook_names()),
]


@pytest.mark.parametrize("which", WHICH, ids=lambda which: "-".join(*which.items()))
@pytest.mark.parametrize("empty", [None, "", " \t"], ids=repr)
def test_what_is_left_empty_is_not_given(which: dict[str, str], empty: Any, find: Find) -> None:
    """For every variable of every role and playbook, from their specs; another test runs them."""
    scope = role_scope(which["role"]) if "role" in which else playbook_scope(which["playbook"])
    needed = {group[0]: NEEDED[group[0]] for group in scope.needs}
    optional = dict.fromkeys(scope.known.keys() - needed.keys(), empty)
    assert len(optional) > 2
    plain, emptied = find(needed, **which), find(needed, optional, **which)
    assert emptied["problems"] == plain["problems"] == []
    assert emptied == plain


@pytest.mark.parametrize("which", WHICH, ids=lambda which: "-".join(*which.items()))
@pytest.mark.parametrize("empty", [None, "", " "], ids=repr)
def test_what_is_needed_and_left_empty_is_missing(which: dict[str, str], empty: Any, find: Find) -> None:
    scope = role_scope(which["role"]) if "role" in which else playbook_scope(which["playbook"])
    found = find({name: empty for group in scope.needs for name in group}, **which)
    assert len(found["problems"]) == len(scope.needs)
    for group, problem in zip(scope.needs, found["problems"], strict=True):
        assert problem.startswith(f"{' or '.join(group)} is missing: give ")


@pytest.mark.parametrize(
    ("text", "number"), [("0012345", "5349"), ("001010000000011", "69793218569"), ("8931010000000000873", None)]
)
def test_digits_that_yaml_has_made_a_number_of(text: str, number: str | None, find: Find) -> None:
    value = as_written(text)
    assert isinstance(value, int)
    for name, which in [
        ("change_id", {"playbook": "bulk_retry"}),
        ("sims", {"playbook": "bulk_retry"}),
        ("bulk_change_id", {"role": "bulk_change"}),
        ("esim_reprofile_sims", {"role": "esim_reprofile"}),
        ("retry_build_sweep_campaigns", {"playbook": "retry_build_sweep"}),
        ("campaign_states", {"playbook": "campaigns"}),
    ]:
        problems = find({**NEEDED, name: value}, **which)["problems"]
        assert f"{name} was read as the number {number or text}, expected text: put it in quotes" in " ".join(problems)
        quoted = find({**NEEDED, name: as_written(f"'{text}'")}, **which)["problems"]
        assert not any("was read" in each for each in quoted)


def test_templates_are_filled_in(find: Find) -> None:
    given = {
        "bulk_change_id": plugin.trust_as_template("{{ ticket }}"),
        "bulk_change_action": "retry",
        "ticket": "CHG7",
        "bulk_change_canary": plugin.trust_as_template("{{ size | int }}"),
        "size": 5,
    }
    found = find(given, role="bulk_change")
    assert found["problems"] == []
    assert (found["given"]["id"], found["given"]["canary"]) == ("CHG7", 5)


def test_a_template_that_cannot_be_filled_in_is_a_problem(find: Find) -> None:
    given = {"bulk_change_id": plugin.trust_as_template("{{ tikcet }}"), "bulk_change_action": "retry"}
    (problem,) = find(given, role="bulk_change")["problems"]
    assert problem.startswith("bulk_change_id: 'tikcet' is undefined")


def test_values_of_the_command_line_come_as_their_types(find: Find) -> None:
    """``-e key=value`` gives nothing but text."""
    given = {
        "bulk_change_id": "5349",
        "bulk_change_action": "rerun",
        "bulk_change_canary": "5",
        "bulk_change_maximum_per_second": "2.5",
        "bulk_change_verify": "no",
        "bulk_change_report_formats": "csv,html",
        "bulk_change_confirm_rerun": "44",
    }
    found = find(None, given, role="bulk_change")
    assert found["problems"] == []
    values = found["given"]
    assert (values["id"], values["canary"], values["maximum_per_second"]) == ("5349", 5, 2.5)
    assert (values["verify"], values["report_formats"], values["confirm_rerun"]) == (False, ["csv", "html"], 44)


def test_a_secret_is_never_told(find: Find) -> None:
    given = {"bulk_change_id": "CHG1", "bulk_change_action": "retry", "bulk_change_ledger_password": 123456}
    (problem,) = find(given, role="bulk_change")["problems"]
    assert "bulk_change_ledger_password was read as the number, expected text" in problem
    assert "123456" not in problem


def test_two_ways_to_name_a_campaign_are_one_too_many(find: Find) -> None:
    found = find({"campaign_id": 144, "campaign_name": "Spring"}, playbook="campaign_pause")
    assert found["problems"] == ["campaign_id and campaign_name are both given: give one of them."]


def test_paths_stay_in_the_folder_for_files(find: Find) -> None:
    given = {**NEEDED, "yateota_files_root": "/var/lib/yateota", "dest": "failed.csv"}
    given |= {"bulk_change_report_directory": "changes", "bulk_change_source": "/var/lib/yateota/sims.csv"}
    assert find(given, playbook="participants_export")["given"]["dest"] == "/var/lib/yateota/failed.csv"
    for which in ({"role": "bulk_change"}, {"playbook": "bulk_report"}):
        found = find(given, **which)
        assert found["problems"] == []
        assert "/var/lib/yateota/changes" in found["given"].values()
        assert "/var/lib/yateota/sims.csv" in found["given"].values()
    for name, value in (("dest", "../x.csv"), ("dest", "/etc/passwd")):
        (problem,) = find({**given, name: value}, playbook="participants_export")["problems"]
        assert problem.startswith(f"{name}: '{value}' leads out of the folder /var/lib/yateota")
    (problem,) = find({**given, "bulk_change_report_directory": "/tmp"}, role="bulk_change")["problems"]
    assert problem.startswith("bulk_change_report_directory: '/tmp' leads out of the folder")


def test_the_folder_for_files_is_the_one_that_is_written_to(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link in it leads out, also where the folder is named by a home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to("/tmp")
    for root in ("~/root", "$HOME/root", f"{tmp_path}/root "):
        given = {**NEEDED, "yateota_files_root": root, "dest": "link/a.csv"}
        (problem,) = find(given, playbook="participants_export")["problems"]
        assert "leads out of the folder" in problem
        inside = find({**given, "dest": "a.csv"}, playbook="participants_export")["given"]["dest"]
        assert inside == f"{tmp_path}/root/a.csv"


def test_a_path_has_no_control_characters(find: Find) -> None:
    (problem,) = find({**NEEDED, "dest": "/tmp/a\0.csv"}, playbook="participants_export")["problems"]
    assert problem == "dest '/tmp/a\\x00.csv' is not valid: give a path without control characters."


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("window_start", "2026-13-01", "ISO 8601 with a zone"),
        ("window_end", "2026-06-02T05:00:00", "ISO 8601 with a zone"),
        ("window_end", "tomorrow", "ISO 8601 with a zone"),
        ("state", "faild", "one of unallocated, pending_build"),
        ("canary", 0, "1 or more"),
        ("wave_size", "-5", "1 or more"),
        ("soak", -1, "0 or more"),
        ("maximum_per_second", 0, "more than 0"),
        ("abort_percentage", 101, "more than 0 and up to 100"),
        ("abort_percentage", "0", "more than 0 and up to 100"),
    ],
)
def test_a_limit_is_told_with_the_roles_own_variable(name: str, value: Any, words: str, find: Find) -> None:
    (problem,) = find({**NEEDED, f"bulk_change_{name}": value}, role="bulk_change")["problems"]
    assert problem.startswith(f"bulk_change_{name} ")
    assert f"is not valid: give {words}" in problem


def test_a_date_that_yaml_has_made_of_a_window_is_that_moment(find: Find) -> None:
    """As ansible-core from 2.19 on does with AWX's answers; one without a zone is no moment."""
    window = {"bulk_change_window_start": yaml.safe_load("2026-06-01T22:00:00+02:00")}
    found = find({**NEEDED, **window}, role="bulk_change")
    assert found["problems"] == []
    assert found["given"]["window_start"] == "2026-06-01T22:00:00+02:00"
    (problem,) = find(
        {**NEEDED, "bulk_change_window_start": yaml.safe_load("2026-06-01 22:00:00")}, role="bulk_change"
    )["problems"]
    assert "was read as the date 2026-06-01 22:00:00, expected text" in problem


def test_the_roles_own_defaults_hold(find: Find) -> None:
    found = find({"retry_build_sweep_campaigns": "144,Spring"}, role="retry_build_sweep")["given"]
    assert found == {
        "campaigns": ["144", "Spring"],
        "maximum": 1000,
        "name": "retry_build_sweep-localhost",
        "purge_after_days": 30,
    }


def test_nothing_is_returned_in_part_if_that_is_asked_for(find: Find) -> None:
    given = {**NEEDED, "bulk_change_stat": "failed"}
    assert find(given, role="bulk_change")["problems"]
    with pytest.raises(AnsibleLookupError, match="bulk_change_stat"):
        find(given, role="bulk_change", strict="true")
    assert find(NEEDED, role="bulk_change", strict="true") == find(NEEDED, role="bulk_change")


@pytest.mark.parametrize("which", [{}, {"role": "nix"}, {"playbook": "nix"}, {"role": "campaigns", "playbook": "x"}])
def test_what_the_lookup_itself_cannot_be_asked(which: dict[str, str], find: Find) -> None:
    with pytest.raises(AnsibleLookupError, match=r"give (the name|one) of"):
        find(**which)


LEDGER_ENDS = "is a file, which ends with the container of this job of AWX: give the URL of a PostgreSQL database"
WITH_LEDGER = [
    *({"role": name} for name in ("bulk_change", "esim_reprofile", "retry_build_sweep")),
    *({"playbook": name} for name in ("bulk_retry", "bulk_approve", "bulk_hold_all", "esim_reprofile")),
]


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a folder be the only mount besides that of the root."""
    return lambda folder: monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in ("/", folder))


@pytest.mark.parametrize("which", WITH_LEDGER, ids=lambda which: "-".join(*which.items()))
def test_a_job_of_awx_takes_no_ledger_that_ends_with_it(
    which: dict[str, str], find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: Callable[[str], None]
) -> None:
    """A file is taken where no job is, and in the folder that is mounted into the containers."""
    mount("/")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link.sqlite").symlink_to(tmp_path / "ledger.sqlite")
    scope = role_scope(which["role"]) if "role" in which else playbook_scope(which["playbook"])
    given = {group[0]: NEEDED[group[0]] for group in scope.needs}
    outside, inside = f"{tmp_path}/ledger.sqlite", f"{tmp_path}/root/ledger.sqlite"
    rooted = {"yateota_files_root": f"{tmp_path}/root"}
    for job in ({"awx_job_id": 7}, {"tower_job_id": 7}, {}):
        for more, is_refused in [
            ({}, False),
            ({"bulk_change_ledger": "postgresql+psycopg://user@host/database"}, False),
            ({"bulk_change_ledger": outside}, bool(job)),
            ({"bulk_change_ledger": outside, **rooted}, bool(job)),
            ({"bulk_change_ledger": f"{tmp_path}/root/link.sqlite", **rooted}, bool(job)),
            ({"bulk_change_ledger": inside, **rooted}, False),
        ]:
            problems = find({**given, **job, **more}, **which)["problems"]
            path = more.get("bulk_change_ledger")
            assert [
                each for each in problems if each.startswith(f"bulk_change_ledger '{path}' {LEDGER_ENDS}")
            ] == problems
            assert bool(problems) is is_refused
    monkeypatch.setenv("YATEOTA_LEDGER", outside)
    (problem,) = find({**given, "awx_job_id": 7, **rooted}, **which)["problems"]
    assert problem.startswith(f"YATEOTA_LEDGER '{outside}' {LEDGER_ENDS}")


@pytest.mark.parametrize(
    ("ledger", "mounted", "is_refused"),
    [
        ("{0}/mounted/ledger.sqlite", "{0}/mounted", False),
        ("{0}/mounted/new/folder/ledger.sqlite", "{0}/mounted", False),
        ("{0}/link.sqlite", "{0}/mounted", False),
        ("{0}/mounted-not/ledger.sqlite", "{0}/mounted", True),
        ("{0}/mounted/away.sqlite", "{0}/mounted", True),
        # What a container has of its own, or the job's folder, which is removed when the job ends.
        ("{0}/temporary/ledger.sqlite", "{0}/temporary", True),
        ("/dev/memory/ledger.sqlite", "/dev/memory", True),
        ("/runner/project/ledger.sqlite", "/runner", True),
        ("/runner/project/ledger.sqlite", "/runner/project", True),
    ],
)
def test_a_job_of_awx_takes_a_ledger_on_a_mount_that_does_not_end_with_it(
    ledger: str, mounted: str, is_refused: bool, find: Find, tmp_path: Path, mount: Callable[[str], None]
) -> None:
    """AWX has paths to expose to its jobs, with or without yateota_files_root."""
    (tmp_path / "mounted").mkdir()
    (tmp_path / "temporary").mkdir()
    (tmp_path / "temporary").chmod(0o1777)
    (tmp_path / "mounted/away.sqlite").symlink_to(tmp_path / "ledger.sqlite")
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "mounted/ledger.sqlite")
    mount(mounted.format(tmp_path))
    given = {"change_id": "CHG1", "awx_job_id": 7, "bulk_change_ledger": ledger.format(tmp_path)}
    problems = find(given, playbook="bulk_approve")["problems"]
    assert [LEDGER_ENDS in each for each in problems] == [True] * is_refused


@pytest.mark.parametrize(
    ("playbook", "is_refused"), [("bulk_status", False), ("bulk_report", False), ("bulk_hold", True)]
)
def test_what_only_reads_a_ledger_takes_any(playbook: str, is_refused: bool, find: Find, tmp_path: Path) -> None:
    """A hold that nobody else sees would be a success without effect."""
    given = {group[0]: NEEDED[group[0]] for group in playbook_scope(playbook).needs}
    problems = find({**given, "awx_job_id": 7, "bulk_change_ledger": f"{tmp_path}/ledger.sqlite"}, playbook=playbook)[
        "problems"
    ]
    assert [LEDGER_ENDS in each for each in problems] == [True] * is_refused
