# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request that may not be sent any more is held back until its last byte, and no pause outlasts the permission."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import NotSentError
from ansible_collections.simops.yateota.tests.unit.plugins.servers import Connect, free_port

from yateota_sandbox import Sandbox

RETRY = ("action_participant", {"participant_id": 195, "action": "retry"})


def granted(times: int) -> Callable[[], bool]:
    """A permission that is given so many times."""
    turn = itertools.count()
    return lambda: next(turn) < times


@pytest.mark.parametrize("times", [0, 1], ids=["at once", "right before it is sent"])
@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
def test_a_request_is_held_back_until_it_leaves(connect: Connect, sandbox: Sandbox, times: int, kept: bool) -> None:
    client = connect(sandbox)
    if kept:
        client.call("query_stats", {})
        sandbox.clear_journal()
    with pytest.raises(NotSentError, match=r"participant 195: it was not sent, because the task was stopped\.$"):
        client.call(*RETRY, granted(times))
    assert sandbox.journal() == []
    client.call(*RETRY)  # on a connection that nothing remains on
    assert [entry["carried_out"] for entry in sandbox.writes()] == [True]


def test_it_is_asked_before_each_try(connect: Connect) -> None:
    pauses: list[float] = []
    client = connect(f"http://127.0.0.1:{free_port()}/api.php", sleep=pauses.append, retries=9)
    with pytest.raises(NotSentError):
        client.call(*RETRY, lambda: len(pauses) < 3)
    assert len(pauses) == 3


def test_a_pause_ends_with_the_permission(connect: Connect, sandbox: Sandbox) -> None:
    sandbox.fault(kind="http_503", seconds=30, times=9)
    pauses: list[float] = []
    client = connect(sandbox, sleep=pauses.append)
    client.may_send = lambda: sum(pauses) < 3
    with pytest.raises(NotSentError):
        client.call("query_stats", {})
    assert sum(pauses) == 3
    assert len(sandbox.journal()) == 1
