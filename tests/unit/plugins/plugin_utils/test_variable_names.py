# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A variable that nothing reads is refused with the name that is meant; one of the user's own is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._ansible.connection_arguments import CONNECTION_ARGUMENTS
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_names import name_problems
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_specs import (
    playbook_names,
    playbook_scope,
    private_names,
    role_names,
    role_scope,
)

ROLES = [role_scope(name) for name in role_names()]
PLAYBOOKS = [playbook_scope(name) for name in playbook_names()]
PLAYBOOK_OF_ROLE = {role: book for book in PLAYBOOKS for role in book.prefixes.values()}


def extra(name: str, value: Any = "x", *, scope: Any) -> list[str]:
    """The problems of one variable of the command line."""
    return name_problems({name: value}, {name}, scope)


def inventory(name: str, value: Any = "x", *, scope: Any, **others: Any) -> list[str]:
    """The problems of one variable of the inventory or the play."""
    return name_problems({name: value, **others}, set(), scope)


def misspelled(name: str) -> list[str]:
    """A name with a letter too few, two letters changed, and in capitals; not its first ones."""
    middle = len(name) // 2
    swapped = name[:middle] + name[middle : middle + 2][::-1] + name[middle + 2 :]
    return [each for each in (name[:-2] + name[-1], swapped, name.upper()) if each != name]


@pytest.mark.parametrize("scope", [*ROLES, *PLAYBOOKS], ids=lambda scope: scope.name)
def test_every_variable_is_known_as_it_is(scope: Any) -> None:
    given = {name: "x" for name in scope.known if name not in scope.sets}
    assert name_problems(given, set(given), scope) == []
    assert name_problems(dict.fromkeys(scope.known, "x"), set(), scope) == []


@pytest.mark.parametrize("scope", ROLES, ids=lambda scope: scope.name)
def test_every_variable_of_a_role_that_is_misspelled_is_refused_wherever_it_is_given(scope: Any) -> None:
    for name in scope.own:
        for wrong in misspelled(name):
            if wrong not in scope.known:
                assert "is probably meant" in " ".join(inventory(wrong, scope=scope)), wrong
                assert extra(wrong, scope=scope) == inventory(wrong, scope=scope)


@pytest.mark.parametrize("scope", PLAYBOOKS, ids=lambda scope: scope.name)
def test_every_variable_of_a_playbook_that_is_misspelled_is_refused(scope: Any) -> None:
    for name in scope.own:
        for wrong in misspelled(name):
            if wrong not in scope.known and len(name) > 4:
                assert extra(wrong, scope=scope), wrong


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("bulk_change_sate", "bulk_change_state"),
        ("bulk_chnage_state", "bulk_change_state"),
        ("bulkchange_state", "bulk_change_state"),
        ("BULK_CHANGE_STATE", "bulk_change_state"),
        ("bulk_changes_canary", "bulk_change_canary"),
        ("bulk_change_windows_end", "bulk_change_window_end"),
    ],
)
def test_the_nearest_name_is_told(wrong: str, meant: str) -> None:
    sentence = f"{wrong} is not a known variable: {meant} is probably meant."
    for scope in (role_scope("bulk_change"), playbook_scope("bulk_cancel"), role_scope("retry_build_sweep")):
        assert extra(wrong, scope=scope) == inventory(wrong, scope=scope) == [sentence]


def test_without_a_near_name_the_list_is_named() -> None:
    (problem,) = inventory("sandbox_xyzzy_quux", scope=role_scope("sandbox"))
    assert problem == (
        "sandbox_xyzzy_quux is not a variable of the role sandbox: "
        "`ansible-doc -t role simops.yateota.sandbox` lists its variables."
    )


@pytest.mark.parametrize(
    ("playbook", "wrong", "meant"),
    [
        ("campaign_pause", "campain_id", "campaign_id"),
        ("campaign_pause", "campaign", "campaign_id"),
        ("campaign_stop", "Campaign_Name", "campaign_name"),
        ("bulk_rerun", "chnage_id", "change_id"),
        ("bulk_rerun", "changeid", "change_id"),
        ("bulk_retry", "sim", "sims"),
        ("participant_cancel", "particpant_id", "participant_id"),
        ("participants_export", "states", "state"),
        ("campaigns", "campaign_state", "campaign_states"),
        ("node_stats", "yateota_host", "yateota_hosts"),
    ],
)
def test_a_near_miss_of_the_command_line(playbook: str, wrong: str, meant: str) -> None:
    sentence = f"{wrong} is not a known variable: {meant} is probably meant."
    if wrong in private_names():
        sentence = f"{playbook} uses the variable {wrong} itself: leave it out."
    assert extra(wrong, scope=playbook_scope(playbook)) == [sentence]


@pytest.mark.parametrize("role", role_names())
def test_a_roles_variable_without_its_prefix(role: str) -> None:
    """``-e state=failed`` on a playbook that takes bulk_change_state would act on all."""
    book = PLAYBOOK_OF_ROLE.get(role)
    for name in role_scope(role).own if book else []:
        short = name.removeprefix(f"{role}_")
        assert short in book.known or "probably meant" in " ".join(extra(short, scope=book)), short
        assert inventory(short, scope=book) == []
        assert extra(short, scope=role_scope(role)) == []  # in a play of the user's it may be the user's own


@pytest.mark.parametrize("option", CONNECTION_ARGUMENTS)
def test_an_option_of_the_connection_is_no_variable(option: str) -> None:
    """``-e api_url=...`` would leave the run with the server of the environment."""
    scope = playbook_scope("campaign_stop")
    for name in (option, f"yateota_{option}"):
        (problem,) = extra(name, scope=scope)
        assert f"give {option} in yateota_connection, or in the environment as YATEOTA_" in problem
    used = {"yateota_connection": {option: f"{{{{ yateota_{option} }}}}"}, f"yateota_{option}": "x"}
    assert name_problems(used, {f"yateota_{option}"}, scope) == []


@pytest.mark.parametrize(
    ("playbook", "name", "part"),
    [
        ("bulk_retry", "bulk_change_action", "bulk_retry sets bulk_change_action itself: leave it out."),
        ("bulk_retry", "bulk_change_id", "bulk_retry sets bulk_change_id itself: give change_id instead."),
        ("retry_build_sweep", "bulk_change_action", "retry_build_sweep sets bulk_change_action itself"),
        ("esim_reprofile", "bulk_change_participants", "esim_reprofile sets bulk_change_participants itself"),
        ("participant_cancel", "participant_action", "uses the variable participant_action itself: leave it out."),
        (
            "campaign_pause",
            "__yateota_playbook",
            "__yateota_playbook is a variable of the collection's own: leave it out.",
        ),
        ("participants_retry_failed", "sims", "does not take sims, and would act on more than that names"),
        ("participants_retry_failed", "imsi", "does not take imsi"),
        ("campaign_stop", "participant_id", "does not take participant_id"),
        ("bulk_cancel", "imsis", "does not take imsis"),
        ("bulk_cancel", "iccids", "does not take iccids"),
        ("participants_retry_failed", "participant_ids", "does not take participant_ids"),
        ("bulk_cancel", "states", "bulk_change_state is probably meant"),
        ("bulk_rerun", "wave_sizes", "bulk_change_wave_size is probably meant"),
        ("bulk_rerun", "dry_run", "give --check on the command line instead"),
        ("campaign_stop", "check_mode", "give --check on the command line instead"),
        ("bulk_retry", "limit", "give --limit on the command line instead"),
    ],
)
def test_what_would_change_the_action_or_be_left_unread_is_refused(playbook: str, name: str, part: str) -> None:
    (problem,) = extra(name, scope=playbook_scope(playbook))
    assert part in problem


@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_empty_is_not_given(value: Any) -> None:
    assert extra("sims", value, scope=playbook_scope("campaign_stop")) == []
    assert extra("state", value, scope=playbook_scope("bulk_retry")) == []
    assert extra("bulk_change_sate", value, scope=playbook_scope("bulk_retry")) != []


@pytest.mark.parametrize("scope", [*ROLES, *PLAYBOOKS], ids=lambda scope: scope.name)
def test_variables_of_the_users_own_are_left_alone(scope: Any) -> None:
    own = ["ansible_user", "region", "ticket", "awx_job_id", "tower_user_name", "bulk", "change", "sim_pool", "port"]
    own += ["yateota_organization", "vault_yateota_secret", "change_window", "team_campaigns", "my_sandbox_url"]
    assert name_problems(dict.fromkeys(own, "x"), set(), scope) == []
    assert name_problems(dict.fromkeys(own[:5], "x"), set(own[:5]), scope) == []


def test_an_answer_to_another_playbook_of_a_workflow_is_left_alone() -> None:
    for name in ("campaign_id", "sims", "bulk_change_state", "bulk_change_canary", "bulk_change_confirm_rerun"):
        for playbook in ("bulk_report", "bulk_status"):
            assert extra(name, scope=playbook_scope(playbook)) == []


def test_a_registered_result_and_a_fact_are_no_options() -> None:
    result = {"changed": False, "failed": False}
    assert inventory("campaigns_read", result, scope=role_scope("campaigns")) == []
    assert inventory("sandbox_url", scope=role_scope("sandbox")) == []


def test_a_near_miss_in_the_inventory_of_what_tells_the_server() -> None:
    scope = playbook_scope("campaign_stop")
    assert inventory("yateota_conection", {}, scope=scope) == [
        "yateota_conection is not a known variable: yateota_connection is probably meant."
    ]
    assert inventory("yateota_connections", {}, scope=scope, yateota_connection={"api_url": "x"}) == []
