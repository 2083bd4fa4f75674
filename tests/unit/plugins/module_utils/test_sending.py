# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests of a change are under way at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.delivery import Delivery, RateLimiter, StopSwitch
from ansible_collections.simops.yateota.plugins.module_utils._change import meters
from ansible_collections.simops.yateota.plugins.module_utils._change.meters import LedgerTime
from ansible_collections.simops.yateota.plugins.module_utils._change.sending import SenderPool
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempt
from ansible_collections.simops.yateota.tests.unit.plugins.servers import Connect, StartSandbox

THREADS = 3
PATIENCE_SECONDS = 20.0


@pytest.fixture
def senders(connect: Connect, start_sandbox: StartSandbox) -> Iterator[SenderPool]:
    """Threads that send to a server which takes its time."""
    switch = StopSwitch()
    client = connect(start_sandbox(service_time=0.05), THREADS)
    delivery = Delivery(client, RateLimiter(None, switch), switch, lambda: True)
    with SenderPool(delivery, "retry", THREADS, switch, time.monotonic, lambda _attempt: None) as threads:
        yield threads


def send_for(senders: SenderPool, number: int) -> list[Attempt]:
    """So many of campaign 167, after their requests were answered."""
    identification = dict.fromkeys(("iccid", "imsi", "msisdn")) | {"campaign_id": 167}
    for participant_id in range(185, 185 + number):
        senders.put(Attempt(participant_id, identification | {"participant_id": participant_id}, "failed", True))
    sent: list[Attempt] = []
    while len(sent) < number:
        came_back = senders.collect(number - len(sent), PATIENCE_SECONDS)
        assert came_back
        sent += came_back
    return sent


def at_once(attempts: list[Attempt]) -> int:
    """How many of their requests were under way at the same time, at most."""
    return max(sum(one.sent_at <= other.sent_at < one.answered_at for one in attempts) for other in attempts)


def test_as_many_as_there_are_threads_while_the_server_is_slow(senders: SenderPool) -> None:
    senders.adapt(0.1)
    assert at_once(send_for(senders, 2 * THREADS)) == THREADS


def test_one_at_a_time_where_this_process_is_what_is_slow(senders: SenderPool) -> None:
    senders.adapt(1.1)
    send_for(senders, THREADS)  # a thread that waited for work already takes one more
    assert at_once(send_for(senders, 2 * THREADS)) == 1
    senders.adapt(0.9)
    assert at_once(send_for(senders, 2 * THREADS)) == 1


def test_where_one_was_not_enough_it_is_not_tried_again_at_once(senders: SenderPool) -> None:
    senders.adapt(1.1)
    senders.adapt(0.1)
    senders.adapt(1.1)
    send_for(senders, THREADS)
    assert at_once(send_for(senders, 2 * THREADS)) == THREADS


def test_threads_that_do_not_work_end_too(senders: SenderPool) -> None:
    senders.adapt(1.1)
    send_for(senders, THREADS)
    senders.__exit__(None, None, None)
    assert not [thread for thread in senders._threads if thread.is_alive()]


@pytest.mark.parametrize(("takes", "waits"), [(0.001, 0.05), (0.006, 0.2), (5.0, 0.35)])
def test_marks_run_further_ahead_where_the_ledger_is_slow(
    takes: float, waits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They last while it writes, and a hold is never seen late."""
    shown = [1000.0]
    monkeypatch.setattr(meters, "time", SimpleNamespace(monotonic=lambda: shown[0]))
    ledger_time = LedgerTime()
    assert ledger_time.wait_seconds() == ledger_time.ahead_seconds() == 0.05
    for _transaction in range(20):
        with ledger_time:
            shown[0] += takes
    assert ledger_time.wait_seconds() == pytest.approx(waits, rel=0.01)
    assert ledger_time.ahead_seconds() == pytest.approx(waits + min(takes, 1.0), rel=0.01)
