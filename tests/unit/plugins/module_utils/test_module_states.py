# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state of the bulk module is a line of a table; what it returns is the result, with an error as without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.bulk_task import ModuleState, Work
from ansible_collections.simops.yateota.plugins.module_utils._change.task import STATES
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import ApiError, InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.lease import Lease
from ansible_collections.simops.yateota.plugins.module_utils._ledger.queries import Report
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk

pytestmark = pytest.mark.any_database

AddState = Callable[[ModuleState], None]


@pytest.fixture
def add_state(monkeypatch: pytest.MonkeyPatch) -> AddState:
    """Add the state `noted` to the module."""

    def add(state: ModuleState) -> None:
        monkeypatch.setitem(STATES, "noted", state)
        monkeypatch.setitem(yateota_bulk.ARGUMENTS["state"], "choices", list(STATES))

    return add


def test_the_table_has_the_states_that_are_documented() -> None:
    assert list(STATES) == yateota_bulk.ARGUMENTS["state"]["choices"]


@pytest.mark.parametrize("takes_lease", [True, False])
def test_a_state_is_added_by_one_line(bulk: Bulk, ledger: str, add_state: AddState, takes_lease: bool) -> None:
    """Another run holds the change: it keeps out those states alone that write what it writes."""
    noted = Work(changed=True, pages_read=3, further={"noted": "so"})
    add_state(ModuleState(lambda _task, _change, _run: noted, takes_lease=takes_lease))
    assert "is not in the ledger" in bulk("noted")["msg"]
    bulk("planned")
    opened = open_ledger(ledger, None)
    change = find_change(opened, "CHG1")
    assert change
    with Lease(opened, change.number, "CHG1", "ann", 60):
        result = bulk("noted")
    opened.close()
    assert result["change"]["counts"]["planned"] == 44
    if takes_lease:
        assert "is being run by ann" in result["msg"]
    else:
        assert (result["changed"], result["noted"], result["change"]["pages_read"]) == (True, "so", 3)


def fail(*_: Any) -> Any:
    raise InvalidInputError("it cannot be noted")


@pytest.mark.parametrize(
    ("state", "sent", "outcome"),
    [
        (ModuleState(lambda *_: Work(sent=2, sending_seconds=1.0, error=ApiError("it cannot be noted"))), 2, "failed"),
        (ModuleState(fail), 0, "failed"),
        (ModuleState(lambda *_: Work(), check=fail), 0, "failed"),
        (ModuleState(lambda *_: Work(sent=1, sending_seconds=1.0), check_end=fail), 1, "planned"),
    ],
    ids=["returned", "raised", "check", "check_end"],
)
def test_a_failure_comes_with_the_change(
    bulk: Bulk, ledger: str, add_state: AddState, state: ModuleState, sent: int, outcome: str
) -> None:
    add_state(state)
    bulk("planned")
    result = bulk("noted")
    assert (result["failed"], result["msg"], result["changed"]) == (True, "it cannot be noted", sent > 0)
    assert (result["change"]["sent"], result["remaining"], result["failures"]) == (sent, 44, [])
    opened = open_ledger(ledger, None)
    change = find_change(opened, "CHG1")
    assert change
    assert Report(change, masked=False).runs()[-1]["outcome"] == outcome
    opened.close()
