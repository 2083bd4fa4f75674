# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values are read as their types, and a number is never taken for text."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_specs import (
    playbook_names,
    playbook_scope,
    role_names,
    role_scope,
)
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_values import is_given, read

SPECS = {
    (scope.name, scope.is_playbook, name): spec
    for scope in [*map(role_scope, role_names()), *map(playbook_scope, playbook_names())]
    for name, spec in scope.known.items()
}
NUMBERS = {"int", "float", "bool", "id", "raw"}
TEXT = {
    key: spec
    for key, spec in SPECS.items()
    if spec["type"] not in {*NUMBERS, "list", "dict", "mapping", "participants"}
}
INTEGERS = {key: spec for key, spec in SPECS.items() if spec["type"] in ("int", "float")}


@pytest.mark.parametrize("value", [5349, 69793218569, True, 0.5, datetime.date(2026, 6, 1)])
def test_every_text_refuses_what_was_read_as_something_else(value: Any) -> None:
    assert len(TEXT) > 40
    for (scope, _is_playbook, name), spec in TEXT.items():
        with pytest.raises(InvalidInputError) as refused:
            read(name, spec, value)
        message = str(refused.value)
        assert "was read as the " in message, (scope, name)
        assert "expected text: put it in quotes" in message
        assert "ansible-core below 2.19" in message
        assert (str(value) in message) != bool(spec.get("no_log")), (scope, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bulk_change_participants", [{"imsi": 69793218569}]),
        ("bulk_change_participants", [{"campaign_id": True, "imsi": "001010000000011"}]),
        ("esim_reprofile_sims", [8931010000000000873]),
        ("esim_reprofile_sims", ["001010000000011", {"iccid": 8931010000000000873}]),
        ("sims", [69793218569]),
        ("campaigns_desired", [{"name": 144, "state": "paused"}]),
        ("campaigns_desired", [{"campaign_id": 1.5, "state": "paused"}]),
        ("campaigns_desired", [{"campaign_id": 144, "state": "finished"}]),
        ("campaigns_desired", [{"campaign_id": 144, "sate": "paused"}]),
        ("campaigns_desired", [{"campaign_id": 144}]),
        ("campaigns_quiet_hours", {"start": 1320, "end": "06:00"}),
        ("campaigns_quiet_ids", [True]),
        ("esim_reprofile_campaigns", ["spring"]),
        ("retry_build_sweep_campaigns", 144),
        ("retry_build_sweep_campaigns", [1.5]),
        ("node_health_nodes", [1]),
        ("bulk_change_report_formats", ["pdf"]),
    ],
)
def test_what_stands_in_a_list_is_checked_too(name: str, value: Any) -> None:
    spec = next(spec for (*_scope, each), spec in SPECS.items() if each == name)
    with pytest.raises(InvalidInputError, match=rf"^{name}"):
        read(name, spec, value)


@pytest.mark.parametrize(
    "name",
    [
        "bulk_change_report_directory",
        "campaigns_quiet_record",
        "node_health_textfile",
        "dest",
        "metrics_dest",
        "yateota_files_root",
    ],
)
def test_what_is_written_is_named_by_its_whole_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of one role look for a relative path in different folders."""
    monkeypatch.setenv("RECORDS", "/var/lib/yateota")
    specs = {(scope, play): spec for (scope, play, each), spec in SPECS.items() if each == name}
    for scope, spec in specs.items():
        for path in ("/var/lib/yateota/x", "~/x", "~ota/x"):
            assert read(name, spec, f" {path} ") == path, scope
        assert read(name, spec, "$RECORDS/x") == "/var/lib/yateota/x", scope
        for path in ("rel/x", "./x", "../x", "x", "$NOT_SET/x"):
            with pytest.raises(InvalidInputError, match=rf"^{name} '.*x' is not valid: give the whole path of "):
                read(name, spec, path)


def test_numbers_are_read_as_numbers_and_booleans_as_none() -> None:
    for (_scope, _is_playbook, name), spec in INTEGERS.items():
        assert read(name, spec, 5) == read(name, spec, "5") == read(name, spec, " 5 ") == 5
        for wrong in ("abc", True, [5], "0x10", "1_000", "nan", float("nan"), float("inf")):
            with pytest.raises(InvalidInputError, match=rf"^{name} .*is not valid: give "):
                read(name, spec, wrong)


@pytest.mark.parametrize(("value", "expected"), [(144, 144), ("144", 144), (" 144 ", 144), ("0144", 144)])
def test_ids(value: Any, expected: int) -> None:
    assert read("campaign_id", {"type": "id"}, value) == expected


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "1.5", "spring", "0o144", "1e3", [144]])
def test_what_is_no_id(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^campaign_id "):
        read("campaign_id", {"type": "id"}, value)


def test_lists_may_be_text() -> None:
    assert read("n", {"type": "list"}, "csv, html\n\njsonl") == ["csv", "html", "jsonl"]
    assert read("n", {"type": "list", "elements": "id"}, "144,167") == [144, 167]
    assert read("n", {"type": "names"}, "144\nRoaming list, spring\n") == ["144", "Roaming list", "spring"]
    assert read("n", {"type": "names"}, [144, " Spring "]) == ["144", "Spring"]


def test_sims() -> None:
    expected = [{"iccid": "8931010000000000873"}, {"imsi": "001010000000091"}]
    for value in ("8931010000000000873,001010000000091", "8931010000000000873\n 001010000000091 \n"):
        assert read("sims", {"type": "sims"}, value) == read("sims", {"type": "sims"}, [value]) == expected
    assert read("sims", {"type": "sims"}, "8931010000000000873F") == [{"iccid": "8931010000000000873F"}]
    with pytest.raises(InvalidInputError, match=r"^sims: imsi '12' is not valid: expected 14 or 15 digits"):
        read("sims", {"type": "sims"}, "8931010000000000873,12")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("144: paused", {"campaign_id": 144, "state": "paused"}),
        ("144:started", {"campaign_id": 144, "state": "started"}),
        ("Applet 3.2: part two: stopped", {"name": "Applet 3.2: part two", "state": "stopped"}),
        ('"144": paused', {"name": "144", "state": "paused"}),
        ("'0144': paused", {"name": "0144", "state": "paused"}),
        ("- odd name : paused", {"name": "- odd name", "state": "paused"}),
        ("yes: paused", {"name": "yes", "state": "paused"}),
        ("1.5: paused", {"name": "1.5", "state": "paused"}),
        ("#1 {a}: [b]: paused", {"name": "#1 {a}: [b]", "state": "paused"}),
    ],
)
def test_campaign_states_are_lines(line: str, expected: dict[str, Any]) -> None:
    assert read("campaign_states", {"type": "campaign_states"}, f"\n {line}\r\n\n") == [expected]


@pytest.mark.parametrize("line", ["144", "144 paused", "144: resting", ": paused", "144:", "{144: paused}"])
def test_a_line_that_is_none_is_told_with_its_number_and_the_form(line: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read("campaign_states", {"type": "campaign_states"}, f"167: paused\n{line}")
    assert str(refused.value) == (
        f"campaign_states, line 2 '{line}' is not valid: give an id or a name, a colon, and one of started, paused, "
        "stopped, as in 144: paused."
    )


@pytest.mark.parametrize("value", [{"144": "paused"}, [{"144": "paused"}]])
def test_campaign_states_are_text(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^campaign_states is a (dictionary|list), expected text"):
        read("campaign_states", {"type": "campaign_states"}, value)


@pytest.mark.parametrize(("value", "given"), [(None, False), ("", False), (" \n", False), (0, True), (False, True)])
def test_what_counts_as_given(value: Any, given: bool) -> None:
    assert is_given(value) is given
