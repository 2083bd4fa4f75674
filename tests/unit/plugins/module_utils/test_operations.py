# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of operations: what a repetition does decides what may be repeated."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.operations import (
    OPERATIONS,
    PARTICIPANT_ACTIONS,
    Effect,
    effect,
    is_write,
)

from yateota_sandbox.actions import CAMPAIGN_ACTIONS
from yateota_sandbox.actions import PARTICIPANT_ACTIONS as SANDBOX_ACTIONS
from yateota_sandbox.node import REQUESTS


def test_every_request_of_the_table_is_one_that_a_server_has() -> None:
    for request, entry in OPERATIONS.items():
        assert REQUESTS[request].write is isinstance(entry, Mapping)


def test_every_action_of_a_server_is_in_the_table() -> None:
    assert set(PARTICIPANT_ACTIONS) == set(SANDBOX_ACTIONS)
    entry = OPERATIONS["action_campaign"]
    assert isinstance(entry, Mapping)
    assert set(entry) == set(CAMPAIGN_ACTIONS)


def test_only_what_leads_to_one_state_is_idempotent() -> None:
    idempotent = {
        (request, action)
        for request, entry in OPERATIONS.items()
        if isinstance(entry, Mapping)
        for action, what in entry.items()
        if what is Effect.IDEMPOTENT_WRITE
    }
    assert idempotent == {("action_campaign", "stop"), ("action_campaign", "pause"), ("action_participant", "cancel")}
    assert effect("action_participant", {"action": "rerun"}) is Effect.NON_IDEMPOTENT_WRITE


def test_reads_are_no_writes() -> None:
    assert not is_write("query_participants", {})
    assert is_write("action_campaign", {"action": "pause"})


@pytest.mark.parametrize(
    ("request_", "params"), [("reboot", {}), ("action_campaign", {}), ("action_campaign", {"action": "x"})]
)
def test_what_is_unknown_is_no_read(request_: str, params: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        is_write(request_, params)
