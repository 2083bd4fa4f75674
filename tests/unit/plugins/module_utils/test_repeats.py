# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions of the ledger whose answer is lost: each is repeated, and comes to the same."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._ledger import Ledger, open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger_change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger_outage import LedgerUnreachableError
from ansible_collections.simops.yateota.plugins.module_utils._ledger_report import Report
from ansible_collections.simops.yateota.plugins.module_utils._ledger_sends import Sends
from ansible_collections.simops.yateota.plugins.module_utils._ledger_tables import earlier_sends, participants
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk

from yateota_sandbox import Sandbox


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lose the answer to every other commit of a thread: what it wrote is there, and the caller cannot know."""
    answers: list[str] = []
    write = Ledger.write
    state = threading.local()

    @contextlib.contextmanager
    def lossy(self: Ledger) -> Iterator[sa.Connection]:
        with write(self) as connection:
            yield connection
        state.is_repeated = not getattr(state, "is_repeated", True)
        if not state.is_repeated:
            answers.append("lost")
            raise LedgerUnreachableError("the answer to the commit is lost")

    monkeypatch.setattr(Ledger, "write", lossy)
    return answers


def test_a_change(bulk: Bulk, sandbox: Sandbox, ledger: str, lost: list[str]) -> None:
    for state in ("planned", "applied", "verified"):
        result = bulk(state, rollout={"wave_size": 20, "canary": 5}, approved_by="j.doe")
        assert "failed" not in result, result["msg"]
    assert [wave["size"] for wave in result["change"]["waves"]] == [5, 20, 19]
    assert (result["change"]["counts"]["done"], result["change"]["approved_by"]) == (44, "j.doe")
    sent = [entry["params"]["participant_id"] for entry in sandbox.writes()]
    assert len(sent) == len(set(sent)) == 44
    assert len(lost) > 30
    with contextlib.closing(open_ledger(ledger, None, 60)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        assert [run["outcome"] for run in Report(change, masked=False).runs()] == ["planned", "applied", "applied"]


def test_a_look_up(bulk: Bulk, sandbox: Sandbox, lost: list[str]) -> None:
    named = [{"imsi": sandbox.participant(number)["imsi"], "campaign_id": 167} for number in range(185, 205)]
    result = bulk("planned", selection={"participants": named})
    assert sum(result["change"]["counts"].values()) == 20
    assert not [each for each in result["failures"] if "several participants" in each["message"]]
    assert lost


def test_a_second_attempt(bulk: Bulk, ledger: str, lost: list[str]) -> None:
    bulk("applied")
    with contextlib.closing(open_ledger(ledger, None, 60)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        with contextlib.suppress(LedgerUnreachableError), opened.write() as connection:
            connection.execute(participants.update().where(participants.c.seq < 3).values(state="unknown"))
        Sends(change, 1).plan_unknown_again()
        with opened.read() as connection:
            assert connection.execute(sa.select(earlier_sends.c.seq)).scalars().all() == [0, 1, 2]
        assert change.counts()["planned"] == 3
